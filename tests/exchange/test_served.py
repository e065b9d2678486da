"""Models as they are exported: what is taken, and what is refused by every function."""

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.exchange.served import served

X = np.random.default_rng(0).standard_normal((30, 4))


def exports(tmp_path):
    return {
        "to_onnx": bp.exchange.to_onnx,
        "to_sklearn": bp.exchange.to_sklearn,
        "to_numpy_source": lambda *model, **options: bp.exchange.to_numpy_source(
            tmp_path / "model.py", *model, **options
        ),
    }


@pytest.mark.parametrize("export", ["to_onnx", "to_sklearn", "to_numpy_source"])
def test_a_single_class_is_refused(export, tmp_path):
    needs("sklearn")
    if export == "to_onnx":
        needs("onnx")
    mlp = bp.MLPClassifier([3], max_iter=3, tol=9.0, n_iter_no_change=1).fit(X, np.zeros(30))
    with pytest.raises(bp.OptionError, match=rf"{export}.*a single class"):
        exports(tmp_path)[export](mlp)


def test_classes_of_objects_become_texts():
    net = bp.Network([4, 3])
    made = served(net, net.init(), np.array(["a", "b", "c"], dtype=object), "test")
    assert made.meaning.classes.dtype.kind == "U"
    with pytest.raises(bp.OptionError, match="texts alone, or numbers"):
        served(net, net.init(), np.array(["a", 1, None], dtype=object), "test")


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 2)])
def test_leading_axes_become_one(lead):
    net = bp.Network([4, 3])
    theta = served(net, net.init(stack=lead), None, "test").theta
    count = int(np.prod(lead))
    assert theta.shape == ((15,) if count == 1 else (count, 15))


def test_classes_beside_those_of_a_model_are_refused():
    needs("sklearn")
    mlp = bp.MLPClassifier([3], max_iter=3, tol=9.0, n_iter_no_change=1).fit(X, X[:, 0] > 0)
    with pytest.raises(bp.OptionError, match="the model knows its own"):
        served(mlp, None, ["a", "b"], "test")


def test_classes_of_one_output_that_is_no_sigmoid_are_refused():
    net = bp.Network([4, 1], output="tanh", loss="squared_error")
    with pytest.raises(bp.OptionError, match="a sigmoid output"):
        served(net, net.init(), ["a", "b"], "test")


def test_removed_connections_carry_nothing():
    net = bp.Network([2, 1], output="identity", loss="squared_error", connections=[[[1, 0]]])
    (layer,) = served(net, np.array([2.0, 5.0, 1.0]), None, "test").layers()
    assert layer.W.tolist() == [[2.0, 0.0]]


def test_a_class_of_two_outputs_is_refused():
    net = bp.Network([2, 3])
    with pytest.raises(bp.OptionError, match=r"classes.*'a', 'b', 'b'.*differ"):
        served(net, net.init(), ["a", "b", "b"], "to_onnx")


def test_a_path_in_the_place_of_a_model_is_named(tmp_path):
    with pytest.raises(bp.DTypeError, match=r"bp\.load\(path\)"):
        bp.exchange.to_numpy_source(tmp_path / "m.py", "model.safetensors")
    net = bp.Network([2, 3])
    with pytest.raises(bp.DTypeError, match="model first, then the path"):
        bp.exchange.to_onnx(tmp_path / "m.onnx", (net, net.init()))
