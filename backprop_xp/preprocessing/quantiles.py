"""The quantiles of columns, mapped to those of a uniform or a normal distribution."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.preprocessing.normal_quantile import normal_quantile
from backprop_xp.preprocessing.step import ColumnByColumn, as_floats, check_counts
from backprop_xp.preprocessing.table import Table

__all__ = ["BOUND", "QuantileMapping"]

Float64s = NDArray[np.float64]

BOUND: Final = 1e-7  # a normal z has a probability from this to 1 minus this, so that it is finite


@dataclass(frozen=True, eq=False)
class QuantileMapping(ColumnByColumn):
    """The share of the training rows below x, F(x), for each column; or the normal z of that share.

    F is linear between quantiles. Where several quantiles are equal, F is the middle of its jump.

    Attributes
    ----------
    quantiles : array (n_quantiles, n) of float64
        The quantiles of each column, ascending.
    shares : array (n_quantiles,) of float64
        The share that belongs to each quantile, ascending from 0 to 1.
    normal : bool
        Whether the results are Φ⁻¹(F(x)), not F(x).

    References
    ----------
    scikit-learn's QuantileTransformer, of which this is the function.

    Examples
    --------
    >>> step = QuantileMapping(np.array([[0.0], [10.0], [30.0]]), np.array([0.0, 0.5, 1.0]))
    >>> step.apply(Table((np.array([[5.0], [20.0], [99.0]]),))).numbers()
    array([[0.25],
           [0.75],
           [1.  ]])
    """

    quantiles: Float64s
    shares: Float64s
    normal: bool = False

    kind: ClassVar[str] = "quantile_mapping"

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantiles", as_floats(self.quantiles, axes=2))
        object.__setattr__(self, "shares", as_floats(self.shares))
        check_counts("quantiles and shares", len(self.quantiles), len(self.shares))
        if not len(self.shares):
            raise ValueError("no quantiles")

    @property
    def n_in(self) -> int:
        """The number of columns."""
        return int(self.quantiles.shape[1])

    def apply(self, table: Table) -> Table:
        """Return F(x), or its normal z, for each column; NaN stays NaN."""
        x = table.numbers()
        F = np.empty_like(x)
        for j in range(x.shape[1]):
            F[:, j] = self._shares(x[:, j], self.quantiles[:, j])
        if not self.normal:
            return table.like(F)
        ends = normal_quantile([BOUND - np.spacing(1), 1 - (BOUND - np.spacing(1))])
        return table.like(np.clip(normal_quantile(F), *ends))

    def _shares(self, x: Float64s, quantiles: Float64s) -> Float64s:
        """Return F(x), (m,), for one column."""
        rising = np.interp(x, quantiles, self.shares)
        falling = -np.interp(-x, -quantiles[::-1], -self.shares[::-1])
        F = np.where(np.isnan(x), np.nan, 0.5 * (rising + falling))
        first, last = quantiles[0], quantiles[-1]
        margin = BOUND if self.normal else 0.0
        above = x + margin > last if self.normal else x == last
        below = x - margin < first if self.normal else x == first
        return np.where(below, 0.0, np.where(above, 1.0, F))
