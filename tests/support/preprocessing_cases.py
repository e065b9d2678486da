"""A step of preprocessing of each kind."""

import numpy as np

from backprop_xp.preprocessing.as_text import AsText
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.one_hot import NOWHERE, REFUSED, OneHotEncoding
from backprop_xp.preprocessing.piecewise_linear import PiecewiseLinearEncoding
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.scaling import RangeScaling, Standardisation
from backprop_xp.preprocessing.smooth_clip import SmoothClip

ONES, TWO = np.ones(2), np.arange(2)
STEPS = {
    "standardisation": Standardisation(np.array([1.0, 2.0]), np.array([3.0, np.inf])),
    "range_scaling": RangeScaling(ONES, -ONES, 0.0, 2.0),
    "quantile_mapping": QuantileMapping(np.array([[0.0, 1], [2, 3]]), np.array([0, 1.0]), True),
    "imputation": Imputation(3, np.nan, TWO, (1.5, -2), np.array([2])),
    "one_hot_encoding": OneHotEncoding(
        (np.array([1.0, np.nan]), ("a", None)),
        (np.array([0, 1]), np.array([NOWHERE, 0])),
        (REFUSED, 0),
        (2, 1),
    ),
    "piecewise_linear_encoding": PiecewiseLinearEncoding(
        (np.array([0.0, 1.0, 3.0]), np.array([-9.0, 2.0]))
    ),
    "smooth_clip": SmoothClip(2, 1.5),
    "as_text": AsText(2),
    "unchanged": Unchanged(2),
    "chain": Chain((Unchanged(2), RangeScaling(ONES, ONES))),
    "side_by_side": SideBySide(3, ((np.array([2, 0]), RangeScaling(ONES, ONES)),)),
}
