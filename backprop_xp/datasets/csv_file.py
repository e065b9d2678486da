"""A CSV file as columns of numbers and a column of texts; errors name the line and the column.

The file is UTF-8. A tab, a semicolon or a comma separates cells: the first of these three, in this
order, that the first line has outside quotation marks. A line such as ``sep=|`` above the table, as
Excel writes it, names another separator. Empty lines are skipped. Rows of different lengths are
refused, and so are more columns or more empty lines than any table has.
"""

import contextlib
import csv
import itertools
import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import is_missing, is_number, numbers_in, shown
from backprop_xp.errors import DataError

__all__ = [
    "SEPARATORS",
    "Columns",
    "FirstRows",
    "first_rows",
    "place",
    "read_cells",
    "read_columns",
]

SEPARATORS: Final = {"\t": "a tab", ";": "a semicolon", ",": "a comma"}
"""The separators that are found in the first line, with their names, in the order of the search."""

_SEPARATOR_LINE: Final = re.compile(r'"?sep=([^\w"+.-])"?[\r\n]*', re.IGNORECASE)
_MOST_COLUMNS: Final = 2**20  # a cell takes some 60 bytes
_MOST_EMPTY: Final = 2**20


class Columns(NamedTuple):
    """The chosen columns of a CSV file.

    Attributes
    ----------
    X : array (m, n_in) of float64
        The columns of the features, all finite.
    names : tuple of str
        The names of these columns in the header; empty without a header.
    target : list of str
        The stripped cells of the target's column; empty without a target.
    lines : sequence of int
        The line of each row in the file, counted from 1.
    """

    X: NDArray[np.float64]
    names: tuple[str, ...]
    target: list[str]
    lines: Sequence[int]


def place(file: Path, line: int, column: int, name: str = "") -> str:
    """Return the text of a cell's place in an error; `line` counts from 1, `column` from 0.

    Examples
    --------
    >>> place(Path("data/flowers.csv"), 3, 0, "length")
    "flowers.csv, line 3, column 1 ('length')"
    """
    return f"{file.name}, line {line}, column {column + 1}" + (f" ({name!r})" if name else "")


class _Dialect(NamedTuple):
    """The separator of cells, and the lines above the table."""

    separator: str
    above: int


_Rows: TypeAlias = Generator[tuple[int, list[str]], None, None]


def _rows(file: Path) -> _Rows:
    """Yield the line, counted from 1, and the cells of each row."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            dialect = _dialect(stream, file)
            stream.seek(0)
            yield from _rows_of_one_length(stream, dialect, file)
        except UnicodeDecodeError as error:
            raise _not_utf8(file) from error


def _dialect(stream: TextIO, file: Path) -> _Dialect:
    """Return the separator that a line ``sep=`` names, or else one that the first line has."""
    for number, line in enumerate(stream, start=1):
        if line.strip():
            named = _SEPARATOR_LINE.fullmatch(line)
            if named is not None:
                return _Dialect(named[1], number)
            unquoted = re.sub(r'"[^"]*"', "", line)
            return _Dialect(next((mark for mark in SEPARATORS if mark in unquoted), ","), 0)
        if number > _MOST_EMPTY:
            raise _too_many_empty(file, number)
    return _Dialect(",", 0)


def _rows_of_one_length(stream: TextIO, dialect: _Dialect, file: Path) -> _Rows:
    """Yield as `_rows`, and refuse a row that is not as long as the first."""
    for _ in itertools.islice(stream, dialect.above):
        pass
    lines = _narrow_lines(stream, dialect, file)
    reader = csv.reader(lines, delimiter=dialect.separator, strict=True)
    width = top = empty = 0
    while True:
        line = dialect.above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            came, advice = f"a line that is no CSV ({error})", "Check the quotation marks"
            raise DataError(f"{file.name}, line {line}", came, "a row of cells", advice) from error
        if len(cells) <= 1 and not "".join(cells).strip():
            empty += 1
            if empty > _MOST_EMPTY:
                raise _too_many_empty(file, line)
            continue
        if not width:
            width, top = len(cells), line
        if len(cells) != width:
            separator = _separator_name(dialect.separator)
            expected = f"{width}, as in line {top}, with {separator} between cells"
            advice = (
                f"Complete or delete the line, or delete line {top} if it is a title. The known "
                f"separators are {', '.join(SEPARATORS.values())}"
            )
            raise DataError(f"{file.name}, line {line}", f"{len(cells)} cells", expected, advice)
        yield line, cells


def _narrow_lines(stream: TextIO, dialect: _Dialect, file: Path) -> Iterator[str]:
    """Yield the lines, and refuse one of more than `_MOST_COLUMNS` cells before it is split."""
    for number, line in enumerate(stream, start=dialect.above + 1):
        cells = line.count(dialect.separator) + 1
        if cells > _MOST_COLUMNS:
            came, expected = f"{cells:,} cells", f"at most {_MOST_COLUMNS:,} columns"
            raise DataError(f"{file.name}, line {number}", came, expected, "Write a row a line")
        yield line


def _too_many_empty(file: Path, line: int) -> DataError:
    came, expected = f"more than {_MOST_EMPTY:,} empty lines", "a table"
    return DataError(f"{file.name}, line {line}", came, expected, "Delete the empty lines")


def _separator_name(separator: str) -> str:
    """Return the words for a separator, such as "a comma"."""
    return SEPARATORS.get(separator, repr(separator))


def _not_utf8(file: Path) -> DataError:
    """Return the error for a file that is not UTF-8, with the line of its first wrong byte."""
    data = file.read_bytes()
    try:
        data.decode("utf-8-sig")
        line = 1
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    where = f"{file.name}, line {line}"
    return DataError(where, "bytes that are no UTF-8", "UTF-8", "Save the table as 'CSV UTF-8'")


class FirstRows(NamedTuple):
    """The first rows of a CSV file.

    Attributes
    ----------
    first, second : list of str
        The stripped cells; `second` is empty where the file has a single row.
    line : int
        The line of the first row in the file, counted from 1.
    separator : str
        The words for the separator of cells, such as "a comma".
    """

    first: list[str]
    second: list[str]
    line: int
    separator: str


def first_rows(file: Path) -> FirstRows:
    """Return the first and the second row of an existing CSV file.

    Raises
    ------
    DataError
        The file is empty, or these rows are not CSV in UTF-8.
    """
    with contextlib.closing(_rows(file)) as numbered:
        rows = [
            (line, [cell.strip() for cell in cells])
            for line, cells in itertools.islice(numbered, 2)
        ]
    if not rows:
        raise DataError(file.name, "an empty file", "a table", "Check that it was saved")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        separator = _separator_name(_dialect(stream, file).separator)
    (line, first), second = rows[0], rows[1][1] if len(rows) > 1 else []
    return FirstRows(first, second, line, separator)


def read_columns(file: Path, header: bool, features: list[int], target: int | None) -> Columns:
    """Return the chosen columns of a CSV file.

    Parameters
    ----------
    file : path
        An existing CSV file.
    header : bool
        Whether the first row holds the names of the columns.
    features : list of int
        The columns of X, counted from 0. Their cells are numbers.
    target : int or None
        The column whose cells stay texts.

    Returns
    -------
    Columns

    Raises
    ------
    DataError
        There are no rows; a row is not as long as the first; or a cell of a feature is missing,
        a text or infinite. The message names the line and the column.
    """
    values, lines, targets = array("d"), array("q"), []
    names: tuple[str, ...] = ()

    def bad_cell(line: int, column: int, cell: str) -> DataError:
        name = names[column] if names else ""
        return _bad_cell(place(file, line, features[column], name), cell)

    with contextlib.closing(_rows(file)) as numbered:
        for _, first in itertools.islice(numbered, int(header)):
            names = tuple(first[j].strip() for j in features)
        for line, cells in numbered:
            picked = [cells[j] for j in features]
            try:
                values.extend(numbers_in(picked))
            except ValueError:
                column = next(k for k, cell in enumerate(picked) if not is_number(cell))
                raise bad_cell(line, column, picked[column]) from None
            lines.append(line)
            if target is not None:
                targets.append(cells[target].strip())
    if not lines:
        came, advice = "no rows of values", "Check that it was saved"
        raise DataError(file.name, came, "at least one row", advice)
    X = np.frombuffer(values, dtype=np.float64).reshape(len(lines), len(features))
    finite = np.isfinite(X)
    if not finite.all():
        row, column = divmod(int(finite.argmin()), len(features))
        raise bad_cell(lines[row], column, str(X[row, column]))
    return Columns(X, names, targets, lines)


def read_cells(
    file: Path, header: bool, chosen: Sequence[int]
) -> tuple[list[list[str]], list[int]]:
    """Return the stripped cells of the chosen columns of a CSV file, and the line of each row.

    Raises
    ------
    DataError
        There are no rows, or a row is not as long as the first.
    """
    columns: list[list[str]] = [[] for _ in chosen]
    lines = []
    with contextlib.closing(_rows(file)) as numbered:
        for line, cells in itertools.islice(numbered, int(header), None):
            for column, j in zip(columns, chosen, strict=True):
                column.append(cells[j].strip())
            lines.append(line)
    if not lines:
        came, advice = "no rows of values", "Check that it was saved"
        raise DataError(file.name, came, "at least one row", advice)
    return columns, lines


def _bad_cell(where: str, cell: str) -> DataError:
    """Return the error for a cell that is missing, infinite or a text."""
    if is_missing(cell):
        came, advice = f"{shown(cell)}, a missing value", "Fill in the cell or delete the line"
    elif is_number(cell):
        came, advice = cell, "Correct the cell or delete the line"
    else:
        came = f"the text {shown(cell)}"
        advice = "Write numbers with a decimal point; write each class of a text column as 0 or 1"
    return DataError(where, came, "a finite number", advice)
