"""The first row of a table of mixed columns: the names of the columns, or a row of values.

Columns of numbers, truth values and dates decide: their name is a text that is none of these. In
columns of texts, a row has texts that occur further down too. A first row that may be either is
refused, because a header is left out of the rows.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from backprop_xp.datasets.cells import is_missing, is_name, is_number, shown
from backprop_xp.datasets.mixed.dates import ISO
from backprop_xp.datasets.mixed.profile import TRUTH, Profile
from backprop_xp.datasets.mixed.source import Source
from backprop_xp.datasets.mixed.written_numbers import COMMA, POINT
from backprop_xp.errors import DataError

__all__ = ["check_names", "first_row_names_columns"]

_TYPED: Final = (POINT, COMMA, TRUTH, ISO)


def first_row_names_columns(source: Source, profiles: Sequence[Profile]) -> bool:
    """Tell whether the first row of a file names its columns.

    Parameters
    ----------
    source : Source
    profiles : sequence of Profile
        Of the columns without the first row.

    Raises
    ------
    DataError
        The row may be either.
    """
    cells = source.first
    if not source.lines:
        return not any(map(is_number, cells))
    typed = [_is_typed(cell, one) for cell, one in zip(cells, profiles, strict=True)]
    names = [j for j, cell in enumerate(cells) if typed[j] and not _same_type(cell, profiles[j])]
    values = [j for j, cell in enumerate(cells) if typed[j] and _same_type(cell, profiles[j])]
    texts = [j for j, cell in enumerate(cells) if cell and not typed[j]]
    known = [j for j in texts if cells[j] in source.columns[j].cells]
    counted = _counted([cells[j] for j in values])
    if names and (counted or not values):
        if any(is_name(cells[j]) for j in names):
            return True
        raise _ambiguous(source, names[0])
    if names:
        raise _ambiguous(source, values[0])
    if known:
        return False
    if values:
        new = [j for j in texts if 2 * profiles[j].different <= profiles[j].present]
        if new and counted:
            return True
        years = len(values) == len(cells) > 2 and counted
        if new or years or (texts and _rising([cells[j] for j in values])):
            raise _ambiguous(source, (new or texts or values)[0])
        return False
    if all(is_name(cell) for cell in cells) and len(set(cells)) == len(cells):
        return True
    raise _ambiguous(source, 0)


def _is_typed(cell: str, profile: Profile) -> bool:
    """Tell whether a column is of numbers, truth values or dates, and its first cell is there.

    A cell further down that repeats the name is no value.
    """
    return not is_missing(cell) and any(
        profile.fits(way) or (profile.nearly_fits(way) and profile.misfits(way) == (cell,))
        for way in _TYPED
    )


def _same_type(cell: str, profile: Profile) -> bool:
    """Tell whether a first cell is of the type of its column; "inf" is a name above numbers."""
    typed = any(profile.fits(way) and profile.ways[way].takes([cell]) for way in _TYPED)
    return typed and (profile.fits(TRUTH) or any(map(str.isdecimal, cell)))


def _rising(cells: Sequence[str]) -> bool:
    """Tell whether cells are two or more whole numbers that rise, as the names of years do."""
    if len(cells) < 2 or not all(cell.isdecimal() and len(cell) < 10 for cell in cells):
        return False
    return all(int(low) < int(high) for low, high in pairwise(cells))


def _counted(cells: Sequence[str]) -> bool:
    """Tell whether cells are two or more whole numbers that count up."""
    return _rising(cells) and int(cells[-1]) - int(cells[0]) == len(cells) - 1


def _ambiguous(source: Source, column: int) -> DataError:
    came = f"{shown(source.first[column])}, the name of a column or a value"
    advice = (
        "The line is ambiguous: pass header=True (--header) if it names the columns, or "
        "header=False (--no-header) if it is a row"
    )
    where = source.place(source.first_line, column, "")
    return DataError(where, came, "a header or a row", advice)


def check_names(source: Source, names: Sequence[str]) -> None:
    """Refuse names that occur twice, and a line that repeats the header.

    Raises
    ------
    DataError
    """
    seen: dict[str, int] = {}
    for j, name in enumerate(names):
        if name in seen:
            came = f"the name {shown(name)}, which column {seen[name] + 1} has too"
            expected = "a different name for each column"
            where = source.place(source.first_line, j, "")
            if source.is_frame:
                where = source.title
                came = f"the name {shown(name)} of columns {seen[name]} and {j}, counted from 0"
            by_index = f"ignore=[{j}] (--ignore {j})"
            advice = f"Rename one of the columns, or leave one out by its index: {by_index}"
            raise DataError(where, came, expected, advice)
        seen[name] = j
    if source.again is not None and any(map(is_name, source.first)):
        where = f"{source.title}, line {source.again}"
        came = f"the names of the columns again, as in line {source.first_line}"
        raise DataError(where, came, "a row of values", "Delete the line")
