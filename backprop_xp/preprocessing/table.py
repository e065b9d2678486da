"""The columns that a step of preprocessing takes and returns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.data_frames import host_array
from backprop_xp.errors import DataError, DTypeError

__all__ = ["WHERE", "Table", "columns_of_frame", "is_frame", "shown", "without_na"]

WHERE: Final = "predict(X)"  # the argument that holds the table, for errors
_NUMBERS: Final = "biuf"  # kinds of dtype


@dataclass(frozen=True, eq=False)
class Table:
    """Columns, as arrays side by side.

    Attributes
    ----------
    blocks : tuple of array (m, n_block)
        Numbers of any real dtype, texts, or Python objects.
    names : tuple of str
        The names of the columns; empty where they have none.
    start : int
        The number of the first row in the data that it was cut from.

    Examples
    --------
    >>> table = Table.of([np.array([1, 2]), np.array(["red", "blue"])], ("size", "colour"))
    >>> table.shape, table.take([1]).names, table.take([0]).numbers().dtype
    ((2, 2), ('colour',), dtype('float64'))
    """

    blocks: tuple[HostArray, ...]
    names: tuple[str, ...] = ()
    start: int = 0

    @classmethod
    def of(cls, columns: Sequence[HostArray], names: tuple[str, ...] = (), start: int = 0) -> Self:
        """Return the table of columns, (m,) each."""
        return cls(tuple(column[:, None] for column in columns), names, start)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return len(self.blocks[0]), sum(block.shape[1] for block in self.blocks)

    @property
    def is_numeric(self) -> bool:
        """Whether every array has a dtype of real numbers."""
        return all(block.dtype.kind in _NUMBERS for block in self.blocks)

    def columns(self) -> list[HostArray]:
        """Return the columns, (m,) each."""
        return [column for block in self.blocks for column in block.T]

    def take(self, chosen: Sequence[int] | NDArray[np.integer[Any]]) -> "Table":
        """Return the table of the chosen columns, by their indices."""
        places = [int(j) for j in chosen]
        names = tuple(self.names[j] for j in places) if self.names else ()
        if len(self.blocks) == 1:
            return Table((self.blocks[0][:, places],), names, self.start)
        columns = self.columns()
        return Table.of([columns[j] for j in places], names, self.start) if places else self.none()

    def rows(self, chosen: slice | NDArray[np.integer[Any]]) -> "Table":
        """Return the table of the chosen rows."""
        first = chosen.start or 0 if isinstance(chosen, slice) else 0
        blocks = tuple(block[chosen] for block in self.blocks)
        return Table(blocks, self.names, self.start + first)

    def none(self) -> "Table":
        """Return the table of the same rows without a column."""
        return Table((np.empty((self.shape[0], 0)),), (), self.start)

    def beside(self, others: Sequence["Table"]) -> "Table":
        """Return the table of the columns of other tables of the same rows, one after another."""
        blocks = tuple(block for one in others for block in one.blocks)
        names = tuple(name for one in others for name in one.names or ("",) * one.shape[1])
        return Table(blocks, names, self.start) if blocks else self.none()

    def like(self, numbers: HostArray) -> "Table":
        """Return the table of the same rows and names with other numbers (m, n)."""
        return Table((numbers,), self.names, self.start)

    def numbers(self) -> NDArray[np.float64]:
        """Return the columns as one array (m, n) of float64.

        Raises
        ------
        DTypeError
            A column holds a text or another object that is no number.
        """
        if len(self.blocks) == 1 and self.is_numeric:
            return np.asarray(self.blocks[0], dtype=np.float64)
        m, n = self.shape
        out = np.empty((m, n))
        for j, column in enumerate(self.columns()):
            out[:, j] = self._numbers_of(column, j)
        return out

    def refuse_infinite(self, chosen: Iterable[int], where: str) -> None:
        """Refuse the first infinite number in the chosen columns.

        Raises
        ------
        DataError
        """
        columns = self.columns()
        for j in chosen:
            row = _first_infinite(columns[j])
            if row is not None:
                came = f"{shown(columns[j][row])} (infinity) at {self.place(row, j)}"
                advice = "Correct it, or mark a gap as NaN"
                raise DataError(where, f"{came} (counted from 0)", "finite numbers", advice)

    def place(self, row: int, column: int) -> str:
        """Return the text that names a cell in an error; rows are counted from 0."""
        return f"row {self.start + row}, column {self._named(column)}"

    def _named(self, column: int) -> str:
        """Return the name of a column in quotes, or its number where it has none."""
        name = self.names[column] if self.names else ""
        return repr(name) if name else str(column)

    def _numbers_of(self, column: HostArray, j: int) -> HostArray:
        if column.dtype.kind in _NUMBERS:
            return column
        if column.dtype.kind in "OUT":
            try:
                return column.astype(np.float64)
            except (TypeError, ValueError):
                row = next(i for i, value in enumerate(column) if not _is_number(value))
                came = f"{shown(column[row])} at {self.place(row, j)} (counted from 0)"
        else:
            came = f"dtype {column.dtype} in column {self._named(j)}"
        advice = "The step that takes this column was fitted on numbers; check the column"
        raise DTypeError(WHERE, came, "a number", advice)


def _first_infinite(column: HostArray) -> int | None:
    """Return the first row with an infinite number; None where there is none."""
    if column.dtype.kind == "O":
        floats = any(issubclass(one, float | np.floating) for one in set(map(type, column)))
        values = column if floats else ()
        rows = (i for i, x in enumerate(values) if isinstance(x, float | np.floating))
        return next((i for i in rows if np.isinf(column[i])), None)
    infinite = np.isinf(column) if column.dtype.kind == "f" else np.zeros(0, dtype=bool)
    return int(np.argmax(infinite)) if infinite.any() else None


def is_frame(x: Any) -> bool:
    """Tell whether `x` is a data frame with named columns, such as pandas' or Polars'."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy") and hasattr(x, "__getitem__")


def columns_of_frame(frame: Any, names: Sequence[str]) -> list[HostArray]:
    """Return the columns of a data frame by name, in the order of the names.

    A missing value is NaN in columns of numbers, and NaN or None among texts.

    Raises
    ------
    DataError
        A column is missing, or there are several of its name.
    """
    present = Counter(str(name) for name in frame.columns)
    for name in names:
        count = present[name]
        if count != 1:
            came = f"a frame with {count or 'no'} column{'s' * (count > 1)} {name!r}"
            some = f"{', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}"
            advice = "Pass the columns of training; their order is free"
            raise DataError(WHERE, came, f"one of each of {some}", advice)
    labels = {str(label): label for label in frame.columns}  # such as the numbers of columns
    return [_column(frame[labels[name]]) for name in names]


def _column(series: Any) -> HostArray:
    """Return a series as an array (m,)."""
    return without_na(np.asarray(host_array(series, WHERE)))


def without_na(values: HostArray) -> HostArray:
    """Return an array with NaN in the place of pandas' NA, which is no number.

    Examples
    --------
    >>> without_na(np.array([1, None], dtype=object))
    array([1, None], dtype=object)
    """
    if values.dtype.kind != "O":
        return values
    flat = values.reshape(-1)
    if not any(one.__name__ == "NAType" for one in set(map(type, flat))):
        return values
    found = [np.nan if type(value).__name__ == "NAType" else value for value in flat]
    made = np.empty(len(flat), dtype=object)
    made[:] = found
    return made.reshape(values.shape)


def shown(value: Any) -> str:
    """Return a value for an error, as Python writes it, cut to 100 characters.

    Examples
    --------
    >>> shown(np.str_("Rome")), shown(np.float64(2.5))
    ("'Rome'", '2.5')
    """
    return f"{value.item() if isinstance(value, np.generic) else value!r:.100}"


def _is_number(value: Any) -> bool:
    try:
        np.asarray(value, dtype=object).astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True
