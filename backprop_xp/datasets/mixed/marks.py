"""Which of a point and a comma is the decimal mark of each column of numbers.

A column is in doubt where both marks fit all its cells: 1.234 is a thousand or about one. The other
columns decide, then the separator of cells.
"""

from collections.abc import Mapping
from typing import Final

from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.options import option
from backprop_xp.datasets.mixed.profile import Profile
from backprop_xp.datasets.mixed.source import Source
from backprop_xp.datasets.mixed.values import Place
from backprop_xp.datasets.mixed.written_numbers import COMMA, POINT
from backprop_xp.errors import DataError

__all__ = ["decimal_marks"]

_MARKS: Final = (POINT, COMMA)


def decimal_marks(
    source: Source, profiles: Mapping[int, Profile], given: str | None, place: Place
) -> dict[int, str]:
    """Return the decimal mark of each column in which numbers prevail, by its position.

    Parameters
    ----------
    source : Source
    profiles : dict of int to Profile
    given : str or None
        The mark of all columns, as the caller knows it.
    place : callable
        Of `values`.

    Raises
    ------
    DataError
        The mark of a column is in doubt; or it is another than the given one.
    """
    found: dict[int, str] = {}
    doubtful = []
    known = {j: source.columns[j].decimal for j in profiles if source.columns[j].decimal}
    for position, profile in profiles.items():
        if position in known:  # it has the numbers of a frame
            if profile.fits(known[position]) or profile.prevails(known[position]):
                found[position] = known[position]
            continue
        mark = _only_mark(profile)
        if mark is not None:
            if given not in (None, mark) and profile.marks and profile.fits(mark):
                raise _other_mark(source.columns[position], profile, str(given), place)
            found[position] = mark
        elif all(map(profile.fits, _MARKS)):
            doubtful.append(position)
    evidence = {
        mark
        for j, mark in found.items()
        if j not in known and profiles[j].marks and profiles[j].fits(mark)
    }
    for position in doubtful:
        by_others = next(iter(evidence)) if len(evidence) == 1 else None
        by_separator = _by_separator(source.separator, profiles[position].marks)
        mark = given or by_others or (None if evidence else by_separator)
        if mark is None:
            raise _in_doubt(source.columns[position], place)
        found[position] = mark
    return found


def _only_mark(profile: Profile) -> str | None:
    """Return the mark that alone fits a column, or fits it best; None for no number and in doubt.

    A point is the mark of numbers without any.
    """
    fitting = [mark for mark in _MARKS if profile.fits(mark)]
    if fitting:
        return fitting[0] if len(fitting) == 1 or not profile.marks else None
    near = [mark for mark in _MARKS if profile.prevails(mark)]
    return min(near, key=lambda mark: profile.ways[mark].count, default=None)


def _by_separator(separator: str, marks: frozenset[str]) -> str | None:
    """Return the mark of numbers such as 1.234 or 1,234 by the separator; None in doubt.

    A semicolon separates cells where the comma is the decimal mark. Where the comma separates, it
    is within a quoted cell for groups of digits.
    """
    if marks == {POINT}:
        return None if separator == ";" else POINT
    if marks == {COMMA} and separator in (";", ","):
        return COMMA if separator == ";" else POINT
    return None


def _marked(column: Column) -> tuple[int, str]:
    """Return the first cell with a mark, and its row."""
    row = 0
    for cells in column.parts():
        for cell in cells:
            if cell not in column.signs and (POINT in cell or COMMA in cell):
                return row, cell
            row += 1
    raise AssertionError  # a column with marks has such a cell


def _in_doubt(column: Column, place: Place) -> DataError:
    row, cell = _marked(column)
    came = f"{shown(cell)}, which may be a thousand or more, or a number with decimals"
    advice = f"Pass {option('decimal', POINT)} or {option('decimal', COMMA)}"
    where = place(row, column.position, column.name)
    return DataError(where, came, "a column, or another one, with a number of one meaning", advice)


def _other_mark(column: Column, profile: Profile, given: str, place: Place) -> DataError:
    cell, row = profile.misfit(given)
    expected = f"a number with {given!r} before decimals"
    advice = f"Leave decimal out, or read texts: pass {option('categories', column.name)}"
    return DataError(place(row, column.position, column.name), shown(cell), expected, advice)
