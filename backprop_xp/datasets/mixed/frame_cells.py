"""The cells of a data frame's column as the texts that a CSV file would have."""

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.datasets.mixed.dates import ISO
from backprop_xp.datasets.mixed.written_numbers import POINT
from backprop_xp.errors import DTypeError

__all__ = ["FrameCells", "cells_of", "is_frame", "series_of"]


class FrameCells(NamedTuple):
    """A column of a frame as texts.

    Attributes
    ----------
    cells : list of str
    levels : bool
        Whether the frame has it as categories.
    decimal : str
        The decimal mark of the texts that stand for numbers; "" without a number with decimals.
    form : str
        The format of the texts that stand for dates; "" without a date.
    """

    cells: list[str]
    levels: bool
    decimal: str = ""
    form: str = ""


def is_frame(x: Any) -> bool:
    """Tell whether `x` is a data frame, such as pandas' or Polars'.

    Examples
    --------
    >>> is_frame("table.csv")
    False
    """
    return hasattr(x, "columns") and (hasattr(x, "iloc") or hasattr(x, "to_series"))


def series_of(frame: Any, position: int) -> Any:
    """Return a column of a frame by its position; names may occur twice."""
    return frame.iloc[:, position] if hasattr(frame, "iloc") else frame.to_series(position)


def cells_of(series: Any, place: Callable[[int], str], where: str) -> FrameCells:
    """Return the texts of a column, and how they are written.

    Parameters
    ----------
    series : pandas or Polars series
    place : callable
        From a row to the text of its place, for errors.
    where : str
        The function, for errors.

    Raises
    ------
    DTypeError
        A cell is a list or another object.
    """
    values = series.to_list()
    if set(map(type, values)) <= {float}:
        cells = ["" if math.isnan(value) else repr(value) for value in values]
    elif set(map(type, values)) <= {int, bool}:
        cells = list(map(str, values))
    else:
        cells = [_text(value, row, place, where) for row, value in enumerate(values)]
    levels = str(series.dtype).lower().startswith(("categor", "enum"))
    kinds = {type(value) for value, cell in zip(values, cells, strict=True) if cell}
    has_decimals = any(issubclass(kind, float | Decimal | np.floating) for kind in kinds)
    has_dates = any(issubclass(kind, date) for kind in kinds)
    return FrameCells(cells, levels, POINT * has_decimals, ISO * has_dates)


def _text(value: Any, row: int, place: Callable[[int], str], where: str) -> str:
    """Return a value as a file has it; "" for None, NaN, and pandas' NA and NaT."""
    if isinstance(value, str):
        return value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float | Decimal):
        return "" if value != value else (repr(value) if isinstance(value, float) else str(value))
    if isinstance(value, int | bool):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if type(value).__name__ == "Interval":  # of pandas.cut
        return str(value)
    came = f"an object of type {type(value).__name__} at {place(row)}"
    expected = "numbers, texts, truth values and dates"
    advice = "Turn the column into texts, or drop it from the frame"
    raise DTypeError(f"{where}(source)", came, expected, advice)
