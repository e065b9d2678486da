"""Schedules: plain functions of the step, such as the learning rate after t updates.

Any callable that takes the number of updates made so far and returns a number, or an array with one
for each network of a stack, is a schedule. An array with other values is another array: one that is
changed in place is not looked at again.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import array_api_compat
import numpy as np

from backprop_xp.backend import to_host
from backprop_xp.errors import OptionError

__all__ = [
    "ABOVE_0",
    "AT_LEAST_0",
    "BELOW_1",
    "Constant",
    "Piecewise",
    "Range",
    "Schedule",
    "Setting",
    "check_range",
    "on_host",
    "value_at",
]

Schedule: TypeAlias = Callable[[int], Any]
Setting: TypeAlias = Any  # a number, an array over the networks of a stack, or a Schedule


@dataclass(frozen=True)
class Constant:
    """The same value at every step.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    value: Any

    def __call__(self, step: int) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Piecewise:
    """One value up to each boundary, another from there on.

    Parameters
    ----------
    boundaries : sequence of int
        Increasing steps, at which the next value begins.
    values : sequence
        One more than there are boundaries.

    Raises
    ------
    OptionError
        The boundaries do not increase, or the counts do not fit.

    Examples
    --------
    The momentum of Rumelhart, Hinton and Williams (1986) for the family trees:

    >>> momentum = Piecewise([20], [0.5, 0.9])
    >>> momentum(19), momentum(20)
    (0.5, 0.9)
    """

    boundaries: Sequence[int]
    values: Sequence[Any]

    def __post_init__(self) -> None:
        try:
            boundaries = tuple(operator.index(boundary) for boundary in self.boundaries)
            values = tuple(self.values)
            increasing = all(a < b for a, b in pairwise(boundaries))
            good = increasing and len(values) == len(boundaries) + 1
        except TypeError:
            good = False
        if not good:
            raise OptionError(
                "Piecewise",
                f"boundaries {self.boundaries!r} and values {self.values!r}",
                "increasing whole numbers, and one value more",
                "Such as Piecewise([20], [0.5, 0.9])",
            )
        object.__setattr__(self, "boundaries", boundaries)
        object.__setattr__(self, "values", values)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.values[sum(step >= boundary for boundary in self.boundaries)]


def value_at(setting: Setting, step: int) -> Any:
    """Return the value of a number, an array or a schedule at `step`."""
    return setting(step) if callable(setting) else setting


def on_host(value: Any) -> np.ndarray[Any, Any]:
    """Return a number, a list or an array of any library as a new NumPy array of float64."""
    host = to_host(value) if array_api_compat.is_array_api_obj(value) else value
    return np.array(host, dtype=np.float64)


class Range(NamedTuple):
    """Numbers from `low`, which may be left out, to `high`, which is.

    Attributes
    ----------
    low, high : float
    low_too : bool
        Whether `low` itself is welcome.
    text : str
        What an error message says was expected.
    """

    low: float
    high: float
    low_too: bool
    text: str

    def hold(self, values: np.ndarray[Any, Any]) -> bool:
        """Tell whether all values are within."""
        above = values >= self.low if self.low_too else values > self.low
        return bool(np.all(above & (values < self.high)))


AT_LEAST_0 = Range(0, math.inf, low_too=True, text="finite numbers >= 0")
ABOVE_0 = Range(0, math.inf, low_too=False, text="finite numbers > 0")
BELOW_1 = Range(0, 1, low_too=True, text="numbers >= 0 and < 1")


def check_range(where: str, setting: Setting, limits: Range) -> None:
    """Refuse a number, or an array with one, outside of `limits`; schedules pass.

    Raises
    ------
    OptionError
    """
    if callable(setting):
        return
    try:
        good = limits.hold(on_host(setting))
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        came = f"{setting!r:.100}"
        raise OptionError(where, came, limits.text, "Pass a number, an array or a schedule")
