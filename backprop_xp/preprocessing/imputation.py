"""A value in the place of a missing one, and columns that say where values were missing."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.preprocessing.missing import missing_in
from backprop_xp.preprocessing.step import as_indices, check_counts
from backprop_xp.preprocessing.table import Table

__all__ = ["Imputation"]


@dataclass(frozen=True, eq=False)
class Imputation:
    """One value for each column, put where a value is missing.

    Attributes
    ----------
    n_in : int
        The number of columns that come.
    missing : number, text or None
        The sign of a missing value.
    kept : array (n_kept,) of int
        The columns that stay; the others had no value in training.
    fill : tuple of numbers and texts
        The value for each column that stays.
    indicators : array (n_indicators,) of int
        The columns for which a further column holds 1 where the value was missing, else 0.

    Examples
    --------
    >>> step = Imputation(2, np.nan, np.array([0, 1]), (5.0, 7.0), np.array([1]))
    >>> step.apply(Table((np.array([[1.0, np.nan], [np.nan, 2.0]]),))).numbers()
    array([[1., 7., 1.],
           [5., 2., 0.]])
    """

    n_in: int
    missing: Any
    kept: NDArray[np.int64]
    fill: tuple[Any, ...]
    indicators: NDArray[np.int64]

    kind: ClassVar[str] = "imputation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", as_indices(self.kept, self.n_in))
        object.__setattr__(self, "indicators", as_indices(self.indicators, self.n_in))
        object.__setattr__(self, "fill", tuple(self.fill))
        check_counts("values and columns", len(self.fill), len(self.kept))
        for value in (self.missing, *self.fill):
            if not isinstance(value, str | bool | int | float | None):
                raise TypeError(f"a value of type {type(value).__name__}")

    @property
    def n_out(self) -> int:
        """The number of columns that stay, and of their indicators."""
        return len(self.kept) + len(self.indicators)

    def apply(self, table: Table) -> Table:
        """Return the columns without missing values, then the indicators."""
        columns = self._columns(table)
        absent = {j: missing_in(columns[j], self.missing) for j in {*self.kept, *self.indicators}}
        kept = table.take(self.kept)
        filled = [
            _filled(columns[j], absent[j], value)
            for j, value in zip(self.kept, self.fill, strict=True)
        ]
        shown = [absent[j].astype(np.float64) for j in self.indicators]
        known = table.names and [table.names[j] for j in self.indicators]
        names = tuple(f"{name} is missing" if name else "" for name in known)
        both = (
            Table.of(filled, kept.names, table.start) if filled else table.none(),
            Table.of(shown, names, table.start) if shown else table.none(),
        )
        return table.beside(both)

    def _columns(self, table: Table) -> list[HostArray]:
        """Return the columns; objects that are all numbers or None become numbers."""
        columns = table.columns()
        if self.missing is not None:
            for j, value in zip(self.kept, self.fill, strict=True):
                if columns[j].dtype.kind == "O" and not isinstance(value, str | None):
                    columns[j] = _as_numbers(columns[j])
        return columns


def _as_numbers(column: HostArray) -> HostArray:
    """Return a column of objects as float64, with NaN for None; as it is where it has texts."""
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError):
        return column


def _filled(column: HostArray, absent: NDArray[np.bool_], value: Any) -> HostArray:
    """Return a column with the value at the places where it is absent."""
    if not absent.any():
        return column
    if column.dtype.kind in "biuf" and not isinstance(value, str | None):
        return np.where(absent, float(value), column)
    filled = column.astype(object)
    filled[absent] = value
    return filled
