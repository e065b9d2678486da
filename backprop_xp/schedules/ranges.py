"""Settings, the numbers of optimisers and of training, and the ranges of their values.

A setting is a constant, an array with one number for each network of a stack, or a schedule.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray, is_array, to_host
from backprop_xp.errors import OptionError

__all__ = [
    "ABOVE_0",
    "ABOVE_1",
    "AT_LEAST_0",
    "BELOW_1",
    "BETWEEN_0_AND_1",
    "FINITE",
    "SHARE",
    "Range",
    "Schedule",
    "Setting",
    "check_range",
    "constant",
    "host_number",
    "is_zero",
    "on_host",
    "value_at",
]

Schedule: TypeAlias = Callable[[int], Any]
Setting: TypeAlias = Any  # a number, an array over the networks of a stack, or a Schedule


def value_at(setting: Setting, step: int) -> Any:
    """Return the value of a setting at `step`.

    Examples
    --------
    >>> value_at(0.1, 5), value_at(lambda step: 1 / (1 + step), 3)
    (0.1, 0.25)
    """
    return setting(step) if callable(setting) else setting


def on_host(value: Any) -> HostArray:
    """Return a number, a list or an array of any library as a new NumPy array of float64.

    Raises
    ------
    TypeError, ValueError, OverflowError
        The value holds texts, booleans or other objects.
    """
    host = np.asarray(to_host(value) if is_array(value) else value)
    is_number = host.dtype.kind in "iuf" or (host.dtype.kind == "O" and _all_integers(host))
    if not is_number:
        raise TypeError(f"{host.dtype} holds no numbers")
    return np.array(host, dtype=np.float64)


def host_number(value: Any) -> Any:
    """Return a Python number unchanged, and any other value as a NumPy array of float64."""
    return value if isinstance(value, int | float) else on_host(value)


def _all_integers(host: HostArray) -> bool:
    """Tell whether all objects are Python integers, which may be too large for a NumPy dtype."""
    return all(type(one) is int for one in host.reshape(-1))


def is_zero(setting: Setting) -> bool:
    """Tell whether a setting is the constant 0 for all networks; a schedule never is."""
    return not callable(setting) and not np.any(on_host(setting))


class Range(NamedTuple):
    """An interval of numbers: `low` belongs to it where `low_too` says so, `high` never.

    Attributes
    ----------
    low, high : float
    low_too : bool
        Whether `low` itself is in the range.
    text : str
        The range in words, for error messages.
    """

    low: float
    high: float
    low_too: bool
    text: str

    def hold(self, values: HostArray) -> bool:
        """Tell whether there are values, and all of them are in the range.

        Examples
        --------
        >>> import numpy as np
        >>> from backprop_xp.schedules.ranges import BELOW_1
        >>> BELOW_1.hold(np.array([0.0, 0.9])), BELOW_1.hold(np.array([0.0, 1.0]))
        (True, False)
        """
        values = np.asarray(values, np.float64)  # a bound beside 1 would round to 1 in float32
        above = values >= self.low if self.low_too else values > self.low
        return values.size > 0 and bool(np.all(above & (values < self.high)))


FINITE = Range(-math.inf, math.inf, low_too=False, text="finite numbers")
AT_LEAST_0 = Range(0, math.inf, low_too=True, text="finite numbers >= 0")
ABOVE_0 = Range(0, math.inf, low_too=False, text="finite numbers > 0")
ABOVE_1 = Range(1, math.inf, low_too=False, text="finite numbers > 1")
BELOW_1 = Range(0, 1, low_too=True, text="numbers >= 0 and < 1")
SHARE = Range(0, math.nextafter(1, 2), low_too=True, text="numbers from 0 to 1")
BETWEEN_0_AND_1 = Range(0, 1, low_too=False, text="numbers > 0 and < 1")


def check_range(where: str, setting: Setting, limits: Range) -> None:
    """Refuse a constant, or an array with an element, outside of `limits`; schedules pass.

    Raises
    ------
    OptionError
        A number is out of range, or the setting is a class.
    """
    if isinstance(setting, type):
        advice = f"Make one, such as {setting.__name__}(...)"
        raise OptionError(where, f"the class {setting.__name__}", limits.text, advice)
    if callable(setting):
        return
    try:
        good = limits.hold(on_host(setting))
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        came = f"{setting!r:.100}"
        raise OptionError(where, came, limits.text, "Pass a number, an array or a schedule")


def constant(where: str, value: Any, limits: Range) -> Any:
    """Return a constant in `limits`: a Python number unchanged, an array as NumPy's in float64.

    Raises
    ------
    OptionError
        The value is out of range, or a schedule.
    """
    if callable(value):
        advice = "Combine schedules by Product, WarmUp or Sequential"
        raise OptionError(where, f"{value!r:.100}", limits.text, advice)
    check_range(where, value, limits)
    return host_number(value)
