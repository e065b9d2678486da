"""CSV files as columns of numbers and one of text, each cell known by its line and column.

UTF-8, with tab, semicolon or comma between cells: the first of these three that occurs in the
first line outside quotation marks. Empty lines are skipped; whatever else is not exactly a table
is refused.
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
        The columns of features, all finite.
    names : tuple of str
        The header's names of these columns, empty where the file has no header.
    target : list of str
        The cells of the target's column, stripped; empty where none was chosen.
    lines : sequence of int
        The line of each row, counted from 1.
    """

    X: NDArray[np.float64]
    names: tuple[str, ...]
    target: list[str]
    lines: Sequence[int]


def place(file: Path, line: int, column: int, name: str = "") -> str:
    """Return the words for a cell, whose line is counted from 1 and its column from 0.

    Examples
    --------
    >>> place(Path("data/flowers.csv"), 3, 0, "length")
    "flowers.csv, line 3, column 1 ('length')"
    """
    return f"{file.name}, line {line}, column {column + 1}" + (f" ({name!r})" if name else "")


_Rows: TypeAlias = Generator[tuple[int, list[str]], None, None]


def _rows(file: Path) -> _Rows:
    """Yield the line and the cells of each row; every row is as long as the first."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            first_line = next((line for line in stream if line.strip()), "")
            stream.seek(0)
            unquoted = re.sub(r'"[^"]*"', "", first_line)
            delimiter = next((mark for mark in "\t;," if mark in unquoted), ",")
            yield from _even_rows(stream, delimiter, file)
        except UnicodeDecodeError as error:
            raise _not_utf8(file) from error


def _even_rows(stream: TextIO, delimiter: str, file: Path) -> _Rows:
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
            raise DataError(f"{file.name}, line {line}", came, "cells", advice) from error
        if len(cells) <= 1 and not "".join(cells).strip():
            continue
        width = width or len(cells)
        if len(cells) != width:
            expected, advice = f"{width}, as in the first line", "Complete or delete the line"
            raise DataError(f"{file.name}, line {line}", f"{len(cells)} cells", expected, advice)
        yield line, cells


def _not_utf8(file: Path) -> DataError:
    data = file.read_bytes()
    try:
        data.decode("utf-8-sig")
        line = 1
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    where = f"{file.name}, line {line}"
    return DataError(where, "bytes that are no UTF-8", "UTF-8", "Save the table as 'CSV UTF-8'")


def first_rows(file: Path) -> tuple[list[str], list[str]]:
    """Return the stripped cells of the first row and of the second, which may be missing.

    Parameters
    ----------
    file : path
        An existing CSV file.

    Returns
    -------
    first, second : list of str
        `second` is empty where the file has one row only.

    Raises
    ------
    DataError
        The file is empty, or these rows are no CSV in UTF-8.
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
        The columns of X, from 0, all of numbers.
    target : int or None
        The column whose cells are kept as they are written.

    Returns
    -------
    Columns
        X, names, target and lines, a row each.

    Raises
    ------
    DataError
        There are no rows, a row is not as long as the first, or a cell of a feature is missing,
        a text, or infinite; the message names its line and column.
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
        raise DataError(file.name, came, "at least one", advice)
    X = np.frombuffer(values, dtype=np.float64).reshape(len(lines), len(features))
    finite = np.isfinite(X)
    if not finite.all():
        row, column = divmod(int(finite.argmin()), len(features))
        raise bad_cell(lines[row], column, str(X[row, column]))
    return Columns(X, names, targets, lines)


def _bad_cell(where: str, cell: str) -> DataError:
    if is_missing(cell):
        came, advice = f"{cell!r}, a missing value", "Fill in the cell or delete the line"
    elif is_number(cell):
        came, advice = cell, "Correct the cell or delete the line"
    else:
        came = f"the text {cell!r}"
        advice = "Write numbers with a decimal point; write each class of a text column as 0 or 1"
    return DataError(where, came, "a finite number", advice)
