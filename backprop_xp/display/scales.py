"""The axis of a chart: positions of values, and marks at round numbers."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scale", "spans_decades"]

_LOG_RANGE: Final = 10
_ROUND: Final = (1, 2, 5, 10)
_MARKS: Final = 5


def spans_decades(low: float, high: float) -> bool:
    """Tell whether values from `low` to `high` are drawn on a logarithmic axis.

    They are where all are above 0 and the greatest is more than ten times the least.

    Examples
    --------
    >>> spans_decades(0.1, 2.0), spans_decades(0.0, 2.0), spans_decades(1.0, 2.0)
    (True, False, False)
    """
    return low > 0 and high > _LOG_RANGE * low


@dataclass(frozen=True)
class Scale:
    """An axis from `low` at the pixel `start` to `high` at the pixel `end`.

    Attributes
    ----------
    low, high : float
        Finite, low < high.
    start, end : float
        Pixels.
    logarithmic : bool
        Needs low > 0.
    whole : bool
        Whether marks are at whole numbers alone.

    Examples
    --------
    >>> scale = Scale(0.01, 100.0, 0, 100, logarithmic=True)
    >>> scale.at(np.array([1.0])), scale.marks()
    (array([50.]), [0.01, 0.1, 1.0, 10.0, 100.0])
    >>> Scale(0, 3, 0, 100).marks()
    [0.0, 1.0, 2.0, 3.0]
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    whole: bool = False

    def at(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the pixels of values; NaN for values that the axis cannot hold."""
        low, high = self.low, self.high
        if self.logarithmic:
            values = np.log(np.where(values > 0, values, np.nan))
            low, high = math.log(low), math.log(high)
        share = (np.asarray(values, dtype=np.float64) - low) / (high - low)
        return self.start + (self.end - self.start) * share

    def marks(self) -> list[float]:
        """Return up to about six round numbers within the axis."""
        found = self._powers() if self.logarithmic else self._steps()
        inside = [float(f"{x:.6g}") for x in found]
        return [x for x in inside if self.low <= x * (1 + 1e-9) and x <= self.high * (1 + 1e-9)]

    def _steps(self) -> list[float]:
        rough = (self.high - self.low) / _MARKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next((n * unit for n in _ROUND if n * unit >= rough * (1 - 1e-9)), 10 * unit)
        step = max(step, 1.0) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]

    def _powers(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        if last - first <= 2:
            return [n * 10.0**k for k in range(first, last + 1) for n in _ROUND[:-1]]
        every = math.ceil((last - first) / _MARKS)
        return [10.0**k for k in range(first, last + 1, every)]
