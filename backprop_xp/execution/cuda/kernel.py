"""A kernel: elementwise operations as the body of a loop in C.

The operations are nodes of an expression: each is an operation of NumPy on earlier nodes. The body
is C++ for `cupy.ElementwiseKernel`. It indexes its arrays, computes the numbers of index `i`, and
calls functions that C++ and CUDA have under the same names.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

__all__ = ["BLOCKWISE", "Kernel", "Node", "is_known"]

Shape: TypeAlias = tuple[int, ...]
Line: TypeAlias = str

# NumPy's operations in C
OPERATORS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "absolute": "fabs({})",
    "exp": "exp({})",
    "expm1": "expm1({})",
    "log": "log({})",
    "log1p": "log1p({})",
    "sqrt": "sqrt({})",
    "tanh": "tanh({})",
    "maximum": "{0} > {1} || {0} != {0} ? {0} : {1}",  # NaN goes through, as in NumPy
    "minimum": "{0} < {1} || {0} != {0} ? {0} : {1}",
    "where": "{} ? {} : {}",
    "convert": "{}",
}
COMPARISONS = {
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
}
REDUCTIONS = ("add", "maximum", "minimum")
# half precision is computed in single precision, and rounded when it is stored
C_TYPES = {"bool": "bool", "int32": "int", "float16": "float", "float32": "float"} | {
    "float64": "double"
}

# The head of a source whose threads work together in blocks. A barrier ends each `TOGETHER`, which
# can be replaced by a loop over the threads of a block.
BLOCKWISE: Final = """\
typedef long long whole;
#ifndef TOGETHER
#define TOGETHER(...) { { const int thread = threadIdx.x; __VA_ARGS__ } __syncthreads(); }
#endif
"""


def is_known(name: str, kind: str, dtype: Any) -> bool:
    """Tell whether a kernel can hold this operation, with a result of this dtype."""
    names = REDUCTIONS if kind == "reduce" else (*OPERATORS, *COMPARISONS)
    return name in names and np.dtype(dtype).name in C_TYPES


class Node(NamedTuple):
    """A node of the expression that a kernel computes.

    Attributes
    ----------
    name : str
        "load", "number", or the name of an operation of NumPy.
    inputs : tuple of int
        Numbers of the nodes to which the operation is applied.
    dtype : dtype or None
        None for a Python number, which takes the dtype of the other inputs.
    shape : tuple of int
        A shape that broadcasts to the kernel's.
    value : object
        The place from which "load" loads, or the value of "number".
    reduces : bool
        Whether the node reduces its input over axis -2, the units.
    """

    name: str
    inputs: tuple[int, ...]
    dtype: Any
    shape: Shape
    value: Any = None
    reduces: bool = False


@dataclass(frozen=True)
class Kernel:
    """Elementwise operations in one loop over `i`.

    Attributes
    ----------
    name : str
        An identifier of C.
    nodes : tuple of Node
        Nodes that `writes` needs, in order.
    shape : tuple of int
        Shape of the largest arrays.
    by_columns : bool
        Whether `i` counts columns (..., m) of arrays (..., n, m); otherwise it counts numbers.
    reads, writes : tuple of (place, int)
        Places that are loaded or stored, each with its node. A place that is both loaded and stored
        is in `writes` alone.
    """

    name: str
    nodes: tuple[Node, ...]
    shape: Shape
    by_columns: bool
    reads: tuple[tuple[Any, int], ...]
    writes: tuple[tuple[Any, int], ...]

    @classmethod
    def of(
        cls,
        name: str,
        nodes: Sequence[Node],
        shape: Shape,
        by_columns: bool,
        writes: Mapping[Any, int],
    ) -> "Kernel":
        """Return the kernel that stores `writes`, without the nodes that `writes` does not need."""
        needed = set(writes.values())
        for number in reversed(range(len(nodes))):
            if number in needed:
                needed |= set(nodes[number].inputs)
        new = {old: number for number, old in enumerate(sorted(needed))}
        kept = tuple(
            nodes[old]._replace(inputs=tuple(new[x] for x in nodes[old].inputs)) for old in new
        )
        loads = {node.value: number for number, node in enumerate(kept) if node.name == "load"}
        stored = {place: new[number] for place, number in writes.items()}
        reads = tuple((place, at) for place, at in loads.items() if place not in stored)
        return cls(name[:60], kept, shape, by_columns, reads, tuple(stored.items()))

    @property
    def size(self) -> int:
        """The number of values of `i`."""
        return math.prod(self.shape) // (self.shape[-2] if self.by_columns else 1)

    @property
    def places(self) -> list[Any]:
        """The places of the arguments: read-only ones, then the ones that are written."""
        return [place for place, _ in (*self.reads, *self.writes)]

    def body(self) -> str:
        """Return the body of the loop over `i`, in C++.

        The arrays of `reads` are x0, x1, …; the arrays of `writes` are y0, y1, ….
        """
        return _Body(self).text()


class _Body:
    """The text of a kernel's body."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        arguments = [(f"x{n}", place) for n, (place, _) in enumerate(kernel.reads)]
        arguments += [(f"y{n}", place) for n, (place, _) in enumerate(kernel.writes)]
        self._names = {place: name for name, place in arguments}
        *lead, _, _ = (1, 1, *kernel.shape)
        self._lead = lead

    def text(self) -> str:
        kernel = self._kernel
        if not kernel.by_columns:
            return "\n".join(self._lines(self._needed(kernel.writes), {}) + self._stores())
        lines: list[Line] = []
        done: dict[int, str] = {}
        for number, node in enumerate(kernel.nodes):
            if node.reduces:
                lines += self._reduction(number, node, done)
                done[number] = f"r{number}"
            elif self._is_of_column(node):  # once per column, and before anything is stored
                lines += self._lines([number], done)
                done[number] = f"v{number}"
        by_unit = [one for one in kernel.writes if not self._is_of_column(kernel.nodes[one[1]])]
        by_column = [one for one in kernel.writes if one not in by_unit]
        if by_unit:
            inner = self._lines(self._needed(by_unit, done), done) + self._stores(by_unit, done)
            lines += self._over_units(inner)
        return "\n".join(lines + self._stores(by_column, done))

    def _is_of_column(self, node: Node) -> bool:
        """Tell whether the node has one number for a column, not one for each unit."""
        return node.name != "number" and (len(node.shape) < 2 or node.shape[-2] == 1)

    def _reduction(self, number: int, node: Node, done: Mapping[int, str]) -> list[Line]:
        (of,) = node.inputs
        kind, value = self._type(node), done.get(of, f"v{of}")
        combined = _written(OPERATORS[node.name], f"r{number}", value)
        inner = self._lines(self._needed([(None, of)], done), done)
        inner.append(f"r{number} = d == 0 ? ({kind}){value} : ({kind})({combined});")
        return [f"{kind} r{number} = 0;", *self._over_units(inner)]

    def _over_units(self, lines: list[Line]) -> list[Line]:
        head = f"for (ptrdiff_t d = 0; d < {self._kernel.shape[-2]}; ++d) {{"
        return [head, *(f"  {line}" for line in lines), "}"]

    def _needed(self, writes: Any, done: Mapping[int, str] | None = None) -> list[int]:
        """Return the nodes that `writes` needs, in order, without the ones in `done`."""
        needed, at = set(), [number for _, number in writes]
        while at:
            number = at.pop()
            if number not in needed and number not in (done or {}):
                needed.add(number)
                at += self._kernel.nodes[number].inputs
        return sorted(needed)

    def _lines(self, numbers: list[int], done: Mapping[int, str]) -> list[Line]:
        lines = []
        for number in numbers:
            node = self._kernel.nodes[number]
            if node.name != "number":
                lines.append(
                    f"const {self._type(node)} v{number} = {self._expression(node, done)};"
                )
        return lines

    def _expression(self, node: Node, done: Mapping[int, str]) -> str:
        kind = self._type(node)
        if node.name == "load":
            return f"({kind}){self._names[node.value]}[{self._index(node.shape)}]"
        given = [self._kernel.nodes[number] for number in node.inputs]
        dtypes = [one.dtype for one in given if one.dtype is not None]
        compared = node.name in COMPARISONS
        common = C_TYPES[np.result_type(*dtypes).name] if compared and dtypes else kind
        kinds = ["bool", kind, kind] if node.name == "where" else [common] * len(given)
        values = [
            self._operand(number, one, kind, done)
            for number, one, kind in zip(node.inputs, given, kinds, strict=True)
        ]
        return _written((COMPARISONS if compared else OPERATORS)[node.name], *values)

    def _operand(self, number: int, node: Node, kind: str, done: Mapping[int, str]) -> str:
        if node.name == "number":
            return f"({kind}){float(node.value)!r}"
        value = done.get(number, f"v{number}")
        return value if self._type(node) == kind else f"({kind}){value}"

    def _stores(self, writes: Any = None, done: Mapping[int, str] | None = None) -> list[Line]:
        lines = []
        for place, number in self._kernel.writes if writes is None else writes:
            at = self._index(self._kernel.nodes[number].shape)
            lines.append(f"{self._names[place]}[{at}] = {(done or {}).get(number, f'v{number}')};")
        return lines

    def _index(self, shape: Shape) -> str:
        """Return the index, into an array of this shape, of the number that the loop is at."""
        whole = self._kernel.shape
        if shape == whole and not self._kernel.by_columns:
            return "i"
        places, after = self._coordinates(), 1
        terms = []
        for axis in range(1, len(shape) + 1):
            if shape[-axis] > 1:
                place = places[-axis]
                terms.append(place if after == 1 else f"{after} * {place}")
            after *= shape[-axis]
        return " + ".join(reversed(terms)) or "0"

    def _coordinates(self) -> list[str]:
        """Return the index along each axis of the kernel's shape, in terms of `i` and `d`."""
        counted = list(self._kernel.shape)
        if self._kernel.by_columns:
            counted[-2] = 1
        places, after = [], 1
        for axis, length in reversed(list(enumerate(counted))):
            if self._kernel.by_columns and axis == len(counted) - 2:
                places.append("d")
                continue
            divided = "i" if after == 1 else f"i / {after}"
            outermost = after * length == math.prod(counted)
            places.append(f"({divided})" if outermost else f"({divided} % {length})")
            after *= length
        return places[::-1]

    @staticmethod
    def _type(node: Node) -> str:
        return C_TYPES[np.dtype(node.dtype).name]


def _written(form: str, *values: str) -> str:
    """Return the operation in C; each value is a name, or a cast of a name."""
    return form.format(*(f"({value})" if value.startswith("(") else value for value in values))
