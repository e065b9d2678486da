"""The table of `train` with the columns that options name: by name, or by index from 0."""

import csv
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.cli.messages import warn
from backprop_xp.cli.table_options import TableOptions
from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.mixed import MixedTable, read_mixed
from backprop_xp.datasets.mixed.column import name_without_header
from backprop_xp.datasets.mixed.offsets import other_offset
from backprop_xp.datasets.mixed.source import first_cells
from backprop_xp.errors import BackpropError, OptionError

__all__ = ["Columns", "TableToTrain", "named_as_here", "table_to_train"]

Name = str | int


class TableToTrain(NamedTuple):
    """A table, and the values by which rows are held out.

    Attributes
    ----------
    table : MixedTable
    groups : array (m,) of str or None
        Of --group.
    order : array (m,) of float64 or None
        Of --order.
    held_out_by : str
        The name of the column that holds out rows; "" for none.
    """

    table: MixedTable
    groups: NDArray[Any] | None
    order: NDArray[np.float64] | None
    held_out_by: str


class Columns:
    """The columns that the texts of options name, in a file with a given first row.

    A text of digits is an index, unless it is in `named`.

    Parameters
    ----------
    first : sequence of str
        The cells of the first row, which may be names.
    named : collection of str
        Texts of digits that are names.

    Examples
    --------
    >>> columns = Columns(["area, m²", "b", "2019"], ["2019"])
    >>> columns.listed("area, m²"), columns.listed("b, 2019,0"), columns.listed('"area, m²",b')
    (('area, m²',), ('b', '2019', 0), ('area, m²', 'b'))
    """

    def __init__(self, first: Sequence[str], named: Sequence[str] = ()) -> None:
        self._first, self._named = first, named

    def one(self, text: str) -> Name:
        """Return the column that a text names."""
        return int(text) if _is_index(text) and text not in self._named else text

    def listed(self, text: str) -> tuple[Name, ...]:
        """Return the columns that a text lists, as a line of CSV; or the one that has its name."""
        return tuple(map(self.one, self.texts(text)))

    def texts(self, text: str) -> list[str]:
        """Return the texts that a text lists."""
        if not text or text in self._first:
            return [text] if text else []
        (cells,) = csv.reader([text], skipinitialspace=True)
        return [cell.strip() for cell in cells]


def _is_index(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def table_to_train(options: TableOptions) -> TableToTrain:
    """Return the table, and the values by which rows are held out.

    Raises
    ------
    BackpropError
        With the option of the command in place of a keyword.
    """
    try:
        columns, table = _read(options)
        if table.task == "labels":
            came = f"{len(table.target_names)} columns of labels"
            advice = "Choose one column; several labels are for bp.train and MLPClassifier"
            raise OptionError("--target", came, "one column", advice)
        if options.group is not None:
            name = _name_of(columns.one(options.group), table)
            return TableToTrain(table, _grouped(table.ids[name], name), None, name)
        if options.order is not None:
            return _with_order(options, columns, table)
    except BackpropError as error:
        raise named_as_here(error, options) from None
    return TableToTrain(table, None, None, "")


def _check_target(options: TableOptions, first: Sequence[str]) -> None:
    """Refuse the target as the column of --group or --order."""
    for name, verb in (("group", "group"), ("order", "order")):
        text = getattr(options, name)
        if None not in (text, options.target) and _place(text, first) == _place(
            str(options.target), first
        ):
            came, advice = f"{text!r}, which is the target", f"The target cannot {verb} the rows"
            raise OptionError(f"--{name}", came, "another column", advice)


def _place(text: str, first: Sequence[str]) -> Name:
    """Return the index from 0 of the column that a text names; the text where it is not certain.

    Examples
    --------
    >>> [_place(text, ["a", "b", "7"]) for text in ("b", "-2", "7", "c")]
    [1, 1, '7', 'c']
    """
    if not _is_index(text):
        return first.index(text) if text in first else text
    index = int(text)
    certain = text not in first and -len(first) <= index < len(first)
    return index % len(first) if certain else text


def _read(options: TableOptions) -> tuple[Columns, MixedTable]:
    """Return the columns that the options name, and the table.

    Digits that are a name too are the index if there is no header.
    """
    first = first_cells(options.data)
    _check_target(options, first)
    columns = Columns(first)
    given = [options.target, options.group, options.order]
    texts = {text for text in given if text is not None}
    for text in (options.categories, options.numbers, options.ignore, options.id):
        texts.update(columns.texts(text))
    digits = sorted(text for text in texts if text in first and _is_index(text))
    if options.header is not False and (
        options.header or len(digits) < len(texts.intersection(first))
    ):
        columns = Columns(first, digits)
        return columns, read_mixed(options.data, **options.reading(columns))
    columns = Columns(first, [text for text in digits if int(text) >= len(first)])
    table = read_mixed(options.data, **options.reading(columns))
    if table.decided["header"] and digits:
        columns = Columns(first, digits)
        table = read_mixed(options.data, **options.reading(columns))
    return columns, table


def _name_of(column: Name, table: MixedTable) -> str:
    """Return the name of a column that is in the table."""
    decided = table.decided
    target = decided["target"]["columns"] if decided["target"] else []
    named = {
        one["position"]: one["name"] for one in (*decided["columns"], *decided["ids"], *target)
    }
    if isinstance(column, str):
        return column
    return str(named.get(column % decided["width"], name_without_header(column)))


def _with_order(options: TableOptions, columns: Columns, table: MixedTable) -> TableToTrain:
    """Return the table with the values of --order: a feature, or else an id."""
    column = columns.one(str(options.order))
    name = _name_of(column, table)
    for feature in (name, f"{name}.days"):
        if feature in table.names:
            order = _ordered(table.columns[table.names.index(feature)], name, table)
            _check_offsets(options.data, name, table)
            return TableToTrain(table, None, order, name)
    if name not in table.ids:  # such as a number that counts the rows
        reading = options.reading(columns)
        reading["ids"] = (*reading["ids"], column)
        table = read_mixed(options.data, **reading)
        name = _name_of(column, table)
    return TableToTrain(table, None, _ordered(table.ids[name], name, table), name)


def _ordered(values: NDArray[Any], name: str, table: MixedTable) -> NDArray[np.float64]:
    expected = "a number or a date in each row"
    try:
        found = values.astype(np.float64)
    except (TypeError, ValueError):
        came = f"the column {name!r} of texts"
        advice = "Give the format of dates by --dates, and name the column in no other option"
        raise OptionError("--order", came, expected, advice) from None
    _check_gaps(np.isnan(found), name, table, "--order", expected)
    return found


def _grouped(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the group of each row; the rows with a gap are one group, and it is said."""
    gaps = sum(value is None for value in values)
    if gaps:
        rows = "1 row has" if gaps == 1 else f"{gaps:,} rows have"
        warn(f"--group: {rows} a gap in the column {name!r}, and count as one group")
    return np.array(["" if value is None else value for value in values])


def _check_gaps(
    gaps: NDArray[np.bool_], name: str, table: MixedTable, option: str, expected: str
) -> None:
    if gaps.any():
        came = f"the column {name!r} with a gap in {table.unit} {table.lines[gaps.argmax()]:,}"
        raise OptionError(option, came, expected, "Fill in the cell, or delete the row")


def _check_offsets(data: str, name: str, table: MixedTable) -> None:
    """Refuse dates of several offsets from UTC, which their local texts would order wrongly."""
    other = other_offset(data, table.decided, name, table.lines)
    if other is not None:
        came = (
            f"the column {name!r} with another offset from UTC in {table.unit} {other.line:,}, "
            f"{shown(other.cell)}, than before"
        )
        advice = "Write all stamps in one offset, such as UTC"
        raise OptionError("--order", came, "the same offset, or none, in each row", advice)


def named_as_here(error: BackpropError, options: TableOptions | None = None) -> BackpropError:
    """Return an error of a reader with the option of the command in place of a keyword.

    Examples
    --------
    >>> print(named_as_here(OptionError("read_mixed(ids)", "'a'", "a column", "Choose one")))
    --id: got 'a'; expected a column. Choose one.
    """
    where, came, expected, advice = error.parts
    reader, _, keyword = where.removesuffix(")").partition("(")
    if reader not in ("read_mixed", "read_like") or not keyword:
        return error
    of_ids = "--id"
    if options is not None:
        for name, text in (("--group", options.group), ("--order", options.order)):
            if text is not None and (not options.id or came.startswith((repr(text), f"{text},"))):
                of_ids = name
    option = {"ids": of_ids, "source": "DATA"}.get(keyword, f"--{keyword}")
    column, twice, before = came.rpartition(", which is in ")
    if twice and before.endswith(" too"):
        before = before.removesuffix(" too")
        came = f"{column}{twice}{of_ids if before == 'ids' else f'--{before}'} too"
    return type(error)(option, came, expected.removesuffix(", or None to find out"), advice)
