"""Where training stands: the numbers that a progress line and a live curve show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.callbacks.pace import Pace, duration

__all__ = ["Standing", "count_text"]


@dataclass(frozen=True)
class Standing:
    """Where training stands after an epoch.

    Attributes
    ----------
    epoch, epochs : int
        Complete epochs, and all that were asked for.
    history : mapping of sequences
        As `Run.history`.
    pace : Pace
    title : str
        The network.
    ended : bool
        Whether training has ended.
    stopped : str
        Why training ended before its last epoch; else empty.
    """

    epoch: int
    epochs: int
    history: Mapping[str, Sequence[Any]]
    pace: Pace
    title: str = ""
    ended: bool = False
    stopped: str = ""

    @property
    def networks(self) -> int:
        """The number of networks."""
        costs = self.history.get("cost") or [0.0]
        return int(np.size(costs[-1]))

    @property
    def last(self) -> dict[str, float]:
        """The last entries of the history that are numbers, of a stack the medians."""
        found = {name: np.asarray(of[-1]) for name, of in self.history.items() if len(of)}
        return {
            name: float(np.median(entry))
            for name, entry in found.items()
            if entry.dtype.kind in "biuf" and entry.size
        }

    @property
    def samples(self) -> str:
        """The samples per second, lately or over all of a training that has ended; else empty."""
        rate = self.pace.samples_per_second(over_all=self.ended)
        return "" if rate is None else f"{count_text(rate)} samples/s"

    @property
    def time(self) -> str:
        """The time that is left, or that an ended training took; empty where it is not known."""
        if self.ended:
            return f"in {self._seconds()}"
        left = self.pace.seconds_left(self.epochs)
        return "" if left is None else f"{duration(left)} left"

    def _seconds(self) -> str:
        seconds = self.pace.seconds
        return duration(seconds) if seconds >= 60 else f"{seconds:.3g} s"


def count_text(number: float) -> str:
    """Return a number above 0 in three digits.

    Examples
    --------
    >>> count_text(123.4), count_text(12345.0), count_text(1234567.0)
    ('123', '12.3k', '1.23M')
    """
    rounded = float(f"{number:.3g}")
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rounded >= unit:
            return f"{rounded / unit:.3g}{letter}"
    return f"{rounded:.3g}"
