"""Data frames and series as NumPy arrays, by their own methods: pandas is not imported.

A column may hold booleans, missing values or categories, for which NumPy's own conversion makes an
array of objects. A missing value among numbers becomes NaN, which the checks of values refuse by
its row. `refuse_missing` refuses it in an array of objects.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DataError, DTypeError

__all__ = ["host_array", "refuse_missing"]


def host_array(x: Any, where: str) -> HostArray:
    """Return a list, a data frame or a series as a NumPy array.

    The array of a frame has the dtype to which NumPy promotes the dtypes of the columns. It is a
    float dtype where a value is missing.

    Raises
    ------
    DataError
        A column of objects has a missing value.
    DTypeError
        A column of a frame holds texts, dates or other objects.
    ValueError
        The rows of a list have different lengths.
    """
    if not hasattr(x, "to_numpy"):
        return np.asarray(x)
    own = _own_dtypes(x)
    found = [_numpy_dtype(one) for one in own]
    if found and all(one is not None and one.kind in "biuf" for one in found):
        dtype = np.result_type(*found)
        if all(one == dtype and isinstance(one, np.dtype) for one in own):
            return np.asarray(x)
        if hasattr(x, "isna") and np.asarray(x.isna()).any():
            dtype = np.result_type(dtype, np.float16)
            return np.asarray(x.to_numpy(dtype=dtype, na_value=np.nan))
        return np.asarray(x.to_numpy(dtype=dtype))
    array = np.asarray(x)
    if array.dtype.kind not in "biuf" and hasattr(x, "columns"):
        _refuse_column(x, where)
    return array


def refuse_missing(values: HostArray, where: str, column: str = "") -> None:
    """Refuse the first missing value of an array of objects: None, NaN, or pandas' NA or NaT.

    Raises
    ------
    DataError
    """
    if values.dtype.kind != "O" or values.ndim == 0:
        return
    for place, value in np.ndenumerate(values):
        if _is_missing(value):
            at = f"row {place[0]}"
            at += f", column {column or place[1]}" if column or len(place) == 2 else ""
            came = f"a missing value, {value}, at {at} (counted from 0)"
            advice = "Leave its row out, or fill the value in"
            raise DataError(where, came, "a value in every place", advice)


def _is_missing(value: Any) -> bool:
    """Tell whether a value is None, or is not equal to itself, as NaN is."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):  # pandas' NA has no truth value, and an array has several
        return type(value).__name__ == "NAType"


def _own_dtypes(x: Any) -> list[Any]:
    """Return the dtypes of a frame's columns, or the dtype of a series as a list of one."""
    dtypes = getattr(x, "dtypes", None)
    return list(dtypes) if np.iterable(dtypes) else [getattr(x, "dtype", None)]


def _numpy_dtype(dtype: Any) -> np.dtype[Any] | None:
    """Return the NumPy dtype of a column's values; None where NumPy has none.

    A nullable dtype names it as `numpy_dtype`, a sparse one as `subtype`. Categories have the dtype
    of their index; those of Polars are texts, and its ``Categorical`` has no index.
    """
    dtype = getattr(dtype, "numpy_dtype", dtype)
    if hasattr(dtype, "fill_value"):
        dtype = dtype.subtype
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        return _numpy_dtype(getattr(categories, "dtype", None))
    try:
        return None if dtype is None else np.dtype(dtype)
    except TypeError:
        return None


def _refuse_column(frame: Any, where: str) -> None:
    """Refuse the first column of a frame that holds no real numbers, or that has missing values."""
    for name, column in _columns(frame):
        values = np.asarray(column)
        if values.dtype.kind not in "biuf":
            refuse_missing(values, where, repr(name))
            came = f"column {name!r} of dtype {column.dtype}"
            advice = (
                "Leave the column out, convert it with astype(float), or turn its categories into "
                "columns with pandas.get_dummies"
            )
            raise DTypeError(where, came, "columns of real numbers", advice)


def _columns(frame: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the name and the values of each column."""
    for number, name in enumerate(frame.columns):
        yield name, frame.iloc[:, number] if hasattr(frame, "iloc") else frame[name]
