"""Pieces of a block of steps: each is a launch that takes at most `MOST_SECONDS`.

A display and Ctrl-C wait for a launch. Its time is bounded by rough counts of cycles, on a slow
clock. A launch does at least one step, of at least one network on each multiprocessor.
"""

from collections.abc import Iterator
from typing import Final

__all__ = ["MOST_SECONDS", "pieces"]

MOST_SECONDS: Final = 0.05
CLOCK: Final = 1e9  # cycles per second of a slow GPU


def pieces(
    cycles: int, steps: int, networks: int, processors: int
) -> Iterator[tuple[slice, slice]]:
    """Yield the steps and the networks of each launch.

    Parameters
    ----------
    cycles : int
        Cycles of a step of one network that is alone on its multiprocessor.
    steps, networks : int
    processors : int
        The multiprocessors of the device. Each trains one network after another.

    Examples
    --------
    >>> list(pieces(10_000, steps=8000, networks=100, processors=100))
    [(slice(0, 5000, None), slice(0, 100, None)), (slice(5000, 8000, None), slice(0, 100, None))]
    >>> list(pieces(30_000_000, steps=1, networks=5, processors=4))
    [(slice(0, 1, None), slice(0, 4, None)), (slice(0, 1, None), slice(4, 5, None))]
    """
    most = max(int(MOST_SECONDS * CLOCK) // max(cycles, 1), 1)  # steps of a multiprocessor
    at_once = min(most * processors, networks)
    steps_at_once = max(most // -(-at_once // processors), 1)
    for start in range(0, steps, steps_at_once):
        for first in range(0, networks, at_once):
            yield (
                slice(start, min(start + steps_at_once, steps)),
                slice(first, min(first + at_once, networks)),
            )
