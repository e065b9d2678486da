"""The first row of a CSV file: a header that names the columns, or a row of values.

A row that may be either is refused, because a header is left out of the cases.
"""

from collections import Counter
from pathlib import Path
from typing import TypeAlias

from backprop_xp.datasets.cells import is_missing, is_name, is_number, is_value, shown
from backprop_xp.datasets.csv_file import SEPARATORS, FirstRows, place
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
    first, second = rows.first, rows.second
    numbers = [j for j, cell in enumerate(first) if is_number(cell)]
    of_numbers = set(numbers)
    texts = [j for j, cell in enumerate(first) if cell and j not in of_numbers]
    telling = [j for j in texts if j != target or (second != [] and is_number(second[j]))]
    if not telling:
        return False
    values = [j for j in texts if is_value(first[j])]
    named = any(is_name(first[j]) for j in telling)
    numbered = [first[j] for j in numbers] == list(map(str, range(len(numbers))))
    if named and not values and numbered and len(numbers) != 1:
        return True
    doubtful = (values or numbers or telling)[0]
    came = shown(first[doubtful])
    if values:
        came += ", " + ("a missing value" if is_missing(first[doubtful]) else "a value")
        came += " or the name of a column"
    elif numbers:
        came += f" and a text, {shown(first[telling[0]])}"
    else:
        came += ", the name of a column or a value"
    where, expected = place(file, rows.line, doubtful), "a header or a row of numbers"
    advice = (
        "The line is ambiguous: pass header=True (--header) if it names the columns, or "
        "header=False (--no-header) if it is a row"
    )
    raise DataError(where, came + one_cell(rows), expected, advice)


def columns_of(file: Path, rows: FirstRows, wanted: Names) -> list[int]:
    """Return the columns of names, each of which occurs once in the header."""
    counts = Counter(rows.first)
    column_of = {name: j for j, name in enumerate(rows.first)}
    for name in wanted:
        if counts[name] != 1:
            came = f"{counts[name]} columns {name!r}{one_cell(rows)}"
            advice = "Rename or delete the others" if counts[name] else "Add the column"
            where = f"{file.name}, line {rows.line}"
            expected, advice = f"one column {name!r}", advice_for_one_cell(rows) or advice
            raise DataError(where, came, expected, advice)
    return [column_of[name] for name in wanted]


def check_names(file: Path, rows: FirstRows, features: list[int]) -> None:
    """Refuse a header with empty or repeated names."""
    counts = Counter(rows.first)
    for j in features:
        name = rows.first[j]
        if not name or counts[name] > 1:
            came = f"the name {shown(name)}"
            advice = "Name the column, or delete it if it is the number of the row"
            expected = "a different name for each column"
            raise DataError(place(file, rows.line, j), came, expected, advice)


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
