"""The first row of a CSV file: a header that names the columns, or a row of values.

A row that may be either is refused, because a header is left out of the cases.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from backprop_xp.datasets.cells import is_missing, is_name, is_number, is_value, shown
from backprop_xp.datasets.csv_file import FirstRows, place
from backprop_xp.datasets.csv_rows import SEPARATORS, Cells
from backprop_xp.errors import DataError

__all__ = ["advice_for_one_cell", "check_names", "columns_of", "is_header", "one_cell"]

Names: TypeAlias = tuple[str, ...]


def is_header(file: Path, rows: FirstRows, target: int | None) -> bool:
    """Tell whether the first row names the columns, which may be numbered 0, 1, … in part.

    It has a text in a feature's column, or above a numeric target, if it is a header.

    Raises
    ------
    DataError
        It may also be a row: a cell with a text is written as a value, numbers are beside texts, or
        no text is beyond doubt a name.
    """
    found = _signs(rows, target)
    if found.telling is None:
        return False
    if found.named and found.value is None and found.numbered and found.numbers != 1:
        return True
    number = found.number if found.value is None else found.value
    doubtful = found.telling if number is None else number
    cell = rows.first[doubtful]
    came = shown(cell)
    if found.value is not None:
        came += ", " + ("a missing value" if is_missing(cell) else "a value")
        came += " or the name of a column"
    elif found.number is not None:
        came += f" and a text, {shown(rows.first[found.telling])}"
    else:
        came += ", the name of a column or a value"
    where, expected = place(file, rows.line, doubtful), "a header or a row of numbers"
    advice = (
        "The line is ambiguous: pass header=True (--header) if it names the columns, or "
        "header=False (--no-header) if it is a row"
    )
    raise DataError(where, came + one_cell(rows), expected, advice)


class _Signs(NamedTuple):
    """The kinds of cells in a first row.

    Attributes
    ----------
    number, value, telling : int or None
        The first column of a number, of a text that is written as a value, and of a text that is in
        a feature's column or above a numeric target.
    numbers : int
        How many cells are numbers.
    numbered : bool
        Whether these are 0, 1, ... in this order.
    named : bool
        Whether a telling text is beyond doubt a name.
    """

    number: int | None
    value: int | None
    telling: int | None
    numbers: int
    numbered: bool
    named: bool


def _signs(rows: FirstRows, target: int | None) -> _Signs:
    """Return the kinds of cells in the first row."""
    number = value = telling = None
    numbers, numbered, named = 0, True, False
    for j, cell in enumerate(rows.first):
        if is_number(cell):
            number = j if number is None else number
            numbered = numbered and cell == str(numbers)
            numbers += 1
        elif cell:
            if value is None and is_value(cell):
                value = j
            if j != target or (len(rows.second) and is_number(rows.second[j])):
                telling = j if telling is None else telling
                named = named or is_name(cell)
    return _Signs(number, value, telling, numbers, numbered, named)


def columns_of(file: Path, rows: FirstRows, wanted: Names) -> list[int]:
    """Return the columns of names, each of which occurs once in the header."""
    column_of = dict.fromkeys(wanted, -1)
    more: Counter[str] = Counter()
    for j, name in enumerate(rows.first):
        if column_of.get(name, 0) < 0:
            column_of[name] = j
        elif name in column_of:
            more[name] += 1
    for name in wanted:
        if more[name] or column_of[name] < 0:
            known = f"{more[name] + 1} columns" if more[name] else "no column"
            came = f"{known} {name!r}{one_cell(rows)}"
            advice = "Rename or delete the others" if more[name] else "Add the column"
            where = f"{file.name}, line {rows.line}"
            expected, advice = f"one column {name!r}", advice_for_one_cell(rows) or advice
            raise DataError(where, came, expected, advice)
    return [column_of[name] for name in wanted]


def check_names(file: Path, rows: FirstRows, features: Sequence[int]) -> None:
    """Refuse a header with empty or repeated names."""
    of_features = np.zeros(len(rows.first), np.bool_)
    of_features[np.fromiter(features, np.int32, len(features))] = True
    hashes = _repeated_hashes(rows.first)
    for j, name in compress(enumerate(rows.first), of_features):
        if not name or (_is_among(hash(name), hashes) and sum(map(name.__eq__, rows.first)) > 1):
            came = f"the name {shown(name)}"
            advice = "Name the column, or delete it if it is the number of the row"
            expected = "a different name for each column"
            raise DataError(place(file, rows.line, j), came, expected, advice)


def _is_among(value: int, ascending: "array[int]") -> bool:
    position = bisect_left(ascending, value)
    return position < len(ascending) and ascending[position] == value


def _repeated_hashes(names: Cells) -> "array[int]":
    """Return the hashes that occur more than once, in ascending order.

    A hash takes 8 bytes, and a name in a set 100 and more.
    """
    hashes = np.fromiter(map(hash, names), np.int64, len(names))
    hashes.sort()
    again = hashes[1:] == hashes[:-1]
    first_time = again.copy()
    first_time[1:] &= ~again[:-1]
    return array("q", hashes[1:][first_time].tobytes())


def one_cell(rows: FirstRows) -> str:
    """Return words about a first row of one cell, for an error; "" for more cells."""
    if len(rows.first) > 1:
        return ""
    cell = shown(rows.first[0])
    return f", as line {rows.line} is one cell, {cell}, with {rows.separator} as the separator"


def advice_for_one_cell(rows: FirstRows) -> str:
    """Return the advice for a first row of one cell; "" for more cells."""
    known = ", ".join(SEPARATORS.values())
    return (
        f"Delete the line if it is a title, or separate cells by one of {known}"
        if len(rows.first) == 1
        else ""
    )
