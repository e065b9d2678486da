"""Fusion: the operations of a tape between two matrix products become one kernel.

On a GPU a small operation costs its launch, not its arithmetic. Kernels are made from the recorded
operations of a `tape`, so that no formula is written twice. A kernel may also hold sums and maxima
over the units of a case, where the units are few. Such a kernel has one thread per case; any other
kernel has one thread per number.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.execution.cuda.kernel import Kernel, Node, is_known
from backprop_xp.execution.memories import Memories, Shape, View
from backprop_xp.execution.tape import Instruction

__all__ = ["MOST_UNITS", "Program", "as_number", "fits_a_kernel", "program_of", "sums_units"]

MOST_UNITS = 64  # that a single thread sums

Entry: TypeAlias = "Kernel | Instruction"


@dataclass(frozen=True)
class Program:
    """A step as kernels, matrix products and other calls, in order.

    Attributes
    ----------
    entries : list of Kernel or Instruction
    memories : Memories
    """

    entries: list[Entry]
    memories: Memories

    @property
    def launches(self) -> int:
        """The number of launches, one for each kernel, product or other call."""
        return len(self.entries)


def program_of(
    instructions: Sequence[Instruction],
    kept: Collection[int],
    memories: Memories,
    *,
    most_units: int | None = MOST_UNITS,
    ones_are_products: bool = False,
) -> Program:
    """Return the program that does these instructions.

    Parameters
    ----------
    instructions : sequence of Instruction
    kept : collection of int
        Pieces of memory that are read after the program has run, so that kernels must store them.
    memories : Memories
    most_units : int or None
        The most units of which a kernel holds a sum or a maximum; None is no bound.
    ones_are_products : bool
        Whether a product with a row of ones stays a product; else it is a sum over units.
    """
    readers: dict[int, set[int]] = {}  # numbers of the instructions that read a piece of memory
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
        operation = _Operation.of(instruction, memories, most_units, ones_are_products)
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


def fits_a_kernel(instruction: Instruction, memories: Memories) -> bool:
    """Tell whether a kernel can hold the operation, as `program_of` decides it by default."""
    return _Operation.of(instruction, memories, MOST_UNITS, ones_are_products=False) is not None


def _idle(entry: Entry) -> bool:
    return isinstance(entry, Kernel) and not entry.writes


class _Operation(NamedTuple):
    """An instruction that a kernel can hold."""

    name: str
    inputs: tuple[Any, ...]  # of View or number
    target: View
    reduces: bool

    @classmethod
    def of(
        cls,
        instruction: Instruction,
        memories: Memories,
        most_units: int | None,
        ones_are_products: bool,
    ) -> "_Operation | None":
        """Return the operation; None for an instruction that no kernel can hold."""
        name = getattr(instruction.function, "__name__", "")
        kind, inputs, target = instruction.kind, instruction.inputs, instruction.target
        if kind == "convert":
            name = "convert"
        elif not ones_are_products and sums_units(instruction):
            name, kind, inputs = "add", "reduce", inputs[1:]
        elif kind == "reduce":
            named = {**instruction.options}
            over_units = named.pop("axis", 0) in (-2, inputs[0].ndim - 2)
            if not over_units or named.pop("dtype", None) is not None or set(named) - {"keepdims"}:
                return None
        elif instruction.options:
            return None
        of_units = kind == "reduce"
        if of_units and (inputs[0].ndim < 2 or inputs[0].shape[-2] > (most_units or math.inf)):
            return None
        if not is_known(name, kind, target.dtype) or 0 in target.shape:
            return None
        views = [_input(x, memories) for x in inputs]
        if None in views:
            return None
        made = cls(name, tuple(views), memories.view(target), kind == "reduce")
        return None if made.races else made

    @property
    def races(self) -> bool:
        """Whether a thread would read a number that another one writes, as in ``a += a.mT``."""
        views = [x for x in self.inputs if isinstance(x, View)]
        return any(x.memory == self.target.memory and x != self.target for x in views)


def _input(x: Any, memories: Memories) -> Any:
    """Return the number or the place of an input; None for a dtype that no kernel can hold."""
    number = as_number(x)
    if number is not None:
        return number
    return memories.view(x) if is_known("convert", "convert", x.dtype) else None


def sums_units(instruction: Instruction) -> bool:
    """Tell whether the instruction is a product with a row of ones, a sum over units."""
    if instruction.function is not np.matmul:
        return False
    row, x = instruction.inputs
    return bool(row.ndim == 2 <= x.ndim and row.shape[0] == 1 and as_number(row) == 1)


def as_number(x: Any) -> Any:
    """Return a number as it is, a constant of equal numbers as one; None for other arrays."""
    if not isinstance(x, np.ndarray):
        return x
    if x.flags.writeable or x.size == 0 or x.dtype.kind != "f":
        return None
    first = x.reshape(-1)[0]
    constant = math.isfinite(first) and x.base is None and bool(np.all(x == first))
    return np.asarray(first, x.dtype)[()] if constant else None


class _Run:
    """Successive operations that become one kernel."""

    def __init__(self, start: int) -> None:
        self._start = start
        self.length = 0
        self._nodes: list[Node] = []
        self._names: list[str] = []
        self._shape: Shape = ()
        self._column: Shape | None = None  # the shape of sums over units, if there are any
        self._now: dict[View, int] = {}  # the node of the present value at a place
        self._written: dict[int, View] = {}
        self._read: dict[int, set[View]] = {}

    @property
    def numbers(self) -> set[int]:
        """The numbers of the instructions."""
        return set(range(self._start, self._start + self.length))

    def takes(self, operation: _Operation) -> bool:
        """Tell whether the shape fits, and no thread reads a number that another one writes."""
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
        """Add an operation for which `takes` is true."""
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
        """Return the kernel, which stores values in the pieces of memory of `kept` alone."""
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
