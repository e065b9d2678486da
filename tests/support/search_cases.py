"""Data, estimators and comparisons for tests of searches in stacks."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn import datasets  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
)
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


IRIS, CANCER = scaled(datasets.load_iris), scaled(datasets.load_breast_cancer)
CANCER = CANCER[0][:200], CANCER[1][:200]
DIABETES = scaled(datasets.load_diabetes)
DIABETES = DIABETES[0][:150], DIABETES[1][:150] / 100
LABELS = datasets.make_multilabel_classification(n_samples=120, random_state=0)
RATES = {"learning_rate_init": [0.003, 0.03]}


def classifier(**chosen):
    chosen = {"hidden_layer_sizes": [6], "max_iter": 12, "random_state": 0, **chosen}
    return bp.MLPClassifier(**chosen)


def regressor(**chosen):
    chosen = {"hidden_layer_sizes": [6], "max_iter": 12, "random_state": 0, **chosen}
    return bp.MLPRegressor(**chosen)


def check_equal_results(ours, theirs, close=1e-10):
    found, expected = ours.cv_results_, theirs.cv_results_
    assert list(found) == list(expected)
    for name in expected:
        if name == "params":
            assert list(map(str, found[name])) == list(map(str, expected[name]))
            continue
        assert type(found[name]) is type(expected[name]), name
        assert found[name].dtype == expected[name].dtype, name
        if name.startswith("param_"):
            assert (found[name].mask == expected[name].mask).all()
            assert list(map(str, found[name])) == list(map(str, expected[name]))
        elif name.endswith("_time"):
            assert (found[name] >= 0).all()
        else:
            np.testing.assert_allclose(found[name], expected[name], close, close, err_msg=name)


def check_same(estimator, grid, X, y, fit=None, *, theirs=None, close=1e-10, **options):
    """Compare a search with scikit-learn's, and return both."""
    options = {"cv": 3, "return_train_score": True, **options}
    ours = bp.StackedSearchCV(clone(estimator), grid, **options)
    if theirs is None:
        theirs = GridSearchCV(clone(estimator), grid, **options)
    ours.fit(X, y, **(fit or {}))
    theirs.fit(X, y, **(fit or {}))
    check_equal_results(ours, theirs, close)
    for name in ("best_index_", "n_splits_", "multimetric_", "n_features_in_", "classes_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        if hasattr(ours, name):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert type(ours.scorer_) is type(theirs.scorer_)
    for name in ("best_score_", "best_params_", "best_estimator_", "refit_time_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
    if hasattr(ours, "best_score_"):
        assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=close)
    if hasattr(ours, "best_estimator_"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.score(X, y) == theirs.score(X, y)
    return ours, theirs
