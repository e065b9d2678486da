"""The network's door: what it is made of, and θ with its layers."""

import copy
import pickle

import numpy as np
import pytest
from network_cases import LABELS, NET, SIZES, THETA, P, X, refused

import backprop_xp as bp
from backprop_xp import activations, losses
from backprop_xp.arrays.backend import device_of, namespace
from backprop_xp.errors import DeviceError, DTypeError, OptionError, ShapeError
from backprop_xp.network.output_layer import Output, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from backprop_xp.network.parameters import Layer


def device_for(xp):
    return bp.Device(xp.name, "a test", xp.xp, xp.device)


# ---------------------------------------------------------------------------------------------
# construction


def test_the_parts_of_a_network():
    net = bp.Network(
        [5, 4, 3, 2],
        hidden=["relu", activations.LeakyReLU(0.2)],
        output="sigmoid",
        loss="binary_cross_entropy",
        connections=[None, np.ones((3, 4)), None],
    )
    assert net.sizes == (5, 4, 3, 2)
    assert net.hidden == (activations.ReLU(), activations.LeakyReLU(0.2))
    assert net.output == activations.Sigmoid()
    assert net.activations == (*net.hidden, net.output)
    assert net.loss == losses.BinaryCrossEntropy()
    assert net.output_with_loss == SigmoidBinaryCrossEntropy()
    assert [mask is None for mask in net.connections] == [True, False, True]
    assert net.parameter_count == 4 * 5 + 4 + 3 * 4 + 3 + 2 * 3 + 2


def test_defaults():
    net = bp.Network([3, 4, 4, 2])
    assert net.hidden == (activations.Sigmoid(),) * 2
    assert net.output_with_loss == SoftmaxCrossEntropy()
    assert net.connections == (None, None, None)


def test_a_network_without_hidden_layers():
    net = bp.Network([3, 2])
    assert net.hidden == ()
    assert bp.Network([3, 2], hidden=[]) == net
    theta = np.arange(8.0)
    # softmax of W x + b = [0 + 6, 3 + 7] for the first unit vector
    expected = 1 / (1 + np.exp([4.0, -4.0]))
    # two roundings
    np.testing.assert_allclose(net.forward(theta, [[1.0, 0, 0]]), [expected], rtol=1e-15)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([], "got (); expected at least two sizes, inputs and outputs"),
        ([3], "got (3,); expected at least two sizes, inputs and outputs"),
        ([3, 0, 2], "got 0; expected integers >= 1"),
        ([3, -4, 2], "got -4; expected integers >= 1"),
        ([3, 4.0, 2], "got 4.0; expected integers >= 1"),
        ([3, True, 2], "got True; expected integers >= 1"),
        ([3, "4", 2], "got '4'; expected integers >= 1"),
        ([3, None, 2], "got None; expected integers >= 1"),
        ("342", "got '342'; expected a sequence of integers"),
        (342, "got 342; expected a sequence of integers"),
        (None, "got None; expected a sequence of integers"),
    ],
)
def test_bad_sizes_are_refused(sizes, says):
    refused(OptionError, ["Network(sizes): ", says], bp.Network, sizes)


@pytest.mark.parametrize("sizes", [(3, 4, 2), np.array([3, 4, 2]), range(4, 1, -1), iter([3, 2])])
def test_sizes_of_every_kind_become_python_integers(sizes):
    net = bp.Network(sizes)
    assert all(type(n) is int for n in net.sizes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"hidden": "tanhh"}, ["Network(hidden): got 'tanhh'", "Did you mean 'tanh'?"]),
        ({"hidden": ["rleu"]}, ["Network(hidden): got 'rleu'", "Did you mean 'relu'?"]),
        ({"output": "sofmax"}, ["Network(output): got 'sofmax'", "Did you mean 'softmax'?"]),
        (
            {"loss": "crossentropy"},
            ["Network(loss): got 'crossentropy'", "Did you mean 'cross_entropy'?"],
        ),
        ({"loss": "quux"}, ["one of squared_error, cross_entropy", "Use one of the known names"]),
        ({"hidden": None}, ["Network(hidden): got None", "da_dz(z, a)"]),
        ({"output": np.tanh}, ["Network(output): got ", "da_dz(z, a)"]),
        ({"loss": losses.Huber}, ["Network(loss): got ", "dE_da(a, y)"]),
    ],
)
def test_unknown_names_and_objects_are_refused(options, says):
    refused(OptionError, says, bp.Network, SIZES, **options)


def test_unknown_names_are_refused_where_no_layer_is_hidden():
    refused(OptionError, "Did you mean 'tanh'?", bp.Network, [3, 2], hidden="tanhh")


@pytest.mark.parametrize("hidden", [[], ["tanh"], ["tanh", "relu", "elu"]])
def test_another_number_of_activations_is_refused(hidden):
    says = f"Network(hidden): got {len(hidden)} activations; expected 2, one for each hidden layer"
    refused(ShapeError, says, bp.Network, [3, 4, 5, 2], hidden=hidden)


@pytest.mark.parametrize(
    ("mask", "error", "says"),
    [
        (np.ones((3, 4)), ShapeError, "layer 1: got shape (3, 4); expected (4, 3)"),
        (np.ones((2, 4)), ShapeError, "layer 1: got shape (2, 4); expected (4, 3)"),
        (np.full((4, 3), 0.5), OptionError, "layer 1: got other values than 0 and 1"),
        (np.full((4, 3), -1), OptionError, "layer 1: got other values than 0 and 1"),
    ],
)
def test_masks_of_wrong_shapes_and_values_are_refused(mask, error, says):
    refused(error, says, bp.Network, SIZES, connections=[mask, None])
    refused(ShapeError, "got 1 masks; expected 2", bp.Network, SIZES, connections=[mask])


def some_networks():
    return [
        bp.Network(SIZES),
        bp.Network([3, 4, 3]),
        bp.Network(SIZES, hidden="tanh"),
        bp.Network(SIZES, hidden=activations.LeakyReLU(0.2)),
        bp.Network(SIZES, hidden=activations.LeakyReLU(0.3)),
        bp.Network(SIZES, output="sigmoid"),
        bp.Network(SIZES, loss="squared_error"),
        bp.Network(SIZES, loss=losses.Huber(2.0)),
        bp.Network(SIZES, connections=[None, np.ones((2, 4))]),
        bp.Network(SIZES, connections=[None, np.eye(2, 4)]),
    ]


def test_networks_are_equal_where_their_parts_are():
    first, second = some_networks(), some_networks()
    assert first == second
    assert list(map(hash, first)) == list(map(hash, second))
    assert len({*first, *second}) == len(first)  # all others differ
    assert bp.Network(SIZES, hidden=["sigmoid"]) == bp.Network(list(SIZES), hidden="sigmoid")


@pytest.mark.parametrize("net", some_networks(), ids=range(10))
def test_networks_survive_a_copy(net):
    assert net.parameter_count > 0  # fills a cache, which a copy takes along
    assert copy.deepcopy(net) == net
    assert pickle.loads(pickle.dumps(net)) == net  # noqa: S301


def test_a_network_is_frozen():
    with pytest.raises(AttributeError):
        NET.sizes = (1, 2)  # type: ignore[misc]


def test_repr_says_all_that_makes_a_network():
    net = bp.Network([3, 2], hidden="relu", loss=losses.Huber(2.0), connections=[np.eye(2, 3)])
    assert repr(net) == (
        "Network(sizes=(3, 2), hidden=(), output=Softmax(), loss=Huber(threshold=2.0), "
        "connections=(Mask((2, 3), 2 connections),))"
    )
    assert "hidden=(Tanh(),)" in repr(NET)


# ---------------------------------------------------------------------------------------------
# θ and its layers


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_pack_and_unpack_are_inverse(xp, lead):
    host = np.random.default_rng(4).normal(size=(*lead, P))
    theta = xp.array(host)
    layers = NET.unpack(theta)
    assert [tuple(layer.W.shape) for layer in layers] == [(*lead, 4, 3), (*lead, 2, 4)]
    assert [tuple(layer.b.shape) for layer in layers] == [(*lead, 4, 1), (*lead, 2, 1)]
    np.testing.assert_array_equal(xp.host(NET.pack(layers)), xp.host(theta))
    np.testing.assert_array_equal(xp.host(NET.pack([tuple(x) for x in layers])), xp.host(theta))
    # W^1 by rows, b^1, W^2 by rows, b^2
    host = xp.host(theta)
    np.testing.assert_array_equal(xp.host(layers[0].W).reshape(*lead, 12), host[..., :12])
    np.testing.assert_array_equal(xp.host(layers[0].b)[..., 0], host[..., 12:16])
    np.testing.assert_array_equal(xp.host(layers[1].W).reshape(*lead, 8), host[..., 16:24])
    np.testing.assert_array_equal(xp.host(layers[1].b)[..., 0], host[..., 24:])


def test_layers_are_views_of_theta_on_numpy():
    for theta in (THETA.copy(), np.stack([THETA] * 3)):
        layers = NET.unpack(theta)
        assert all(np.shares_memory(part, theta) for layer in layers for part in layer)
        layers[1].b[...] = 99
        assert (theta[..., -2:] == 99).all()


def test_layers_of_wrong_shapes_are_refused():
    W, b = np.ones((4, 3)), np.ones((4, 1))
    refused(ShapeError, "pack(layers): got 1 layers; expected 2", NET.pack, [(W, b)])
    says = "pack(layers), layer 2: got W (4, 3), b (4, 1); expected W (2, 4), b (2, 1)"
    refused(ShapeError, says, NET.pack, [Layer(W, b), Layer(W, b)])


def methods():
    return {
        "unpack": NET.unpack,
        "forward": lambda theta: NET.forward(theta, X),
        "cost": lambda theta: NET.cost(theta, X, LABELS),
        "gradient": lambda theta: NET.gradient(theta, X, LABELS),
    }


@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize(
    ("theta", "error", "says"),
    [
        (np.ones(P - 1), ShapeError, f"got shape ({P - 1},); expected (..., {P}), {P} parameters"),
        (np.ones((P, 1)), ShapeError, f"got shape ({P}, 1); expected (..., {P})"),
        (np.ones(()), ShapeError, "got shape (); expected"),
        (np.ones(P, dtype=int), DTypeError, "got dtype int64; expected a float dtype"),
        (np.ones(P, dtype=bool), DTypeError, "got dtype bool; expected a float dtype"),
        (np.ones(P, dtype=complex), DTypeError, "got dtype complex128; expected a float dtype"),
        (np.ones(P, dtype=object), DTypeError, "got dtype object; expected a float dtype"),
        (np.ma.ones(P), DTypeError, "got a masked array; expected an array without a mask"),
        (np.ones((0, P)), ShapeError, f"got shape (0, {P}); expected (..., {P})"),
        ([1.0] * P, DTypeError, "got list; expected an array"),
        (None, DTypeError, "got NoneType; expected an array"),
    ],
    ids=[
        "short",
        "column",
        "0-d",
        "int",
        "bool",
        "complex",
        "object",
        "masked",
        "none",
        "list",
        "None",
    ],
)
def test_a_theta_that_does_not_fit_is_refused(method, theta, error, says):
    assert refused(error, says, methods()[method], theta).startswith(f"{method}(theta): ")


# ---------------------------------------------------------------------------------------------
# arguments, tracing, extremes


def test_the_general_output_is_used_where_there_is_no_pair():
    net = bp.Network(SIZES, output="sigmoid", loss="squared_error")
    assert net.output_with_loss == Output(activations.Sigmoid(), losses.SquaredError())


def test_which_parameters_are_weights(xp):
    theta = xp.array(THETA)
    is_weight = NET.is_weight(theta)
    assert is_weight.dtype == theta.dtype
    assert device_of(is_weight) == device_of(theta)
    expected = [1] * 12 + [0] * 4 + [1] * 8 + [0] * 2
    np.testing.assert_array_equal(xp.host(is_weight), expected)


def test_init_on_every_device(xp):
    theta = NET.init(seed=3, device=device_for(xp), stack=2)
    assert namespace(theta) is namespace(xp.array(THETA))
    assert device_of(theta) == xp.device
    assert tuple(theta.shape) == (2, P)
    assert xp.host(theta).dtype == "float32"
    refused(DeviceError, "one of auto, cpu", NET.init, device="gpu")
