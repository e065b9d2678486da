"""`to_sklearn` and `from_sklearn`: the same predictions, and further training."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from exchange_cases import Cube
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command

needs("sklearn")
from sklearn import neural_network as theirs  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

X = np.random.default_rng(0).standard_normal((60, 4))
CLASSES = np.digitize(X[:, 0], [-0.4, 0.4])
KINDS_OF_CLASSES = {
    "integers": CLASSES,
    "texts": np.array(["b", "a", "c"])[CLASSES],
    "two": CLASSES // 2,
    "two texts": np.array(["no", "yes"])[CLASSES // 2],
    "booleans": CLASSES > 0,
    "labels": np.eye(3, dtype=int)[CLASSES],
    "two labels": np.eye(3, dtype=int)[CLASSES][:, :2],
}
SETTINGS = {"hidden_layer_sizes": (5, 3), "solver": "lbfgs", "max_iter": 30, "tol": 0.1}


def agree(one, other, given=X):
    np.testing.assert_array_equal(one.predict(given), other.predict(given))
    a, b = one.predict_proba(given), other.predict_proba(given)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("y", KINDS_OF_CLASSES.values(), ids=KINDS_OF_CLASSES)
def test_a_classifier_there_and_back(y, activation):
    original = theirs.MLPClassifier(**SETTINGS, activation=activation, random_state=0).fit(X, y)
    ours = bp.exchange.from_sklearn(original)
    agree(ours, original)
    assert ours.network_.sizes == (4, 5, 3, original.n_outputs_)
    assert ours.score(X, y) == original.score(X, y)
    assert (ours.n_iter_, ours.loss_) == (original.n_iter_, original.loss_)
    agree(pickle.loads(pickle.dumps(ours)), original)  # noqa: S301
    again = bp.exchange.to_sklearn(ours)
    agree(again, original)
    assert again.get_params() == original.get_params()


@pytest.mark.parametrize("y", KINDS_OF_CLASSES.values(), ids=KINDS_OF_CLASSES)
def test_our_classifier_as_theirs(y):
    ours = bp.MLPClassifier(**SETTINGS, random_state=0).fit(X, y)
    agree(bp.exchange.to_sklearn(ours), ours)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("y", [np.abs(X[:, 1]), np.abs(X[:, :2])])
def test_a_regressor_there_and_back(y, loss):
    if loss == "poisson" and "loss" not in theirs.MLPRegressor().get_params():
        pytest.skip("scikit-learn has no Poisson loss")
    known = {"loss": loss} if loss == "poisson" else {}
    original = theirs.MLPRegressor(**SETTINGS, **known, random_state=0).fit(X, y)
    ours = bp.exchange.from_sklearn(original)
    again = bp.exchange.to_sklearn(ours)
    for made in (ours, again):
        np.testing.assert_allclose(made.predict(X), original.predict(X), atol=1e-12)
        assert made.predict(X).shape == y.shape


@pytest.mark.parametrize("y", KINDS_OF_CLASSES.values(), ids=KINDS_OF_CLASSES)
def test_scikit_learn_trains_the_exported_estimator_further(y):
    ours = bp.MLPClassifier([5], max_iter=3, tol=9.0, n_iter_no_change=1, random_state=0).fit(X, y)
    made = bp.exchange.to_sklearn(ours)
    before = made.coefs_[0].copy()
    for _ in range(3):
        made.partial_fit(X, y)
    assert made.loss_curve_[-1] < made.loss_curve_[-3]
    assert 0 < np.abs(made.coefs_[0] - before).max() < 0.1
    clone(made).set_params(solver="lbfgs", tol=0.5, max_iter=50).fit(X, y)


def test_ours_is_fitted_again_with_the_parameters_of_theirs():
    original = theirs.MLPClassifier(**SETTINGS, alpha=0.01, random_state=3).fit(X, CLASSES)
    ours = clone(bp.exchange.from_sklearn(original))
    assert ours.alpha == 0.01
    assert ours.set_params(max_iter=200, tol=0.01).fit(X, CLASSES).score(X, CLASSES) > 0.8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on_as_theirs_does():
    settings = {"hidden_layer_sizes": [5], "max_iter": 4, "warm_start": True, "random_state": 0}
    original = theirs.MLPClassifier(**settings).fit(X, CLASSES)
    ours = bp.exchange.from_sklearn(original).fit(X, CLASSES)
    agree(ours, original.fit(X, CLASSES))
    first = bp.exchange.from_sklearn(original)
    before = first.theta_.copy()
    first.partial_fit(X, CLASSES)
    assert 0 < np.abs(first.theta_ - before).max() < 0.01


def test_names_of_columns_stay():
    pandas = needs("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    original = theirs.MLPClassifier(**SETTINGS, random_state=0).fit(frame, CLASSES)
    ours = bp.exchange.from_sklearn(original)
    agree(ours, original, frame)
    agree(bp.exchange.to_sklearn(ours), original, frame)


def test_parameters_are_copies_in_their_dtype():
    single = X.astype("float32")
    quick = {**SETTINGS, "solver": "adam", "n_iter_no_change": 1, "tol": 9.0}
    original = theirs.MLPClassifier(**quick, random_state=0).fit(single, CLASSES)
    ours = bp.exchange.from_sklearn(original)
    assert ours.theta_.dtype == np.float32
    before = original.predict_proba(X)
    ours.theta_[:] = 0
    np.testing.assert_array_equal(original.predict_proba(X), before)


def test_a_pipeline_keeps_its_steps():
    pipeline = make_pipeline(StandardScaler(), theirs.MLPClassifier(**SETTINGS, random_state=0))
    pipeline.fit(X, CLASSES)
    ours = bp.exchange.from_sklearn(pipeline)
    assert [name for name, _ in ours.steps] == ["standardscaler", "mlpclassifier"]
    assert type(ours[-1]) is bp.MLPClassifier
    agree(ours, pipeline)
    agree(bp.exchange.to_sklearn(ours), pipeline)


@pytest.mark.parametrize("classes", [None, ["a", "b", "c"], [2, 5, 9]])
def test_a_network_with_classes(classes):
    net = bp.Network([4, 5, 3], "tanh")
    theta = net.init(0, dtype="float64")
    made = bp.exchange.to_sklearn(net, theta, classes=classes)
    np.testing.assert_allclose(made.predict_proba(X), net.forward(theta, X), atol=1e-12)
    named = np.array([0, 1, 2] if classes is None else classes)
    np.testing.assert_array_equal(made.predict(X), named[net.forward(theta, X).argmax(axis=1)])


def test_two_softmax_units_become_one_logistic_unit():
    net = bp.Network([4, 5, 2], "relu")
    theta = net.init(0, dtype="float64")
    made = bp.exchange.to_sklearn(net, theta, classes=["a", "b"])
    np.testing.assert_allclose(made.predict_proba(X), net.forward(theta, X), atol=1e-12)
    assert made.n_outputs_ == 1
    assert set(made.predict(X)) <= {"a", "b"}


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (bp.Network([4, 3, 3], "gelu"), "hidden activation 'gelu'"),
        (bp.Network([4, 3, 3], Cube()), "hidden activation 'cube"),
        (bp.Network([4, 3, 3, 3], ["relu", "tanh"]), "different hidden activations, relu, tanh"),
        (bp.Network([4, 3], loss="squared_error"), "softmax outputs with the loss 'squared_error'"),
        (bp.Network([4, 3], output="identity", loss="huber"), "the loss 'huber'"),
        (bp.Network([4, 1], connections=[[[1, 0, 1, 1]]]), "removed connections"),
    ],
)
def test_networks_that_scikit_learn_has_not_are_refused_with_the_reason(net, words):
    with pytest.raises(bp.OptionError, match=rf"to_sklearn.*{words}.*to_onnx"):
        bp.exchange.to_sklearn(net, net.init())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bp.exchange.from_sklearn(StandardScaler()), "got StandardScaler"),
        (lambda: bp.exchange.from_sklearn(theirs.MLPClassifier()), "not fitted"),
        (lambda: bp.exchange.from_sklearn(bp.MLPClassifier()), "got MLPClassifier of backprop_xp"),
        (lambda: bp.exchange.from_sklearn(theirs.MLPClassifier), "the class MLPClassifier"),
        (lambda: bp.exchange.to_sklearn(bp.MLPClassifier()), "to_sklearn.*MLPClassifier"),
        (lambda: stack(3), r"theta\[0\]"),
        (lambda: stack(classes=["b", "a", "c"]), "ascending order"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(bp.BackpropError, match=words):
        call()


def stack(count=(), **options):
    net = bp.Network([4, 3])
    return bp.exchange.to_sklearn(net, net.init(stack=count), **options)


def test_without_scikit_learn_the_error_names_the_install_command():
    code = """
import sys
sys.modules["sklearn"] = None
import backprop_xp as bp
net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
for call in (
    lambda: bp.exchange.to_sklearn(net, net.init()), lambda: bp.exchange.from_sklearn(net)
):
    try:
        call()
    except bp.MissingExtraError as error:
        print(error)
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    advice = install_command("sklearn")
    end = f"got no scikit-learn; expected the package scikit-learn. Run: {advice}.\n"
    assert made.stdout == f"to_sklearn(): {end}from_sklearn(): {end}"
