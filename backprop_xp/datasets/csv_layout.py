"""The layout of a CSV file: its header, the columns of features, and the target's column."""

from array import array
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.csv_file import FirstRows, first_rows
from backprop_xp.datasets.header import (
    advice_for_one_cell,
    check_names,
    columns_of,
    is_header,
    one_cell,
)
from backprop_xp.errors import DataError, OptionError

__all__ = ["Layout", "Names", "Target", "layout_of"]

Target: TypeAlias = str | int | None
Names: TypeAlias = tuple[str, ...]

_COMPARED: Final = 2**15  # names of columns that are compared with an unknown name


class Layout(NamedTuple):
    """The header and the columns of a CSV file.

    Attributes
    ----------
    header : bool
        Whether the first line names the columns.
    features : sequence of int
        The columns of the features, in their order.
    target : int or None
        The column of the target; None without any.
    target_name : str
        Its name in the header; empty without any.
    """

    header: bool
    features: Sequence[int]
    target: int | None
    target_name: str


def layout_of(
    file: Path,
    target: Target,
    wanted: Names,
    given: bool | None,
    *,
    needs_target: bool,
) -> Layout:
    """Return the layout of a CSV file, found from its first two rows and the option `header`.

    Parameters
    ----------
    file : path
    target : str, int or None
        The name or the index of the target's column; None for the default of the reader.
    wanted : tuple of str
        The features by name; empty for all columns but the target.
    given : bool or None
        The option `header`.
    needs_target : bool
        Whether the file must have a target.

    Raises
    ------
    OptionError
        The file has no such target, or the target is named where there is no header.
    DataError
        A feature is missing, or the first line is ambiguous.
    """
    rows = first_rows(file)
    position = _position(file, rows, target, wanted, needs_target)
    if isinstance(target, str) and given is False:
        if needs_target:
            advice = "Pass the index of its column, counted from 0"
            raise OptionError(
                "read_file(target)", repr(target), "an index without a header", advice
            )
        position = None
    header = given
    if header is None:
        named = isinstance(target, str) and position is not None
        known = wanted != () and not set(wanted).difference(rows.first)
        header = named or known or is_header(file, rows, position)
    if header and wanted:
        features: Sequence[int] = columns_of(file, rows, wanted)
    else:
        features = _all_but(position, len(rows.first))
    if not features or (wanted and len(features) != len(wanted)):
        came, advice = f"{len(features)} columns of features", "Check that it is the right table"
        expected = f"{len(wanted)}, as in training" if wanted else "at least 1"
        came, advice = came + one_cell(rows), advice_for_one_cell(rows) or advice
        raise DataError(file.name, came, expected, advice)
    if needs_target and position in features:
        came = f"column {(position or 0) + 1} as the target and as a feature"
        advice = "Name the target, or add its column"
        raise DataError(file.name, came, "a target besides the features", advice)
    if header:
        check_names(file, rows, features)
    target_name = rows.first[position] if header and position is not None else ""
    return Layout(header, features, position, target_name)


def _all_but(position: int | None, width: int) -> Sequence[int]:
    """Return the columns 0 to `width` - 1 without one."""
    if position is None or position == width - 1:
        return range(width if position is None else position)
    if position == 0:
        return range(1, width)
    return array("i", (j for j in range(width) if j != position))


def _position(
    file: Path,
    rows: FirstRows,
    target: Target,
    wanted: Names,
    needs_target: bool,
) -> int | None:
    """Return the target's column; None for an optional target that is missing."""
    first, width = rows.first, len(rows.first)
    if target is None:
        spare = bool(wanted) and width == len(wanted) + 1
        return width - 1 if needs_target or spare else None
    if isinstance(target, str):
        place = next((j for j, name in enumerate(first) if name == target), None)
        if place is not None or not needs_target:
            return place
        came = f"{target!r}, which is not in the first line of {file.name}"
        expected = f"one of {', '.join(map(shown, islice(first, 10)))}" + (", ..." * (width > 10))
        advice = advice_for_one_cell(rows) or nearest_name(target, islice(first, _COMPARED))
        raise OptionError("read_file(target)", came + one_cell(rows), expected, advice)
    if not needs_target and width == len(wanted):
        return None
    if isinstance(target, bool) or not isinstance(target, int) or not -width <= target < width:
        expected = f"a column's name or an index from {-width} to {width - 1}"
        raise OptionError("read_file(target)", repr(target), expected, "Choose a column")
    return target % width
