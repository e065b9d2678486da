"""Phases: recorded operations as loops that the threads of a block share.

In a phase thread t does the items t, t + T, t + 2 T, … of T threads. A phase says which numbers it
reads and writes, and by which thread, so that `plan` finds where a barrier is needed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.execution.cuda.kernel import C_TYPES, OPERATORS, Kernel
from backprop_xp.execution.memories import View

__all__ = [
    "Access",
    "Copy",
    "Elementwise",
    "Phase",
    "Product",
    "Reduction",
    "c_type",
    "place_of",
    "strides_of",
]

Bind: TypeAlias = Callable[[View, str], str]  # the line that declares an array under a name
# whole loops would be unrolled, into more registers than a thread has
OF_UNITS, OF_SUMS = "#pragma unroll 2", "#pragma unroll 4"
TILES = ((4, 4), (4, 2), (2, 4), (2, 2), (2, 1), (1, 2), (1, 1))


class Access(NamedTuple):
    """Numbers that a phase reads or writes.

    Attributes
    ----------
    view : View
    items : ndarray of int or None
        The item that touches each number, in C order; None where several items may.
    writes : bool
    """

    view: View
    items: Any
    writes: bool


def strides_of(view: View) -> tuple[int, ...]:
    """Return the strides of a view in numbers."""
    return tuple(step // view.dtype.itemsize for step in view.strides)


def c_type(view: View) -> str:
    """Return the type of a number of the view, in C."""
    return C_TYPES[view.dtype.name]


@dataclass(frozen=True)
class Elementwise:
    """A kernel of `fusion`, one item for each number or each column."""

    kernel: Kernel

    @property
    def items(self) -> int:
        """The number of items."""
        return self.kernel.size

    @property
    def cycles(self) -> int:
        """Cycles of an item, roughly."""
        units = self.kernel.shape[-2] if self.kernel.by_columns else 1
        return 20 * len(self.kernel.nodes) * units

    def accesses(self) -> list[Access]:
        """Return what the phase reads and writes."""
        loads = [(node.value, False) for node in self.kernel.nodes if node.name == "load"]
        stores = [(view, True) for view, _ in self.kernel.writes]
        return [Access(view, self._items(view), writes) for view, writes in (*loads, *stores)]

    def _items(self, view: View) -> Any:
        kernel = self.kernel
        if kernel.by_columns:
            shape = (*kernel.shape[:-2], 1, kernel.shape[-1])
            if view.shape not in (shape, kernel.shape):
                return None
            return np.broadcast_to(np.arange(kernel.size).reshape(shape), view.shape).ravel()
        same = math.prod(view.shape) == kernel.size
        return np.arange(kernel.size) if same else None

    def lines(self, bind: Bind) -> list[str]:
        """Return the declarations and the body of the loop over `i`."""
        names = [f"x{n}" for n in range(len(self.kernel.reads))]
        names += [f"y{n}" for n in range(len(self.kernel.writes))]
        bound = [bind(view, name) for view, name in zip(self.kernel.places, names, strict=True)]
        body: list[str] = []
        for line in self.kernel.body().splitlines():
            body += [OF_UNITS, line] if line.startswith("for (") else [line]
        return [*bound, *_loop(self.items, "i", body)]


@dataclass(frozen=True)
class Copy:
    """A copy of numbers, item by item; with `rows`, the rows of the source with these numbers."""

    source: View
    target: View
    rows: View | None = None

    @property
    def items(self) -> int:
        """The number of items."""
        return math.prod(self.target.shape)

    cycles = 40

    def accesses(self) -> list[Access]:
        """Return what the phase reads and writes."""
        read = [] if self.rows is not None else [Access(self.source, np.arange(self.items), False)]
        return [*read, Access(self.target, np.arange(self.items), True)]

    def lines(self, bind: Bind) -> list[str]:
        """Return the declarations and the loop."""
        bound = [bind(self.source, "x"), bind(self.target, "y")]
        if self.rows is None:
            return [*bound, *_loop(self.items, "i", ["y[i] = x[i];"])]
        n = self.target.shape[-1]
        bound.append(bind(self.rows, "rows"))
        return [
            *bound,
            *_loop(self.items, "i", [f"y[i] = x[(whole)rows[i / {n}] * {n} + i % {n}];"]),
        ]


@dataclass(frozen=True)
class Product:
    """A product out = a b, an item for each tile of out, whose sums lie in registers.

    A factor of equal numbers is given as the number.
    """

    a: View | float
    b: View | float
    out: View
    inner: int
    tile: tuple[int, int]

    @classmethod
    def of(cls, a: View | float, b: View | float, out: View, inner: int, threads: int) -> "Product":
        """Return the product with the largest tiles that leave no thread idle."""
        rows, columns = out.shape

        def time(tile: tuple[int, int]) -> int:
            r, c = tile
            rounds = -(-(-(-rows // r) * -(-columns // c)) // threads)
            return rounds * (r * c + 4 * (r + c))  # a load takes as long as four products

        return cls(a, b, out, inner, min(TILES, key=time))

    @property
    def counts(self) -> tuple[int, int]:
        """The number of tiles along rows and columns."""
        (rows, columns), (r, c) = self.out.shape, self.tile
        return -(-rows // r), -(-columns // c)

    @property
    def items(self) -> int:
        """The number of items."""
        return math.prod(self.counts)

    @property
    def cycles(self) -> int:
        """Cycles of an item, roughly."""
        r, c = self.tile
        return self.inner * (r * c + 4 * (r + c))

    def accesses(self) -> list[Access]:
        """Return what the phase reads and writes."""
        (rows, columns), (down, along) = self.out.shape, self.counts
        row, column = np.indices((rows, columns))
        tiles = (row % down) * along + column % along
        factors = [x for x in (self.a, self.b) if isinstance(x, View)]
        return [*(Access(x, None, False) for x in factors), Access(self.out, tiles.ravel(), True)]

    def lines(self, bind: Bind) -> list[str]:
        """Return the declarations and the loops: over tiles, then over the sums."""
        kind, (down, along), (r, c) = c_type(self.out), self.counts, self.tile
        bound = [bind(self.out._replace(shape=(), strides=()), "y")]
        loads = []
        for name, x, count, at in (("a", self.a, r, "row"), ("b", self.b, c, "column")):
            if isinstance(x, View):
                bound.append(bind(x._replace(shape=(), strides=()), name))
            loads += [
                f"const {kind} {name}{n} = {self._factor(name, x, f'{at}{n}')};"
                for n in range(count)
            ]
        body = [f"const int tile_row = q / {along}, tile_column = q % {along};"]
        sizes = self.out.shape
        for at, count, tiles, size in (("row", r, down, sizes[0]), ("column", c, along, sizes[1])):
            for n in range(count):
                place = f"tile_{at} + {n * tiles}"
                if n * tiles + tiles > size:  # beyond the edge the last one is computed again
                    place = f"{place} < {size} ? {place} : {size - 1}"
                body.append(f"const int {at}{n} = {place};")
        sums = [(n, k) for n in range(r) for k in range(c)]
        body += [f"{kind} s{n}_{k} = 0;" for n, k in sums]
        inner = [*loads, *(f"s{n}_{k} += a{n} * b{k};" for n, k in sums)]
        head = f"for (int k = 0; k < {self.inner}; ++k) {{"
        body += [OF_SUMS, head, *_indented(inner), "}"]
        down_by, along_by = strides_of(self.out)
        for n, k in sums:
            guards = [
                f"tile_{at} + {j * tiles} < {size}"
                for at, j, tiles, size in (
                    ("row", n, down, sizes[0]),
                    ("column", k, along, sizes[1]),
                )
                if j * tiles + tiles > size
            ]
            test = f"if ({' && '.join(guards)}) " if guards else ""
            body.append(f"{test}y[row{n} * {down_by} + column{k} * {along_by}] = s{n}_{k};")
        return [*bound, *_loop(self.items, "q", body)]

    @staticmethod
    def _factor(name: str, x: View | float, at: str) -> str:
        if not isinstance(x, View):
            return repr(float(x))
        by_row, by_column = strides_of(x)
        outer, inner = (by_row, by_column) if name == "a" else (by_column, by_row)
        return f"{name}[{at} * {outer} + k * {inner}]"


@dataclass(frozen=True)
class Reduction:
    """The reduction of x over some axes, an item for each result or for each part of one.

    A long reduction has two phases: parts into scratch memory, and the parts into the result.
    """

    name: str
    x: View
    axes: tuple[int, ...]
    target: View
    lanes: int = 1

    @property
    def results(self) -> int:
        """The number of results."""
        return math.prod(self._kept(self.x.shape))

    @property
    def length(self) -> int:
        """The number of numbers of a result."""
        return math.prod(self.x.shape[axis] for axis in self.axes)

    @property
    def items(self) -> int:
        """The number of items."""
        return self.results * self.lanes

    @property
    def cycles(self) -> int:
        """Cycles of an item, roughly."""
        return 30 * -(-self.length // self.lanes)

    def accesses(self) -> list[Access]:
        """Return what the phase reads and writes."""
        return [Access(self.x, None, False), Access(self.target, np.arange(self.items), True)]

    def _kept(self, of: Sequence[int]) -> tuple[int, ...]:
        return tuple(size for axis, size in enumerate(of) if axis not in self.axes)

    def lines(self, bind: Bind) -> list[str]:
        """Return the declarations and the loops."""
        kind, steps = c_type(self.target), strides_of(self.x)
        bound = [bind(self.x._replace(shape=(), strides=()), "x"), bind(self.target, "y")]
        result = "q" if self.lanes == 1 else f"(q / {self.lanes})"
        start = place_of(result, self._kept(self.x.shape), self._kept(steps))
        of = [self.x.shape[axis] for axis in self.axes]
        inner = place_of("k", of, [steps[axis] for axis in self.axes])
        first = "0" if self.lanes == 1 else f"q % {self.lanes}"
        combined = OPERATORS[self.name].format("s", "v")
        body = [
            f"const int start = {start};",
            f"{kind} s = 0;",
            f"for (int k = {first}; k < {self.length}; k += {self.lanes}) {{",
            f"  const {kind} v = ({kind})x[start + {inner}];",
            f"  s = k < {self.lanes} ? v : ({kind})({combined});",
            "}",
            "y[q] = s;",
        ]
        return [*bound, *_loop(self.items, "q", body)]


Phase: TypeAlias = Elementwise | Copy | Product | Reduction


def place_of(index: str, shape: Sequence[int], steps: Sequence[int]) -> str:
    """Return the place of a number of this C-order index, by strides, as an expression of C.

    Examples
    --------
    >>> place_of("i", (2, 3), (1, 4))
    '(i / 3) * 1 + (i % 3) * 4'
    """
    terms, after = [], 1
    for axis in reversed(range(len(shape))):
        size = shape[axis]
        if size > 1 and steps[axis]:
            divided = index if after == 1 else f"{index} / {after}"
            outermost = after * size == math.prod(shape)
            terms.append(f"({divided if outermost else f'{divided} % {size}'}) * {steps[axis]}")
        after *= size
    return " + ".join(reversed(terms)) or "0"


def _loop(items: int, name: str, body: Sequence[str]) -> list[str]:
    head = f"for (int {name} = thread; {name} < {items}; {name} += THREADS) {{"
    return [head, *_indented(body), "}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
