"""From the same random state, a fit has the numbers of scikit-learn's own fit, epoch by epoch."""

import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.7")  # the first with sample weights

from needs import some_of  # noqa: E402
from scipy.sparse import csr_array  # noqa: E402
from sklearn import datasets, neural_network  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Got `batch_size`", "ignore:batch_size"
)


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


IRIS, CANCER = scaled(datasets.load_iris), scaled(datasets.load_breast_cancer)
DIABETES = scaled(datasets.load_diabetes)
DIABETES = DIABETES[0], DIABETES[1] / 100
LABELS = datasets.make_multilabel_classification(n_samples=150, random_state=0)
COUNTS = DIABETES[0], np.rint(DIABETES[1] * 3)
DATA = {"MLPClassifier": [IRIS, CANCER], "MLPRegressor": [DIABETES]}
CASES = [(name, data) for name, every in DATA.items() for data in every]
EVERY = pytest.mark.parametrize(
    ("name", "data"), CASES, ids=["three classes", "two classes", "numbers"]
)


def pair(name, **chosen):
    chosen = {"random_state": 3, "max_iter": 20, **chosen}
    return tuple(getattr(module, name)(**chosen) for module in (bp, neural_network))


def apart(one, other):
    """Return the largest difference of parameters, in the largest parameter of each array."""
    both = zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in both)


def check_same(fit, name, X, y, **chosen):
    """Compare a fit with scikit-learn's: within 1e-8, or 100 times the effect of 1e-15 in X."""
    ours, theirs = pair(name, **chosen)
    disturbed = pair(name, **chosen)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(ours, X, y)
        fit(theirs, X, y)
        fit(disturbed, X * (1 + 1e-15), y)
    close = max(1e-8, 100 * apart(disturbed, theirs))
    assert apart(ours, theirs) <= close
    assert (ours.n_iter_, ours.t_, ours.n_layers_) == (theirs.n_iter_, theirs.t_, theirs.n_layers_)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=close)
    assert ours._no_improvement_count == theirs._no_improvement_count
    for attribute in ("validation_scores_", "best_validation_score_", "best_loss_", "loss_"):
        found, expected = (getattr(one, attribute) for one in (ours, theirs))
        assert (found is None) == (expected is None)
        if expected is not None:
            np.testing.assert_allclose(found, expected, rtol=close, atol=close)
    for method in ("predict", "predict_proba") if name == "MLPClassifier" else ("predict",):
        found, expected = (getattr(one, method)(X) for one in (ours, theirs))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=close, atol=close)
    return ours, theirs


def once(mlp, X, y):
    mlp.fit(X, y)


@EVERY
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(name, data, solver, activation):
    check_same(once, name, *data, solver=solver, activation=activation, learning_rate_init=0.02)


OF_BOTH = [
    {"batch_size": 32},
    {"batch_size": 1000},
    {"batch_size": 50, "shuffle": False},
    {"shuffle": False},
    {"early_stopping": True, "tol": 0.01, "n_iter_no_change": 3},
    {"early_stopping": True, "validation_fraction": 0.3},
    {"validation_fraction": 0.0},
    {"tol": 0.05, "n_iter_no_change": 2},
    {"n_iter_no_change": np.inf, "tol": 1e9},
    {"alpha": 1.0, "batch_size": 64},
    {"alpha": 0.0},
    {"hidden_layer_sizes": (7, 5)},
    {"hidden_layer_sizes": 6},
    {"hidden_layer_sizes": (3, 3, 3), "activation": "logistic"},
]
OF_SGD = [
    {"learning_rate": "invscaling"},
    {"learning_rate": "invscaling", "power_t": 0.1, "batch_size": 64},
    {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
    {"learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1, "early_stopping": True},
    {"momentum": 0.0},
    {"momentum": 0.5},
    {"momentum": 1.0, "learning_rate_init": 0.001},
    {"nesterovs_momentum": False},
]
OF_ADAM = [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.1}, {"beta_1": 0.0}, {"epsilon": 1e-3}]
CHOICES = [
    *({"solver": solver, **one} for one in OF_BOTH for solver in ("sgd", "adam")),
    *({"solver": "sgd", **one} for one in OF_SGD),
    *({"solver": "adam", **one} for one in OF_ADAM),
]


@EVERY
@pytest.mark.parametrize("chosen", some_of(CHOICES, 3), ids=str)
def test_options(name, data, chosen):
    check_same(once, name, *data, **{"learning_rate_init": 0.02, **chosen})


@pytest.mark.parametrize("chosen", [{}, {"batch_size": 32}, {"early_stopping": True}], ids=str)
def test_labels(chosen):
    check_same(once, "MLPClassifier", *LABELS, **chosen)


def test_counts():
    check_same(once, "MLPRegressor", *COUNTS, loss="poisson")
    few = {"solver": "sgd", "learning_rate_init": 1e-3, "batch_size": 50}
    check_same(once, "MLPRegressor", *COUNTS, loss="poisson", **few)


@EVERY
@pytest.mark.parametrize(
    ("weights", "batch_size"), [(np.full, 64), (np.linspace, "full")], ids=["equal", "full batch"]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights(name, data, weights, batch_size, early_stopping):
    m = len(data[1])
    w = weights(m, 3.0) if weights is np.full else weights(0.5, 2, m)
    size = {"batch_size": m if batch_size == "full" else batch_size}

    def weighted(mlp, X, y):
        mlp.fit(X, y, sample_weight=w)

    check_same(weighted, name, *data, early_stopping=early_stopping, alpha=0.1, **size)


@EVERY
@pytest.mark.parametrize("chosen", [{"solver": "sgd"}, {"solver": "adam"}], ids=str)
@pytest.mark.parametrize("more", [{}, {"learning_rate": "invscaling"}, {"early_stopping": True}])
def test_warm_starts(name, data, chosen, more):
    def three_fits(mlp, X, y):
        for number in range(3):
            mlp.set_params(warm_start=True, max_iter=4 + number).fit(X, y)

    ours, _ = check_same(three_fits, name, *data, batch_size=64, **chosen, **more)
    assert ours.n_iter_ < len(ours.loss_curve_)  # of all fits


@EVERY
@pytest.mark.parametrize(
    "chosen",
    [
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 9.0, "n_iter_no_change": 2},
        {"solver": "adam", "batch_size": 30},
        {"solver": "adam", "hidden_layer_sizes": (4, 4)},
    ],
    ids=str,
)
def test_partial_fits(name, data, chosen):
    """Parts of different sizes, so that the last batch is another one in each call."""
    rows = np.random.default_rng(0).permutation(len(data[1]))
    parts = np.split(rows, [40, 85, 120])
    classes = {"classes": np.unique(data[1])} if name == "MLPClassifier" else {}

    def in_parts(mlp, X, y):
        for _ in range(3):
            for part in parts:
                mlp.partial_fit(X[part], y[part], **classes)

    check_same(in_parts, name, *data, **chosen)


@EVERY
def test_a_partial_fit_after_a_fit_and_a_fit_after_that(name, data):
    def both(mlp, X, y):
        mlp.fit(X, y).partial_fit(X[:50], y[:50]).partial_fit(X, y)

    def and_anew(mlp, X, y):
        both(mlp, X, y)
        mlp.fit(X, y)

    check_same(both, name, *data, max_iter=5)
    check_same(and_anew, name, *data, max_iter=5)


@EVERY
def test_one_stream_of_random_numbers(name, data):
    """A RandomState is left behind by a fit as scikit-learn leaves it."""
    left = []
    for mlp in pair(name, early_stopping=True, batch_size=64, max_iter=3):
        random = np.random.RandomState(5)
        mlp.set_params(random_state=random).fit(*data)
        left.append(random.randint(2**31))
    assert left[0] == left[1]


@EVERY
def test_dropout_draws_from_a_copy(name, data):
    left = []
    for dropout in (0.0, 0.3):
        random = np.random.RandomState(5)
        mlp = pair(name, max_iter=3, random_state=random)[0]
        mlp.set_params(dropout=dropout).fit(*data)
        left.append(random.randint(2**31))
    assert left[0] == left[1]


@EVERY
def test_sparse_rows(name, data):
    def sparse(mlp, X, y):
        mlp.fit(csr_array(X), y)

    check_same(sparse, name, *data, batch_size=64)


@EVERY
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_lbfgs_goes_to_the_same_minimum(name, data, activation):
    chosen = {"solver": "lbfgs", "activation": activation, "alpha": 1.0, "tol": 1e-7}
    ours, theirs = pair(name, hidden_layer_sizes=3, max_iter=3000, **chosen)
    ours.fit(*data)
    theirs.fit(*data)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-5)


def test_the_scale_of_several_outputs():
    """The cost here is a sum over outputs; scikit-learn has their mean. The weights agree."""
    Y = np.stack([DIABETES[1], -DIABETES[1]], axis=1)
    ours, theirs = pair("MLPRegressor", alpha=0.0)
    ours.fit(DIABETES[0], Y)
    theirs.fit(DIABETES[0], Y)
    assert apart(ours, theirs) < 1e-8
    np.testing.assert_allclose(ours.loss_curve_, 2 * np.array(theirs.loss_curve_), rtol=1e-8)


@EVERY
def test_float32(name, data):
    X, y = data[0].astype(np.float32), data[1]
    ours, theirs = pair(name, max_iter=5)
    ours.fit(X, y)
    theirs.fit(X, y)
    assert apart(ours, theirs) < 1e-4
    kinds = [{x.dtype for x in one.coefs_ + one.intercepts_} for one in (ours, theirs)]
    assert kinds[0] == kinds[1] == {np.dtype("float32")}
    assert ours.predict(X).dtype == theirs.predict(X).dtype
