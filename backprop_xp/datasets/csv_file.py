"""A CSV file as columns of numbers and a column of texts; errors name the line and the column."""

import contextlib
import functools
import itertools
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import is_missing, is_number, numbers_in, shown
from backprop_xp.datasets.csv_rows import Cells, rows_of, separator_of
from backprop_xp.datasets.packed_cells import CELLS_AT_ONCE, PackedCells
from backprop_xp.errors import DataError

__all__ = ["Columns", "FirstRows", "first_rows", "place", "read_cells", "read_columns"]


class Columns(NamedTuple):
    """The chosen columns of a CSV file.

    Attributes
    ----------
    X : array (m, n_in) of float64
        The columns of the features, all finite.
    names : tuple of str
        The names of these columns in the header; empty without a header.
    target : cells
        The stripped cells of the target's column, in the order of the rows; empty without a target.
    lines : sequence of int
        The line of each row in the file, counted from 1.
    """

    X: NDArray[np.float64]
    names: tuple[str, ...]
    target: PackedCells
    lines: Sequence[int]


def place(file: Path, line: int, column: int, name: str = "") -> str:
    """Return the text of a cell's place in an error; `line` counts from 1, `column` from 0.

    Examples
    --------
    >>> place(Path("data/flowers.csv"), 3, 0, "length")
    "flowers.csv, line 3, column 1 ('length')"
    """
    return f"{file.name}, line {line}, column {column + 1}" + (f" ({name!r})" if name else "")


class FirstRows(NamedTuple):
    """The first rows of a CSV file.

    Attributes
    ----------
    first, second : cells
        Without spaces around them; `second` is empty where the file has a single row.
    line : int
        The line of the first row in the file, counted from 1.
    separator : str
        The words for the separator of cells, such as "a comma".
    """

    first: Cells
    second: Cells
    line: int
    separator: str


def first_rows(file: Path) -> FirstRows:
    """Return the first and the second row of an existing CSV file.

    Raises
    ------
    DataError
        The file is empty, or these rows are not CSV in UTF-8.
    """
    with contextlib.closing(rows_of(file)) as numbered:
        rows = [(line, _stripped(cells)) for line, cells in itertools.islice(numbered, 2)]
    if not rows:
        raise DataError(file.name, "an empty file", "a table", "Check that it was saved")
    (line, first), second = rows[0], rows[1][1] if len(rows) > 1 else []
    return FirstRows(first, second, line, separator_of(file))


def _stripped(cells: Cells) -> Cells:
    return cells.stripped() if isinstance(cells, PackedCells) else list(map(str.strip, cells))


def read_columns(file: Path, header: bool, features: Sequence[int], target: int | None) -> Columns:
    """Return the chosen columns of a CSV file.

    Parameters
    ----------
    file : path
        An existing CSV file.
    header : bool
        Whether the first row holds the names of the columns.
    features : sequence of int
        The columns of X, counted from 0. Their cells are numbers. Adjacent columns are read fastest
        if they are a range, whose step is 1.
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
    values, lines = array("d"), array("q")
    targets, pending = PackedCells(), list[str]()
    heading: Cells = []
    chosen = _Features(features)

    def bad_cell(line: int, column: int, cell: str) -> DataError:
        j = features[column]
        return _bad_cell(place(file, line, j, heading[j].strip() if heading else ""), cell)

    with contextlib.closing(rows_of(file)) as numbered:
        if header:
            _, heading = next(numbered, (0, heading))
        for line, cells in numbered:
            try:
                chosen.add_numbers(cells, values)
            except ValueError:
                texts = (x for x in chosen.numbered(cells) if not is_number(x[1]))
                raise bad_cell(line, *next(texts)) from None
            lines.append(line)
            if target is not None:
                pending.append(cells[target].strip())
                if len(pending) == CELLS_AT_ONCE:
                    targets.append(pending)
                    pending = []
    if pending:
        targets.append(pending)
    if not lines:
        came, advice = "no rows of values", "Check that it was saved"
        raise DataError(file.name, came, "at least one row", advice)
    X = np.frombuffer(values, dtype=np.float64).reshape(len(lines), len(features))
    finite = np.isfinite(X)
    if not finite.all():
        row, column = divmod(int(finite.argmin()), len(features))
        raise bad_cell(lines[row], column, str(X[row, column]))
    return Columns(X, _names(chosen, heading) if heading else (), targets, lines)


def _names(features: "_Features", header: Cells) -> tuple[str, ...]:
    names = [""] * len(features)
    for position, cell in features.numbered(header):
        names[position] = cell.strip()
    return tuple(names)


class _Features:
    """The cells of the features in rows, in the order of the features."""

    def __init__(self, columns: Sequence[int]) -> None:
        self._columns = columns
        self._adjacent = slice(columns.start, columns.stop) if isinstance(columns, range) else None

    def __len__(self) -> int:
        return len(self._columns)

    def add_numbers(self, cells: Cells, values: "array[float]") -> None:
        """Append the numbers of a row.

        Raises
        ------
        ValueError
            A cell is no number.
        """
        if isinstance(cells, list):
            values.extend(numbers_in(self._of_list(cells)))
            return
        order = self._order
        for _, part in self._parts(cells):
            values.extend(numbers_in(part))
        if order is not None:
            row = np.frombuffer(values, offset=values.itemsize * (len(values) - len(order)))
            row[order] = row.copy()

    def numbered(self, cells: Cells) -> Iterator[tuple[int, str]]:
        """Yield the position of a feature and its cell, for each feature, in any order."""
        if isinstance(cells, list):
            yield from enumerate(self._of_list(cells))
            return
        for start, part in self._parts(cells):
            places = range(start, start + len(part))
            yield from zip(
                places if self._order is None else self._order[start : places.stop].tolist(),
                part,
                strict=True,
            )

    def _of_list(self, cells: list[str]) -> list[str]:
        adjacent = self._adjacent
        return [cells[j] for j in self._columns] if adjacent is None else cells[adjacent]

    def _parts(self, cells: PackedCells) -> Iterator[tuple[int, list[str]]]:
        """Yield how many cells came before, and cells of the features, by ascending columns."""
        for start, part in cells.parts():
            if self._adjacent is not None:
                low = max(self._adjacent.start - start, 0)
                high = max(self._adjacent.stop - start, 0)
                yield start + low - self._adjacent.start, part[low:high]
            else:
                columns = self._ascending
                ends = np.array([start, start + len(part)], columns.dtype)
                low, high = np.searchsorted(columns, ends).tolist()
                yield low, [part[j - start] for j in columns[low:high].tolist()]

    @functools.cached_property
    def _order(self) -> NDArray[np.int32] | None:
        """The features in the order of their columns; None if they are in it."""
        if self._adjacent is not None:
            return None
        columns = np.fromiter(self._columns, np.int32, len(self._columns))
        if (columns[1:] >= columns[:-1]).all():
            return None
        return np.argsort(columns, kind="stable").astype(np.int32)

    @functools.cached_property
    def _ascending(self) -> NDArray[np.int32]:
        """The columns in ascending order."""
        columns = np.fromiter(self._columns, np.int32, len(self._columns))
        return columns if self._order is None else columns[self._order]


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
    with contextlib.closing(rows_of(file)) as numbered:
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
