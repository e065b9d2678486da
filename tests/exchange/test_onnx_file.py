"""`to_onnx`: ONNX Runtime computes what the model computes."""

import subprocess
import sys

import numpy as np
import pytest
from exchange_cases import Centred, Cube, Deciding, mean_outputs, onnx_results, random_network
from needs import needs

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays.advice import install_command
from backprop_xp.exchange.onnx_file import IR_VERSION, OPSET

onnx = needs("onnx")
needs("sklearn")

X = np.random.default_rng(0).standard_normal((60, 4))
CLASSES = np.digitize(X[:, 0], [-0.4, 0.4])
WITH_AN_OPERATOR = {"sigmoid", "tanh", "relu", "exp", "softmax"}
IN_FLOAT32 = {"gelu", "leaky_relu", "elu", "softplus"}


def fitted(y, kind=bp.MLPClassifier, **settings):
    settings = {"solver": "lbfgs", "max_iter": 200, "tol": 1e-2, "random_state": 0, **settings}
    return kind(hidden_layer_sizes=[5], **settings).fit(X, y)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_networks_at_random_agree(first):
    needs("onnxruntime")
    for seed in range(first, first + 20):
        net, theta, inputs = random_network(seed)
        got = onnx_results(bp.exchange.to_onnx(net, theta), inputs)["variable"]
        expected = mean_outputs(net, theta, inputs)
        assert got.dtype == theta.dtype, seed
        size = np.abs(expected).max()
        least = 1e-6 if theta.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(got, expected, rtol=0, atol=least * (1 + size), err_msg=seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_far_out(name, dtype):
    net = bp.Network([2, 2], output=name, loss="squared_error")
    theta = np.array([1, 0, 0, 1, 0, 0], dtype=dtype)
    inputs = np.array([[-80.0, 80.0], [-1e-7, 1e-7], [0.0, -0.5], [-700.0, 85.0]], dtype=dtype)
    got = onnx_results(bp.exchange.to_onnx(net, theta), inputs)["variable"]
    np.testing.assert_allclose(got, net.forward(theta, inputs), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_operator_of_onnx_stands_for_an_activation_where_there_is_one(name):
    for dtype in ("float32", "float64"):
        net = bp.Network([2, 2], output=name, loss="squared_error")
        made = bp.exchange.to_onnx(net, net.init(dtype=dtype))
        count = len(made.graph.node)  # Gemm, the activation, Identity to the name of the output
        known = name in WITH_AN_OPERATOR or (name in IN_FLOAT32 and dtype == "float32")
        assert (count == 3) == known or name == "identity", name


def test_activations_of_a_user_are_written_as_formulas():
    net = bp.Network([4, 3, 3], Cube(), Centred(), "squared_error")
    theta = net.init(0, dtype="float64")
    got = onnx_results(bp.exchange.to_onnx(net, theta), X)["variable"]
    np.testing.assert_allclose(got, net.forward(theta, X), atol=1e-13)


def test_an_activation_that_no_file_can_hold_is_refused_by_name(tmp_path):
    net = bp.Network([4, 3, 3], Deciding())
    with pytest.raises(bp.OptionError, match=r"to_onnx\(model\): got the activation 'deciding'"):
        bp.exchange.to_onnx(net, net.init(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "y",
    [
        CLASSES,
        np.array(["b", "a", "é"])[CLASSES],
        CLASSES > 0,
        np.array(["no", "yes"], dtype=object)[CLASSES // 2],
        CLASSES - 3,
        np.array([0.5, 1.0, 2.0])[CLASSES].astype(str),
    ],
)
def test_a_classifier_has_label_and_probabilities(y, dtype):
    mlp = fitted(y)
    results = onnx_results(bp.exchange.to_onnx(mlp, dtype=dtype), X)
    assert list(results) == ["label", "probabilities"]
    np.testing.assert_allclose(results["probabilities"], mlp.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(results["label"], mlp.predict(X))
    assert results["label"].dtype == (np.int64 if y.dtype.kind in "bi" else object)


def test_classes_of_whole_numbers_are_integers():
    needs("onnxruntime")
    mlp = fitted(np.array([1.0, 3.0])[CLASSES // 2])
    label = onnx_results(bp.exchange.to_onnx(mlp), X)["label"]
    np.testing.assert_array_equal(label, mlp.predict(X))
    assert label.dtype == np.int64


def test_several_labels(tmp_path):
    mlp = fitted(np.eye(3, dtype=int)[CLASSES])
    bp.exchange.to_onnx(mlp, tmp_path / "model.onnx")
    results = onnx_results(str(tmp_path / "model.onnx"), X)
    np.testing.assert_allclose(results["probabilities"], mlp.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(results["label"], mlp.predict(X))


@pytest.mark.parametrize("y", [X[:, 1], X[:, :2]])
def test_a_regressor_has_variable(y):
    mlp = fitted(y, bp.MLPRegressor)
    results = onnx_results(bp.exchange.to_onnx(mlp), X)
    assert list(results) == ["variable"]
    np.testing.assert_allclose(results["variable"], mlp.predict(X).reshape(60, -1), atol=1e-12)


@pytest.mark.parametrize("y", [CLASSES, np.array(["b", "a", "c"])[CLASSES], CLASSES // 2])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_names_and_types_are_those_of_skl2onnx(kind, y):
    skl2onnx = needs("skl2onnx")
    from sklearn import neural_network

    if kind == "MLPRegressor":
        y = X[:, :2]
    theirs = getattr(neural_network, kind)(
        hidden_layer_sizes=[3], solver="lbfgs", max_iter=5, tol=9
    ).fit(X, y)
    options = {"zipmap": False} if kind == "MLPClassifier" else None
    expected = skl2onnx.to_onnx(theirs, X[:1].astype("float32"), options=options)
    made = bp.exchange.to_onnx(theirs, dtype="float32")
    for side in ("input", "output"):
        for one, other in zip(
            getattr(made.graph, side), getattr(expected.graph, side), strict=True
        ):
            assert one.name == other.name
            assert one.type.tensor_type.elem_type == other.type.tensor_type.elem_type
            rank = len(one.type.tensor_type.shape.dim)
            assert rank == len(other.type.tensor_type.shape.dim)


@pytest.mark.parametrize("classes", [None, ["a", "b", "c"]])
def test_a_stack_is_an_ensemble(classes):
    net = bp.Network([4, 5, 3], "tanh")
    run = bp.train(net, X, CLASSES, stack=(2, 2), epochs=2)
    made = bp.exchange.to_onnx(run, classes=classes)
    results = onnx_results(made, X)
    mean = bp.ensemble(net, run.theta, X).mean
    got = results["variable" if classes is None else "probabilities"]
    np.testing.assert_allclose(got, mean, atol=1e-6)
    if classes:
        np.testing.assert_array_equal(results["label"], np.array(classes)[mean.argmax(axis=1)])


def test_an_ensemble_of_two_classes_averages_probabilities():
    net = bp.Network([4, 1], output="sigmoid", loss="binary_cross_entropy")
    theta = net.init(0, stack=3, dtype="float64") * 9
    results = onnx_results(bp.exchange.to_onnx(net, theta, classes=[7, 9]), X)
    mean = bp.ensemble(net, theta, X).mean[:, 0]
    np.testing.assert_allclose(results["probabilities"][:, 1], mean, atol=1e-12)
    np.testing.assert_array_equal(results["label"], np.where(mean > 0.5, 9, 7))


def test_any_number_of_cases():
    net = bp.Network([4, 3])
    theta = net.init()
    made = bp.exchange.to_onnx(net, theta, classes=[0, 1, 2])
    for m in (0, 1, 1000):
        results = onnx_results(made, np.ones((m, 4)))
        assert results["probabilities"].shape == (m, 3)
        assert results["label"].shape == (m,)


def test_the_file_is_of_the_opset_that_is_promised(tmp_path):
    net = bp.Network([4, 3, 3], "gelu")
    made = bp.exchange.to_onnx(net, net.init(), tmp_path / "model.onnx")
    read = onnx.load(tmp_path / "model.onnx")
    assert read == made
    onnx.checker.check_model(read, full_check=True)
    assert [(one.domain, one.version) for one in read.opset_import] == [("", OPSET)]
    assert (read.ir_version, read.producer_name) == (IR_VERSION, "backprop_xp")
    assert str(OPSET) in bp.exchange.to_onnx.__doc__


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_is_that_of_theta(dtype):
    net = bp.Network([4, 3])
    theta = net.init(dtype=dtype)
    results = onnx_results(bp.exchange.to_onnx(net, theta), X)
    wide = "float32" if dtype == "float16" else dtype
    assert results["variable"].dtype == wide
    np.testing.assert_allclose(results["variable"], net.forward(theta.astype(wide), X), atol=1e-6)


def test_a_pair_a_model_and_a_run_are_taken(tmp_path):
    net = bp.Network([4, 3, 3])
    run = bp.train(net, X, CLASSES, epochs=1)
    bp.save(tmp_path / "model.safetensors", net, run.theta)
    loaded = bp.load(tmp_path / "model.safetensors")
    files = {
        bp.exchange.to_onnx(model).SerializeToString()
        for model in ((net, run.theta), [net, run.theta], run, loaded)
    }
    files.add(bp.exchange.to_onnx(net, run.theta).SerializeToString())
    assert len(files) == 1


def test_a_saved_estimator_is_exported_with_its_classes(tmp_path):
    mlp = fitted(np.array(["b", "a", "c"])[CLASSES])
    bp.save(tmp_path / "model.safetensors", mlp)
    loaded = bp.load(tmp_path / "model.safetensors")
    results = onnx_results(bp.exchange.to_onnx(loaded), X)
    np.testing.assert_array_equal(results["label"], mlp.predict(X))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net, _: bp.exchange.to_onnx(net), "a network alone"),
        (lambda *_: bp.exchange.to_onnx(3), "got int; expected a fitted estimator"),
        (lambda net, theta: bp.exchange.to_onnx(net, theta[:3]), "theta"),
        (lambda net, theta: bp.exchange.to_onnx(net, theta, classes=[1, 2]), "3 integers or texts"),
        (lambda net, theta: bp.exchange.to_onnx(net, theta, dtype="int8"), "float32 or float64"),
        (lambda net, theta: bp.exchange.to_onnx(net, theta, "model.pt"), r"model\.onnx"),
        (lambda *_: bp.exchange.to_onnx(bp.MLPClassifier()), "MLPClassifier"),
        (lambda net, theta: bp.exchange.to_onnx((theta, net)), "Network"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    net = bp.Network([4, 3])
    with pytest.raises(bp.BackpropError, match=words):
        call(net, net.init())


def test_without_onnx_the_error_names_the_install_command():
    code = """
import sys
sys.modules["onnx"] = None
import backprop_xp as bp
net = bp.Network([2, 1])
try:
    bp.exchange.to_onnx(net, net.init())
except bp.MissingExtraError as error:
    print(error)
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    advice = f"Run: {install_command('onnx')}."
    assert made.stdout == f"to_onnx(): got no onnx; expected the package onnx. {advice}\n"
