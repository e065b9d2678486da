"""A trace: every number of one gradient, layer by layer, as the equations name it."""

import re

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import device_of, dtype_name, namespace

EACH = ("z", "a", "delta", "dE_dW", "dE_db")


def close(x, y):
    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


def test_a_published_example():
    """The numbers that Mazur prints in "A step by step backpropagation example" (2015)."""
    net = bp.Network([2, 2, 2], hidden="sigmoid", output="sigmoid", loss="squared_error")
    W1, b1 = np.array([[0.15, 0.20], [0.25, 0.30]]), np.full((2, 1), 0.35)
    W2, b2 = np.array([[0.40, 0.45], [0.50, 0.55]]), np.full((2, 1), 0.60)
    found = bp.trace(net, net.pack([(W1, b1), (W2, b2)]), [0.05, 0.10], [0.01, 0.99])
    first, second = found.layers
    np.testing.assert_allclose(first.z[0], 0.3775, atol=1e-12)
    np.testing.assert_allclose(first.a.T, [[0.593269992, 0.596884378]], atol=1e-9)
    np.testing.assert_allclose(second.a.T, [[0.75136507, 0.772928465]], atol=1e-9)
    np.testing.assert_allclose(found.E, 0.298371109, atol=1e-9)
    np.testing.assert_allclose(second.dE_da[0], 0.74136507, atol=1e-9)
    np.testing.assert_allclose(second.da_dz[0], 0.186815602, atol=1e-9)
    np.testing.assert_allclose(second.delta[0], 0.138498562, atol=1e-9)
    np.testing.assert_allclose(second.dE_dW[0, 0], 0.082167041, atol=1e-9)
    np.testing.assert_allclose(first.dE_da[0], 0.036350306, atol=1e-9)
    np.testing.assert_allclose(first.da_dz[0], 0.241300709, atol=1e-9)
    np.testing.assert_allclose(first.dE_dW[0, 0], 0.000438568, atol=1e-9)


def test_it_is_the_gradient_on_every_library(xp):
    net = bp.Network([3, 4, 2], hidden="tanh")
    host = net.init(seed=3, dtype="float32")
    X = np.linspace(-1, 1, 15, dtype="float32").reshape(5, 3)
    theta, rows, labels = (
        xp.array(host, "float32"),
        xp.array(X, "float32"),
        xp.array([0, 1, 1, 0, 1]),
    )
    found = bp.trace(net, theta, rows, labels)
    E, dE_dtheta = net.gradient(theta, rows, labels)
    close(xp.host(found.E), xp.host(E))
    for layer, gradient, given in zip(
        found.layers, net.unpack(dE_dtheta), net.unpack(theta), strict=True
    ):
        close(xp.host(layer.dE_dW), xp.host(gradient.W))
        close(xp.host(layer.dE_db), xp.host(gradient.b))
        np.testing.assert_array_equal(xp.host(layer.W), xp.host(given.W))
        for name in EACH:
            x = getattr(layer, name)
            assert (namespace(x), device_of(x), dtype_name(x.dtype)) == (
                namespace(theta),
                device_of(theta),
                "float32",
            )
    close(xp.host(found.layers[-1].a.mT), xp.host(net.forward(theta, rows)))
    assert found.w.shape == (1, 5)
    text = bp.trace(net, host, X, np.array([0, 1, 1, 0, 1])).to_text(digits=2)
    assert found.to_text(digits=2) == text


NETWORKS = {
    "a pair": bp.Network([3, 4, 2], hidden="sigmoid"),
    "no pair": bp.Network([3, 4, 2], hidden="relu", output="tanh", loss="squared_error"),
    "softmax without its loss": bp.Network([3, 4, 2], loss="squared_error"),
    "softmax within": bp.Network([3, 4, 2], hidden=Softmax(), output="identity", loss="huber"),
    "one layer": bp.Network([3, 2], output="sigmoid", loss="binary_cross_entropy"),
}


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_the_error_is_the_product_of_its_factors(net):
    rng = np.random.default_rng(0)
    theta, X, Y = net.init(seed=1, dtype="float64"), rng.random((5, 3)), rng.random((5, 2))
    found = bp.trace(net, theta, X, Y, rng.random(5))
    for place, (layer, activation) in enumerate(zip(found.layers, net.activations, strict=True)):
        last = place == len(found.layers) - 1
        pair = last and net in (NETWORKS["a pair"], NETWORKS["one layer"])
        assert (layer.dE_da is None) == pair
        assert (layer.da_dz is None) == (pair or isinstance(activation, Softmax))
        if layer.da_dz is not None:
            np.testing.assert_array_equal(layer.delta, layer.dE_da * layer.da_dz)
        elif layer.dE_da is not None:
            np.testing.assert_array_equal(layer.delta, activation.vjp(layer.dE_da, layer.a))
        if not last:
            above = found.layers[place + 1]
            np.testing.assert_array_equal(layer.dE_da, above.W.T @ above.delta)


def test_one_case_is_the_same_as_a_row():
    net = bp.Network([3, 4, 2], hidden="tanh")
    theta, X = net.init(seed=0), np.eye(3, dtype="float32")
    alone = bp.trace(net, theta, X[1], 1)
    assert str(alone) == str(bp.trace(net, theta, X[1:2], np.array([1])))
    assert str(alone) == str(bp.trace(net, theta, list(X[1]), [0.0, 1.0]))
    assert alone.layers[0].z.shape == (4, 1)
    one_output = bp.Network([3, 1], output="sigmoid", loss="binary_cross_entropy")
    theta = one_output.init(seed=0)
    assert str(bp.trace(one_output, theta, X[0], 0.5)) == str(
        bp.trace(one_output, theta, X[:1], np.array([[0.5]]))
    )


def test_removed_connections_are_0():
    mask = np.array([[1, 0], [1, 1]])
    net = bp.Network([2, 2, 1], "tanh", "identity", "squared_error", connections=[mask, None])
    found = bp.trace(net, net.init(seed=0, dtype="float64") + 1, [0.5, 2.0], [1.0])
    first, second = found.layers
    np.testing.assert_array_equal(first.exists, mask)
    np.testing.assert_array_equal(first.W == 0, mask == 0)
    np.testing.assert_array_equal(first.dE_dW == 0, mask == 0)
    np.testing.assert_array_equal(second.exists, [[1, 1]])
    assert "∂E/∂W¹ = M¹ ⊙ (δ¹ (a⁰)ᵀ)" in str(found)


def test_a_trace_is_a_record():
    net = bp.Network([2, 3, 2])
    theta, X, Y, w = net.init(seed=0), np.ones((2, 2), "float32"), np.eye(2), np.ones(2)
    kept = [x.copy() for x in (theta, X, Y, w)]
    found = bp.trace(net, theta, X, Y, w)
    text = str(found)
    for x, before in zip((theta, X, Y, w), kept, strict=True):
        np.testing.assert_array_equal(x, before)
        np.multiply(x, 2, out=x)
    assert str(found) == text
    assert repr(found) == "<Trace of Network (2, 3, 2), cases 2>"


def test_of_a_stack_there_are_arrays_and_no_text():
    net = bp.Network([2, 3, 2], hidden="tanh")
    theta = net.init(seed=0, stack=4, dtype="float64")
    found = bp.trace(net, theta, np.ones((5, 2)), np.zeros(5, int))
    assert [getattr(found.layers[0], name).shape for name in EACH] == [
        *[(4, 3, 5)] * 3,
        (4, 3, 2),
        (4, 3, 1),
    ]
    one = bp.trace(net, theta[2], np.ones((5, 2)), np.zeros(5, int))
    close(found.layers[0].delta[2], one.layers[0].delta)
    close(found.E[2], one.E)
    assert repr(found) == "<Trace of Network (2, 3, 2), stack (4,), cases 5>"
    assert str(found) == repr(found)
    for write in (found.to_text, found.to_latex, found.to_html):
        with pytest.raises(bp.ShapeError, match=re.escape("theta[k]")):
            write()


def test_tensors_that_record_derivatives():
    torch = pytest.importorskip("torch")
    net = bp.Network([2, 2])
    theta = torch.tensor(net.init(seed=0), requires_grad=True)
    found = bp.trace(net, theta, torch.ones(2), torch.tensor(1))
    assert not found.layers[0].dE_dW.requires_grad
    assert "δ¹ = a¹ − y" in str(found)


@pytest.mark.parametrize(
    ("net", "y"),
    [
        (bp.Network([2, 1], output="exp", loss="poisson"), 3),
        (bp.Network([2, 1], output="identity", loss="squared_error"), -6),
        (bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy"), 1),
        (bp.Network([2, 3]), 2),
        (bp.Network([2, 3]), [0.0, 0.0, 1.0]),
    ],
)
def test_one_case_in_each_form(xp, net, y):
    theta, x = xp.array(net.init(seed=0), "float32"), xp.array([1.0, 2.0], "float32")
    alone = bp.trace(net, theta, x, xp.array(y, "float32") if isinstance(y, list) else y)
    row = xp.array([y], "float32" if isinstance(y, list) else "int32")
    again = bp.trace(net, theta, x, row)
    E, dE_dtheta = net.gradient(theta, x[None, ...], row)
    assert str(alone) == str(again)
    close(xp.host(alone.E), xp.host(E))
    close(xp.host(alone.layers[0].dE_dW), xp.host(net.unpack(dE_dtheta)[0].W))


class Twice:
    """As little as a user's own activation may be: no name, and a slope that is a number."""

    def __call__(self, z):
        return 2 * z

    def da_dz(self, *_):
        return 2.0


class Half:
    """A loss without a name."""

    def __call__(self, a, y):
        return 0.5 * ((a - y) ** 2).sum(axis=-2)

    def dE_da(self, a, y):
        return a - y


def test_a_loss_without_a_name():
    net = bp.Network([2, 2], output="identity", loss=Half())
    assert "The cost: Half" in str(bp.trace(net, net.init(seed=0), [1.0, 2.0], [0.0, 1.0]))


def test_objects_of_users():
    net = bp.Network([2, 3, 2], Twice(), Twice(), "squared_error")
    found = bp.trace(net, net.init(seed=0), np.eye(2, dtype="float32"), np.eye(2))
    assert "σ is Twice" in str(found)
    for layer in found.layers:
        assert layer.dE_da.shape == layer.da_dz.shape == layer.z.shape
        np.testing.assert_array_equal(layer.delta, layer.dE_da * layer.da_dz)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"net": [2, 2]}, bp.DTypeError, "trace(net): got list"),
        ({"theta": np.zeros(5)}, bp.ShapeError, "trace(theta)"),
        ({"x": [1.0, 2.0, 3.0]}, bp.ShapeError, "trace(x): got shape (3,); expected (2,) for"),
        ({"x": 1.0}, bp.ShapeError, "trace(x): got shape (); expected (2,) for one case"),
        ({"x": np.ones((2, 1))}, bp.ShapeError, "trace(x): got a column (2, 1); expected a row"),
        ({"x": []}, bp.ShapeError, "trace(x): got shape (0,)"),
        ({"x": np.ones((2, 3))}, bp.ShapeError, "trace(x): got shape (2, 3)"),
        ({"x": np.ones((0, 2))}, bp.DataError, "trace(x): got no cases"),
        ({"x": ["a", "b"]}, bp.DTypeError, "trace(x)"),
        ({"y": 2}, bp.DataError, "trace(y): got label 2"),
        ({"y": -1}, bp.DataError, "trace(y): got label -1"),
        ({"y": [0.5]}, bp.ShapeError, "trace(y): got shape (1,) of dtype float64"),
        ({"y": 0.5}, bp.ShapeError, "trace(y): got shape () of dtype float32"),
        ({"y": [0, 1, 0]}, bp.ShapeError, "trace(y): got shape (3,)"),
        ({"y": 2**40}, bp.DataError, "trace(y): got label 1099511627776"),
        ({"y": 1j}, bp.DTypeError, "trace(y)"),
        ({"y": None}, bp.DTypeError, "trace(y)"),
        ({"case_weights": [1.0, 1.0]}, bp.ShapeError, "trace(case_weights)"),
    ],
)
def test_what_is_refused(change, error, words):
    net = bp.Network([2, 2])
    given = {"net": net, "theta": net.init(seed=0), "x": [1.0, 2.0], "y": 1, **change}
    with pytest.raises(error, match=re.escape(words)):
        bp.trace(**given)


RATES = {
    "alone": bp.schedules.ReduceOnPlateau(0.25),
    "after a rise": bp.schedules.WarmUp(1, bp.schedules.ReduceOnPlateau(0.25)),
    "of a part": bp.schedules.ReduceOnPlateau(0.25, metric="cost", factor=0.1),
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("of", [bp.SGD, bp.Adam, bp.RMSprop])
def test_a_schedule_that_follows_the_history_has_its_initial_value(rate, of):
    net = bp.Network([2, 3, 2], hidden="tanh")
    theta, X, Y = net.init(0, dtype="float64"), np.array([[1.0, -2.0]]), np.array([1])
    found = bp.trace(net, theta, X, Y, optimizer=of(RATES[rate]))
    run = bp.train(
        net, X, Y, theta, optimizer=of(RATES[rate]), epochs=1, batch_size=None, validation=(X, Y)
    )
    close(net.pack(found.updated), run.theta)
    assert "The update: a step of" in found.to_text()
    assert "class=" in found.to_html(interactive=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("place", "symbol"), [(0, "W¹"), (6, "b¹"), (9, "W²"), (15, "b²"), (None, "x")]
)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_a_number_that_is_not_finite_is_named_and_nothing_warns(place, symbol, number, loss):
    net = bp.Network([2, 3, 2], "tanh", "softmax", loss)
    theta, x = net.init(0, dtype="float64"), np.array([0.5, -1.0])
    if place is None:
        x[1] = number
    else:
        theta[place] = number
    found = bp.trace(net, theta, x, 1, optimizer=bp.SGD(0.1))
    words = f"{symbol} is the first quantity that is not finite."
    for text in (found.to_text(), found._repr_html_(), found.to_html(interactive=True)):
        assert text
    assert words in found.to_text()
    assert words not in bp.trace(net, net.init(0), [0.5, -1.0], 1).to_text()
    assert "is the first quantity" in found.to_text(ascii=True)
    assert found.to_text(ascii=True).isascii()


def test_the_first_quantity_that_is_not_finite_may_be_computed():
    net = bp.Network([1, 1, 1], "exp", "identity", "squared_error")
    found = bp.trace(net, np.array([800.0, 0.0, 1.0, 0.0]), [1.0], [0.0])
    assert "a¹ is the first quantity that is not finite." in found.to_text()
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    found = bp.trace(net, np.array([1e200, 0.0]), [1.0], [0.0])
    assert "E is the first quantity that is not finite." in found.to_text()


def test_latex_has_no_sign_beyond_its_encoding():
    net = bp.Network([1, 1], "identity", "identity", "squared_error")
    found = bp.trace(net, np.array([1e-200, 1e300]), [1e250], [0.0])
    latex = found.to_latex()
    assert "is the first quantity" in latex
    assert latex.isascii()
