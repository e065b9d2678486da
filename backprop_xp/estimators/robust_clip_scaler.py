"""`RobustClipScaler`: the median and the quartiles scale a number, and a smooth bound keeps it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import finite_number
from backprop_xp.errors import OptionError
from backprop_xp.estimators.table_transformer import TableTransformer
from backprop_xp.preprocessing.composition import Chain
from backprop_xp.preprocessing.scaling import Standardisation
from backprop_xp.preprocessing.smooth_clip import SmoothClip
from backprop_xp.preprocessing.table import Table

__all__ = ["RobustClipScaler", "robust_scaling"]


def robust_scaling(
    X: NDArray[np.float64], low: float = 25.0, high: float = 75.0
) -> Standardisation:
    """Return (x − median) / (range from the low to the high percentile) of X (m, n), without NaN.

    Where the range is 0, half the range from the least to the greatest number takes its place. A
    column of one value becomes 0.

    Examples
    --------
    >>> robust_scaling(np.array([[1.0, 7.0], [2.0, 7.0], [5.0, 9.0]])).spread
    array([2., 1.])
    """
    median, spread = np.zeros(X.shape[1]), np.full(X.shape[1], np.inf)
    for j, x in enumerate(X.T):
        known = x[~np.isnan(x)]
        if len(known):
            least, below, median[j], above, most = np.percentile(known, [0, low, 50, high, 100])
            spread[j] = above - below or (most - least) / 2 or np.inf
    return Standardisation(median, spread)


@checks_keywords
class RobustClipScaler(TableTransformer):
    """Robust scale with a smooth clip, as a transformer of scikit-learn.

    z = (x − median) / (third quartile − first quartile) for each column, and then
    z / √(1 + (z / bound)²), which is z where it is small, and within ±bound. Where the quartiles
    are equal, half the range of the column takes the place of their distance. A column of one value
    becomes 0.

    `fit` leaves NaN out; `transform` returns NaN for NaN. An infinity is refused.

    Parameters
    ----------
    quantile_range : pair of float
        The percentiles in place of the quartiles, 0 ≤ low < high ≤ 100.
    bound : float
        Above 0.

    Attributes
    ----------
    step_ : Chain
        The fitted step, of a scale and a bound.
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
    Holzmüller, Grinsztajn, Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees
    on tabular data", NeurIPS (2024), arXiv 2407.04491, section 3: RealMLP's preprocessing.

    Examples
    --------
    >>> scaler = RobustClipScaler().fit([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> scaler.transform([[2.0], [10.0]])
    array([[0. ],
           [2.4]])
    """

    def __init__(
        self, quantile_range: tuple[float, float] = (25.0, 75.0), *, bound: float = 3.0
    ) -> None:
        self.quantile_range = quantile_range
        self.bound = bound

    def _fitted(self, table: Table) -> Chain:
        low, high = _percentiles(self.quantile_range)
        bound = finite_number(self.bound, "bound")
        if bound <= 0:
            raise OptionError("bound", repr(self.bound), "a number above 0", "Use 3.0")
        scaling = robust_scaling(table.numbers(), low, high)
        return Chain((scaling, SmoothClip(scaling.n_in, bound)))


def _percentiles(given: Any) -> tuple[float, float]:
    try:
        low, high = (float(one) for one in given)
        good = 0 <= low < high <= 100
    except (TypeError, ValueError):
        good = False
    if not good:
        expected = "two percentiles, 0 <= low < high <= 100"
        raise OptionError("quantile_range", f"{given!r:.60}", expected, "Use (25.0, 75.0)")
    return low, high
