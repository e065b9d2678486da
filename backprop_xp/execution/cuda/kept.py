"""What a training on a GPU leaves for the next one with an equal rule: recordings and their graphs.

They hold scratch memory on the device. So a thread keeps a few, of bounded size, and leaves all of
them where memory runs out.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

__all__ = ["MOST", "MOST_BYTES", "Kept", "forget", "kept_for", "with_room"]

MOST: Final = 16
MOST_BYTES: Final = 2**29  # of all that is kept
R = TypeVar("R")


class Kept:
    """Results by key, of which those that were used last are kept.

    A result may have an attribute `nbytes`, the bytes of memory that it holds.
    """

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self._made)

    def of(self, key: Hashable, make: Callable[[], R]) -> R:
        """Return the result for a key, made by `make` where there is none."""
        found: R = self._made.pop(key) if key in self._made else with_room(make)
        self._made[key] = found
        while len(self) > MOST or self._nbytes() > MOST_BYTES:
            self._made.popitem(last=False)
        return found

    def clear(self) -> None:
        """Keep nothing."""
        self._made.clear()

    def _nbytes(self) -> int:
        return sum(getattr(one, "nbytes", 0) for one in self._made.values())


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.kept = Kept()


_of_thread = _OfThread()


def kept_for(rule: Hashable) -> Kept:
    """Return what this thread keeps, for keys that begin with the rule; for None, nothing yet."""
    return Kept() if rule is None else _of_thread.kept


def forget() -> bool:
    """Leave all that this thread keeps, and tell whether there was something."""
    something = len(_of_thread.kept) > 0
    _of_thread.kept.clear()
    return something


def with_room(make: Callable[[], R]) -> R:
    """Return ``make()``; where memory runs out, once more without what this thread keeps.

    Raises
    ------
    MemoryError
        There is no room either way.
    """
    try:
        return make()
    except MemoryError:
        if not forget():
            raise
    return make()  # outside of `except`, which holds memory
