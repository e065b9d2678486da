"""The cells of a column as numbers or texts, in the way that was decided for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.dates import ISO, day_of, parts_of
from backprop_xp.datasets.mixed.options import option
from backprop_xp.datasets.mixed.plan import DATE, NUMBER, ColumnPlan
from backprop_xp.datasets.mixed.profile import TRUTHS
from backprop_xp.datasets.mixed.written_numbers import (
    COMMA,
    POINT,
    canonical,
    is_written,
    number_of,
    written_numbers,
)
from backprop_xp.errors import DataError

__all__ = ["Place", "date_parts", "numbers_of", "texts_of"]

Place = Callable[[int, int, str], str]
"""From a row, a column and its name to the text of a cell's place in an error."""


def numbers_of(column: Column, plan: ColumnPlan, place: Place) -> NDArray[np.float64]:
    """Return a column of numbers, truth values or dates as numbers, NaN for a gap.

    Truth values become 1 and 0, dates days since 1970-01-01. Numbers and dates that a frame has as
    such are read as they are, whatever the plan says of texts.

    Returns
    -------
    array (m,) of float64

    Raises
    ------
    DataError
        A cell is something else, or infinite.
    """
    read: Callable[[list[str]], list[float]]
    plan = replace(plan, decimal=column.decimal or plan.decimal, form=column.form or plan.form)
    if plan.kind == NUMBER:
        read = _numbers(plan.decimal)
    elif plan.kind == DATE:
        read = _dates(plan.form)
    else:
        read = _truths
    found = np.full(len(column), np.nan)
    row = 0
    for (start, cells, there), part in zip(column.present(), column.parts(), strict=True):
        try:
            values = read(cells)
        except (ValueError, KeyError):
            place_of = next(i for i, cell in enumerate(part) if not _is_read(cell, read, column))
            raise _misfit(part[place_of], start + place_of, plan, place, column) from None
        found[row : row + len(part)][slice(None) if there is None else there] = values
        row += len(part)
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        row, cell = int(infinite[0]), canonical(found[infinite[0]])
        raise _misfit(cell, row, plan, place, column, "a finite number")
    return found


def _numbers(decimal: str) -> Callable[[list[str]], list[float]]:
    return lambda cells: written_numbers(cells, decimal)


def _dates(form: str) -> Callable[[list[str]], list[float]]:
    return lambda cells: [day_of(cell, form) for cell in cells]


def _truths(cells: list[str]) -> list[float]:
    return [TRUTHS[cell.lower()] for cell in cells]


def _is_read(cell: str, read: Callable[[list[str]], list[float]], column: Column) -> bool:
    if cell in column.signs:
        return True
    try:
        read([cell])
    except (ValueError, KeyError):
        return False
    return True


def _misfit(
    cell: str, row: int, plan: ColumnPlan, place: Place, column: Column, expected: str = ""
) -> DataError:
    """Return the error for a cell that is not of its column's kind."""
    if plan.kind == DATE:
        form = "such as 2024-05-31" if plan.form == ISO else f"as {plan.form}"
        expected = f"a date {form}"
    elif plan.kind == NUMBER:
        expected = expected or f"a number with {plan.decimal!r} before decimals"
    else:
        expected = "true or false"
    advice = "Correct the cell, or leave it empty"
    if not column.settled:
        advice += f". If it is a sign of a missing value, pass {option('missing', cell)}"
    elif plan.kind == NUMBER and is_written(cell, COMMA if plan.decimal == POINT else POINT):
        advice = f"Write the decimal mark {plan.decimal!r}, as the table of training has it"
    return DataError(place(row, plan.position, plan.name), shown(cell), expected, advice)


def date_parts(days: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the year, the month, the weekday and the days of dates, NaN for a gap.

    Parameters
    ----------
    days : array (m,) of float64
        Days since 1970-01-01, NaN for a gap.

    Returns
    -------
    list of array (m,) of float64

    Examples
    --------
    >>> [part.tolist() for part in date_parts(np.array([19874.25]))]
    [[2024.0], [5.0], [4.0], [19874.25]]
    """
    found = np.full((4, len(days)), np.nan)
    there = np.flatnonzero(~np.isnan(days))
    different, places = np.unique(days[there], return_inverse=True)
    parts = np.array([parts_of(day) for day in different.tolist()]).reshape(-1, 4)
    found[:, there] = parts[places].T
    return list(found)


def texts_of(column: Column, decimal: str) -> NDArray[np.object_]:
    """Return a column as texts, None for a gap.

    Parameters
    ----------
    column : Column
    decimal : str
        If not "", numbers become the one text of a number, 1 for 1.0; else texts are as written.
        The numbers of a frame have their own mark.

    Returns
    -------
    array (m,) of object
    """
    found: NDArray[Any] = np.empty(len(column), dtype=object)
    decimal = decimal and (column.decimal or decimal)
    kept: dict[str, str] = {}  # each text once
    row = 0
    for (_, cells, there), part in zip(column.present(), column.parts(), strict=True):
        texts = [kept.get(cell) or kept.setdefault(cell, _text(cell, decimal)) for cell in cells]
        found[row : row + len(part)][slice(None) if there is None else there] = texts
        row += len(part)
    return found


def _text(cell: str, decimal: str) -> str:
    if not decimal:
        return cell
    try:
        return canonical(number_of(cell, decimal))
    except ValueError:
        return cell
