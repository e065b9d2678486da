"""The memory of a recorded step: results that are not needed at the same time share a place.

An elementwise operation writes over an input that nobody reads again. So a step works in less
memory, which stays in the caches of the processor.
"""

from collections.abc import Collection, Sequence

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.recordings import RecordedStep
from backprop_xp.execution.repeats import is_elementwise, is_whole
from backprop_xp.execution.tape import Instruction, leaves, mapped
from backprop_xp.execution.unread import contents

__all__ = ["placed"]

LINE = 64  # bytes of a cache line; sweeps over arrays that begin elsewhere take half as long again


def placed(recorded: RecordedStep, memories: Memories) -> RecordedStep:
    """Return the step on new memory, with bit-identical results.

    Parameters
    ----------
    recorded : RecordedStep
        Recorded with ``runs_here=False``: no memory is used for two arrays in turn.
    memories : Memories
        The memories of the step.
    """
    lives = dict[int, _Life]()
    for at, one in enumerate(recorded.instructions):
        for x in one.reads():
            lives.setdefault(memories.view(x).memory, _Life(at, written=False)).last = at
        lives.setdefault(memories.view(one.target).memory, _Life(at, written=True)).last = at
    given = {memories.view(x).memory for x in leaves(recorded[:4]) if x is not None}
    places = _Places(memories, lives, given)
    kept = [one for at, one in enumerate(recorded.instructions) if places.take(one, at)]
    trees = [mapped(places.moved, tree) for tree in recorded[:4]]
    return RecordedStep._make(
        [*trees, [one.on(places.moved, places.moved(one.target)) for one in kept]]
    )


class _Life:
    """The first and the last instruction that use a piece of memory."""

    def __init__(self, first: int, *, written: bool) -> None:
        self.first = self.last = first
        self.written = written  # by the first one


class _Places:
    """The new memory of each piece of memory.

    Parameters
    ----------
    memories : Memories
    lives : dict of _Life
    given : collection of int
        Pieces of memory that have a place of their own.
    """

    def __init__(self, memories: Memories, lives: dict[int, _Life], given: Collection[int]) -> None:
        self._memories, self._lives = memories, lives
        self._temporary = {m for m, life in lives.items() if life.written and m not in given}
        self._buffers: dict[int, HostArray] = {}
        self._free: dict[int, list[HostArray]] = {}  # by size, the last one used in front

    def take(self, one: Instruction, at: int) -> bool:
        """Give the result of an instruction a place; return whether the instruction has work."""
        target, work = self._memories.view(one.target), True
        if target.memory in self._temporary and target.memory not in self._buffers:
            over = self._overwritten(one, at)
            if over is None:
                free = self._free.get(_span(self._memories.arrays[target.memory]))
                self._buffers[target.memory] = free.pop() if free else self._new(target.memory)
            else:
                self._buffers[target.memory] = self._buffers[over]
                self._temporary.discard(over)
                work = one.kind != "convert"
        used = {self._memories.view(x).memory for x in (*one.reads(), one.target)}
        for memory in sorted(used & self._temporary):
            if self._lives[memory].last == at:
                buffer = self._buffers[memory]
                self._free.setdefault(_span(self._memories.arrays[memory]), []).append(buffer)
        return work

    def _overwritten(self, one: Instruction, at: int) -> int | None:
        """Return the piece of memory of an input that the result may overwrite, if there is one."""
        target = self._memories.view(one.target)
        if not is_elementwise(one) or not is_whole(target, self._memories):
            return None
        views = [self._memories.view(x) for x in one.inputs if isinstance(x, np.ndarray)]
        for view in views:
            ends = view.memory in self._temporary and self._lives[view.memory].last == at
            alike = view._replace(memory=target.memory) == target and is_whole(view, self._memories)
            if ends and alike and all(x == view for x in views if x.memory == view.memory):
                return view.memory
        return None

    def _new(self, memory: int) -> HostArray:
        """Return bytes for a piece of memory, which begin at a cache line."""
        size = _span(self._memories.arrays[memory])
        buffer = np.empty(size + LINE, np.uint8)
        start = -buffer.ctypes.data % LINE
        return buffer[start : start + size]

    def moved(self, x: HostArray) -> HostArray:
        """Return an array in its new place."""
        view = self._memories.view(x)
        if view.memory not in self._buffers:
            self._buffers[view.memory] = self._new(view.memory)
            old = self._memories.arrays[view.memory]
            new = np.ndarray(old.shape, old.dtype, self._buffers[view.memory], 0, old.strides)
            np.copyto(new, contents(old))
        offset = view.offset if x.size else 0
        moved: HostArray = np.ndarray(
            view.shape, view.dtype, self._buffers[view.memory], offset, view.strides
        )
        return moved


def _span(x: HostArray) -> int:
    """Return the bytes from the first to the last number of an array."""
    if not x.size:
        return 0
    steps: Sequence[int] = [(n - 1) * step for n, step in zip(x.shape, x.strides, strict=True)]
    return sum(steps) + x.itemsize
