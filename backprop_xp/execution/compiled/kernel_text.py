"""A kernel (`cuda.kernel`) as nested loops in Python, for numba to compile.

The loops and their order are those of `stages`. Each line computes one number of an array.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from backprop_xp.execution.compiled.loops import loop_of
from backprop_xp.execution.compiled.stages import Stages, ends_a_stage
from backprop_xp.execution.compiled.table import ARGUMENTS, LENGTH, Table, call
from backprop_xp.execution.cuda.kernel import Kernel, Node
from backprop_xp.execution.memories import View
from backprop_xp.execution.tape import NotReplayable

__all__ = ["CODES", "Scratch", "kernel_lines"]

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


class _Text:
    def __init__(self, kernel: Kernel, number: int, table: Table, scratch: Scratch) -> None:
        self.nodes, self.table, self.scratch = kernel.nodes, table, scratch
        self.prefix = f"k{number}"
        for node in self.nodes:
            if node.dtype is not None and np.dtype(node.dtype).name not in CODES:
                raise NotReplayable(f"{np.dtype(node.dtype).name} is not compiled")
        self.plan = Stages(kernel)
        names = [table.name(n) for n in (*self.plan.around, self.plan.rows, self.plan.columns)]
        self.around, (self.rows, self.columns) = names[:-2], names[-2:]

    def lines(self) -> Lines:
        """Return the lines of the kernel."""
        lines = self._pointers()
        parted = bool(self.plan.slots)
        body: Lines = []
        for stage in range(self.plan.last + 1):
            body += self._stage(stage)
        body = (
            self._parts(body)
            if parted
            else ["r0 = 0", "c0 = 0", "R = " + self.rows, "C = " + self.columns, *body]
        )
        offsets = [f"{self._array(place)}_o = {self._offset(place)}" for place in self.plan.steps]
        body = offsets + body
        for axis in reversed(range(len(self.around))):
            body = [f"for i{axis} in range({self.around[axis]}):", *_indented(body)]
        return lines + body

    def _array(self, place: View) -> str:
        return f"{self.prefix}_{[*self.plan.steps].index(place)}"

    def _pointers(self) -> Lines:
        self._step_names = {}
        lines = []
        for place, steps in self.plan.steps.items():
            code = CODES[place.dtype.name]
            name, offset = self._array(place), self.table.name(place.offset)
            lines.append(f"{name} = pointer_{code}(p{place.memory} + {offset})")
            self._step_names[place] = [
                str(step) if step in (0, 1) else self.table.name(step) for step in steps
            ]
        self._slot_names = {}
        for number, slot in self.plan.slots.items():
            code = CODES[np.dtype(self.nodes[number].dtype).name]
            rows, columns = self.plan.part
            size = columns if self.plan.is_of_columns(number) else rows * columns
            item = np.dtype(self.nodes[number].dtype).itemsize
            address = self.scratch.name(slot, size * item)
            self._slot_names[number] = address
            lines.append(f"{self.prefix}_s{number} = pointer_{code}({address})")
        return lines

    def _parts(self, body: Lines) -> Lines:
        rows, columns = (self.table.name(n) for n in self.plan.part)
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
        every = [n for n in range(len(self.nodes)) if self.plan.stage[n] == stage]
        ends = [n for n in every if ends_a_stage(self.nodes[n])]
        here = [n for n in every if n not in ends and not self.plan.is_plain(n)]
        lines: Lines = []
        for number in ends:
            if self.nodes[number].reduces:
                start = _start(self.nodes[number])
                lines += ["for j in range(C):", f"    {self.prefix}_s{number}[j] = {start}"]
        for by_rows in (True, False):
            lines += self._pass(
                [n for n in here if self.plan.is_of_columns(n) != by_rows],
                [n for n in ends if self.plan.goes_over_rows(self.nodes[n]) == by_rows],
                [
                    store
                    for store, at in self.plan.store_at.items()
                    if at == stage and self.plan.is_stored_by_rows(store[0]) == by_rows
                ],
                by_rows=by_rows,
            )
        for number in ends:
            if not self.nodes[number].reduces:
                lines += self._call(number)
        return lines

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
            if number in self.plan.slots:
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
        column = self.plan.is_of_columns(number)
        return f"{self.prefix}_s{number}[{'j' if column else 'd * C + j'}]"

    def _value(self, number: int) -> str:
        """Return the name of a node's number in this pass, after the lines that find it."""
        if number in self._done:
            return self._done[number]
        node, name = self.nodes[number], f"v{number}"
        if node.name == "load":
            expression = self._element(node.value)
            expression += " != 0" if node.dtype == np.dtype(bool) else ""
        elif self.plan.is_plain(number) or number in self._here:
            expression = self._expression(node)
        else:
            self._column.append(f"{name} = {self._kept_at(number)}")
            self._done[number] = name
            return name
        self._lines_of(self.plan.over[number]).append(f"{name} = {expression}")
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
        strides = self.table.block([item, item])
        count = "C" if self.plan.is_of_columns(number) else "R * C"
        address = self._slot_names[number]
        return [
            f"D[{ARGUMENTS}] = {address}",
            f"D[{ARGUMENTS + 1}] = {address}",
            f"D[{LENGTH}] = {count}",
            call(self.table, loop, LENGTH, strides),
        ]


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
