"""A CSV file as columns of numbers and a column of texts; errors name the line and the column.

The file is UTF-8. A tab, a semicolon or a comma separates cells: the first of these three, in this
order, that the first line has outside quotation marks. Empty lines are skipped. Rows of different
lengths are refused.
"""

import contextlib
import csv
import itertools
import re
from array import array
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import is_missing, is_number, numbers_in
from backprop_xp.errors import DataError

__all__ = ["Columns", "first_rows", "place", "read_columns"]


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


_Rows: TypeAlias = Generator[tuple[int, list[str]], None, None]


def _rows(file: Path) -> _Rows:
    """Yield the line, counted from 1, and the cells of each row."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            first_line = next((line for line in stream if line.strip()), "")
            stream.seek(0)
            unquoted = re.sub(r'"[^"]*"', "", first_line)
            delimiter = next((mark for mark in "\t;," if mark in unquoted), ",")
            yield from _rows_of_one_length(stream, delimiter, file)
        except UnicodeDecodeError as error:
            raise _not_utf8(file) from error


def _rows_of_one_length(stream: TextIO, delimiter: str, file: Path) -> _Rows:
    """Yield as `_rows`, and refuse a row that is not as long as the first."""
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    width = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            came, advice = f"a line that is no CSV ({error})", "Check the quotation marks"
            raise DataError(f"{file.name}, line {line}", came, "a row of cells", advice) from error
        if len(cells) <= 1 and not "".join(cells).strip():
            continue
        width = width or len(cells)
        if len(cells) != width:
            expected, advice = f"{width}, as in the first line", "Complete or delete the line"
            raise DataError(f"{file.name}, line {line}", f"{len(cells)} cells", expected, advice)
        yield line, cells


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


def first_rows(file: Path) -> tuple[list[str], list[str]]:
    """Return the stripped cells of the first and of the second row.

    Parameters
    ----------
    file : path
        An existing CSV file.

    Returns
    -------
    first, second : list of str
        `second` is empty where the file has a single row.

    Raises
    ------
    DataError
        The file is empty, or these rows are not CSV in UTF-8.
    """
    with contextlib.closing(_rows(file)) as numbered:
        rows = [[cell.strip() for cell in cells] for _, cells in itertools.islice(numbered, 2)]
    if not rows:
        raise DataError(file.name, "an empty file", "a table", "Check that it was saved")
    return rows[0], rows[1] if len(rows) > 1 else []


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


def _bad_cell(where: str, cell: str) -> DataError:
    """Return the error for a cell that is missing, infinite or a text."""
    if is_missing(cell):
        came, advice = f"{cell!r}, a missing value", "Fill in the cell or delete the line"
    elif is_number(cell):
        came, advice = cell, "Correct the cell or delete the line"
    else:
        came = f"the text {cell!r}"
        advice = "Write numbers with a decimal point; write each class of a text column as 0 or 1"
    return DataError(where, came, "a finite number", advice)
