"""A kernel (`cuda.kernel`) as nested loops in Python, for numba to compile.

The last two axes of the kernel's arrays are its rows and columns; the axes before them are loops
around. A row of the loops is a unit and a column a case, or both are what is left when axes that lie
side by side in memory are joined.

A kernel is cut into *stages*. A sum over the units, and a call of NumPy's loop for `exp` and the
like, ends a stage: the stages before it have written its input, number by number, into scratch
memory, and the stages after it read its result there. So that scratch memory stays in the cache,
the stages run over a part of the rows and columns at a time.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from backprop_xp.execution.compiled.loops import loop_of
from backprop_xp.execution.compiled.table import ARGUMENTS, LENGTH, Table
from backprop_xp.execution.cuda.fusion import View
from backprop_xp.execution.cuda.kernel import Kernel, Node
from backprop_xp.execution.tape import NotReplayable

__all__ = ["CALLED", "CODES", "Scratch", "kernel_lines"]

AT_ONCE: Final = 2048  # numbers of a part
LEAST_COLUMNS: Final = 16
CALLED: Final = ("exp", "expm1", "log", "log1p", "tanh")  # by NumPy's own loops
CODES: Final = {"bool": "u1", "int32": "i4", "float32": "f4", "float64": "f8"}
LARGER: Final = "({0} if ({0} > {1}) | ({0} != {0}) else {1})"  # NaN goes through, as in NumPy
SMALLER: Final = "({0} if ({0} < {1}) | ({0} != {0}) else {1})"
OPERATORS: Final = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "absolute": "abs({})",
    "sqrt": "sqrt({})",
    "maximum": LARGER,
    "minimum": SMALLER,
    "where": "({1} if {0} else {2})",
    "convert": "{}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
}
COMPARISONS: Final = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")

Lines = list[str]


@dataclass
class Scratch:
    """Scratch memory, whose places all kernels use again.

    Attributes
    ----------
    table : Table
    sizes : list of int
        Bytes of each place.
    names : list of str
        Names of their addresses in the text.
    """

    table: Table
    sizes: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def name(self, number: int, size: int) -> str:
        """Return the name of the address of a place, which has at least so many bytes."""
        while number >= len(self.sizes):
            self.sizes.append(0)
            self.at.append(int(self.table.name(0).removeprefix("t")))
        self.sizes[number] = max(self.sizes[number], size)
        return f"t{self.at[number]}"


def kernel_lines(kernel: Kernel, number: int, table: Table, scratch: Scratch) -> Lines:
    """Return the lines that run a kernel; the piece of memory n is at the address ``p<n>``.

    Parameters
    ----------
    kernel : Kernel
    number : int
        The number of the kernel, for names.
    table : Table
    scratch : Scratch

    Raises
    ------
    NotReplayable
        An operation, a dtype or a layout that no loop here can hold.
    """
    return _Text(kernel, number, table, scratch).lines()


def _aligned(view: View, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a view in numbers, for each axis of a shape; 0 where it is repeated."""
    missing, size = len(shape) - len(view.shape), view.dtype.itemsize
    if any(step % size for step in view.strides):
        raise NotReplayable("an array is not aligned")
    steps = [step // size if n > 1 else 0 for n, step in zip(view.shape, view.strides, strict=True)]
    return (0,) * missing + tuple(steps)


class _Text:
    def __init__(self, kernel: Kernel, number: int, table: Table, scratch: Scratch) -> None:
        self.kernel, self.nodes, self.table, self.scratch = kernel, kernel.nodes, table, scratch
        self.prefix = f"k{number}"
        self.stored: dict[int, list[View]] = {}
        for place, node in kernel.writes:
            self.stored.setdefault(node, []).append(place)
        self._axes()
        self._levels()

    # the axes: loops around, rows and columns

    def _axes(self) -> None:
        kernel = self.kernel
        whole = (1,) * (2 - len(kernel.shape)) + tuple(kernel.shape)
        steps = {place: _aligned(place, whole) for place in dict.fromkeys(self._views())}
        outer, inner = [*range(len(whole) - 2)], [len(whole) - 2, len(whole) - 1]
        groups = (
            [self._joined(outer, whole, steps), [[axis] for axis in inner]]
            if kernel.by_columns
            else [self._joined([*outer, *inner], whole, steps)]
        )
        axes = [axis for group in groups for axis in group]
        while len(axes) < 2:
            axes.insert(0, [])
        lengths = [math.prod(whole[one] for one in axis) for axis in axes]
        self.units, self.length_of_row = lengths[-2:]
        self.steps = {
            place: [of[axis[-1]] if axis else 0 for axis in axes] for place, of in steps.items()
        }
        names = [self.table.name(n) for n in lengths]
        self.around, (self.rows, self.columns) = names[:-2], names[-2:]

    def _views(self) -> Iterable[View]:
        yield from (node.value for node in self.nodes if node.name == "load")
        yield from self.kernel.places

    @staticmethod
    def _joined(
        axes: Sequence[int], shape: Sequence[int], steps: dict[View, tuple[int, ...]]
    ) -> list[list[int]]:
        """Return the axes longer than 1, joined where all arrays go through them in one stride."""
        joined: list[list[int]] = []
        for axis in axes:
            if shape[axis] == 1:
                continue
            last = joined[-1][-1] if joined else None
            if last is not None and all(
                of[last] == of[axis] * shape[axis] for of in steps.values()
            ):
                joined[-1].append(axis)
            else:
                joined.append([axis])
        return joined

    # the stage of each node, and where its number is found

    def _levels(self) -> None:
        self.over: list[set[int]] = []  # of rows (-2) and columns (-1): what a node varies over
        self.stage: list[int] = []
        for node in self.nodes:
            self.over.append(self._varies(node))
            ready = [self._ready(one, by_rows=self._by_rows(node)) for one in node.inputs]
            self.stage.append(max(ready, default=0))
        ready_at = {
            (place, number): self._ready(number, by_rows=self.steps[place][-2] != 0)
            for number, places in self.stored.items()
            for place in places
        }
        self.last = max(ready_at.values(), default=0)
        loaded = {node.value for node in self.nodes if node.name == "load"}
        self.store_at = {  # a number that is read again is replaced at the end
            store: self.last if store[0] in loaded else at for store, at in ready_at.items()
        }
        used = [(one, self.stage[n]) for n, node in enumerate(self.nodes) for one in node.inputs]
        used += [(number, at) for (_, number), at in self.store_at.items()]
        kept = {n for n, at in used if at > self.stage[n] and not self._plain(n)}
        kept |= {n for n, node in enumerate(self.nodes) if _ends(node)}
        self.slots = {number: slot for slot, number in enumerate(sorted(kept))}

    def _varies(self, node: Node) -> set[int]:
        if node.name == "load":
            return {axis for axis in (-2, -1) if self.steps[node.value][axis]}
        over = set[int]().union(*(self.over[one] for one in node.inputs))
        if node.reduces:
            return {-1}
        if node.name in CALLED:  # whole parts at a time
            return {-2, -1} if -2 in over or not self.kernel.by_columns else {-1}
        return over

    def _by_rows(self, node: Node) -> bool:
        """Tell whether a node is computed while the loops go over rows, not over columns alone."""
        return node.reduces or not self.kernel.by_columns or -2 in self._varies(node)

    def _plain(self, number: int) -> bool:
        """Tell whether a node is computed anew wherever it is used."""
        node = self.nodes[number]
        return node.name in ("load", "number") or (not self.over[number] and not _ends(node))

    def _of_columns(self, number: int) -> bool:
        """Tell whether a node has one number for each column."""
        return self.kernel.by_columns and self.over[number] == {-1}

    def _ready(self, number: int, *, by_rows: bool) -> int:
        """Return the first stage in which a node can be used."""
        if self._plain(number):
            return 0
        waits = self._of_columns(number) and by_rows
        return self.stage[number] + (_ends(self.nodes[number]) or waits)

    # the text

    def lines(self) -> Lines:
        """Return the lines of the kernel."""
        lines = self._pointers()
        parted = bool(self.slots)
        body: Lines = []
        for stage in range(self.last + 1):
            body += self._stage(stage)
        body = self._parts(body) if parted else ["r0 = 0", "c0 = 0", "R = " + self.rows,
                                                 "C = " + self.columns, *body]
        offsets = [
            f"{self._array(place)}_o = {self._offset(place)}" for place in self.steps
        ]
        body = offsets + body
        for axis in reversed(range(len(self.around))):
            body = [f"for i{axis} in range({self.around[axis]}):", *_indented(body)]
        return lines + body

    def _array(self, place: View) -> str:
        return f"{self.prefix}_{[*self.steps].index(place)}"

    def _pointers(self) -> Lines:
        self._step_names = {}
        lines = []
        for place, steps in self.steps.items():
            code = CODES[place.dtype.name]
            name, offset = self._array(place), self.table.name(place.offset)
            lines.append(f"{name} = pointer_{code}(p{place.memory} + {offset})")
            self._step_names[place] = [
                str(step) if step in (0, 1) else self.table.name(step) for step in steps
            ]
        self._slot_names = {}
        for number, slot in self.slots.items():
            code = CODES[np.dtype(self.nodes[number].dtype).name]
            rows, columns = self._part
            size = columns if self._of_columns(number) else rows * columns
            item = np.dtype(self.nodes[number].dtype).itemsize
            address = self.scratch.name(slot, size * item)
            self._slot_names[number] = address
            lines.append(f"{self.prefix}_s{number} = pointer_{code}({address})")
        return lines

    @property
    def _part(self) -> tuple[int, int]:
        """The most rows and columns of a part."""
        rows, columns = self.units, self.length_of_row
        if self.kernel.by_columns:
            return rows, min(max(LEAST_COLUMNS, AT_ONCE // rows), columns)
        columns = min(columns, AT_ONCE)
        return min(max(AT_ONCE // columns, 1), rows), columns

    def _parts(self, body: Lines) -> Lines:
        rows, columns = (self.table.name(n) for n in self._part)
        return [
            f"for r0 in range(0, {self.rows}, {rows}):",
            f"    R = min({rows}, {self.rows} - r0)",
            f"    for c0 in range(0, {self.columns}, {columns}):",
            f"        C = min({columns}, {self.columns} - c0)",
            *_indented(_indented(body)),
        ]

    def _offset(self, place: View) -> str:
        names = self._step_names[place]
        terms = [f"i{n} * {step}" for n, step in enumerate(names[:-2]) if step != "0"]
        return " + ".join(terms) or "0"

    def _stage(self, stage: int) -> Lines:
        every = [n for n in range(len(self.nodes)) if self.stage[n] == stage]
        ends = [n for n in every if _ends(self.nodes[n])]
        here = [n for n in every if n not in ends and not self._plain(n)]
        lines: Lines = []
        for number in ends:
            if self.nodes[number].reduces:
                start = _start(self.nodes[number])
                lines += ["for j in range(C):", f"    {self.prefix}_s{number}[j] = {start}"]
        for by_rows in (True, False):
            lines += self._pass(
                [n for n in here if self._of_columns(n) != by_rows],
                [n for n in ends if self._by_rows(self.nodes[n]) == by_rows],
                [
                    store
                    for store, at in self.store_at.items()
                    if at == stage and self._stored_by_rows(store[0]) == by_rows
                ],
                by_rows=by_rows,
            )
        for number in ends:
            if not self.nodes[number].reduces:
                lines += self._call(number)
        return lines

    def _stored_by_rows(self, place: View) -> bool:
        return not self.kernel.by_columns or self.steps[place][-2] != 0

    def _pass(
        self, here: list[int], ends: list[int], stores: list[tuple[View, int]], *, by_rows: bool
    ) -> Lines:
        """Return one pass over the part: over its rows and columns, or over its columns alone."""
        if not (here or ends or stores):
            return []
        self._top: Lines = []
        self._row: Lines = []
        self._column: Lines = []
        self._done: dict[int, str] = {}
        self._rows, self._here, self._indices = by_rows, {*here}, set[str]()
        for number in here:
            value = self._value(number)
            if number in self.slots:
                self._column.append(f"{self._kept_at(number)} = {value}")
        for number in ends:
            self._end(number)
        for place, number in stores:
            value = self._cast(number, CODES[place.dtype.name])
            self._column.append(f"{self._element(place)} = {value}")
        inner = [*self._row, "for j in range(C):", *_indented(self._column)]
        if not by_rows:
            return [*self._top, *inner]
        return [*self._top, "for d in range(R):", *_indented(inner)]

    def _end(self, number: int) -> None:
        """Add the lines that hand an input to a call or a reduction."""
        node = self.nodes[number]
        code = CODES[np.dtype(node.dtype).name]
        value = self._cast(node.inputs[0], code)
        if not node.reduces:
            self._column.append(f"{self._kept_at(number)} = {value}")
            return
        at = self._kept_at(number)
        combined = OPERATORS[node.name].format("e", "x")
        self._column += [f"x = {value}", f"e = {at}", f"{at} = {code}({combined})"]

    def _kept_at(self, number: int) -> str:
        column = self._of_columns(number)
        return f"{self.prefix}_s{number}[{'j' if column else 'd * C + j'}]"

    def _value(self, number: int) -> str:
        """Return the name of a node's number in this pass, after the lines that find it."""
        if number in self._done:
            return self._done[number]
        node, name = self.nodes[number], f"v{number}"
        if node.name == "load":
            expression = self._element(node.value)
            expression += " != 0" if node.dtype == np.dtype(bool) else ""
        elif self._plain(number) or number in self._here:
            expression = self._expression(node)
        else:
            self._column.append(f"{name} = {self._kept_at(number)}")
            self._done[number] = name
            return name
        self._lines_of(self.over[number]).append(f"{name} = {expression}")
        self._done[number] = name
        return name

    def _lines_of(self, over: set[int]) -> Lines:
        if -1 in over:
            return self._column
        return self._row if over and self._rows else self._top

    def _element(self, place: View) -> str:
        """Return a number of an array, at the row and column that the loops are at."""
        array, (row, column) = self._array(place), self._step_names[place][-2:]
        over = {axis for axis, step in ((-2, row), (-1, column)) if step != "0"}
        terms = [f"{array}_o"]
        if column != "0":
            terms.append("c0" if column == "1" else f"c0 * {column}")
        if row != "0" and self._rows:
            terms.append(f"(r0 + d) * {row}" if row != "1" else "r0 + d")
        index = f"{array}_q"
        if index not in self._indices:
            self._indices.add(index)
            (self._row if row != "0" and self._rows else self._top).append(
                f"{index} = {' + '.join(terms)}"
            )
        if -1 in over:
            index += " + j" if column == "1" else f" + j * {column}"
        return f"{array}[{index}]"

    def _expression(self, node: Node) -> str:
        code = CODES[np.dtype(node.dtype).name]
        given = [self.nodes[number] for number in node.inputs]
        dtypes = [one.dtype for one in given if one.dtype is not None]
        codes = [code] * len(given)
        if node.name in COMPARISONS:
            codes = [CODES[np.result_type(*dtypes).name] if dtypes else "f8"] * len(given)
        elif node.name == "where":
            codes = ["u1", code, code]
        elif code == "u1" and node.name != "convert":
            raise NotReplayable(f"numpy.{node.name} of bool")
        values = [self._cast(one, kind) for one, kind in zip(node.inputs, codes, strict=True)]
        text = OPERATORS[node.name].format(*values)
        if code == "u1":
            return text if node.name in COMPARISONS else f"{text} != 0"
        return f"{code}({text})"

    def _cast(self, number: int, code: str) -> str:
        """Return a node's number in a dtype."""
        node = self.nodes[number]
        if node.name == "number":
            return f"{code}({_literal(node.value)})"
        value, own = self._value(number), CODES[np.dtype(node.dtype).name]
        return value if own == code else f"{code}({value})"

    def _call(self, number: int) -> Lines:
        node = self.nodes[number]
        loop = loop_of(getattr(np, node.name), node.dtype)
        if loop is None:
            raise NotReplayable(f"numpy.{node.name} has no loop for {node.dtype}")
        item = np.dtype(node.dtype).itemsize
        function, data = self.table.name(loop.function), self.table.name(loop.data)
        strides = self.table.block([item, item])
        count = "C" if self._of_columns(number) else "R * C"
        address = self._slot_names[number]
        return [
            f"D[{ARGUMENTS}] = {address}",
            f"D[{ARGUMENTS + 1}] = {address}",
            f"D[{LENGTH}] = {count}",
            f"call_loop({function}, at + {8 * ARGUMENTS}, at + {8 * LENGTH}, "
            f"at + {8 * strides}, {data})",
        ]


def _ends(node: Node) -> bool:
    """Tell whether a node ends a stage."""
    return node.reduces or node.name in CALLED


def _start(node: Node) -> str:
    """Return the number with which a reduction begins."""
    code = CODES[np.dtype(node.dtype).name]
    if node.name == "add":
        return f"{code}(0)"
    sign = "-" if node.name == "maximum" else ""
    return f"{code}({sign}inf)" if code[0] == "f" else f"{code}({sign}2147483647)"


def _literal(value: Any) -> str:
    number = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return repr(number)  # inf and nan are names in the text


def _indented(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]
