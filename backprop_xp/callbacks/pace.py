"""The pace of training: cases per second, and the time that is left."""

import time
from collections import deque
from collections.abc import Callable

__all__ = ["Pace", "duration"]

_MARKS = 10


class Pace:
    """The time that epochs take, over the last ten marks.

    Parameters
    ----------
    cases : int
        The cases of an epoch, each counted once for a whole stack.
    epoch : int
        The number of complete epochs at the start.
    clock : callable
        Returns the time in seconds.

    Examples
    --------
    >>> times = iter([0.0, 2.0, 4.0])
    >>> pace = Pace(cases=100, epoch=0, clock=lambda: next(times))
    >>> pace.mark(4)
    >>> pace.samples_per_second(), pace.seconds_left(10)
    (200.0, 3.0)
    """

    def __init__(self, cases: int, epoch: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._cases, self._clock = cases, clock
        self._start = clock(), epoch
        self._marks = deque([self._start], maxlen=_MARKS)

    def mark(self, epoch: int) -> None:
        """Note the time at which `epoch` epochs are complete."""
        self._marks.append((self._clock(), epoch))

    @property
    def seconds(self) -> float:
        """The seconds from the start to the last mark."""
        return self._marks[-1][0] - self._start[0]

    def samples_per_second(self, *, over_all: bool = False) -> float | None:
        """Return the cases per second, lately or from the start; None before an epoch is complete.

        A complete epoch that took no measurable time gives None too.
        """
        (before, first), (now, last) = self._start if over_all else self._marks[0], self._marks[-1]
        return (
            (last - first) * self._cases / (now - before) if last > first and now > before else None
        )

    def seconds_left(self, epochs: int) -> float | None:
        """Return the seconds until `epochs` epochs are complete; None where no pace is known."""
        rate, (_, epoch) = self.samples_per_second(), self._marks[-1]
        return None if not rate else max(epochs - epoch, 0) * self._cases / rate


def duration(seconds: float) -> str:
    """Return a duration as a text.

    Examples
    --------
    >>> duration(4.2), duration(75), duration(7325)
    ('0:04', '1:15', '2:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
