"""When a fit of an estimator ends: early stopping, divergence, Ctrl-C, schedules."""

import re
import signal
import warnings

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X, both, quick

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from scipy.sparse import csr_array  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402

import backprop_xp as bp  # noqa: E402
from backprop_xp.estimators.stopping import Watch, ctrl_c_raises  # noqa: E402


def test_training_ends_where_the_cost_stands_still():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlp = bp.MLPClassifier([8], tol=0.05, n_iter_no_change=3, random_state=0).fit(X, TWO)
    assert mlp.n_iter_ < 200
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        bp.MLPClassifier([8], max_iter=2).fit(X, TWO)
    assert caught[0].filename == __file__  # the line of the caller, not one of the library
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        bp.MLPClassifier([8], solver="lbfgs", max_iter=2).fit(X, TWO)
    with pytest.warns(ConvergenceWarning, match="L-BFGS: STOP"):
        bp.MLPClassifier([8], solver=bp.LBFGS(maxfun=3)).fit(X, TWO)


@quick
@both
def test_early_stopping_keeps_the_best(kind, y):
    chosen = {"early_stopping": True, "n_iter_no_change": 5, "random_state": 0, "tol": 0.05}
    mlp = kind(hidden_layer_sizes=[8], learning_rate_init=0.02, max_iter=40, **chosen).fit(
        X, y, np.ones(90)
    )
    scores = mlp.validation_scores_
    assert len(scores) == mlp.n_iter_
    assert mlp.best_validation_score_ == max(scores)
    assert mlp.best_loss_ is None
    epochs = scores.index(max(scores)) + 1  # so many lead to the θ that was kept
    chosen |= {"n_iter_no_change": np.inf}
    again = kind(hidden_layer_sizes=[8], learning_rate_init=0.02, max_iter=epochs, **chosen).fit(
        X, y, np.ones(90)
    )
    np.testing.assert_array_equal(again.theta_, mlp.theta_)


@quick
def test_cases_without_weight_have_no_say_in_when_to_stop():
    w = np.arange(90) % 2
    chosen = {"early_stopping": True, "validation_fraction": 0.4, "max_iter": 5, "random_state": 0}
    scores = [
        bp.MLPRegressor(hidden_layer_sizes=[4], **chosen).fit(X, y, w).validation_scores_
        for y in (NUMBERS, np.where(w == 1, NUMBERS, 100.0))
    ]
    assert scores[0] == scores[1]


@quick
@both
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("state", range(3))
def test_cases_of_weight_0_are_left_out(kind, y, early_stopping, state):
    """Few cases have a weight, so that most states would hold none of them out."""
    w = np.zeros(90)
    w[:24] = np.linspace(1, 2, 24)
    chosen = {"max_iter": 4, "random_state": state, "early_stopping": early_stopping}
    weighted, alone = (
        kind(hidden_layer_sizes=[4], **chosen).fit(X, y, w),
        kind(hidden_layer_sizes=[4], **chosen).fit(X[:24], y[:24], w[:24]),
    )
    np.testing.assert_array_equal(weighted.theta_, alone.theta_)
    assert weighted.validation_scores_ == alone.validation_scores_


@pytest.mark.parametrize(
    ("kind", "y", "count", "words"),
    [
        (
            bp.MLPRegressor,
            NUMBERS,
            1,
            "got 1 case (n_samples=1) of weight > 0; expected at least one to train",
        ),
        (bp.MLPRegressor, NUMBERS, 2, "got 2 cases of weight > 0; expected at least one to train"),
        (
            bp.MLPClassifier,
            TWO,
            1,
            "got 1 case (n_samples=1) of weight > 0; expected at least one to train",
        ),
    ],
)
def test_too_few_cases_to_hold_some_out(kind, y, count, words):
    mlp = kind(hidden_layer_sizes=[4], early_stopping=True, validation_fraction=0.5)
    with pytest.raises(bp.DataError, match=re.escape(words)):
        mlp.fit(X, y, (np.arange(90) < count).astype(float))


SPEED = bp.schedules.Piecewise([30], [0.01, 1e30])  # five batches are an epoch


@pytest.mark.parametrize(("kind", "y"), [(bp.MLPRegressor, NUMBERS), (bp.MLPClassifier, CLASSES)])
def test_the_best_theta_outlives_a_divergence(kind, y):
    chosen = {"early_stopping": True, "random_state": 0, "batch_size": 17, "loss": "squared_error"}
    with pytest.warns(ConvergenceWarning, match="diverged in epoch .* best score .* is kept"):
        mlp = kind(hidden_layer_sizes=[8], solver=bp.SGD(SPEED), max_iter=40, **chosen).fit(X, y)
    assert np.isfinite(mlp.theta_).all()
    assert mlp.n_iter_ == len(mlp.loss_curve_) == len(mlp.validation_scores_) >= 5
    assert mlp.best_validation_score_ == max(mlp.validation_scores_)
    best = mlp.validation_scores_.index(mlp.best_validation_score_) + 1
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        again = kind(hidden_layer_sizes=[8], solver=bp.SGD(0.01), max_iter=best, **chosen).fit(X, y)
    np.testing.assert_array_equal(mlp.theta_, again.theta_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_divergence_without_a_good_theta_is_an_error(early_stopping):
    mlp = bp.MLPRegressor(
        hidden_layer_sizes=[8], solver=bp.SGD(1e308), early_stopping=early_stopping
    )
    with pytest.raises(ValueError, match="a cost or parameters that are infinite") as caught:
        mlp.fit(X, NUMBERS)
    assert isinstance(caught.value, bp.DivergenceError)


def test_a_grid_search_scores_a_divergence_as_nan():
    mlp = bp.MLPRegressor(hidden_layer_sizes=[4], max_iter=3, random_state=0)
    search = GridSearchCV(mlp, {"solver": [bp.SGD(1e30), bp.SGD(0.01)]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, NUMBERS)
    np.testing.assert_array_equal(np.isnan(search.cv_results_["mean_test_score"]), [True, False])


@quick
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("metric", "kind", "y", "early_stopping"),
    [
        ("cost", bp.MLPClassifier, CLASSES, False),
        ("cost", bp.MLPRegressor, NUMBERS, True),
        ("accuracy", bp.MLPClassifier, TWO, False),
        ("validation_cost", bp.MLPClassifier, CLASSES, True),
        ("validation_cost", bp.MLPRegressor, NUMBERS, True),
        ("validation_accuracy", bp.MLPClassifier, TWO, True),
    ],
)
def test_a_schedule_follows_its_metric(metric, kind, y, early_stopping, sparse):
    """Of which no change is an improvement, so that the rate falls to 0 after the first epochs."""
    plateau = {"factor": 1e-30, "patience": 1, "min_delta": 1e9, "metric": metric}
    rate = bp.schedules.ReduceOnPlateau(0.05, **plateau)
    chosen = {"early_stopping": early_stopping, "random_state": 0}
    rows = csr_array(X) if sparse else X
    mlp, three = (
        kind(hidden_layer_sizes=[4], solver=solver, max_iter=epochs, **chosen).fit(rows, y)
        for solver, epochs in ((bp.SGD(rate), 8), (bp.SGD(0.05), 3))
    )
    assert mlp.loss_curve_[:3] == three.loss_curve_
    np.testing.assert_allclose(mlp.loss_curve_[4:], mlp.loss_curve_[4], rtol=1e-12)
    assert mlp.loss_curve_[4] != mlp.loss_curve_[2]


def test_a_schedule_that_follows_cases_held_out_needs_some():
    mlp = bp.MLPClassifier(solver=bp.SGD(bp.schedules.ReduceOnPlateau(0.1)))
    words = r"solver: got an object that follows 'validation_cost'.* Pass early_stopping=True"
    with pytest.raises(bp.OptionError, match=words):
        mlp.fit(X, TWO)


class PressesCtrlC(bp.SGD):
    """Gradient descent during which somebody presses Ctrl-C."""

    def update(self, *arrays, **settings):
        signal.raise_signal(signal.SIGINT)
        return super().update(*arrays, **settings)


@quick
@pytest.mark.parametrize("solver", [PressesCtrlC(0.1), "adam"], ids=["in a step", "at an end"])
@both
def test_ctrl_c_ends_a_fit_and_a_search(kind, y, solver, monkeypatch):
    mlp = kind(hidden_layer_sizes=[4], max_iter=2, random_state=0).fit(X, y)
    before, handler = mlp.predict(X), signal.getsignal(signal.SIGINT)
    if solver == "adam":  # after the last epoch, when nothing is left to stop
        monkeypatch.setattr(Watch, "on_train_end", lambda *_: signal.raise_signal(2), raising=False)
    with pytest.raises(KeyboardInterrupt):
        mlp.set_params(solver=solver).fit(X[:, :2], y)
    assert signal.getsignal(signal.SIGINT) is handler
    np.testing.assert_array_equal(mlp.predict(X), before)
    search = GridSearchCV(
        kind(hidden_layer_sizes=[4], max_iter=2, solver=solver), {"alpha": [0.0, 1.0]}, cv=2
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)


def test_a_handler_of_the_programs_own_stays():
    noted, before = [], signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: noted.append("mine"))
    try:
        with ctrl_c_raises():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert noted == ["mine"]


@quick
def test_a_rare_class_does_not_stop_early_stopping():
    y = CLASSES.copy()
    y[0] = "rare"
    assert bp.MLPClassifier([4], early_stopping=True, max_iter=2).fit(X, y).n_iter_ == 2
