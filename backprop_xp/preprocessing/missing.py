"""The signs of a missing value."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray

__all__ = ["is_nan", "missing_in"]


def is_nan(value: Any) -> bool:
    """Tell whether a value is NaN: a number that is not equal to itself.

    Examples
    --------
    >>> is_nan(float("nan")), is_nan("nan"), is_nan(None)
    (True, False, False)
    """
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def missing_in(x: HostArray, sign: Any) -> NDArray[np.bool_]:
    """Tell for each value of an array whether it is missing.

    Parameters
    ----------
    x : array
        Numbers, texts or Python objects.
    sign : number, text or None
        The value that says that one is missing, such as NaN or -1.

    Returns
    -------
    array of bool
        Of x's shape.

    Examples
    --------
    >>> missing_in(np.array(["red", None], dtype=object), None)
    array([False,  True])
    >>> missing_in(np.array([1.0, np.nan]), np.nan)
    array([False,  True])
    """
    numeric = x.dtype.kind in "biuf"
    if is_nan(sign):
        if numeric:
            return np.isnan(x)
        return _each(x, is_nan)
    if sign is None:
        return _each(x, lambda value: value is None) if x.dtype.kind == "O" else _nowhere(x)
    if isinstance(sign, str) is numeric:
        return _nowhere(x)
    return np.asarray(x == sign, dtype=bool) if numeric else _each(x, lambda value: value == sign)


def _each(x: HostArray, test: Any) -> NDArray[np.bool_]:
    found = np.fromiter((test(value) for value in x.reshape(-1)), dtype=bool, count=x.size)
    return found.reshape(x.shape)


def _nowhere(x: HostArray) -> NDArray[np.bool_]:
    return np.zeros(x.shape, dtype=bool)
