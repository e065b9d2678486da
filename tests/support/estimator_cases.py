"""Data and kinds of estimators for their tests."""

import numpy as np
import pytest

import backprop_xp as bp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
FIRST, SECOND = X[:, 0] + 0.3 * RNG.normal(size=90) > 0, X[:, 1] > 0.5
CLASSES = np.array(["x", "y", "z"])[FIRST.astype(int) + SECOND]
TWO = CLASSES == "x"
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * RNG.normal(size=90)
quick = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
both = pytest.mark.parametrize(
    ("kind", "y"),
    [(bp.MLPClassifier, CLASSES), (bp.MLPClassifier, TWO), (bp.MLPRegressor, NUMBERS)],
    ids=["three classes", "two classes", "numbers"],
)
