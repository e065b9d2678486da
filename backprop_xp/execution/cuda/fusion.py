"""Runs of elementwise operations as kernels: one loop for all that a tape holds between products.

On a GPU a small operation costs its launch, not its arithmetic. A tape (`tape`) says what a step
does; here the operations between two matrix products become one kernel each, from the equations as
they are written: no formula is written a second time. Sums and maxima over the units of a case stay
within a kernel too where the units are few: then a thread does a case, else a number.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.kernel import Kernel, Node, is_known
from backprop_xp.execution.tape import Instruction

__all__ = ["Memories", "Program", "View", "program_of"]

MOST_UNITS = 64  # over which a thread sums one after another

Shape: TypeAlias = tuple[int, ...]


class View(NamedTuple):
    """Where an array lies: its place in one of the pieces of memory of a tape.

    Attributes
    ----------
    memory : int
        The number of the piece.
    offset : int
        Bytes from its start.
    shape, strides : tuple of int
        As NumPy has them, strides in bytes.
    dtype : dtype
    """

    memory: int
    offset: int
    shape: Shape
    strides: Shape
    dtype: np.dtype[Any]


class Memories:
    """The pieces of memory behind the arrays of a tape, by number."""

    def __init__(self) -> None:
        self.arrays: list[HostArray] = []
        self._numbers: dict[int, int] = {}

    def view(self, x: HostArray) -> View:
        """Return where the array lies."""
        base: Any = x
        while isinstance(base.base, np.ndarray):
            base = base.base
        number = self._numbers.setdefault(id(base), len(self.arrays))
        if number == len(self.arrays):
            self.arrays.append(base)  # kept, so that no other array takes its id
        return View(number, x.ctypes.data - base.ctypes.data, x.shape, x.strides, x.dtype)


Entry: TypeAlias = "Kernel | Instruction"


@dataclass(frozen=True)
class Program:
    """A step as kernels, products and other calls, in their order.

    Attributes
    ----------
    entries : list of Kernel or Instruction
    memories : Memories
    """

    entries: list[Entry]
    memories: Memories

    @property
    def launches(self) -> int:
        """How many kernels are launched, where a product or another call is one."""
        return len(self.entries)


def program_of(
    instructions: Sequence[Instruction], kept: Collection[int], memories: Memories
) -> Program:
    """Return the program of some instructions.

    Parameters
    ----------
    instructions : sequence of Instruction
    kept : collection of int
        The pieces of memory that others read when it has run: what is written there is stored.
    memories : Memories
    """
    readers: dict[int, set[int]] = {}  # of each piece of memory
    for number, instruction in enumerate(instructions):
        for x in instruction.inputs:
            if isinstance(x, np.ndarray):
                readers.setdefault(memories.view(x).memory, set()).add(number)
    entries: list[Entry] = []
    run = _Run(0)

    def close() -> None:
        if run.length:
            others = {memory for memory, at in readers.items() if not at <= run.numbers}
            entries.append(run.kernel(others | set(kept)))

    for number, instruction in enumerate(instructions):
        operation = _Operation.of(instruction, memories)
        if operation is None or not run.takes(operation):
            close()
            run = _Run(number)
        if operation is None:
            entries.append(instruction)
            run = _Run(number + 1)
        else:
            run.add(operation)
    close()
    return Program([entry for entry in entries if not _idle(entry)], memories)


def _idle(entry: Entry) -> bool:
    return isinstance(entry, Kernel) and not entry.writes


class _Operation(NamedTuple):
    """An instruction that a kernel can hold."""

    name: str
    inputs: tuple[Any, ...]  # of View or number
    target: View
    reduces: bool

    @classmethod
    def of(cls, instruction: Instruction, memories: Memories) -> "_Operation | None":
        """Return the operation, None where the instruction is a call of its own."""
        name = getattr(instruction.function, "__name__", "")
        kind, inputs, target = instruction.kind, instruction.inputs, instruction.target
        if kind == "convert":
            name = "convert"
        elif _sums_units(instruction):
            name, kind, inputs = "add", "reduce", inputs[1:]
        elif kind == "reduce":
            named = {**instruction.options}
            over_units = named.pop("axis", 0) in (-2, inputs[0].ndim - 2)
            if not over_units or named.pop("dtype", None) is not None or set(named) - {"keepdims"}:
                return None
        elif instruction.options:
            return None
        many = kind == "reduce" and (inputs[0].ndim < 2 or inputs[0].shape[-2] > MOST_UNITS)
        if many or not is_known(name, kind, target.dtype) or 0 in target.shape:
            return None
        views = []
        for x in inputs:
            number = _as_number(x)
            if number is not None:
                views.append(number)
                continue
            if not is_known("convert", "convert", x.dtype):
                return None
            views.append(memories.view(x))
        return cls(name, tuple(views), memories.view(target), kind == "reduce")


def _sums_units(instruction: Instruction) -> bool:
    """Tell whether it is a product with a row of ones, the sum over the units of each case."""
    if instruction.function is not np.matmul:
        return False
    row, x = instruction.inputs
    return bool(row.ndim == 2 <= x.ndim and row.shape[0] == 1 and _as_number(row) == 1)


def _as_number(x: Any) -> Any:
    """Return a number that never changes, None for an array that may."""
    if not isinstance(x, np.ndarray):
        return x
    if x.flags.writeable or x.size == 0 or x.dtype.kind != "f":
        return None
    first = x.reshape(-1)[0]
    constant = math.isfinite(first) and x.base is None and bool(np.all(x == first))
    return np.asarray(first, x.dtype)[()] if constant else None


class _Run:
    """Operations one after another that one kernel does."""

    def __init__(self, start: int) -> None:
        self._start = start
        self.length = 0
        self._nodes: list[Node] = []
        self._names: list[str] = []
        self._shape: Shape = ()
        self._column: Shape | None = None  # the shape of sums over units, where there are some
        self._now: dict[View, int] = {}  # the node of what lies there now
        self._written: dict[int, View] = {}
        self._read: dict[int, set[View]] = {}

    @property
    def numbers(self) -> set[int]:
        """The numbers of the instructions."""
        return set(range(self._start, self._start + self.length))

    def takes(self, operation: _Operation) -> bool:
        """Tell whether a thread finds all that the operation reads in what it wrote itself."""
        if not self.length:
            return True
        target = operation.target
        if operation.reduces:
            (x,) = operation.inputs
            fits = x.shape == self._shape and (self._column in (None, _column(x.shape)))
        else:
            single = math.prod(target.shape) == 1 == math.prod(self._shape)
            fits = single or target.shape in (self._shape, self._column)
        for x in operation.inputs:
            if isinstance(x, View) and self._written.get(x.memory, x) != x:
                return False
        seen = self._read.get(target.memory, set()) | {self._written.get(target.memory, target)}
        return fits and seen <= {target}

    def add(self, operation: _Operation) -> None:
        """Add an operation that is taken."""
        inputs = tuple(self._node_of(x) for x in operation.inputs)
        target = operation.target
        shape = target.shape
        if operation.reduces:
            shape = self._column = _column(operation.inputs[0].shape)
        if not self.length:
            self._shape = operation.inputs[0].shape if operation.reduces else shape
        self._now[target] = self._append(
            Node(operation.name, inputs, target.dtype, shape, None, operation.reduces)
        )
        self._written[target.memory] = target
        self._names.append(operation.name)
        self.length += 1

    def kernel(self, kept: Collection[int]) -> Kernel:
        """Return the kernel, which stores what lies in memory that is read elsewhere."""
        writes = {view: self._now[view] for view in self._written.values() if view.memory in kept}
        return Kernel.of(
            "_".join(self._names), self._nodes, self._shape, self._column is not None, writes
        )

    def _node_of(self, x: Any) -> int:
        if not isinstance(x, View):
            return self._append(Node("number", (), None, (), x))
        if x in self._now:
            return self._now[x]
        self._read.setdefault(x.memory, set()).add(x)
        self._now[x] = self._append(Node("load", (), x.dtype, x.shape, x))
        return self._now[x]

    def _append(self, node: Node) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1


def _column(shape: Shape) -> Shape:
    return (*shape[:-2], 1, shape[-1])
