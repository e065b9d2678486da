"""Options of one value: whole numbers, finite numbers, names and dtypes, each checked at once."""

import math
import numbers
import operator
from collections.abc import Mapping
from typing import Any, TypeVar

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.arrays.backend import dtype_name
from backprop_xp.errors import DTypeError, OptionError

__all__ = ["check_count", "check_flag", "finite_number", "float_name", "named"]

T = TypeVar("T")


def check_count(count: Any, where: str, least: int) -> int:
    """Return an integer as a Python int, at least `least`.

    Raises
    ------
    OptionError
        It is no integer, a boolean, or below `least`.
    """
    try:
        number = least - 1 if isinstance(count, bool) else operator.index(count)
    except TypeError:
        number = least - 1
    if number < least:
        raise OptionError(where, repr(count), f"integers >= {least}", "Pass whole numbers")
    return number


def check_flag(flag: Any, where: str) -> None:
    """Refuse another value than True and False.

    Raises
    ------
    OptionError
        It is no boolean.
    """
    if not isinstance(flag, bool):
        raise OptionError(where, f"{flag!r:.100}", "True or False", "Pass one of them")


def finite_number(number: Any, where: str) -> float:
    """Return a finite real number as a Python float.

    Raises
    ------
    OptionError
        It is no real number, a boolean, infinite or NaN.
    """
    try:
        real = isinstance(number, numbers.Real) and not isinstance(number, bool)
        value = float(number) if real else math.nan
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise OptionError(where, f"{number!r:.100}", "a finite number", "Pass one such as 0.1")
    return value


def float_name(dtype: Any, where: str) -> str:
    """Return the name of a float dtype of any library.

    Raises
    ------
    DTypeError
        It is another dtype than float16, float32 and float64.
    """
    name = dtype_name(dtype)
    if name not in ("float16", "float32", "float64"):
        raise DTypeError(where, repr(dtype), "float16, float32 or float64", "Use float32")
    return name


def named(name: str, known: Mapping[str, T], where: str) -> T:
    """Return the entry of `known` with this name.

    Raises
    ------
    OptionError
        The name is unknown; the advice is the most similar known name.

    Examples
    --------
    >>> named("in", {"in": 1, "mean": 2}, "Scaled(fan)")
    1
    """
    if name not in known:
        raise OptionError(
            where, repr(name), f"one of {', '.join(known)}", nearest_name(name, known)
        )
    return known[name]
