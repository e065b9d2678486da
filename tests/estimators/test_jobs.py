"""Searches and ensembles by joblib: their results do not depend on the number of jobs."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

import joblib  # noqa: E402
from needs import every  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
BACKENDS = ["threading", pytest.param("loky", marks=every)]  # new processes take seconds
NOT_COMPARED = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")


def searched(n_jobs, backend, random_state):
    mlp = bp.MLPClassifier([4], max_iter=3, random_state=random_state)
    grid = {"mlpclassifier__alpha": [0.0, 0.1], "mlpclassifier__learning_rate_init": [0.01, 0.1]}
    search = bp.StackedSearchCV(make_pipeline(StandardScaler(), mlp), grid, cv=3, n_jobs=n_jobs)
    np.random.seed(7)  # noqa: NPY002  the stream of estimators without random_state
    with joblib.parallel_config(backend):
        return search.fit(X, Y)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("random_state", [0, None])
def test_a_search(backend, random_state):
    one, two = (searched(n, backend, random_state) for n in (None, 2))
    assert one.cv_results_.keys() == two.cv_results_.keys()
    for name, expected in one.cv_results_.items():
        if name not in NOT_COMPARED:
            np.testing.assert_array_equal(two.cv_results_[name], expected)
    assert one.best_params_ == two.best_params_
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_the_error_of_a_fold_is_raised():
    chosen = {"cv": 2, "n_jobs": 2, "error_score": "raise"}
    search = bp.StackedSearchCV(bp.MLPClassifier([4], max_iter=2), {"alpha": [-1.0]}, **chosen)
    with joblib.parallel_config("threading"), pytest.raises(bp.BackpropError, match="alpha"):
        search.fit(X, Y)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["MLPEnsembleClassifier", "MLPEnsembleRegressor"])
def test_an_ensemble(name, backend):
    fits = []
    for n_jobs in (None, 2):
        model = getattr(bp, name)(3, epochs=4, folds=2, random_state=0, n_jobs=n_jobs)
        with joblib.parallel_config(backend):
            fits.append(model.fit(X, Y))
    one, two = fits
    assert one.candidates_ == two.candidates_
    assert one.validation_loss_ == two.validation_loss_
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
