"""The offsets from UTC of a column of dates, which the table itself does not keep."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.mixed.dates import ISO, offset_of
from backprop_xp.datasets.mixed.plan import Plan
from backprop_xp.datasets.mixed.source import opened

__all__ = ["OtherOffset", "other_offset"]


class OtherOffset(NamedTuple):
    """A date whose offset is another than that of the first date, and its line in the file."""

    line: int
    cell: str


def other_offset(
    file: str | os.PathLike[str], decided: Mapping[str, Any], name: str, lines: NDArray[np.int64]
) -> OtherOffset | None:
    """Return the first date of a column with another offset; None where all have the same, or none.

    Parameters
    ----------
    file : path
        The file of the table.
    decided : dict
        As `MixedTable.decided`.
    name : str
        A feature; None is returned unless it holds ISO dates, since other formats have no offset.
    lines : array (m,) of int64
        The lines of its rows; others do not count.

    Raises
    ------
    BackpropError
        As `read_mixed`, where the file has changed.
    """
    plan = Plan.from_json(decided)
    dates = [one for one in plan.columns if one.name == name and one.form == ISO]
    if not dates:
        return None
    source = opened(file, "read_mixed")
    column = source.columns[dates[0].position]
    if not plan.header:
        column.first = source.first[dates[0].position]
    cells = (cell for part in column.parts() for cell in part)
    all_lines = source.lines_of_rows(plan.header)
    counts = np.isin(all_lines, lines)
    seen = set[int | None]()
    for row, cell in enumerate(cells):
        if counts[row] and cell not in plan.missing:
            seen.add(offset_of(cell))
            if len(seen) > 1:
                return OtherOffset(int(all_lines[row]), cell)
    return None
