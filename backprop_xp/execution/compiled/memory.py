"""The memory of a compiled step: pieces that no entry needs at the same time share a place."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.compiled.folding import Entry, Folded
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.tape import plain_array
from backprop_xp.execution.unread import contents

__all__ = ["LINE", "copy_of", "lives_of", "new_memory", "shared_memory"]

LINE: Final = 64  # bytes of a cache line


def lives_of(entries: Sequence[Entry], memories: Memories) -> dict[int, list[Any]]:
    """Return the first and the last entry that use a piece of memory, and if the first writes."""
    lives: dict[int, list[Any]] = {}

    def use(view: View, at: int, *, writes: bool) -> None:
        life = lives.setdefault(view.memory, [at, at, writes])
        life[1] = at

    for at, entry in enumerate(entries):
        if isinstance(entry, Kernel):
            for node in entry.nodes:
                if node.name == "load":
                    use(node.value, at, writes=False)
            for place, _ in entry.writes:
                use(place, at, writes=True)
        elif isinstance(entry, Folded):
            for view in (entry.A, entry.B, entry.rate, entry.C):
                use(view, at, writes=False)
        else:
            for x in entry.inputs:
                use(memories.view(x), at, writes=False)
            use(memories.view(entry.target), at, writes=True)
    return lives


def shared_memory(
    lives: dict[int, list[Any]], memories: Memories, arguments: Collection[int]
) -> dict[int, int]:
    """Return for each temporary piece of memory the first one that is in the same place.

    Pieces share a place where no entry needs both.
    """
    groups: dict[int, int] = {}
    free: list[tuple[int, int]] = []  # the last entry, and the group
    temporary = [n for n, life in lives.items() if life[2] and n not in arguments]
    for number in sorted(temporary, key=lambda n: lives[n][0]):
        first, last, _ = lives[number]
        size = memories.arrays[number].nbytes
        fits = [one for one in free if one[0] < first and memories.arrays[one[1]].nbytes == size]
        group = fits[0][1] if fits else number
        free = [one for one in free if one[1] != group]
        free.append((last, group))
        groups[number] = group
    return groups


def new_memory(size: int) -> HostArray:
    """Return zeros that begin at a cache line."""
    buffer = np.zeros(size + LINE, np.uint8)
    start = -buffer.ctypes.data % LINE
    return buffer[start : start + size]


def copy_of(host: HostArray) -> HostArray:
    """Return a copy, in the order of its memory, that begins at a cache line."""
    flat = contents(plain_array(host)).ravel(order="K")
    copy = new_memory(flat.nbytes).view(flat.dtype)
    copy[:] = flat
    return copy
