"""What scikit-learn's classes lack: each equals what `train` and the network give by hand."""

import re
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X, quick

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from extras_cases import CHOSEN, EACH, OTHERS, TRAINED, targets  # noqa: E402
from sklearn import metrics  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = quick


# ---------------------------------------------------------------------------------------------
# eval_set and scoring


@EACH
def test_curves_of_eval_set_are_costs_and_scores_by_hand(kind, y):
    mlp = kind(**CHOSEN, warm_start=True)
    costs, scores = [], []
    for _ in range(4):
        mlp.set_params(max_iter=1).fit(X[TRAINED], y[TRAINED], eval_set=(X[OTHERS], y[OTHERS]))
        costs.append(float(mlp.network_.cost(mlp.theta_, X[OTHERS], targets(y)[OTHERS])))
        scores.append(mlp.score(X[OTHERS], y[OTHERS]))
        assert len(mlp.evals_result_["loss"]) == len(mlp.evals_result_["score"]) == 1
        assert mlp.evals_result_["loss"][0] == pytest.approx(costs[-1], rel=1e-9)
        if y.ndim == 1:
            assert mlp.evals_result_["score"][0] == pytest.approx(scores[-1], rel=1e-9)
    plain = kind(**CHOSEN).fit(X[TRAINED], y[TRAINED])
    watched = kind(**CHOSEN).fit(X[TRAINED], y[TRAINED], eval_set=[(X[OTHERS], y[OTHERS])])
    np.testing.assert_array_equal(plain.theta_, watched.theta_)
    assert watched.validation_scores_ is None
    assert not hasattr(watched.fit(X, y), "evals_result_")


def test_an_eval_set_takes_the_place_of_cases_held_out():
    chosen = {**CHOSEN, "early_stopping": True, "max_iter": 30, "tol": 0.0, "n_iter_no_change": 3}
    mlp = bp.MLPClassifier(**chosen).fit(X, TWO, eval_set=(X[OTHERS], TWO[OTHERS]))
    assert mlp.validation_scores_ == mlp.evals_result_["score"]
    assert mlp.best_validation_score_ == max(mlp.validation_scores_)
    assert mlp.score(X[OTHERS], TWO[OTHERS]) == mlp.best_validation_score_
    assert mlp.t_ == mlp.n_iter_ * len(X)


@pytest.mark.parametrize(
    ("kind", "y", "eval_set", "words"),
    [
        (bp.MLPClassifier, TWO, (X, CLASSES), "fit(eval_set)(y): got the classes"),
        (bp.MLPClassifier, CLASSES, (X, np.full(90, "other")), "got the classes ['other']"),
        (bp.MLPRegressor, NUMBERS, (X, np.stack([NUMBERS] * 2, axis=1)), "got shape (90, 2)"),
        (bp.MLPRegressor, NUMBERS, [X, NUMBERS], "got list of length 2; expected a pair (X, y)"),
        (bp.MLPRegressor, NUMBERS, [(X, NUMBERS)] * 2, "got list of length 2"),
        (bp.MLPRegressor, NUMBERS, X, "got ndarray; expected a pair (X, y)"),
        (bp.MLPRegressor, NUMBERS, (X[:, :2], NUMBERS), "X has 2 features"),
        (bp.MLPRegressor, NUMBERS, (X * np.nan, NUMBERS), "Input X contains NaN"),
    ],
)
def test_an_eval_set_that_is_refused(kind, y, eval_set, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        kind(**CHOSEN).fit(X, y, eval_set=eval_set)


def highest(mlp, X, _):
    return mlp.predict_proba(X).max()


@pytest.mark.parametrize(
    ("scoring", "y"),
    [
        ("roc_auc", TWO),
        ("neg_log_loss", CLASSES),
        ("roc_auc_ovr", CLASSES),
        ("f1_macro", CLASSES),
        (metrics.make_scorer(metrics.fbeta_score, beta=2), TWO),
        (highest, CLASSES),
        ("neg_root_mean_squared_error", NUMBERS),
        ("neg_max_error", NUMBERS),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("weighted", [False, True])
def test_scoring_is_that_of_the_scorer(scoring, y, weighted):
    pd = pytest.importorskip("pandas")
    kind = bp.MLPRegressor if y is NUMBERS else bp.MLPClassifier
    mlp = kind(**{**CHOSEN, "max_iter": 8}, scoring=scoring)
    rows, w = pd.DataFrame(X, columns=list("abcd")), np.linspace(0.5, 2, 60) if weighted else None
    mlp.fit(rows[TRAINED], y[TRAINED], w, eval_set=(rows[OTHERS], y[OTHERS]))
    expected = metrics.check_scoring(mlp, scoring)(mlp, rows[OTHERS], y[OTHERS])
    assert mlp.evals_result_["score"][-1] == pytest.approx(expected, rel=1e-9)
    mlp.set_params(early_stopping=True).fit(rows, y, np.ones(90) if weighted else None)
    assert len(mlp.validation_scores_) == 8
    assert mlp.best_validation_score_ == max(mlp.validation_scores_)


@pytest.mark.parametrize("scoring", ["rocauc", 3, ["f1", "roc_auc"], ("r2",)])
def test_a_scoring_that_is_no_scorer_is_refused(scoring):
    with pytest.raises(bp.ParameterError, match=r"^scoring: got .* the name of a scorer"):
        bp.MLPClassifier(**CHOSEN, scoring=scoring).fit(X, TWO)


def test_a_scorer_that_fails_leaves_the_estimator_as_it_was():
    mlp = bp.MLPClassifier(**CHOSEN).fit(X, TWO)
    before = vars(mlp.set_params(early_stopping=True, scoring=lambda *_: 1 / 0)).copy()
    with pytest.raises(ZeroDivisionError):
        mlp.fit(X, CLASSES)
    assert vars(mlp) == before


def test_an_eval_set_is_routed():
    scaled = StandardScaler().fit_transform(X)
    expected = bp.MLPClassifier(**CHOSEN).fit(scaled, TWO, eval_set=(scaled, TWO)).evals_result_
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = bp.MLPClassifier(**CHOSEN).set_fit_request(eval_set=True)
        pipe = make_pipeline(StandardScaler(), mlp).fit(X, TWO, eval_set=(scaled, TWO))
        assert pipe[-1].evals_result_ == expected
        search = GridSearchCV(mlp, {"alpha": [1e-4]}, cv=2).fit(scaled, TWO, eval_set=(scaled, TWO))
        assert search.best_estimator_.evals_result_ == expected


# ---------------------------------------------------------------------------------------------
# class_weight


def by_hand(y, class_weight, w):
    """Return the weights of the cases, from the sums of weights of the classes."""
    w = np.ones(len(y)) if w is None else w
    classes = np.unique(y)
    if class_weight == "balanced":
        class_weight = {c: w.sum() / (len(classes) * w[y == c].sum()) for c in classes}
    return w * [class_weight.get(c, 1) for c in y]


@pytest.mark.parametrize("y", [CLASSES, TWO], ids=["three classes", "two classes"])
@pytest.mark.parametrize("class_weight", ["balanced", {"x": 5.0, "z": 0.5, True: 3.0}])
@pytest.mark.parametrize("w", [None, np.linspace(0.5, 2, 90)], ids=["", "weights"])
def test_class_weight_is_weights_by_hand(y, class_weight, w):
    if class_weight != "balanced":
        class_weight = {c: x for c, x in class_weight.items() if c in y.tolist()}
    weighted = bp.MLPClassifier(**CHOSEN, class_weight=class_weight).fit(X, y, w)
    same = bp.MLPClassifier(**CHOSEN).fit(X, y, by_hand(y, class_weight, w))
    np.testing.assert_allclose(weighted.theta_, same.theta_, rtol=1e-12)
    np.testing.assert_allclose(weighted.loss_curve_, same.loss_curve_, rtol=1e-12)


def test_class_weight_of_labels_is_a_product():
    Y = np.stack([TWO, CLASSES == "y"], axis=1).astype(int)
    w = by_hand(Y[:, 0], {0: 1, 1: 3}, None) * by_hand(Y[:, 1], {0: 2}, None)
    chosen = {**CHOSEN, "class_weight": [{0: 1, 1: 3}, {0: 2}]}
    weighted = bp.MLPClassifier(**chosen).fit(X, Y)
    same = bp.MLPClassifier(**CHOSEN).fit(X, Y, w)
    np.testing.assert_allclose(weighted.theta_, same.theta_, rtol=1e-12)
    chosen["class_weight"] = "balanced"
    product = by_hand(Y[:, 0], "balanced", None) * by_hand(Y[:, 1], "balanced", None)
    np.testing.assert_allclose(
        bp.MLPClassifier(**chosen).fit(X, Y).theta_,
        bp.MLPClassifier(**CHOSEN).fit(X, Y, product).theta_,
        rtol=1e-12,
    )


def test_balanced_weights_of_repeated_cases_are_those_of_whole_weights():
    w = np.arange(90) % 4
    chosen = {**CHOSEN, "class_weight": "balanced", "solver": "lbfgs", "alpha": 1.0}
    weighted = bp.MLPClassifier(**chosen).fit(X, CLASSES, w)
    repeated = bp.MLPClassifier(**chosen).fit(np.repeat(X, w, axis=0), np.repeat(CLASSES, w))
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ("balance", "class_weight: got 'balance'; expected 'balanced' or a dict"),
        ([1, 2, 3], "class_weight: got [1, 2, 3]"),
        ({"x": 2, "q": 1}, "class_weight: got the classes ['q']"),
        ({"x": "2"}, "class_weight: got '2'; expected a finite number"),
        ({"x": -1.0}, "got a weight of -1.0"),
        ({"x": 0, "y": 0, "z": 0}, "weights that are all 0"),
    ],
)
def test_class_weights_that_are_refused(class_weight, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        bp.MLPClassifier(**CHOSEN, class_weight=class_weight).fit(X, CLASSES)


def test_class_weights_in_parts_name_all_classes():
    """A part may lack classes; the shares of classes are unknown, so that "balanced" is refused."""
    mlp, classes = bp.MLPClassifier(**CHOSEN, class_weight={"z": 4.0}), np.unique(CLASSES)
    rows = np.flatnonzero(CLASSES != "z")
    mlp.partial_fit(X[rows], CLASSES[rows], classes=classes).partial_fit(X, CLASSES)
    with pytest.raises(bp.ParameterError, match=r"^class_weight: got 'balanced'"):
        mlp.set_params(class_weight="balanced").partial_fit(X, CLASSES)


# ---------------------------------------------------------------------------------------------
# callbacks


class Counts:
    def __init__(self):
        self.epochs, self.starts = 0, 0

    def on_train_start(self, _):
        self.starts += 1

    def on_epoch_end(self, _):
        self.epochs += 1
        assert self.epochs <= 4  # a copy for each fit
        assert self.starts == 1


@EACH
def test_callbacks_are_copied_for_each_fit(kind, y):
    mine = Counts()
    mlp = kind(**CHOSEN, callbacks=[mine])
    mlp.fit(X, y).fit(X, y)
    assert (mine.epochs, mine.starts) == (0, 0)
    assert mlp.callbacks == [mine]
    np.testing.assert_array_equal(mlp.theta_, kind(**CHOSEN).fit(X, y).theta_)
    search = GridSearchCV(mlp, {"alpha": [0.1, 1]}, cv=2).fit(X, y)
    assert search.best_estimator_.callbacks[0].epochs == 0


def test_callbacks_of_the_library(tmp_path):
    log = bp.CSVLog(tmp_path / "log.csv")
    stop = bp.EarlyStopping("cost", patience=1, min_delta=9.0)
    mlp = bp.MLPClassifier(**{**CHOSEN, "max_iter": 50}, callbacks=[stop, log])
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)  # a callback ended it on purpose
            mlp.fit(X, TWO)
        assert mlp.n_iter_ == 2
        assert mlp.run_.stopped.startswith("cost has not improved")
    assert len(Path(tmp_path / "log.csv").read_text().splitlines()) == 3
    with pytest.raises(bp.ParameterError, match=r"^callbacks: got an object that follows 'valida"):
        mlp.set_params(callbacks=[bp.EarlyStopping()]).fit(X, TWO)
    assert mlp.fit(X, TWO, eval_set=(X, TWO)).n_iter_ >= 2


@pytest.mark.parametrize("limit", ["max_fun", "max_iter"])
def test_the_warning_of_lbfgs_names_the_limit(limit):
    with pytest.warns(ConvergenceWarning, match=f"pass a larger {limit}, or a larger tol"):
        bp.MLPClassifier((4,), solver="lbfgs", random_state=0, **{limit: 3}).fit(X, TWO)


def test_a_callback_ends_lbfgs_without_a_warning():
    class Second:
        def on_epoch_end(self, progress):
            if progress.epoch == 2:
                progress.stop("enough")

    mlp = bp.MLPClassifier(**CHOSEN, solver="lbfgs", callbacks=[Second()])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert mlp.fit(X, CLASSES).n_iter_ == 2


# ---------------------------------------------------------------------------------------------
# solvers and their parts


def test_the_parts_of_a_solver_in_a_search():
    mlp = bp.MLPClassifier(**CHOSEN, solver=bp.Adam())
    grid = {"solver__learning_rate": [1e-6, 0.1], "solver__beta1": [0.8]}
    search = GridSearchCV(mlp, grid, cv=3).fit(X, TWO)
    assert search.best_params_["solver__learning_rate"] == 0.1
    assert search.best_estimator_.solver == bp.Adam(0.1, 0.8)
    assert mlp.solver == bp.Adam()
    grid = [{"solver": [bp.SGD(0.1)], "solver__momentum": [0.5]}, {"solver": ["adam"]}]
    assert len(GridSearchCV(mlp, grid, cv=2).fit(X, TWO).cv_results_["params"]) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("learning_rate", ["constant", "adaptive"])
def test_momentum_of_one(dtype, learning_rate):
    mlp = bp.MLPClassifier(**CHOSEN, solver="sgd", momentum=1, learning_rate=learning_rate)
    assert np.isfinite(mlp.fit(X.astype(dtype), TWO).theta_).all()
    with pytest.raises(bp.OptionError):
        bp.SGD(0.1, momentum=1.0)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_learning_rate_set_between_parts_takes_effect(solver, learning_rate):
    mlp = bp.MLPClassifier(**CHOSEN, solver=solver, learning_rate=learning_rate).fit(X, TWO)
    as_it_was, other = deepcopy(mlp).partial_fit(X, TWO), deepcopy(mlp)
    other.set_params(learning_rate_init=0.3).partial_fit(X, TWO)
    steps = [np.abs(one.theta_ - mlp.theta_).max() for one in (as_it_was, other)]
    assert steps[1] > 3 * steps[0] > 0
