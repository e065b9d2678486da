"""Another table, read the way a first one was read."""

import os
from collections.abc import Mapping
from typing import Any

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.mixed.column import Column, name_of_several, name_without_header
from backprop_xp.datasets.mixed.plan import ColumnPlan, Plan
from backprop_xp.datasets.mixed.source import Source, opened
from backprop_xp.datasets.mixed.table import MixedTable
from backprop_xp.datasets.mixed.tabulating import tabulated
from backprop_xp.errors import DataError, OptionError

__all__ = ["read_like"]

_WHERE = "read_like"


@checks_keywords
def read_like(
    source: str | os.PathLike[str] | Any,
    decided: Mapping[str, Any],
    *,
    with_target: bool = False,
    header: bool | None = None,
) -> MixedTable:
    r"""Return another table, read the way a first one was read.

    Columns are found by their names, in any order; other columns are ignored. Where the first table
    had no header, columns are found by their places, with or without the target; and so they are
    where this table has none. A column without a name in the header has its place too. A category
    that the first table did not have stays as it is.

    Parameters
    ----------
    source : path or frame
        As `read_mixed`.
    decided : dict
        The attribute `MixedTable.decided` of the first table.
    with_target : bool
        Whether the target is read. A row whose target is missing is then left out.
    header : bool, optional
        Whether the first line of a file names the columns. Default: as in the first table.

    Returns
    -------
    MixedTable
        With the same `names`, `kinds` and `class_names`. `Y` is None unless `with_target`. An id
        that the table lacks is not in `ids`.

    Raises
    ------
    MissingFileError, OptionError, DTypeError, MissingExtraError
        As `read_mixed`.
    DataError
        A column is missing, or a cell is not of its column's kind, or a class is unknown.

    Examples
    --------
    >>> import pathlib, tempfile, backprop_xp as bp
    >>> rows = "area;district;rent\n52;north;610,5\n80;;900\n41;north;505\n47;south;580\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rents.csv")
    ...     _ = path.write_text(rows)
    ...     table = bp.datasets.read_mixed(path, "rent")
    ...     _ = path.write_text("district,area\nwest,60\n")
    ...     bp.datasets.read_like(path, table.decided).rows()
    array([[60.0, 'west']], dtype=object)
    """
    plan = Plan.from_json(decided)
    if with_target and plan.target is None:
        came, advice = "with_target=True for a table without a target", "Leave it out"
        raise OptionError(f"{_WHERE}(with_target)", came, "False", advice)
    found = opened(source, _WHERE)
    signs = frozenset(plan.missing)
    for column in found.columns:
        column.signs, column.settled = signs, True
    named = found.is_frame or (plan.header if header is None else header)
    by = _by_name if found.is_frame or (named and plan.header) else _by_place
    positions = by(found, plan, with_target)
    lines = found.lines_of_rows(named)
    columns: dict[int, Column] = {}
    for one, j in positions.items():
        column = columns[one.position] = found.columns[j]
        column.name = one.name
        column.first = None if named else found.first[j]
    place_of = {one.position: j for one, j in positions.items()}

    def place(row: int, column: int, name: str) -> str:
        return found.place(int(lines[row]), place_of[column], name if named else "")

    return tabulated(plan, columns, {}, lines, place, with_target=with_target, unit=found.unit)


def _wanted(plan: Plan, with_target: bool) -> tuple[ColumnPlan, ...]:
    target = plan.target.columns if plan.target is not None and with_target else ()
    return plan.columns + target


def _by_name(source: Source, plan: Plan, with_target: bool) -> dict[ColumnPlan, int]:
    """Return the column of each plan that is needed, and of each id that is there.

    Raises
    ------
    DataError
        A column is missing, or two have its name.
    """
    where = source.title if source.is_frame else f"{source.title}, line {source.first_line}"
    places: dict[str, list[int]] = {}
    for j, cell in enumerate(source.first):
        places.setdefault(cell or name_without_header(j), []).append(j)
    found = {}
    for one in (*_wanted(plan, with_target), *plan.ids):
        here = places.get(one.name, [])
        if len(here) > 1:
            here = [j for j in here if name_of_several(one.name, j) not in plan.left_out]
        if not here and one in plan.ids:
            continue
        if len(here) != 1:
            came = f"{len(here) or 'no'} column{'s' * (len(here) > 1)} {shown(one.name)}"
            names = [column.name for column in _wanted(plan, with_target)]
            some = ", ".join(map(shown, names[:10])) + ", ..." * (len(names) > 10)
            advice = "Rename or delete the others" if here else "Add the column, or its name"
            if not here and one not in plan.columns:
                advice = "Add the column of the target"
            raise DataError(where, came, f"the columns of the first table, {some}", advice)
        found[one] = here[0]
    return found


def _by_place(source: Source, plan: Plan, with_target: bool) -> dict[ColumnPlan, int]:
    """Return the column of each plan in a table without a header.

    Raises
    ------
    DataError
        There are more or fewer columns.
    """
    target = [] if plan.target is None else [one.position for one in plan.target.columns]
    places = list(range(plan.width))
    width = len(source.columns)
    if not with_target and target and width == plan.width - len(target):
        places = [j for j in places if j not in target]
    elif width != plan.width:
        without = f", or {plan.width - len(target)} without the target" if target else ""
        expected = f"{plan.width} as in the first table{'' if with_target else without}"
        advice = "Check that it is the right table; columns without a header go by their places"
        raise DataError(source.title, f"{width} columns", expected, advice)
    place_of = {position: j for j, position in enumerate(places)}
    return {one: place_of[one.position] for one in (*_wanted(plan, with_target), *plan.ids)}
