"""Barriers: where a phase needs one, and the segments of phases between them.

A phase runs as early as it can: after the last barrier that it needs. A barrier is needed where a
phase reads or writes what another thread wrote, or writes what another thread read.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.execution.cuda.one_kernel.phases import Phase

__all__ = ["segments_of"]


class _Numbers:
    """The numbers that a phase touches, by their piece of memory."""

    def __init__(self, phase: Phase, threads: int) -> None:
        self.reads: dict[int, dict[int, int]] = {}
        self.of: list[tuple[int, Any, Any, bool]] = []
        for access in phase.accesses():
            view = access.view
            base = np.zeros((), np.int64) + view.offset // view.dtype.itemsize
            for axis, (size, step) in enumerate(zip(view.shape, view.strides, strict=True)):
                shape = [1] * len(view.shape)
                shape[axis] = size
                base = base + (np.arange(size) * (step // view.dtype.itemsize)).reshape(shape)
            items = None if access.items is None else access.items % threads
            self.of.append(
                (view.memory, np.broadcast_to(base, view.shape).ravel(), items, access.writes)
            )

    def order_after(self, other: "_Numbers") -> int:
        """Return 0: no order is needed; 1: the same threads do both in order; 2: a barrier."""
        need = 0
        for memory, places, items, writes in self.of:
            for memory2, places2, items2, writes2 in other.of:
                if memory != memory2 or not (writes or writes2):
                    continue
                common, at, at2 = np.intersect1d(places, places2, return_indices=True)
                if not common.size:
                    continue
                if items is None or items2 is None or np.any(items[at] != items2[at2]):
                    return 2
                need = 1
        return need


def segments_of(phases: Sequence[Phase], threads: int) -> tuple[tuple[Phase, ...], ...]:
    """Return the phases in segments, each as early as the order of numbers lets it be."""
    known = [_Numbers(phase, threads) for phase in phases]
    levels: list[int] = []
    for number, mine in enumerate(known):
        level = 0
        for before in range(number):
            need = mine.order_after(known[before])
            if need:
                level = max(level, levels[before] + need - 1)
        levels.append(level)
    made: list[list[Phase]] = [[] for _ in range(max(levels, default=0) + 1)]
    for phase, level in zip(phases, levels, strict=True):
        made[level].append(phase)
    return tuple(map(tuple, made))
