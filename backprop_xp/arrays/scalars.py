"""Options: whole numbers and dtypes, checked wherever they come in."""

import math
import numbers
import operator
from typing import Any

from backprop_xp.arrays.backend import dtype_name
from backprop_xp.errors import DTypeError, OptionError

__all__ = ["check_count", "finite_number", "float_name"]


def check_count(count: Any, where: str, least: int) -> int:
    """Return an integer of at least `least`.

    Raises
    ------
    OptionError
    """
    try:
        number = least - 1 if isinstance(count, bool) else operator.index(count)
    except TypeError:
        number = least - 1
    if number < least:
        raise OptionError(where, repr(count), f"integers >= {least}", "Pass whole numbers")
    return number


def finite_number(number: Any, where: str) -> float:
    """Return a real, finite number as a float of Python.

    Raises
    ------
    OptionError
    """
    try:
        real = isinstance(number, numbers.Real) and not isinstance(number, bool)
        value = float(number) if real else math.nan
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise OptionError(where, f"{number!r:.100}", "a finite number", "Such as 0.1")
    return value


def float_name(dtype: Any, where: str) -> str:
    """Return the name of a float dtype of any library.

    Raises
    ------
    DTypeError
    """
    name = dtype_name(dtype)
    if name not in ("float16", "float32", "float64"):
        raise DTypeError(where, repr(dtype), "float16, float32 or float64", "Use float32")
    return name
