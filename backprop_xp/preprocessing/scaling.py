"""Columns of mean 0 and variance 1, and columns in a range."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backprop_xp.preprocessing.step import ColumnByColumn, as_floats, check_counts
from backprop_xp.preprocessing.table import Table

__all__ = ["RangeScaling", "Standardisation"]

Float64s = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standardisation(ColumnByColumn):
    """(x − μ) / s for each column.

    Attributes
    ----------
    mean : array (n,) of float64
        μ.
    spread : array (n,) of float64
        s, not 0. An infinite spread makes a column 0.

    Examples
    --------
    >>> step = Standardisation(np.array([20.0]), np.array([5.0]))
    >>> step.apply(Table((np.array([[30.0], [20.0]]),))).numbers()
    array([[2.],
           [0.]])
    """

    mean: Float64s
    spread: Float64s

    kind: ClassVar[str] = "standardisation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", as_floats(self.mean))
        object.__setattr__(self, "spread", as_floats(self.spread))
        check_counts("means and spreads", len(self.mean), len(self.spread))

    @property
    def n_in(self) -> int:
        """The number of columns."""
        return len(self.mean)

    def apply(self, table: Table) -> Table:
        """Return the standardised columns."""
        return table.like((table.numbers() - self.mean) / self.spread)


@dataclass(frozen=True, eq=False)
class RangeScaling(ColumnByColumn):
    """x · s + t for each column, within bounds.

    Attributes
    ----------
    factor : array (n,) of float64
        s.
    offset : array (n,) of float64
        t.
    low, high : float
        The bounds to which results are clipped; infinite where they are not clipped.

    Examples
    --------
    >>> step = RangeScaling(np.array([0.1]), np.array([0.0]), 0.0, 1.0)
    >>> step.apply(Table((np.array([[5.0], [20.0]]),))).numbers()
    array([[0.5],
           [1. ]])
    """

    factor: Float64s
    offset: Float64s
    low: float = -np.inf
    high: float = np.inf

    kind: ClassVar[str] = "range_scaling"

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", as_floats(self.factor))
        object.__setattr__(self, "offset", as_floats(self.offset))
        check_counts("factors and offsets", len(self.factor), len(self.offset))
        if not self.low <= self.high:
            raise ValueError(f"a range from {self.low} to {self.high}")

    @property
    def n_in(self) -> int:
        """The number of columns."""
        return len(self.factor)

    def apply(self, table: Table) -> Table:
        """Return the scaled columns."""
        scaled = table.numbers() * self.factor + self.offset
        return table.like(np.clip(scaled, self.low, self.high))
