"""Looks: how many epochs are trained until the host reads their scores.

A look waits for the device, and costs Python some time. Where nothing asks for the numbers of an
epoch, one look serves several epochs. Ctrl-C and a divergence are noticed at a look. So epochs are
as many as take `LOOK_SECONDS`, by the time of the last look.
"""

import time

__all__ = ["LOOK_BYTES", "LOOK_SECONDS", "Looks"]

LOOK_SECONDS = 0.1
LOOK_BYTES = 2**26  # most memory of scores that wait for a look, and of a copy of θ and state
GROWTH = 4  # most times the epochs of the last look, which may have been shorter by chance


class Looks:
    """The number of epochs until the next look, and the time since the last one.

    Parameters
    ----------
    most : int
        The most epochs of a look.

    Examples
    --------
    >>> looks = Looks(most=50)
    >>> looks.begin(now=0.0)
    1
    >>> looks.end(1, now=0.01)
    >>> looks.begin(now=0.02), looks.is_late(now=0.1), looks.is_late(now=0.2)
    (4, False, True)
    """

    def __init__(self, most: int) -> None:
        self._most, self._next, self._alone, self._start = most, 1, 0, 0.0

    def begin(self, now: float | None = None) -> int:
        """Return the number of epochs until the next look."""
        self._start = time.perf_counter() if now is None else now
        return 1 if self._alone else self._next

    def is_late(self, now: float | None = None) -> bool:
        """Tell whether `LOOK_SECONDS` have passed since `begin`."""
        return (time.perf_counter() if now is None else now) - self._start > LOOK_SECONDS

    def end(self, epochs: int, now: float | None = None) -> None:
        """Note that so many epochs were trained and read since `begin`."""
        seconds = max((time.perf_counter() if now is None else now) - self._start, 1e-9)
        within = int(epochs * LOOK_SECONDS / seconds)
        self._next = max(min(within, GROWTH * epochs, self._most), 1)
        self._alone = max(self._alone - epochs, 0)

    def one_by_one(self, epochs: int) -> None:
        """Look after each of the next `epochs` epochs."""
        self._alone = epochs
