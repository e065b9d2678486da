"""Repeated operations of a recorded step: each result is computed once.

A step computes some results twice, such as σ(z^L) for its errors and for its scores. An operation
with the same inputs gives the same bits. So a repeated operation becomes a copy of its first
result, readers of the copy read the first result, and operations whose results nobody reads are
left out.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.memories import Memories, Shape, View
from backprop_xp.execution.recordings import RecordedStep
from backprop_xp.execution.tape import Instruction

__all__ = ["is_elementwise", "is_whole", "needed_for", "without_repeats"]

Key: TypeAlias = Any  # hashable


def without_repeats(recorded: RecordedStep, memories: Memories) -> RecordedStep:
    """Return the step without repeated operations, with bit-identical results.

    Parameters
    ----------
    recorded : RecordedStep
        Recorded with ``runs_here=False``: no memory is used for two arrays in turn.
    memories : Memories
        The memories of the step.
    """
    contents = _Contents(memories)
    instructions = [contents.after(one) for one in recorded.instructions]
    kept = {memories.view(x).memory for x in (*recorded.carry, *recorded.out) if x is not None}
    return recorded._replace(instructions=needed_for(instructions, kept, memories))


def is_elementwise(instruction: Instruction) -> bool:
    """Tell whether each number of the result follows from the numbers in its place."""
    if instruction.kind == "convert":
        return True
    is_product = getattr(instruction.function, "signature", None) is not None
    return instruction.kind == "ufunc" and not is_product and not instruction.options


def is_whole(view: View, memories: Memories) -> bool:
    """Tell whether a view covers its piece of memory, number by number."""
    size = math.prod(view.shape) * view.dtype.itemsize
    return (
        view.offset == 0 and size == memories.arrays[view.memory].nbytes and 0 not in view.strides
    )


class _Contents:
    """The contents of the pieces of memory, by numbers: equal numbers are equal bits.

    Equal contents also have the same layout in their pieces.
    """

    def __init__(self, memories: Memories) -> None:
        self._memories, self._new = memories, count()
        self._of: dict[int, int] = {}  # the content of each piece of memory
        self._made: dict[Key, int] = {}  # the content that an operation makes
        self._held: dict[int, list[int]] = {}  # pieces of memory that had a content, in order

    def after(self, instruction: Instruction) -> Instruction:
        """Return the instruction on the first results, and note what it writes."""
        target = self._memories.view(instruction.target)

        def first(x: HostArray) -> HostArray:
            return self._first(x, target.memory)

        on_first = instruction.on(first, instruction.target)
        if not is_whole(target, self._memories):
            self._write(target.memory, next(self._new))
            return on_first
        content = self._made.setdefault(self._key(instruction, target), next(self._new))
        holder = self._holder(content)
        self._write(target.memory, content)
        if holder is None or holder == target.memory:
            return on_first
        again = self._in(holder, target)
        if again is None:
            return on_first
        return Instruction(np.copyto, (again,), instruction.target, "convert")

    def _write(self, memory: int, content: int) -> None:
        self._of[memory] = content
        self._held.setdefault(content, []).append(memory)

    def _content(self, memory: int) -> int:
        if memory not in self._of:
            self._write(memory, next(self._new))
        return self._of[memory]

    def _holder(self, content: int) -> int | None:
        """Return the first piece of memory that has the content now."""
        return next((m for m in self._held.get(content, ()) if self._of[m] == content), None)

    def _first(self, x: HostArray, target: int) -> HostArray:
        """Return the array in the first piece of memory with its content, other than the target."""
        view = self._memories.view(x)
        holder = self._holder(self._content(view.memory))
        if holder is None or holder in (view.memory, target):
            return x
        found = self._in(holder, view)
        return x if found is None else found

    def _in(self, memory: int, view: View) -> HostArray | None:
        """Return the view in another piece of memory; None where that has gaps."""
        base = self._memories.arrays[memory]
        flat = base.ravel(order="K")
        if view.dtype != base.dtype or not np.shares_memory(flat, base):
            return None
        found: HostArray = np.ndarray(view.shape, view.dtype, flat, view.offset, view.strides)
        return found

    def _key(self, instruction: Instruction, target: View) -> Key:
        """Return the key of an operation: equal keys give equal bits in equal layouts."""
        shape = target.shape if is_elementwise(instruction) else None
        leading = _leading(instruction)
        kept = [
            axis
            for axis, n in enumerate(target.shape)
            if n > 1 or (shape is None and axis >= leading)
        ]
        layout = tuple((target.shape[axis], target.strides[axis]) for axis in kept)
        given = (
            self._part(instruction.inputs, shape, leading),
            self._part(instruction.options, None),
        )
        return (instruction.function, instruction.kind, given, layout, target.dtype)

    def _part(self, tree: Any, shape: Shape | None, leading: int = 0) -> Key:
        """Return the key of a tree of inputs; arrays as they are broadcast to `shape`, if given.

        The first `leading` axes of arrays are left out otherwise.
        """
        if isinstance(tree, Mapping):
            return tuple((name, self._part(x, shape)) for name, x in sorted(tree.items()))
        if isinstance(tree, tuple | list):
            return tuple(self._part(x, shape, leading) for x in tree)
        if not isinstance(tree, np.ndarray):
            return type(tree), repr(tree)
        view = self._memories.view(tree)
        content = self._content(view.memory)
        if shape is None:
            return content, view.offset, view.shape[leading:], view.strides[leading:], view.dtype
        missing = len(shape) - tree.ndim
        steps = tuple(
            0 if axis < missing or tree.shape[axis - missing] == 1 else tree.strides[axis - missing]
            for axis, n in enumerate(shape)
            if n > 1
        )
        return content, view.offset, steps, view.dtype


def _leading(instruction: Instruction) -> int:
    """Return the number of leading axes of length 1 that a sum or a maximum does not go along."""
    axis = instruction.options.get("axis")
    if instruction.kind != "reduce" or not isinstance(axis, int) or axis >= 0:
        return 0
    shape = instruction.inputs[0].shape[:axis]
    return next((place for place, n in enumerate(shape) if n != 1), len(shape))


def needed_for(
    instructions: Sequence[Instruction], kept: Collection[int], memories: Memories
) -> list[Instruction]:
    """Return the instructions on whose results the `kept` pieces of memory depend, in order."""
    read, needed = set(kept), list[Instruction]()
    for one in reversed(instructions):
        target = memories.view(one.target)
        if target.memory not in read:
            continue
        needed.append(one)
        if is_whole(target, memories):
            read.discard(target.memory)
        read.update(memories.view(x).memory for x in one.reads())
    return needed[::-1]
