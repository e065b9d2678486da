"""A table as it comes: the columns of a file or a data frame, each read as what it is."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.datasets.mixed.column import name_of_several, name_without_header
from backprop_xp.datasets.mixed.first_row import check_names, first_row_names_columns
from backprop_xp.datasets.mixed.kinds import Feature, category, feature_of, number
from backprop_xp.datasets.mixed.marks import decimal_marks
from backprop_xp.datasets.mixed.options import Name, Options, checked
from backprop_xp.datasets.mixed.plan import ID, ColumnPlan, Plan
from backprop_xp.datasets.mixed.profile import Profile, profile_of, ways
from backprop_xp.datasets.mixed.roles import Roles
from backprop_xp.datasets.mixed.source import Source, opened
from backprop_xp.datasets.mixed.table import MixedTable
from backprop_xp.datasets.mixed.tabulating import tabulated
from backprop_xp.datasets.mixed.targets import TargetColumn, target_plan
from backprop_xp.datasets.mixed.values import Place
from backprop_xp.datasets.packed_cells import PackedCells
from backprop_xp.errors import DataError

__all__ = ["read_mixed"]

_WHERE = "read_mixed"


@checks_keywords(
    date_format="Its name here is 'dates'",
    index_col="Its name here is 'ids', or 'ignore' for a column that is left out",
    na_values="Its name here is 'missing', and it replaces the usual signs",
    parse_dates="ISO dates are found; pass another format as 'dates'",
    sep="The first line tells the separator; a line such as sep=: above the table names another",
    usecols="Pass the columns to leave out as 'ignore'",
)
def read_mixed(
    source: str | os.PathLike[str] | Any,
    target: Name | Sequence[Name] | None = None,
    *,
    categories: Name | Sequence[Name] = (),
    numbers: Name | Sequence[Name] = (),
    ignore: Name | Sequence[Name] = (),
    ids: Name | Sequence[Name] = (),
    missing: str | Sequence[str] | None = None,
    dates: str | None = None,
    task: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
) -> MixedTable:
    r"""Return a table of mixed columns as it comes: numbers, categories, truth values and dates.

    Each column is read as what all its cells are:

    - **Numbers** have a decimal point or a decimal comma, and groups of three digits or not. One
      mark holds for a column. Where both fit, as in ``1.234``, the other columns decide, then the
      separator of cells; in doubt the table is refused.
    - **Truth values** are true and false, in any case.
    - **Dates** are ISO, ``2024-05-31`` with or without a time, or of the format `dates`.
    - **Categories** are other texts, and codes such as ``01234``.

    A column of numbers or dates with a few other texts is refused, since these may be signs of a
    missing value, or faults. Amounts such as ``$5``, ``5 %``, ``5 kg`` and ``<5``, and dates of an
    unknown format, are refused too. Columns without a value, of one value, and of texts that are
    all different, or nearly so, are left out. So are whole numbers that are all different if they
    count the rows or have the name of an id.

    A target of texts, of truth values, of two different numbers, or of up to 10 different whole
    numbers is classes. From 11 to 30 whole numbers are refused unless `task` is given. All other
    numbers are numbers. A row whose target is missing is left out.

    Parameters
    ----------
    source : path or frame
        A text file, whose first line has a tab, a semicolon, a comma or a bar between cells, as
        `read_file` finds it: .csv, .tsv, .txt, .tab, .dat or .data, plain or as .gz, .bz2, .xz or
        .zip. Or a .parquet file; or a frame of pandas or Polars. A text file gives the same table
        with and without these packages.
    target : str, int or sequence, optional
        The target's column, by its name or its index; several for labels or numbers; empty for
        none. Default: the last column.
    categories, numbers : str, int or sequence
        Columns that are categories, and columns that are numbers. They are never left out.
    ignore, ids : str, int or sequence
        Columns to leave out; and columns that name the rows, which are no features. Of two columns
        with one name, one has to be left out by its index.
    missing : str or sequence of str, optional
        All signs of a missing value, beside an empty cell. They take the place of the usual ones,
        such as NA and ``?``, so that a text NA can be a value; pandas' ``na_values`` adds to them.
    dates : str, optional
        The format of dates that are not ISO, as ``datetime.strptime`` takes it: ``"%d.%m.%Y"``.
    task : {"classes", "numbers", "labels"}, optional
        What the target is. Default: the rule above; several columns of 0 and 1 are labels.
    header : bool, optional
        Whether the first line names the columns. Default: it does where it can be nothing else.
        Columns without a name are called "column 1", "column 2" and so on.
    decimal : {".", ","}, optional
        The decimal mark of all numbers. Default: the rule above.

    Returns
    -------
    MixedTable

    Raises
    ------
    MissingFileError
        There is no such file.
    OptionError, DTypeError
        An option has no such value, or names no column; or the source is no table.
    MissingExtraError
        No package is there that reads Parquet.
    DataError
        The table cannot be read exactly. The message names the line, the column, and the option
        that decides.

    Examples
    --------
    >>> import pathlib, tempfile, backprop_xp as bp
    >>> rows = "area,district,rent\n52,north,610\n80,,900\n41,north,505.5\n47,south,580\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rents.csv")
    ...     _ = path.write_text(rows)
    ...     table = bp.datasets.read_mixed(path, "rent")
    >>> print(table.summary())
    2 columns: 1 number, 1 category
    4 rows
    target rent: numbers from 505.5 to 900
    >>> table.rows()
    array([[52.0, 'north'], [80.0, None], [41.0, 'north'], [47.0, 'south']], dtype=object)
    """
    lists = {"categories": categories, "numbers": numbers, "ignore": ignore, "ids": ids}
    choices = {"dates": dates, "task": task, "header": header, "decimal": decimal}
    options = checked(target, lists, missing, choices)
    found = opened(source, _WHERE)
    if len(found.columns) == 1 and options.target != ():
        raise _no_features(found, {})
    is_header, profiles = _name_columns(found, options)
    lines = found.lines_of_rows(is_header)

    def place(row: int, column: int, name: str) -> str:
        return found.place(int(lines[row]), column, name if is_header else "")

    roles = Roles(found, options)
    known = ways(dates)
    profiles = {j: profiles.get(j) or profile_of(found.columns[j], known) for j in roles.read}
    interpreted = {j: one for j, one in profiles.items() if j not in roles.categories}
    marks = decimal_marks(found, interpreted, decimal, place)
    features, left_out = _features(found, roles, profiles, marks, dates, place)
    targets = [TargetColumn(found.columns[j], profiles[j], marks.get(j)) for j in roles.target]
    plan = Plan(
        header=is_header,
        width=len(found.columns),
        missing=tuple(sorted(options.missing)),
        columns=tuple(one.plan for one in features.values() if one.plan is not None),
        ids=tuple(ColumnPlan(found.columns[j].name, j, ID) for j in roles.ids),
        left_out=left_out,
        target=target_plan(targets, task, dates, place) if targets else None,
    )
    numeric = {j: one.numbers for j, one in features.items() if one.numbers is not None}
    columns = dict(enumerate(found.columns))
    return tabulated(
        plan, columns, numeric, lines, place, with_target=bool(targets), unit=found.unit
    )


def _features(
    source: Source,
    roles: Roles,
    profiles: Mapping[int, Profile],
    marks: Mapping[int, str],
    dates: str | None,
    place: Place,
) -> tuple[dict[int, Feature], dict[str, str]]:
    """Return the features by their positions, and the reasons for the columns that are left out.

    The texts of columns of numbers are dropped on the way.
    """
    features, left_out = {}, dict(roles.ignored)
    for j in roles.features:
        column, profile, mark = source.columns[j], profiles[j], marks.get(j)
        if j in roles.categories:
            feature = category(column, profile)
        elif j in roles.numbers:
            feature = number(column, profile, mark, place)
        else:
            feature = feature_of(column, profile, mark, dates, place)
        if feature.plan is None:
            left_out[column.name] = feature.reason
            continue
        features[j] = feature
        if feature.numbers is not None:
            column.cells = PackedCells()
    if not features:
        raise _no_features(source, left_out)
    return features, left_out


def _name_columns(source: Source, options: Options) -> tuple[bool, dict[int, Profile]]:
    """Name the columns of a source.

    Returns
    -------
    is_header : bool
        Whether the first row names the columns.
    profiles : dict of int to Profile
        Of the columns by their positions, if they were needed for this answer.

    Raises
    ------
    DataError
        The first row may be a header or a row; or two columns have one name.
    """
    profiles: dict[int, Profile] = {}
    for column in source.columns:
        column.signs = options.missing
    is_header = source.is_frame or options.header
    if is_header is None:
        is_header = bool(options.texts().intersection(source.first))
        if not is_header:
            known = ways(options.dates)
            found = [profile_of(column, known) for column in source.columns]
            is_header = first_row_names_columns(source, found)
            profiles = dict(enumerate(found)) if is_header else {}
    for column, cell in zip(source.columns, source.first, strict=True):
        column.name = (cell if is_header else "") or name_without_header(column.position)
        if not is_header:
            column.first = cell
    if is_header:
        names = [column.name for column in source.columns]
        for j in options.ignored_positions(len(names)):
            if names.count(names[j]) > 1:
                source.columns[j].name = name_of_several(names[j], j)
        check_names(source, [column.name for column in source.columns])
    return is_header, profiles


def _no_features(source: Source, left_out: dict[str, str]) -> DataError:
    reasons = "; ".join(f"{name}, {why}" for name, why in list(left_out.items())[:5])
    came = "no columns of features" + (f" ({reasons})" if reasons else "")
    if len(source.first) == 1:
        cell = source.first[0]
        came += f", as line {source.first_line} is one cell, {cell[:80]!r}"
        advice = (
            "Separate cells by a tab, a semicolon, a comma or a bar, and delete lines of titles"
        )
    else:
        advice = "Keep a column by numbers (--numbers) or categories (--categories)"
    return DataError(source.title, came, "at least 1", advice)
