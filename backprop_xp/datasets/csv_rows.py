"""The rows of a CSV file as lists of cells, with their lines.

The file is UTF-8, plain or packed. A tab, a semicolon, a comma or a bar separates cells: the first
of these four, in this order, that the first line has outside quotation marks. A line such as
``sep=:`` above the table, as Excel writes it, names another separator. Empty lines are skipped.
Rows of different lengths are refused, and so are more columns or more empty lines than any table
has.

A long line is cut into pieces at separators, and its cells are packed. The memory of a row is
therefore a small multiple of its bytes in the file.
"""

import csv
import itertools
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeAlias

from backprop_xp.datasets.packed_cells import PackedCells
from backprop_xp.datasets.text_files import opened_bytes, opened_text
from backprop_xp.errors import DataError

__all__ = ["SEPARATORS", "Cells", "mark_of", "rows_of", "separator_of"]

Cells: TypeAlias = list[str] | PackedCells  # of a row; packed where its lines are long

SEPARATORS: Final = {"\t": "a tab", ";": "a semicolon", ",": "a comma", "|": "a bar"}
"""The separators that are found in the first line, with their names, in the order of the search."""

_SEPARATOR_LINE: Final = re.compile(r'"?sep=([^\w"+.\r\n-])"?[\r\n]*', re.IGNORECASE)
_MOST_COLUMNS: Final = 2**20
_MOST_EMPTY: Final = 2**20
_PIECE: Final = 2**15  # characters of a line that are split into cells at once


class _Dialect(NamedTuple):
    """The separator of cells, and the lines above the table."""

    separator: str
    above: int


_Rows: TypeAlias = Generator[tuple[int, Cells], None, None]


def rows_of(file: Path) -> _Rows:
    """Yield the line, counted from 1, and the cells of each row."""
    with opened_text(file) as stream:
        try:
            dialect = _dialect(stream, file)
            stream.seek(0)
            yield from _rows_of_one_length(stream, dialect, file)
        except UnicodeDecodeError as error:
            raise _not_utf8(file) from error


def mark_of(file: Path) -> str:
    """Return the character that separates the cells of a file."""
    with opened_text(file) as stream:
        return _dialect(stream, file).separator


def separator_of(file: Path) -> str:
    """Return the words for the separator of a file, such as "a comma"."""
    return _separator_name(mark_of(file))


def _dialect(stream: TextIO, file: Path) -> _Dialect:
    """Return the separator that a line ``sep=`` names, or else one that the first line has."""
    for number, line in enumerate(stream, start=1):
        if line.strip():
            named = _SEPARATOR_LINE.fullmatch(line)
            if named is not None:
                return _Dialect(named[1], number)
            unquoted = (mark for mark in SEPARATORS if _is_outside_quotes(mark, line))
            return _Dialect(next(unquoted, ","), 0)
        if number > _MOST_EMPTY:
            raise _too_many_empty(file, number)
    return _Dialect(",", 0)


def _is_outside_quotes(mark: str, line: str) -> bool:
    return any(found[0] == mark for found in re.finditer(f'"[^"]*"|{re.escape(mark)}', line))


def _rows_of_one_length(stream: TextIO, dialect: _Dialect, file: Path) -> _Rows:
    """Yield as `rows_of`, and refuse a row that is not as long as the first."""
    for _ in itertools.islice(stream, dialect.above):
        pass
    pieces = _Pieces(stream, dialect, file)
    reader = csv.reader(pieces, delimiter=dialect.separator, strict=True)
    width = top = empty = 0
    more = False  # than the first row
    while True:
        line = pieces.line + 1
        try:
            cells = _all_cells(reader, pieces)
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
            # as R writes the names of rows
            unnamed = len(cells) == width + 1 and not more
            begin = f", or begin it with {separator} if the first column has no name" * unnamed
            advice = (
                f"Complete or delete the line, or delete line {top} if it is a title{begin}. The "
                f"known separators are {', '.join(SEPARATORS.values())}"
            )
            came = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
            raise DataError(f"{file.name}, line {line}", came, expected, advice)
        more = line > top
        yield line, cells


class _Pieces:
    """The lines of a file, of which the long ones are cut into pieces.

    A piece ends in a separator, or it is the last of its line. The CSV reader takes a piece for a
    line. If the separator is within quotation marks, the reader goes on with the next piece.
    Otherwise it returns the cells of the piece, and an empty cell after the separator.

    Attributes
    ----------
    line : int
        The line of the last piece, counted from 1.
    line_goes_on : bool
        Whether the line has more pieces.
    """

    def __init__(self, stream: TextIO, dialect: _Dialect, file: Path) -> None:
        self._stream, self._separator, self._file = stream, dialect.separator, file
        self.line, self.line_goes_on = dialect.above, False

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            self.line += 1
            if len(line) <= _PIECE:
                yield line
            else:
                yield from self._cut(line)

    def _cut(self, line: str) -> Iterator[str]:
        """Yield the pieces of a line; refuse a line of more than `_MOST_COLUMNS` cells."""
        separator = self._separator
        cells = line.count(separator) + 1
        if cells > _MOST_COLUMNS:
            where, came = f"{self._file.name}, line {self.line}", f"{cells:,} cells"
            raise DataError(where, came, f"at most {_MOST_COLUMNS:,} columns", "Write a row a line")
        start = 0
        self.line_goes_on = True
        while len(line) - start > _PIECE:
            stop = line.rfind(separator, start, start + _PIECE) + 1
            stop = stop or line.find(separator, start + _PIECE) + 1
            if not stop:
                break
            yield line[start:stop]
            start = stop
        self.line_goes_on = False
        yield line[start:]


def _all_cells(reader: Iterator[list[str]], pieces: _Pieces) -> Cells:
    """Return the cells of the next row, from one piece or more.

    Raises
    ------
    StopIteration
        There is no row.
    """
    cells = next(reader)
    if not pieces.line_goes_on:
        return cells
    packed = PackedCells()
    while pieces.line_goes_on:
        packed.append(cells[:-1])
        cells = next(reader)
    packed.append(cells or [""])  # the reader finds no cell in an empty piece
    return packed


def _too_many_empty(file: Path, line: int) -> DataError:
    came, expected = f"more than {_MOST_EMPTY:,} empty lines", "a table"
    return DataError(f"{file.name}, line {line}", came, expected, "Delete the empty lines")


def _separator_name(separator: str) -> str:
    """Return the words for a separator, such as "a comma"."""
    return SEPARATORS.get(separator, repr(separator))


def _not_utf8(file: Path) -> DataError:
    """Return the error for a file that is not UTF-8, with the line of its first wrong byte."""
    line = 1
    with opened_bytes(file) as stream:
        for data in stream:
            try:
                data.decode()
            except UnicodeDecodeError:
                break
            line += 1
    where = f"{file.name}, line {line}"
    return DataError(where, "bytes that are no UTF-8", "UTF-8", "Save the table as 'CSV UTF-8'")
