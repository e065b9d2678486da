"""What scikit-learn's classes lack: each equals what `train` and the network give by hand."""

import pickle
import re
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X, quick

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from scipy import sparse  # noqa: E402
from sklearn import metrics  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import LabelBinarizer, StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = quick
CHOSEN = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.02}
TRAINED, OTHERS = slice(0, 60), slice(60, None)
KINDS = [
    pytest.param(bp.MLPClassifier, CLASSES, id="three classes"),
    pytest.param(bp.MLPClassifier, TWO, id="two classes"),
    pytest.param(
        bp.MLPClassifier, np.stack([TWO, CLASSES == "y"], axis=1).astype(int), id="labels"
    ),
    pytest.param(bp.MLPRegressor, NUMBERS, id="numbers"),
    pytest.param(bp.MLPRegressor, np.stack([NUMBERS, -NUMBERS], axis=1), id="several numbers"),
]
EACH = pytest.mark.parametrize(("kind", "y"), KINDS)


def targets(y):
    """Return the targets of training."""
    if y.dtype.kind in "Ub":
        return np.unique(y, return_inverse=True)[1]
    return y.reshape(len(y), -1)


class Start:
    """A callback that notes θ before training."""

    theta = None

    def on_train_start(self, progress):
        Start.theta = np.array(progress.theta)


def start(kind, y, **chosen):
    """Return the network and θ before training."""
    mlp = kind(**{**CHOSEN, **chosen, "max_iter": 1}, callbacks=[Start()]).fit(X, y)
    return mlp.network_, Start.theta


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


# ---------------------------------------------------------------------------------------------
# options of train


def in_order(_):
    return np.arange(90)


@EACH
@pytest.mark.parametrize(
    ("chosen", "of_train"),
    [
        ({"l1": 0.01}, {"l1": 0.01}),
        ({"clip_value": 1e-3}, {"clip_value": 1e-3}),
        ({"clip_norm": 1e-2}, {"clip_norm": 1e-2}),
        ({"max_norm": 0.5}, {"max_norm": 0.5}),
        ({"label_smoothing": 0.2}, {"label_smoothing": 0.2}),
        ({"solver": bp.AdamW(0.01)}, {"optimizer": bp.AdamW(0.01)}),
        ({"solver": "nadam"}, {"optimizer": bp.NAdam(0.02)}),
        ({"activation": ("gelu",)}, {}),
        ({"loss": "squared_error"}, {}),
    ],
    ids=str,
)
def test_options_are_those_of_train(kind, y, chosen, of_train):
    if "label_smoothing" in chosen and (kind is bp.MLPRegressor or y.ndim == 2):
        pytest.skip("labels alone are smoothed")
    net, theta = start(kind, y, **chosen)
    options = {"optimizer": bp.Adam(0.02, epsilon_hat=True), "l2": 0.01 / 30, **of_train}
    run = bp.train(net, X, targets(y), theta, epochs=4, batch_size=30, order=in_order, **options)
    ours = kind(**{**CHOSEN, "shuffle": False, "batch_size": 30, "alpha": 0.01, **chosen}).fit(X, y)
    np.testing.assert_allclose(ours.theta_, run.theta, rtol=1e-12)
    for name, entries in run.history.items():
        np.testing.assert_allclose(ours.run_.history[name], entries, rtol=1e-12)


def normal(rng, n_in, n_out):
    return rng.normal(size=(n_out, n_in)), np.zeros((n_out, 1))


@pytest.mark.parametrize("initializer", ["he", "lecun", normal])
def test_initializers_are_those_of_the_network(initializer):
    net, theta = start(bp.MLPClassifier, CLASSES, initializer=initializer)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    np.testing.assert_array_equal(theta, net.init(int(seed), initializer, dtype="float64"))
    with pytest.raises(bp.ParameterError, match="initializer"):
        bp.MLPClassifier(**CHOSEN, initializer="glorto").fit(X, TWO)


@EACH
def test_dropout_is_repeatable_and_changes_the_run(kind, y):
    first, second, none = (kind(**CHOSEN, dropout=p).fit(X, y).theta_ for p in (0.4, 0.4, 0.0))
    np.testing.assert_array_equal(first, second)
    assert (first != none).any()


@pytest.mark.parametrize(
    "chosen",
    [{"l1": -1}, {"dropout": 1.0}, {"label_smoothing": 2}, {"max_norm": 0}, {"clip_norm": -1}],
    ids=str,
)
def test_options_out_of_range(chosen):
    with pytest.raises(bp.ParameterError, match=next(iter(chosen))):
        bp.MLPClassifier(**CHOSEN, **chosen).fit(X, TWO)


@pytest.mark.parametrize(
    "loss", [None, "log_loss", "cross_entropy", "squared_error", "huber", "poisson"]
)
@pytest.mark.parametrize("y", [CLASSES, TWO], ids=["three classes", "two classes"])
def test_every_loss_of_classes(loss, y):
    mlp = bp.MLPClassifier(**{**CHOSEN, "max_iter": 200}, loss=loss).fit(X, y)
    assert mlp.score(X, y) > 0.7
    assert mlp.loss_curve_[-1] < mlp.loss_curve_[0]


# ---------------------------------------------------------------------------------------------
# gradient_, trace, run_


@EACH
@pytest.mark.parametrize("w", [None, np.linspace(0.5, 2, 90)], ids=["", "weights"])
def test_gradient_is_the_central_difference_of_the_cost(kind, y, w):
    mlp = kind(**CHOSEN, activation="tanh").fit(X, y)
    cost, gradient = mlp.gradient_(X, y, w)
    shares = np.full(90, 1 / 90) if w is None else w / w.sum()
    step = 1e-6
    for place in range(0, len(gradient), 7):
        ends = []
        for sign in (1, -1):
            theta = mlp.theta_.copy()
            theta[place] += sign * step
            ends.append(float(mlp.network_.cost(theta, X, targets(y), shares)))
        assert gradient[place] == pytest.approx(
            (ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9
        )
    assert cost == pytest.approx(float(mlp.network_.cost(mlp.theta_, X, targets(y), shares)))


@EACH
def test_trace_is_that_of_the_network(kind, y):
    mlp = kind(**CHOSEN).fit(X, y)
    found = mlp.trace(X[:3], y[:3])
    expected = bp.trace(mlp.network_, mlp.theta_, X[:3], targets(y)[:3])
    np.testing.assert_array_equal(found.layers[0].dE_dW, expected.layers[0].dE_dW)
    assert found.to_text() == expected.to_text()


@pytest.mark.parametrize("method", ["gradient_", "trace"])
def test_cases_that_the_network_does_not_know_are_refused(method):
    mlp = bp.MLPClassifier(**CHOSEN)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        getattr(mlp, method)(X, TWO)
    mlp.fit(X, TWO)
    for y in (CLASSES, np.full(90, "x"), np.arange(90)):
        with pytest.raises(bp.DataError, match=rf"^{method}\(y\): got the classes"):
            getattr(mlp, method)(X, y)
    regressor = bp.MLPRegressor(**CHOSEN).fit(X, NUMBERS)
    with pytest.raises(bp.ShapeError, match=rf"^{method}\(y\): got shape"):
        getattr(regressor, method)(X, np.stack([NUMBERS] * 2, axis=1))


@EACH
def test_the_run_has_history_and_reason(kind, y):
    mlp = kind(**CHOSEN).fit(X, y)
    assert len(mlp.run_.history["cost"]) == mlp.n_iter_ == 4
    np.testing.assert_allclose(mlp.run_.history["cost"], mlp.loss_curve_)
    np.testing.assert_array_equal(mlp.run_.theta, mlp.theta_)
    assert mlp.run_.stopped == ""
    assert mlp.set_params(tol=9.0, n_iter_no_change=1).fit(X, y).run_.stopped.startswith("no gain")


def test_lines_of_verbose(capsys):
    bp.MLPClassifier(**CHOSEN, verbose=True, early_stopping=True).fit(X, TWO)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert re.fullmatch(r"Iteration 1, loss = \d+\.\d{8}", lines[0])
    assert re.fullmatch(r"Validation score: \d\.\d{6}", lines[1])


# ---------------------------------------------------------------------------------------------
# weights set by hand


@EACH
def test_weights_can_be_set(kind, y):
    mlp, other = kind(**CHOSEN).fit(X, y), kind(**{**CHOSEN, "random_state": 1}).fit(X, y)
    expected = other.predict(X)
    items = deepcopy(mlp)
    for layer in range(2):
        items.coefs_[layer], items.intercepts_[layer] = (
            other.coefs_[layer],
            other.intercepts_[layer],
        )
    np.testing.assert_array_equal(items.predict(X), expected)
    lists = deepcopy(mlp)
    lists.coefs_ = [W.tolist() for W in other.coefs_]
    lists.intercepts_ = [b.tolist() for b in other.intercepts_]
    np.testing.assert_array_equal(lists.predict(X), expected)
    vector = deepcopy(mlp)
    vector.theta_ = other.theta_
    np.testing.assert_array_equal(vector.predict(X), expected)
    assert all((a == b).all() for a, b in zip(vector.coefs_, other.coefs_, strict=True))
    vector.coefs_[0] *= 0
    vector.partial_fit(X, y)  # goes on from there
    assert np.abs(vector.coefs_[0]).max() <= 0.1


@pytest.mark.parametrize(
    "change",
    [
        lambda mlp: mlp.coefs_.__setitem__(0, np.zeros((3, 3))),
        lambda mlp: setattr(mlp, "coefs_", mlp.coefs_[:1]),
        lambda mlp: setattr(mlp, "intercepts_", [*mlp.intercepts_, np.zeros(1)]),
        lambda mlp: mlp.intercepts_.__setitem__(1, np.zeros((1, 1))),
        lambda mlp: mlp.coefs_.__setitem__(0, mlp.coefs_[0].T),
    ],
)
def test_weights_of_wrong_shapes_are_refused(change):
    mlp = bp.MLPRegressor(**CHOSEN).fit(X, NUMBERS)
    change(mlp)
    with pytest.raises(bp.ShapeError, match=r"^coefs_, intercepts_: got"):
        mlp.predict(X)
    with pytest.raises(ValueError, match="expected"):
        mlp.partial_fit(X, NUMBERS)


# ---------------------------------------------------------------------------------------------
# labels, refusals, divergence


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_labels_come_out_sparse(kind):
    Y = LabelBinarizer().fit_transform(CLASSES)
    dense = bp.MLPClassifier(**CHOSEN).fit(X, Y)
    mlp = bp.MLPClassifier(**CHOSEN).fit(X, kind(Y))
    assert sparse.issparse(mlp.predict(X))
    np.testing.assert_array_equal(mlp.predict(X).toarray(), dense.predict(X))
    np.testing.assert_array_equal(mlp.theta_, dense.theta_)
    mlp.partial_fit(X, kind(Y), classes=np.arange(3))


@pytest.mark.parametrize("sizes", [100, [8], (8, 4), np.array([8]), range(1, 3), True])
def test_layer_sizes_in_the_place_of_the_loss_are_refused(sizes):
    with pytest.raises(bp.ParameterError, match=r"^loss: got .* Pass hidden_layer_sizes="):
        bp.MLPRegressor(sizes).fit(X, NUMBERS)


@EACH
def test_other_layers_than_before_are_refused(kind, y):
    mlp = kind(**CHOSEN, warm_start=True).fit(X, y)
    before = mlp.theta_
    mlp.set_params(hidden_layer_sizes=(6,))
    for again in (mlp.fit, mlp.partial_fit):
        with pytest.raises(bp.ParameterError, match=r"got layers of .* as before"):
            again(X, y)
    np.testing.assert_array_equal(mlp.theta_, before)
    mlp.set_params(warm_start=False).fit(X, y)
    assert mlp.coefs_[0].shape == (4, 6)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_run_that_diverges(early_stopping):
    chosen = {**CHOSEN, "solver": "sgd", "max_iter": 60, "early_stopping": early_stopping}
    mlp = bp.MLPRegressor(**chosen).fit(X, NUMBERS)
    before = mlp.theta_
    mlp.set_params(learning_rate_init=500.0, batch_size=80)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not early_stopping:
            with pytest.raises(bp.DivergenceError) as error:
                mlp.fit(X, NUMBERS)
            assert isinstance(error.value, ValueError)
            assert np.isfinite(error.value.theta).all()
            np.testing.assert_array_equal(mlp.theta_, before)
            return
        mlp.fit(X, NUMBERS)
    assert np.isfinite(mlp.theta_).all()
    assert np.isnan(mlp.loss_)
    assert any("training diverged" in str(one.message) for one in caught)
    with pytest.raises(bp.DivergenceError):
        mlp.set_params(early_stopping=False, learning_rate_init=1e300).partial_fit(X, NUMBERS)


@pytest.mark.parametrize("size", [91, 10**12])
def test_a_batch_of_any_size(size):
    with pytest.warns(UserWarning, match=f"batch_size={size} is larger than the 90 cases"):
        bp.MLPClassifier(**CHOSEN, batch_size=size).fit(X, TWO)


# ---------------------------------------------------------------------------------------------
# pickles of before


@pytest.mark.parametrize(
    "name", ["default-estimator-v1", "estimator-with-objects-v1", "regressor-v1"]
)
def test_pickles_of_before_go_on(name):
    file = Path(__file__).parents[1] / "data" / f"{name}.pickle"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlp = pickle.loads(file.read_bytes())  # noqa: S301  its own
        rows = np.random.default_rng(0).normal(size=(12, mlp.n_features_in_))
        y = np.resize(mlp.classes_, 12) if hasattr(mlp, "classes_") else rows[:, 0]
        before = mlp.theta_.copy()
        mlp.set_params(warm_start=True, max_iter=2).fit(rows, y)
        assert (mlp.theta_ != before).any()
        assert mlp.coefs_[0].shape[0] == mlp.n_features_in_
        if hasattr(mlp, "partial_fit"):
            other = pickle.loads(file.read_bytes())  # noqa: S301  its own
            other.partial_fit(rows, y)
            assert np.isfinite(other.theta_).all()
        again = pickle.loads(pickle.dumps(mlp))  # noqa: S301  its own
        np.testing.assert_array_equal(again.predict(rows), mlp.predict(rows))
