"""`to_numpy_source`: a module that needs NumPy alone serves the model."""

import subprocess
import sys

import numpy as np
import pytest
from exchange_cases import Centred, Cube, mean_outputs, module_at, random_network
from needs import needs

import backprop_xp as bp

needs("sklearn")
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

X = np.random.default_rng(0).standard_normal((60, 4))
CLASSES = np.digitize(X[:, 0], [-0.4, 0.4])


def written(tmp_path, *model, **options):
    bp.exchange.to_numpy_source(tmp_path / "model.py", *model, **options)
    return module_at(tmp_path / "model.py")


def fitted(y, kind=bp.MLPClassifier, **settings):
    settings = {"solver": "lbfgs", "max_iter": 200, "tol": 1e-2, "random_state": 0, **settings}
    return kind(hidden_layer_sizes=[5], **settings).fit(X, y)


@pytest.mark.parametrize("seed", range(30))
def test_a_network_at_random_is_served(seed, tmp_path):
    net, theta, inputs = random_network(seed)
    got = written(tmp_path, net, theta).predict(inputs)
    expected = mean_outputs(net, theta, inputs)
    size = np.abs(expected).max()
    wide = theta.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=0, atol=(1e-12 if wide else 2e-6) * (1 + size))


def test_a_network_with_activations_of_a_user_is_served(tmp_path):
    net = bp.Network([4, 3, 3], Cube(), Centred(), "squared_error")
    theta = net.init(0, dtype="float64")
    got = written(tmp_path, net, theta).predict(X)
    np.testing.assert_allclose(got, net.forward(theta, X), atol=1e-13)


@pytest.mark.parametrize(
    "y",
    [
        CLASSES,
        np.array(["b", "a", "é"])[CLASSES],
        CLASSES > 0,
        np.array(["no", "yes"])[CLASSES // 2],
        np.eye(3, dtype=int)[CLASSES],
        CLASSES * 0.5,
    ],
)
def test_a_classifier_is_served_with_its_classes(y, tmp_path):
    y = y.astype(str) if y.dtype == float else y
    mlp = fitted(y)
    module = written(tmp_path, mlp)
    np.testing.assert_allclose(module.predict_proba(X), mlp.predict_proba(X), atol=1e-12)
    got = module.predict(X)
    np.testing.assert_array_equal(got, mlp.predict(X))
    assert got.dtype.kind == mlp.predict(X).dtype.kind


@pytest.mark.parametrize("y", [X[:, 1], X[:, :2]])
def test_a_regressor_is_served(y, tmp_path):
    mlp = fitted(y, bp.MLPRegressor)
    got = written(tmp_path, mlp).predict(X)
    assert got.shape == y.shape
    np.testing.assert_allclose(got, mlp.predict(X), atol=1e-12)


def test_a_stack_is_served_as_an_ensemble(tmp_path):
    net = bp.Network([4, 5, 1], "tanh", "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, CLASSES > 0, stack=3, epochs=2)
    module = written(tmp_path, run, classes=["no", "yes"])
    mean = bp.ensemble(net, run.theta, X).mean
    np.testing.assert_allclose(module.predict_proba(X)[:, 1:], mean, atol=1e-6)
    assert set(module.predict(X)) <= {"no", "yes"}


def test_a_small_model_is_one_file_of_few_lines(tmp_path):
    written(tmp_path, make_pipeline(StandardScaler(), fitted(CLASSES)).fit(X, CLASSES))
    assert [path.name for path in tmp_path.glob("*.*")] == ["model.py"]
    assert len((tmp_path / "model.py").read_text("utf-8").splitlines()) < 45


def test_a_large_model_has_its_numbers_beside_it(tmp_path):
    net = bp.Network([40, 50, 3])
    theta = net.init(0, dtype="float64")
    inputs = np.random.default_rng(1).standard_normal((7, 40))
    module = written(tmp_path, (net, theta), classes=["x", "y", "z"])
    assert sorted(path.suffix for path in tmp_path.glob("model.*")) == [".npz", ".py"]
    got = module.predict_proba(inputs)
    np.testing.assert_allclose(got, net.forward(theta, inputs), atol=1e-12)
    assert set(module.predict(inputs)) <= {"x", "y", "z"}
    assert (tmp_path / "model.py").stat().st_size < 2500


def test_the_module_imports_numpy_alone(tmp_path):
    written(tmp_path, make_pipeline(StandardScaler(), fitted(CLASSES)).fit(X, CLASSES))
    code = (
        "import sys, model; print(model.predict([[0.0, 1.0, 2.0, 3.0]]).shape,"
        "[n for n in ('backprop_xp', 'sklearn', 'scipy', 'torch') if n in sys.modules])"
    )
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.stdout == "(1,) []\n", made.stderr


def test_large_numbers_overflow_in_silence(tmp_path):
    net = bp.Network([1, 1], output="sigmoid", loss="binary_cross_entropy")
    module = written(tmp_path, net, np.array([1000.0, 0.0]))
    assert module.predict([[-1.0], [1.0]]).tolist() == [[0.0], [1.0]]


def test_a_name_of_another_format_is_refused(tmp_path):
    net = bp.Network([1, 1])
    with pytest.raises(bp.OptionError, match=r"model\.py"):
        bp.exchange.to_numpy_source(tmp_path / "model.onnx", net, net.init())


def test_a_model_before_the_path_is_refused():
    with pytest.raises(bp.DTypeError, match="Pass the path first"):
        bp.exchange.to_numpy_source(bp.Network([1, 1]), "model.py")


def test_a_refused_model_leaves_no_file(tmp_path):
    with pytest.raises(bp.DTypeError):
        bp.exchange.to_numpy_source(tmp_path / "model.py", bp.MLPClassifier())
    assert not list(tmp_path.iterdir())
