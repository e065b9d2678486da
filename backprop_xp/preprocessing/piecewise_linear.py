"""Piecewise-linear encoding: a column for each bin of a number."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.preprocessing.step import as_floats
from backprop_xp.preprocessing.table import Table

__all__ = ["PiecewiseLinearEncoding"]


@dataclass(frozen=True, eq=False)
class PiecewiseLinearEncoding:
    """For each bin from b to c of a column, the share of the bin below x: (x − b) / (c − b).

    The share is 0 below the bin and 1 above it. So the columns of x add up to a piecewise-linear
    function of x, whatever weights a layer gives them. Gorishniy et al. continue the lines of the
    first and the last bin beyond the edges. Here they end, so that no input is large.

    Attributes
    ----------
    edges : tuple of array (n_bins + 1,) of float64
        The edges of the bins of each column, ascending and different; at least two.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning",
    NeurIPS (2022), arXiv 2203.05556, section 3.2.

    Examples
    --------
    >>> step = PiecewiseLinearEncoding((np.array([0.0, 10.0, 30.0]),))
    >>> step.apply(Table((np.array([[5.0], [20.0], [99.0]]),))).numbers()
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    """

    edges: tuple[NDArray[np.float64], ...]

    kind: ClassVar[str] = "piecewise_linear_encoding"

    def __post_init__(self) -> None:
        edges = tuple(as_floats(one) for one in self.edges)
        if not all(len(one) > 1 and bool((np.diff(one) > 0).all()) for one in edges):
            raise ValueError("edges that do not ascend")
        object.__setattr__(self, "edges", edges)

    @classmethod
    def of_quantiles(cls, X: NDArray[np.float64], bins: int) -> Self:
        """Return the encoding whose edges are the quantiles of the columns of X (m, n).

        NaN is left out. Equal quantiles are one edge. A column of one value x has the edges x and
        x + 1; a column of NaN alone has 0 and 1.

        Examples
        --------
        >>> PiecewiseLinearEncoding.of_quantiles(np.array([[0.0], [1.0], [4.0]]), 2).edges
        (array([0., 1., 4.]),)
        """
        return cls(tuple(_edges(x[~np.isnan(x)], bins) for x in X.T))

    @property
    def n_in(self) -> int:
        """The number of columns that come."""
        return len(self.edges)

    @property
    def n_out(self) -> int:
        """The number of bins of all columns."""
        return sum(len(one) - 1 for one in self.edges)

    def apply(self, table: Table) -> Table:
        """Return the shares, bin by bin and column by column; those of NaN are NaN."""
        x = table.numbers()
        made = np.empty((len(x), self.n_out))
        start = 0
        for j, edges in enumerate(self.edges):
            stop = start + len(edges) - 1
            made[:, start:stop] = (x[:, j, None] - edges[:-1]) / np.diff(edges)
            start = stop
        return Table((np.clip(made, 0, 1),), (), table.start)


def _edges(x: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the edges of the bins of one column without NaN."""
    if not len(x):
        return np.array([0.0, 1.0])
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    # next to a large x, x + 1 is x
    return (
        edges
        if len(edges) > 1
        else np.array([edges[0], max(edges[0] + 1, np.nextafter(edges[0], np.inf))])
    )
