"""The estimators: scikit-learn's own checks, and its estimators beside ours."""

import pickle
import re
import warnings

import numpy as np
import pytest
from estimator_cases import CLASSES, FIRST, NUMBERS, RNG, SECOND, TWO, X, both, quick
from needs import needs

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from scipy.sparse import csr_array  # noqa: E402
from sklearn import neural_network  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_diabetes  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402
from backprop_xp.estimators.random_draws import first_parameters  # noqa: E402


@both
@pytest.mark.parametrize("alpha", [0.5, 5.0])
def test_without_hidden_layers_the_minimum_is_that_of_scikit_learn(kind, y, alpha):
    """The minimum of a convex cost is one, so that only the cost and its penalty count."""
    chosen = {"solver": "lbfgs", "alpha": alpha, "tol": 1e-8, "max_iter": 2000, "random_state": 0}
    peer = getattr(neural_network, kind.__name__)
    ours = kind(hidden_layer_sizes=(), **chosen).fit(X, y)
    theirs = peer(hidden_layer_sizes=(), **chosen).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=2e-4)
    biases = [each.intercepts_[0] for each in (ours, theirs)]
    if ours.out_activation_ == "softmax":  # to which a number in all biases makes no difference
        biases = [b - b.mean() for b in biases]
    np.testing.assert_allclose(*biases, atol=2e-4)
    for method in ("predict_proba", "predict_log_proba") if kind is bp.MLPClassifier else ():
        np.testing.assert_allclose(getattr(ours, method)(X), getattr(theirs, method)(X), atol=1e-3)
    assert np.mean(ours.predict(X) == theirs.predict(X)) == 1 or kind is bp.MLPRegressor
    assert (ours.n_layers_, ours.n_outputs_) == (theirs.n_layers_, theirs.n_outputs_)
    assert ours.out_activation_ == theirs.out_activation_


@quick
@both
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_penalty_of_a_batch_is_that_of_scikit_learn(kind, y, solver):
    """Both go to where a heavy penalty leaves of the weights what it leaves."""
    chosen = {"solver": solver, "alpha": 20.0, "batch_size": 30, "max_iter": 400, "tol": 0.0}
    chosen |= {"learning_rate_init": 0.01, "random_state": 0, "n_iter_no_change": 400}
    peer = getattr(neural_network, kind.__name__)
    ours, theirs = (
        kind(hidden_layer_sizes=(), **chosen).fit(X, y),
        peer(hidden_layer_sizes=(), **chosen).fit(X, y),
    )
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=0.02)


@quick
@pytest.mark.parametrize("device", ["torch:cpu", "jax:cpu"])
@both
def test_every_device_learns_the_same(kind, y, device):
    needs(device.partition(":")[0])
    chosen = {"max_iter": 5, "random_state": 3, "dtype": "float32", "batch_size": 16}
    host = kind(hidden_layer_sizes=[8], **chosen).fit(X, y)
    there = kind(hidden_layer_sizes=[8], device=device, **chosen).fit(X, y)
    assert type(there.theta_) is np.ndarray
    np.testing.assert_allclose(there.theta_, host.theta_, rtol=1e-4, atol=1e-5)
    outputs = "predict_proba" if kind is bp.MLPClassifier else "predict"
    np.testing.assert_allclose(
        getattr(there, outputs)(X), getattr(host, outputs)(X), rtol=1e-4, atol=1e-5
    )


@quick
def test_jax_without_float64_is_told_the_dtype_to_pass():
    needs("jax")
    enable_x64 = getattr(__import__("jax"), "enable_x64", None)
    if enable_x64 is None:
        pytest.skip("this version of JAX cannot switch float64 off in a context")
    of_host = bp.MLPClassifier([4], max_iter=1).fit(X, TWO).set_params(device="jax:cpu")
    with enable_x64(False):
        for call in (bp.MLPClassifier([4], device="jax:cpu").fit, lambda X, _: of_host.predict(X)):
            with pytest.raises(bp.DTypeError, match=r'got float64.* Use float32.*dtype="float32"'):
                call(X, TWO)
        bp.MLPClassifier([4], device="jax:cpu", dtype="float32", max_iter=1).fit(X, TWO)
        assert of_host.set_params(dtype="float32").predict_proba(X).dtype == np.float32


@quick
def test_digits_are_learnt_as_well_as_by_scikit_learn():
    pixels, labels = bp.datasets.digits()
    train, test = slice(0, 1400), slice(1400, None)
    chosen = {"hidden_layer_sizes": (32,), "max_iter": 30, "random_state": 0}
    ours = bp.MLPClassifier(**chosen).fit(pixels[train], labels[train])
    theirs = neural_network.MLPClassifier(**chosen).fit(pixels[train], labels[train])
    at_least = theirs.score(pixels[test], labels[test]) - 0.02
    assert ours.score(pixels[test], labels[test]) >= at_least
    assert ours.theta_.dtype == np.float32
    assert ours.predict(pixels[test]).dtype == labels.dtype


def of_these_weights(mlp, coefs, intercepts):
    """Return the fitted estimator with weights and biases as scikit-learn has them."""
    layers = [(W.T, b[:, None]) for W, b in zip(coefs, intercepts, strict=True)]
    mlp.theta_ = mlp.network_.pack(layers)
    return mlp


@quick
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_keep_their_digits_where_the_other_one_rounds_to_1(dtype):
    z = np.array([-800.0, -150.0, -20.0, -12.0, 0.0, 12.0, 20.0, 150.0, 800.0], dtype)
    weights = np.eye(1, dtype=dtype), np.zeros(1, dtype)
    mlp = of_these_weights(
        bp.MLPClassifier((), max_iter=1, dtype=dtype).fit(X[:, :1], TWO),
        *([one] for one in weights),
    )
    exact = -np.logaddexp(0, np.stack([z, -z], axis=1).astype(np.float64))  # ln σ(∓z)
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": np.finfo(dtype).smallest_normal}
    np.testing.assert_allclose(mlp.predict_log_proba(z[:, None]), exact, **close)
    close["rtol"] *= 5  # of the exponential
    np.testing.assert_allclose(mlp.predict_proba(z[:, None]), np.exp(exact), **close)

    names = np.array(["x", "y", "z"])[np.arange(90) % 3]
    many = of_these_weights(
        bp.MLPClassifier((), max_iter=1, dtype=dtype).fit(X[:, :1], names),
        [np.array([[0.0, 1.0, -1.0]], dtype)],
        [np.zeros(3, dtype)],
    )
    z = z[z >= 0].astype(np.float64)
    inputs = np.stack([0 * z, z, -z], axis=1)
    exact = inputs - np.logaddexp.reduce(inputs, axis=1, keepdims=True)
    found = many.predict_log_proba(z[:, None].astype(dtype))
    close["rtol"] = close["atol"] = 4 * np.finfo(dtype).eps  # Σ e^z is rounded near 1
    np.testing.assert_allclose(found, exact, **close)

    labels = np.stack([TWO, ~TWO], axis=1).astype(int)
    several = of_these_weights(
        bp.MLPClassifier((), max_iter=1, dtype=dtype).fit(X[:, :1], labels),
        [np.array([[1.0, -1.0]], dtype)],
        [np.zeros(2, dtype)],
    )
    exact = -np.logaddexp(0, np.stack([-z, z], axis=1))  # ln σ(±z) of each label
    z = z[:, None].astype(dtype)
    found, chances = several.predict_log_proba(z), several.predict_proba(z)
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": np.finfo(dtype).eps}
    np.testing.assert_allclose(found, exact, **close)
    likely = chances > 0.5  # of which the order is that of the probabilities, as in scikit-learn
    np.testing.assert_array_equal(found[likely], np.log(chances[likely]))


@quick
@pytest.mark.parametrize("of", ["ten classes", "two classes", "labels"])
def test_equal_weights_give_the_probabilities_of_scikit_learn(of):
    pixels, digits = bp.datasets.digits()
    pixels = pixels.astype(np.float64) * 4  # so that some units are saturated
    y = {
        "ten classes": digits,
        "two classes": digits > 4,
        "labels": np.stack([digits > 4, digits % 2], axis=1).astype(int),
    }[of]
    chosen = {"max_iter": 15, "random_state": 0, "learning_rate_init": 0.01}
    theirs = neural_network.MLPClassifier((16,), **chosen).fit(pixels, y)
    ours = bp.MLPClassifier((16,), **chosen).fit(pixels, y)
    of_these_weights(ours, theirs.coefs_, theirs.intercepts_)
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(ours.predict_proba(pixels), theirs.predict_proba(pixels), **close)
    with np.errstate(divide="ignore"):
        expected = theirs.predict_log_proba(pixels)
    found = ours.predict_log_proba(pixels)
    # scikit-learn's is the logarithm of a rounded probability: ln(1 − a) of two classes is off
    digits_left = expected > -10
    np.testing.assert_allclose(found[digits_left], expected[digits_left], **close)
    assert np.isfinite(found).all()


@quick
@both
def test_what_is_learned(kind, y):
    mlp = kind(hidden_layer_sizes=[5, 3], activation="tanh", max_iter=4, random_state=0).fit(X, y)
    outputs = bp.predict(mlp.network_, mlp.theta_, X)
    a = X
    for W, b in zip(mlp.coefs_[:-1], mlp.intercepts_[:-1], strict=True):
        a = np.tanh(a @ W + b)
    z = a @ mlp.coefs_[-1] + mlp.intercepts_[-1]
    if kind is bp.MLPRegressor:
        np.testing.assert_allclose(outputs, z, rtol=1e-12)
        np.testing.assert_array_equal(mlp.predict(X), outputs[:, 0])
    else:
        chances = mlp.predict_proba(X)
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(mlp.predict(X), mlp.classes_[chances.argmax(axis=1)])
    assert mlp.n_iter_ == len(mlp.loss_curve_) == 4
    assert mlp.loss_ == mlp.loss_curve_[-1]
    assert mlp.validation_scores_ is None
    assert mlp.n_layers_ == 4
    again = pickle.loads(pickle.dumps(mlp))  # noqa: S301  its own
    np.testing.assert_array_equal(again.predict(X), mlp.predict(X))
    assert clone(mlp).get_params() == mlp.get_params()
    assert not hasattr(clone(mlp), "theta_")


@quick
def test_the_same_numbers_from_the_same_random_state():
    first, second, other = (
        bp.MLPClassifier(max_iter=3, random_state=state).fit(X, TWO).theta_ for state in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    state = np.random.RandomState(1)
    drawn = [bp.MLPClassifier(max_iter=3, random_state=state).fit(X, TWO).theta_ for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()


@quick
@both
def test_a_case_of_weight_0_is_not_there(kind, y):
    chosen = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 15, "random_state": 0}
    w = np.arange(90) % 3
    weighted = kind(hidden_layer_sizes=[4], activation="tanh", **chosen).fit(X, y, w)
    repeated = kind(hidden_layer_sizes=[4], activation="tanh", **chosen).fit(
        np.repeat(X, w, axis=0), np.repeat(y, w)
    )
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, rtol=1e-5, atol=1e-6)


@quick
@both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_rows_are_rows(kind, y, solver):
    few = np.where(np.abs(X) > 1, X, 0)
    chosen = {"solver": solver, "max_iter": 4, "random_state": 0}
    dense, sparse = (
        kind(hidden_layer_sizes=[6], **chosen).fit(rows, y) for rows in (few, csr_array(few))
    )
    np.testing.assert_allclose(sparse.theta_, dense.theta_, rtol=1e-10)
    np.testing.assert_array_equal(sparse.predict(csr_array(few)), dense.predict(few))


@quick
def test_several_labels_at_once():
    Y = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 0] + X[:, 1] > 0], axis=1).astype(int)
    mlp = bp.MLPClassifier([16], max_iter=300, learning_rate_init=0.01, random_state=0).fit(X, Y)
    assert mlp.predict_proba(X).shape == (90, 3)
    assert mlp.score(X, Y) > 0.9  # all three are right
    assert set(np.unique(mlp.predict(X))) == {0, 1}
    stopped = bp.MLPClassifier([16], max_iter=5, early_stopping=True, random_state=0).fit(X, Y)
    assert len(stopped.validation_scores_) == 5


@quick
def test_several_numbers_at_once():
    Y = np.stack([NUMBERS, -NUMBERS], axis=1)
    mlp = bp.MLPRegressor(
        hidden_layer_sizes=[16], max_iter=300, learning_rate_init=0.02, random_state=0
    ).fit(X, Y)
    assert mlp.predict(X).shape == (90, 2)
    assert mlp.score(X, Y) > 0.95
    with pytest.warns(DataConversionWarning):
        mlp.fit(X, NUMBERS[:, None])
    assert mlp.predict(X).shape == (90,)


@quick
def test_losses():
    counts = RNG.poisson(np.exp(0.5 * X[:, 0])).astype(float)
    poisson = bp.MLPRegressor(
        hidden_layer_sizes=(), loss="poisson", solver="lbfgs", tol=1e-8, alpha=0.0
    ).fit(X, counts)
    assert poisson.out_activation_ == "exp"
    assert poisson.predict(X).min() > 0
    assert poisson.predict(X).mean() == pytest.approx(counts.mean(), rel=1e-3)  # as of every fit
    huber = bp.MLPRegressor(hidden_layer_sizes=[4], loss=bp.losses.Huber(0.5), max_iter=2).fit(
        X, NUMBERS
    )
    assert huber.network_.loss.name == "huber"
    squared = bp.MLPClassifier([4], loss="squared_error", max_iter=2).fit(X, CLASSES)
    assert squared.network_.loss.name == "squared_error"


@pytest.mark.parametrize("seed", [0, 1])
def test_a_whole_run_ends_where_that_of_scikit_learn_does(seed):
    # 353 rows in batches of 200 and 153; when batches counted alike, the runs ended in epochs 42 to
    # 478 with R² from −3.57 to 0.25
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    kinds = bp.MLPRegressor, neural_network.MLPRegressor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = [kind(max_iter=1000, random_state=seed).fit(X[:353], y[:353]) for kind in kinds]
    assert [fit.n_iter_ for fit in fits] == [1000, 1000]
    ours, theirs = (fit.score(X[353:], y[353:]) for fit in fits)
    assert ours == pytest.approx(theirs, abs=0.05)  # from other starts: 0.47 to 0.49


@quick
@pytest.mark.parametrize(
    "chosen",
    [
        {"activation": "logistic"},
        {"hidden_layer_sizes": (5, 4), "activation": ("gelu", "logistic")},
        {"hidden_layer_sizes": 5},
        {"hidden_layer_sizes": np.array([5, 4])},
        {"solver": "sgd", "momentum": 0.0},
        {"solver": bp.AdamW(0.01)},
        {"solver": bp.SGD(bp.schedules.Step(0.1, 2, 0.5))},
        {"solver": bp.Rprop()},
        {"solver": bp.LBFGS(history_size=3)},
        {"dropout": 0.2},
        {"verbose": True},
    ],
    ids=str,
)
def test_choices(chosen):
    mlp = bp.MLPClassifier(**{"max_iter": 3, "random_state": 0, **chosen}).fit(X, CLASSES)
    assert mlp.score(X, CLASSES) > 0.1
    assert np.isfinite(mlp.loss_curve_).all()


@quick
@pytest.mark.parametrize(
    "chosen",
    [
        {"solver": bp.Adam(0.01)},
        {"solver": bp.LBFGS()},
        {"solver": bp.SGD(bp.schedules.Step(0.1, 5))},
        {"device": bp.select_device("cpu")},
    ],
    ids=["adam", "lbfgs", "schedule", "device"],
)
def test_objects_as_parameters_can_be_copied_after_a_fit(chosen):
    mlp = bp.MLPClassifier([4], max_iter=2, random_state=0, **chosen).fit(X, TWO)
    again = pickle.loads(pickle.dumps(mlp))  # noqa: S301  its own
    np.testing.assert_array_equal(again.predict(X), mlp.predict(X))
    np.testing.assert_array_equal(clone(again).fit(X, TWO).theta_, mlp.theta_)
    assert len(cross_val_score(mlp, X, TWO, cv=2)) == 2


@quick
def test_where_there_is_nothing_to_do_there_is_no_iteration():
    mlp = bp.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", warm_start=True, alpha=0.0)
    rows, y = np.zeros((10, 2)), np.arange(10) % 2
    first = mlp.fit(rows, y).loss_
    mlp.coefs_, mlp.intercepts_ = [np.zeros((2, 1))], [np.array([0.5])]
    mlp.fit(rows, y)
    assert (mlp.n_iter_, mlp.loss_curve_, mlp.best_loss_) == (0, [], None)
    assert mlp.loss_ == 1 / 8 == pytest.approx(first)
    np.testing.assert_array_equal(mlp.predict(np.zeros((3, 2))), np.full(3, 0.5))


@quick
@both
def test_a_batch_larger_than_the_cases_is_clipped_with_a_warning(kind, y):
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the 90 cases"):
        large = kind(batch_size=1000, max_iter=2, random_state=0).fit(X, y)
    same = kind(batch_size=90, max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(large.theta_, same.theta_)


@quick
def test_cross_entropy_of_two_classes_is_that_of_one_unit():
    chosen = {"max_iter": 100, "learning_rate_init": 0.05, "random_state": 0}
    named = bp.MLPClassifier((), loss="cross_entropy", **chosen).fit(X, TWO)
    np.testing.assert_array_equal(named.theta_, bp.MLPClassifier((), **chosen).fit(X, TWO).theta_)


@quick
@pytest.mark.parametrize(
    ("chosen", "rows", "y", "error"),
    [
        ({"solver": "bad"}, X, TWO, bp.OptionError),
        ({"loss": "bad"}, X[:, :2], TWO, bp.OptionError),
        ({"early_stopping": True, "validation_fraction": 0.01}, X[:, :2], TWO, ValueError),
        ({}, X[:, :2], np.full(90, np.nan), ValueError),
        ({"solver": bp.SGD(1e308)}, X[:, :2], TWO, bp.DivergenceError),
        ({"max_iter": 1}, X[:, :2], TWO, ConvergenceWarning),
    ],
)
@pytest.mark.parametrize("fitted", [True, False])
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(chosen, rows, y, error, fitted):
    mlp = bp.MLPClassifier([4], max_iter=2, random_state=0)
    mlp = mlp.fit(X, CLASSES) if fitted else mlp
    before = vars(mlp.set_params(**chosen)).copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(error):
            mlp.fit(rows, y)
    assert vars(mlp).keys() == before.keys()
    assert all(vars(mlp)[name] is before[name] for name in before)


@quick
@pytest.mark.parametrize("nesterovs_momentum", [True, False])
@pytest.mark.parametrize("momentum", [0.8, 0.0])
def test_sgd_takes_its_numbers(momentum, nesterovs_momentum):
    chosen = {"learning_rate_init": 0.05, "max_iter": 3, "random_state": 0}
    named = {"solver": "sgd", "momentum": momentum, "nesterovs_momentum": nesterovs_momentum}
    nesterov = nesterovs_momentum and momentum > 0
    theta = bp.MLPClassifier([4], **chosen, **named).fit(X, TWO).theta_
    same = bp.MLPClassifier([4], solver=bp.SGD(0.05, momentum, nesterov=nesterov), **chosen)
    np.testing.assert_array_equal(theta, same.fit(X, TWO).theta_)


@quick
def test_in_the_tools_of_scikit_learn():
    pipe = make_pipeline(
        StandardScaler(), bp.MLPClassifier([8], learning_rate_init=0.02, max_iter=50)
    )
    assert cross_val_score(pipe, X, TWO, cv=3).mean() > 0.7
    search = GridSearchCV(bp.MLPRegressor(max_iter=5), {"alpha": [0.0, 1.0]}, cv=2)
    assert search.fit(X, NUMBERS).best_params_["alpha"] in (0.0, 1.0)


@quick
def test_a_model_file(tmp_path):
    mlp = bp.MLPClassifier([4], max_iter=2, random_state=0).fit(X, TWO)
    bp.save(tmp_path / "m.safetensors", mlp.network_, mlp.theta_)
    net, theta = bp.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(net.forward(theta, X)[:, 0], mlp.predict_proba(X)[:, 1])


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (bp.MLPRegressor, {"y": CLASSES}, "fit(y): got dtype <U1"),
        (
            bp.MLPRegressor,
            {"sample_weight": -np.ones(90)},
            "fit(sample_weight): got a weight of -1.0",
        ),
    ],
)
def test_data_that_are_refused(kind, given, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        kind(max_iter=2).fit(X, **{"y": NUMBERS if kind is bp.MLPRegressor else TWO, **given})


def test_losses_that_do_not_fit_are_refused():
    for loss in ("cross_entropy", bp.losses.BinaryCrossEntropy()):
        with pytest.raises(bp.OptionError, match=r"^loss: got .* expected a loss of numbers"):
            bp.MLPRegressor(loss=loss).fit(X, NUMBERS)


@quick
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_class_is_always_that_class(solver):
    mlp = bp.MLPClassifier(solver=solver, max_iter=3, tol=1.0).fit(X, np.full(90, "x"))
    assert (mlp.predict(-X) == "x").all()
    assert mlp.classes_.tolist() == ["x"]
    np.testing.assert_array_equal(mlp.predict_proba(X), np.ones((90, 1)))
    np.testing.assert_array_equal(mlp.predict_log_proba(X), np.zeros((90, 1)))


@quick
@pytest.mark.parametrize("batch_size", [30, "auto"])
@pytest.mark.parametrize("solver", [bp.Rprop(), bp.LBFGS()], ids=["rprop", "lbfgs"])
def test_a_full_batch_solver_takes_all_cases_whatever_the_batch_size(solver, batch_size):
    rows = np.resize(np.arange(90), 250)  # more than the 200 of "auto"
    chosen = {"alpha": 0.5, "max_iter": 5, "random_state": 0, "tol": 0.0}
    mlp = bp.MLPRegressor(
        hidden_layer_sizes=[4], activation="tanh", solver=solver, batch_size=batch_size, **chosen
    )
    mlp.fit(X[rows], NUMBERS[rows])
    tanh, random = bp.activations.ACTIVATIONS["tanh"](), np.random.RandomState(0)
    (V, W), (b, c) = first_parameters([4, 4, 1], [tanh], "float64", random)
    theta = mlp.network_.pack([(V.T, b[:, None]), (W.T, c[:, None])])
    whole = {"batch_size": None, "l2": 0.5 / 250, "epochs": 5, "optimizer": solver}
    run = bp.train(mlp.network_, X[rows], NUMBERS[rows][:, None], theta, **whole)
    np.testing.assert_array_equal(mlp.theta_, run.theta)


@quick
def test_one_case_held_out_has_no_r_squared():
    chosen = {"early_stopping": True, "max_iter": 2, "random_state": 0}
    one = bp.MLPRegressor(hidden_layer_sizes=[4], validation_fraction=0.1, **chosen)
    with pytest.raises(bp.DataError, match=r"got 10 cases; expected .* two to hold out"):
        one.fit(X[:10], NUMBERS[:10])
    assert len(one.fit(X[:20], NUMBERS[:20]).validation_scores_) == 2  # of two cases


@quick
@pytest.mark.parametrize("labels", [1, 2], ids=["two classes", "labels"])
def test_outputs_of_just_one_half_are_the_first_class(labels):
    y = TWO if labels == 1 else np.stack([FIRST, SECOND], axis=1).astype(int)
    mlp = bp.MLPClassifier((), max_iter=1, random_state=0).fit(X, y)
    mlp.theta_ = np.zeros_like(mlp.theta_)
    assert (mlp.predict_proba(X) == 0.5).all()
    assert not mlp.predict(X).any()
