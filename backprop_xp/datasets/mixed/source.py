"""The columns of a file or of a data frame as texts, and the places of cells in errors."""

import contextlib
import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.csv_file import place
from backprop_xp.datasets.csv_rows import Cells, mark_of, rows_of
from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.frame_cells import cells_of, is_frame, series_of
from backprop_xp.datasets.mixed.parquet import PARQUET, read_parquet
from backprop_xp.datasets.packed_cells import CELLS_AT_ONCE, PackedCells
from backprop_xp.datasets.text_files import PACKED_SUFFIXES, suffix_within
from backprop_xp.errors import DataError, DTypeError, OptionError, check_is_file

__all__ = ["Source", "first_cells", "is_table", "opened"]

_TEXTS: Final = (".csv", ".tsv", ".txt", ".tab", ".data", ".dat")
_MOST_COLUMNS: Final = 2**16
_BLOCK: Final = 2**18  # cells that are turned from rows to columns at once


@dataclass(eq=False)
class Source:
    """The cells of a table, before it is known which are numbers.

    Attributes
    ----------
    title : str
        The name of the file, or words for a data frame.
    columns : list of Column
        Without the first row.
    first : list of str
        The cells of the first row; the names of a frame's columns.
    first_line : int
        The line of the first row in the file, counted from 1.
    lines : sequence of int
        The line of each row but the first; of a frame the row, counted from 0.
    again : int or None
        The first line that repeats the first row.
    separator : str
        The character between cells; "" of a frame.
    place : callable
        From a line, a column and its name to the text of a cell's place in an error.
    """

    title: str
    columns: list[Column]
    first: list[str]
    first_line: int
    lines: Sequence[int]
    again: int | None
    separator: str
    place: Callable[[int, int, str], str]

    @property
    def is_frame(self) -> bool:
        """Whether it is a data frame, whose columns have names."""
        return not self.separator

    def lines_of_rows(self, is_header: bool) -> NDArray[np.int64]:
        """Return the line of each row, (m,), with that of the first row where it is no header.

        Raises
        ------
        DataError
            There is no row.
        """
        lines = [] if is_header else [self.first_line]
        found = np.concatenate([np.array(lines, np.int64), np.asarray(self.lines, np.int64)])
        if not len(found):
            came, advice = "no rows of values", "Check that it was saved"
            raise DataError(self.title, came, "at least one row", advice)
        return found

    @property
    def unit(self) -> str:
        """The unit of `lines`."""
        return "row" if self.is_frame else "line"


def is_table(name: str | os.PathLike[str]) -> bool:
    """Tell whether a file has a name of the tables that `opened` reads.

    Examples
    --------
    >>> is_table("rents.tsv.gz"), is_table("rents.parquet"), is_table("rents.npz")
    (True, True, False)
    """
    path = Path(name)
    return path.suffix.lower() in PACKED_SUFFIXES or suffix_within(path) in (*_TEXTS, *PARQUET)


def opened(source: Any, where: str) -> Source:
    """Return the cells of a file or a data frame.

    Parameters
    ----------
    source : path or frame
        A text file with cells, plain or packed; a Parquet file; a frame of pandas or Polars.
    where : str
        The function, for errors.

    Raises
    ------
    MissingFileError
        There is no such file.
    OptionError
        The file's name has another suffix.
    MissingExtraError
        It is a Parquet file, and no package is there that reads it.
    DTypeError
        The source is neither a path nor a frame, or a frame's column has other objects.
    DataError
        There are no rows, rows have different lengths, there are too many columns, or the file is
        damaged.
    """
    if is_frame(source):
        return _of_frame(source, "the frame", where)
    if not isinstance(source, str | os.PathLike):
        came, expected = type(source).__name__, "a path, or a frame of pandas or Polars"
        raise DTypeError(f"{where}(source)", came, expected, "Pass the path of a .csv file")
    file = _checked(source, where)
    if file.suffix.lower() in PARQUET:
        return _of_frame(read_parquet(file), file.name, where)
    return _of_file(file)


def _checked(source: str | os.PathLike[str], where: str) -> Path:
    """Return the path of a file that exists and has the name of a table."""
    file = Path(source)
    known = (*_TEXTS, *PARQUET)
    if not is_table(file):
        expected = f"a name in {', '.join(known)}, the texts also packed as .gz, .bz2, .xz or .zip"
        raise OptionError(f"{where}(source)", repr(str(file)), expected, "Export the table as CSV")
    check_is_file(file, f"{where}(source)", "a table", f"{str(file)!r}, ")
    return file


def first_cells(file: str | os.PathLike[str]) -> list[str]:
    """Return the cells of the first row of a text file; the columns' names of a Parquet file.

    Raises
    ------
    BackpropError
        As `opened`, for the first row.
    """
    path = _checked(file, "read_mixed")
    if path.suffix.lower() in PARQUET:
        return [str(name).strip() for name in read_parquet(path).columns]
    with contextlib.closing(rows_of(path)) as rows:
        return [cell.strip() for cell in next(rows, (0, []))[1]]


def _of_file(file: Path) -> Source:
    lines = array("q")
    block: list[Cells] = []
    again = None
    with contextlib.closing(rows_of(file)) as rows:
        first_line, top = next(rows, (0, []))
        if not top:
            raise DataError(file.name, "an empty file", "a table", "Check that it was saved")
        first = [cell.strip() for cell in top]
        if len(first) > _MOST_COLUMNS:
            where, came = f"{file.name}, line {first_line}", f"{len(first):,} cells"
            advice = "Leave columns out, or save numbers as .npz"
            raise DataError(where, came, f"at most {_MOST_COLUMNS:,} columns", advice)
        columns = [Column(j) for j in range(len(first))]
        rows_at_once = max(1, min(CELLS_AT_ONCE, _BLOCK // len(first)))
        for line, cells in rows:
            if again is None and top == cells:
                again = line
            block.append(cells)
            lines.append(line)
            if len(block) == rows_at_once:
                _add(block, columns)
    _add(block, columns)

    def cell_at(line: int, column: int, name: str) -> str:
        return place(file, line, column, name)

    return Source(file.name, columns, first, first_line, lines, again, mark_of(file), cell_at)


def _add(block: list[Cells], columns: list[Column]) -> None:
    """Move the rows of a block to the columns."""
    if block:
        for column, cells in zip(columns, zip(*block, strict=True), strict=True):
            column.cells.append([cell.strip() for cell in cells])
        block.clear()


def _of_frame(frame: Any, title: str, where: str) -> Source:
    names = [str(name).strip() for name in frame.columns]

    def cell_at(line: int, column: int, name: str) -> str:
        return f"{title}, row {line} (counted from 0), column {column + 1} ({name!r})"

    columns = []
    for j in range(len(names)):
        series = series_of(frame, j)
        found = cells_of(series, partial(cell_at, column=j, name=names[j]), where)
        packed = PackedCells()
        for start in range(0, len(found.cells), CELLS_AT_ONCE):
            packed.append(found.cells[start : start + CELLS_AT_ONCE])
        column = Column(j, cells=packed, levels=found.levels)
        column.decimal, column.form = found.decimal, found.form
        columns.append(column)
    rows = range(len(columns[0]) if columns else 0)
    if not rows:
        came = f"{len(rows)} rows of {len(columns)} columns"
        raise DataError(title, came, "a table", "Check that it was read whole")
    return Source(title, columns, names, 0, rows, None, "", cell_at)
