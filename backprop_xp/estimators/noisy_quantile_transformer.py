"""`NoisyQuantileTransformer`: quantiles to a normal distribution, fitted with noise."""

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import OptionError
from backprop_xp.estimators.table_transformer import TableTransformer
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.table import Table

with suppress(ImportError):
    from sklearn.preprocessing import QuantileTransformer
    from sklearn.utils import check_random_state

__all__ = ["NOISE", "NoisyQuantileTransformer", "quantile_mapping"]

NOISE = 1e-3  # in standard deviations of a column


def quantile_mapping(
    X: NDArray[np.float64],
    noise: float,
    random: np.random.RandomState,
    count: int | str = "auto",
) -> QuantileMapping:
    """Return the map to normal quantiles, fitted by scikit-learn on X (m, n) with normal noise.

    The noise, in standard deviations of a column, tells equal numbers apart: so a number that many
    rows have is mapped to the middle of its ranks. NaN is left out.

    References
    ----------
    Gorishniy, Rubachev, Khrulkov, Babenko, "Revisiting deep learning models for tabular data",
    NeurIPS (2021), arXiv 2106.11959, appendix, for the noise and the number of quantiles.

    Examples
    --------
    >>> step = quantile_mapping(np.arange(99.0)[:, None], 1e-3, np.random.RandomState(0))
    >>> bool(abs(step.apply(Table((np.array([[49.0]]),))).numbers()[0, 0]) < 0.1)
    True
    """
    most = min(max(len(X) // 30, 10), 1000) if isinstance(count, str) else count
    X = np.where(np.isnan(X).all(axis=0), 0.0, X)  # so that such a column has quantiles
    noisy = X + random.standard_normal(X.shape) * noise * np.nanstd(X, axis=0)
    found = QuantileTransformer(
        n_quantiles=min(most, len(X)),
        output_distribution="normal",
        subsample=None,
        random_state=0,
    ).fit(noisy)
    return QuantileMapping(found.quantiles_, found.references_, True)


@checks_keywords
class NoisyQuantileTransformer(TableTransformer):
    """Normal quantiles that are fitted with noise, as a transformer of scikit-learn.

    It is scikit-learn's QuantileTransformer with ``output_distribution="normal"``, fitted on the
    numbers with normal noise. The noise tells equal numbers apart, so that a number that many rows
    have is mapped to the middle of its ranks. `transform` adds none.

    `fit` leaves NaN out; `transform` returns NaN for NaN. An infinity is refused.

    Parameters
    ----------
    n_quantiles : int or "auto"
        The number of quantiles of a column, ≥ 1. "auto" is a thirtieth of the rows, from 10 to
        1,000. There are never more than rows.
    noise : float
        The spread of the noise, in standard deviations of a column, ≥ 0.
    random_state : int, RandomState or None
        Of the noise.

    Attributes
    ----------
    step_ : QuantileMapping
        The fitted step.
    n_features_in_ : int
    feature_names_in_ : array (n,) of str

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError
        `fit`: a parameter is out of range.

    References
    ----------
    Gorishniy, Rubachev, Khrulkov, Babenko, "Revisiting deep learning models for tabular data",
    NeurIPS (2021), arXiv 2106.11959, appendix.

    Examples
    --------
    >>> X = np.arange(99.0)[:, None]
    >>> z = NoisyQuantileTransformer(random_state=0).fit(X).transform([[49.0], [98.0]])
    >>> bool(abs(z[0, 0]) < 0.1), bool(z[1, 0] > 2)
    (True, True)
    """

    def __init__(
        self,
        n_quantiles: int | str = "auto",
        *,
        noise: float = NOISE,
        random_state: Any = None,
    ) -> None:
        self.n_quantiles = n_quantiles
        self.noise = noise
        self.random_state = random_state

    def _fitted(self, table: Table) -> QuantileMapping:
        if not (isinstance(self.n_quantiles, str) and self.n_quantiles == "auto"):
            check_count(self.n_quantiles, "n_quantiles", least=1)
        noise = finite_number(self.noise, "noise")
        if noise < 0:
            raise OptionError("noise", repr(self.noise), "a number >= 0", "Use 1e-3")
        random = check_random_state(self.random_state)
        return quantile_mapping(table.numbers(), noise, random, self.n_quantiles)
