"""What the cells of a column can be: the ways of reading, and the cells that each does not take."""

from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.dates import ISO, day_of, is_other_date
from backprop_xp.datasets.mixed.written_numbers import (
    COMMA,
    POINT,
    is_signed,
    is_whole,
    is_written,
    written_numbers,
)

__all__ = ["AMOUNT", "OTHER_DATE", "TRUTH", "TRUTHS", "WHOLE", "Profile", "profile_of", "ways"]

TRUTHS: Final = {"true": 1.0, "false": 0.0}
"""The truth values, in lower case, as numbers."""

TRUTH: Final = "truth"
WHOLE: Final = "whole"
AMOUNT: Final = "amount"  # with either mark, and with or without a sign
OTHER_DATE: Final = "other date"

_MOST_MISFITS: Final = 5  # different cells that a way of reading does not take
_MOST_SEEN: Final = 2**12  # different cells of a column that are kept
_FEW: Final = 10  # different whole numbers, at most, that may be the codes of categories

Takes = Callable[[list[str]], bool]


@dataclass(slots=True)
class _Way:
    """A way of reading cells; `misfits` are the different cells that it does not take.

    Attributes
    ----------
    misfits : dict of str to int
        Their first rows; of more than `_MOST_MISFITS` different cells the way takes no more.
    count : int
        Their number.
    """

    takes: Takes
    misfits: dict[str, int] = field(default_factory=dict)
    count: int = 0

    @property
    def goes_on(self) -> bool:
        return len(self.misfits) <= _MOST_MISFITS

    def look_at(self, part: "_Part") -> None:
        """Look at the cells of a part that are new, and count those that did not fit before."""
        if not self.goes_on:
            return
        if self.misfits:
            self.count += sum(part.counts[cell] for cell in self.misfits)
        if self.takes(part.new):
            return
        for cell in part.new:
            if cell not in self.misfits and not self.takes([cell]):
                self.count += part.counts[cell]
                self.misfits[cell] = part.row_of(cell)
                if not self.goes_on:
                    return


@dataclass(frozen=True, slots=True)
class _Part:
    """The cells of a part that are not missing.

    Attributes
    ----------
    row : int
        The first row.
    cells : list of str
    there : array of bool or None
        Where the cells are; None where none is missing.
    counts : Counter
        How often each different cell occurs.
    new : list of str
        The different cells that did not occur before, as far as that is known.
    """

    row: int
    cells: list[str]
    there: NDArray[np.bool_] | None
    counts: Counter[str]
    new: list[str]

    def row_of(self, cell: str) -> int:
        """Return the first row that has a cell."""
        place = self.cells.index(cell)
        return self.row + (place if self.there is None else int(np.flatnonzero(self.there)[place]))


@dataclass(frozen=True, slots=True)
class Profile:
    """What the cells of a column can be.

    Attributes
    ----------
    count, present, different : int
        The numbers of rows, of cells that are not missing, and of different ones among these.
    marks : frozenset of str
        The marks "." and "," that cells have.
    ways : dict of str to way
        The ways of reading, by their names.
    """

    count: int
    present: int
    different: int
    marks: frozenset[str]
    ways: Mapping[str, _Way]

    def fits(self, way: str) -> bool:
        """Tell whether a way takes all cells, of which there is one at least."""
        return self.present > 0 and way in self.ways and not self.ways[way].count

    def nearly_fits(self, way: str) -> bool:
        """Tell whether a way takes at least nine cells of ten, or all but one."""
        one = self.ways.get(way)
        if one is None or not one.goes_on:
            return False
        return 0 < one.count <= max(1, self.present // 10) and self.present - one.count > 1

    def prevails(self, way: str) -> bool:
        """Tell whether a way takes most cells, so that the others are faults or missing values.

        It nearly fits; or it takes half of the cells and more than ten different ones, and the
        others are a few texts that recur, such as "-".
        """
        if self.nearly_fits(way):
            return True
        one = self.ways.get(way)
        if one is None or not one.goes_on or not one.count:
            return False
        return 2 * one.count <= self.present and self.different - len(one.misfits) > _FEW

    def looks_continuous(self, way: str) -> bool:
        """Tell whether its numbers can hardly be the codes of categories."""
        return self.different - len(self.ways[way].misfits) > _FEW or bool(self.marks)

    def has_few(self) -> bool:
        """Tell whether cells recur, and few of them are different, as in categories."""
        return self.different <= _FEW and self.different < self.present

    def misfit(self, way: str) -> tuple[str, int]:
        """Return the first cell that a way does not take, and its row."""
        return min(self.ways[way].misfits.items(), key=lambda one: one[1])

    def misfits(self, way: str) -> tuple[str, ...]:
        """Return the different cells that a way does not take, by their first rows."""
        found = self.ways[way].misfits
        return tuple(sorted(found, key=found.__getitem__))


def ways(dates: str | None) -> dict[str, Takes]:
    """Return the ways of reading a column: each tells of some cells whether it takes them all.

    Parameters
    ----------
    dates : str or None
        A format of dates beside `ISO`, which is a way of its own.
    """
    found: dict[str, Takes] = {
        POINT: partial(_are_numbers, decimal=POINT),
        COMMA: partial(_are_numbers, decimal=COMMA),
        WHOLE: _are_whole,
        TRUTH: partial(_all, lambda cell: cell.lower() in TRUTHS),
        ISO: partial(_are_dates, form=ISO),
        AMOUNT: partial(_all, _is_amount),
        OTHER_DATE: partial(_all, is_other_date),
    }
    if dates is not None:
        found[dates] = partial(_are_dates, form=dates)
    return found


def _all(is_one: Callable[[str], bool], cells: list[str]) -> bool:
    return all(map(is_one, cells))


def _are_numbers(cells: list[str], decimal: str) -> bool:
    try:
        written_numbers(cells, decimal)
    except ValueError:
        return False
    return True


def _is_amount(cell: str) -> bool:
    return is_written(cell, POINT) or is_written(cell, COMMA) or is_signed(cell)


def _are_whole(cells: list[str]) -> bool:
    return "".join(cells).isdecimal() or all(map(is_whole, cells))


def _are_dates(cells: list[str], form: str) -> bool:
    try:
        for cell in cells:
            day_of(cell, form)
    except ValueError:
        return False
    return True


def profile_of(column: Column, known: Mapping[str, Takes]) -> Profile:
    """Return what the cells of a column can be.

    A cell is tried once, or some times where there are thousands of different ones. At most 8 bytes
    for each cell are taken meanwhile.

    Parameters
    ----------
    column : Column
    known : dict
        The ways of reading, as `ways` returns them.
    """
    tried = {name: _Way(takes) for name, takes in known.items()}
    hashes, marks, seen = array("q"), set[str](), set[str]()
    present = 0
    for row, cells, there in column.present():
        present += len(cells)
        counts = Counter(cells)
        new = [cell for cell in counts if cell not in seen]
        if len(seen) < _MOST_SEEN:
            seen.update(new)
        hashes.extend(map(hash, new))
        text = "".join(new)
        marks |= {mark for mark in (POINT, COMMA) if mark in text}
        for way in tried.values():
            way.look_at(_Part(row, cells, there, counts, new))
    different = len(np.unique(np.frombuffer(hashes, np.int64))) if hashes else 0
    return Profile(len(column), present, different, frozenset(marks), tried)
