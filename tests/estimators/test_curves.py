"""Whole runs of default settings: the curve, the epoch of stopping and the score of scikit-learn.

Where inputs are not scaled, the first epochs have probabilities that round to 0. scikit-learn
counts
at most 36 for such a case, and the curves differ. The weights are the same.
"""

import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.7")

from sklearn import datasets, neural_network  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

RUNS = [
    ("MLPClassifier", datasets.load_iris, True),
    ("MLPClassifier", datasets.load_wine, True),
    ("MLPClassifier", datasets.load_breast_cancer, False),
    ("MLPRegressor", datasets.load_diabetes, False),
]
SATURATED = {datasets.load_wine, datasets.load_breast_cancer}


@pytest.mark.parametrize(("name", "load", "scaled"), RUNS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_whole_run_is_that_of_scikit_learn(name, load, scaled, seed):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X) if scaled else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (
            getattr(module, name)(random_state=seed).fit(X, y) for module in (bp, neural_network)
        )
    assert ours.n_iter_ == theirs.n_iter_ >= 100
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-8)
    for found, expected in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    curves = np.array([ours.loss_curve_, theirs.loss_curve_])
    if not scaled and load in SATURATED:
        curves = curves[:, 80:]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-8)
