"""Options, gradients and weights of an estimator: as `train` and the network have them."""

import pickle
import re
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X, quick

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from extras_cases import CHOSEN, EACH, start, targets  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.preprocessing import LabelBinarizer  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = quick


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
