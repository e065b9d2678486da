"""The network's door: what it takes, what it refuses and in which words, what it gives back."""

import copy
import pickle

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp import activations, losses
from backprop_xp.arrays.backend import device_of, namespace
from backprop_xp.errors import DataError, DeviceError, DTypeError, OptionError, ShapeError
from backprop_xp.network.output_layer import Output, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from backprop_xp.network.parameters import Layer

# Tests that run on every library share these sizes: JAX compiles each function for each shape.
SIZES, P, M = (3, 4, 2), 4 * 3 + 4 + 2 * 4 + 2, 5
NET = bp.Network(SIZES, hidden="tanh")
THETA = np.random.default_rng(1).normal(size=P)
X = np.random.default_rng(2).normal(size=(M, 3))
LABELS = np.array([0, 1, 1, 0, 1])
ONE_HOT = np.eye(2)[LABELS]
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 0.25])


def device_for(xp):
    return bp.Device(xp.name, "a test", xp.xp, xp.device)


def rtol(xp):
    """Return the tolerance for sums of a few products, which a library may add in any order."""
    return 1e-12 if xp.float64 else 1e-5


def refused(error, says, function, *arguments, **options):
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    for part in [says] if isinstance(says, str) else says:
        assert part in message
    return message


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
# forward, cost, gradient: by hand


def test_a_small_network_by_hand(xp):
    """One unit in each layer: a^1 = z^1 = 2·3 + 1 = 7 and a^2 = z^2 = −1·7 + 0.5 = −6.5."""
    net = bp.Network([1, 1, 1], hidden="identity", output="identity", loss="squared_error")
    theta = xp.array([2.0, 1.0, -1.0, 0.5])
    x, y, w = xp.array([[3.0], [-1.0]]), xp.array([[-6.0], [1.5]]), xp.array([1.0, 2.0])
    # the second case: z = −1, output 1.5, no error
    np.testing.assert_array_equal(xp.host(net.forward(theta, x)), [[-6.5], [1.5]])
    # δ^2 = −0.5 and 0; δ^1 = −1 δ^2 = 0.5; ∂E/∂W^1 = 0.5 · 3, ∂E/∂W^2 = −0.5 · 7
    E, dE_dtheta = net.gradient(theta, x, y, w)
    assert float(E) == 0.125
    np.testing.assert_array_equal(xp.host(dE_dtheta), [1.5, 0.5, -3.5, -0.5])
    # 1/m each: half of it
    E, dE_dtheta = net.gradient(theta, x, y)
    assert float(E) == 0.0625
    np.testing.assert_array_equal(xp.host(dE_dtheta), [0.75, 0.25, -1.75, -0.25])


def test_the_example_of_two_layers_by_hand():
    """A 2-2-1 network of sigmoids, from the formulas worked to 17 digits."""
    net = bp.Network([2, 2, 1], output="sigmoid", loss="squared_error")
    theta = np.array([0.1, 0.2, 0.3, 0.4, 0.1, 0.1, 0.5, 0.6, 0.2])
    # z^1 = 0.1·1 + 0.2·2 + 0.1 = 0.6 and 0.3 + 0.8 + 0.1 = 1.2
    a1, a2 = 0.64565630622579545, 0.76852478349901764
    # z^2 = 0.5 a_1 + 0.6 a_2 + 0.2 = 0.98394302321230831
    out = 0.72788989733073953
    np.testing.assert_allclose(net.forward(theta, [[1.0, 2.0]]), [[out]], rtol=1e-15)
    # δ^2 = (a − 1) a (1 − a); δ^1_k = w_k δ^2 a_k (1 − a_k)
    delta = (out - 1) * out * (1 - out)
    below = [0.5 * delta * a1 * (1 - a1), 0.6 * delta * a2 * (1 - a2)]
    expected = [
        below[0],
        2 * below[0],
        below[1],
        2 * below[1],
        *below,
        delta * a1,
        delta * a2,
        delta,
    ]
    E, dE_dtheta = net.gradient(theta, [[1.0, 2.0]], [[1.0]])
    # a few roundings, of 1 − a too
    np.testing.assert_allclose(E, 0.5 * (out - 1) ** 2, rtol=4e-15)
    np.testing.assert_allclose(dE_dtheta, expected, rtol=4e-15)


# ---------------------------------------------------------------------------------------------
# rows in, rows out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_in_the_callers_library_device_and_dtype(xp, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    theta, x, y, w = (xp.array(v, dtype) for v in (THETA, X, ONE_HOT, WEIGHTS))
    outputs = NET.forward(theta, x)
    E, dE_dtheta = NET.gradient(theta, x, y, w)
    alone = NET.cost(theta, x, y, w)
    assert tuple(outputs.shape) == (M, 2)
    assert tuple(E.shape) == tuple(alone.shape) == ()
    assert tuple(dE_dtheta.shape) == (P,)
    for result in (outputs, E, alone, dE_dtheta):
        assert namespace(result) is namespace(theta)
        assert result.dtype == theta.dtype
        assert device_of(result) == device_of(theta)
    assert float(E) == float(alone)


def test_every_row_is_a_case(xp):
    theta = xp.array(THETA)
    together = xp.host(NET.forward(theta, xp.array(X)))
    by_hand = THETA.astype(xp.float_dtypes[-1])
    W1, b1, W2, b2 = np.split(by_hand, [12, 16, 24])
    for row, x in zip(together, X, strict=True):
        z = W2.reshape(2, 4) @ np.tanh(W1.reshape(4, 3) @ x + b1) + b2
        np.testing.assert_allclose(row, np.exp(z) / np.exp(z).sum(), rtol=rtol(xp))


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "bool"])
def test_integers_and_booleans_are_converted_at_the_door(xp, dtype):
    whole = np.array([[0, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0], [1, 1, 1]])
    theta = xp.array(THETA)
    outputs = NET.forward(theta, xp.array(whole, dtype))
    assert outputs.dtype == theta.dtype
    expected = NET.forward(theta, xp.array(whole.astype(float)))
    np.testing.assert_array_equal(xp.host(outputs), xp.host(expected))
    E, dE = NET.gradient(theta, xp.array(whole, dtype), xp.array(ONE_HOT, dtype))
    E_float, dE_float = NET.gradient(theta, xp.array(whole.astype(float)), xp.array(ONE_HOT))
    assert float(E) == float(E_float)
    np.testing.assert_array_equal(xp.host(dE), xp.host(dE_float))


def test_another_float_type_is_converted_at_the_door(xp64):
    theta = xp64.array(THETA, "float32")
    x, y, w = (xp64.array(v, "float64") for v in (X, ONE_HOT, WEIGHTS))
    E, dE_dtheta = NET.gradient(theta, x, y, w)
    assert NET.forward(theta, x).dtype == E.dtype == dE_dtheta.dtype == theta.dtype
    x, y, w = (xp64.array(v, "float32") for v in (X, ONE_HOT, WEIGHTS))
    E_32, dE_32 = NET.gradient(theta, x, y, w)
    assert float(E) == float(E_32)
    np.testing.assert_array_equal(xp64.host(dE_dtheta), xp64.host(dE_32))


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8"])
def test_labels_and_their_rows_are_the_same(xp, dtype):
    theta, x = xp.array(THETA), xp.array(X)
    E, dE_dtheta = NET.gradient(theta, x, xp.array(LABELS, dtype))
    E_rows, dE_rows = NET.gradient(theta, x, xp.array(ONE_HOT))
    assert float(E) == float(E_rows)
    np.testing.assert_array_equal(xp.host(dE_dtheta), xp.host(dE_rows))


def test_labels_of_a_single_output_unit(xp):
    """0 and 1, as integers, booleans, floats (m,) or a column: the same targets."""
    net = bp.Network([3, 4, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
    theta, x = xp.array(THETA[:21]), xp.array(X)
    results = [
        net.gradient(theta, x, y)
        for y in (
            xp.array(LABELS[:, None].astype(float)),
            xp.array(LABELS.astype(float)),
            xp.array(LABELS),
            xp.array(LABELS.astype(bool)),
            xp.array(LABELS[:, None]),
        )
    ]
    for E, dE_dtheta in results[1:]:
        assert float(E) == float(results[0][0])
        np.testing.assert_array_equal(xp.host(dE_dtheta), xp.host(results[0][1]))


def test_a_real_target_for_each_case_of_a_single_output_unit():
    net = bp.Network([3, 4, 1], hidden="tanh", output="identity", loss="squared_error")
    y = np.linspace(-2, 2, M)
    assert net.cost(THETA[:21], X, y) == net.cost(THETA[:21], X, y[:, None])


def test_lists_are_accepted_where_theta_is_a_numpy_array():
    E, dE_dtheta = NET.gradient(THETA, X.tolist(), LABELS.tolist(), WEIGHTS.tolist())
    expected, dE_expected = NET.gradient(THETA, X, LABELS, WEIGHTS)
    assert float(E) == float(expected)
    np.testing.assert_array_equal(dE_dtheta, dE_expected)
    np.testing.assert_array_equal(NET.forward(THETA, X.tolist()), NET.forward(THETA, X))
    assert NET.cost(THETA, X, ONE_HOT.tolist()) == NET.cost(THETA, X, ONE_HOT)
    tuples = tuple(map(tuple, X.tolist()))
    np.testing.assert_array_equal(NET.forward(THETA, tuples), NET.forward(THETA, X))


def test_any_layout_in_memory_gives_the_same():
    by_columns = np.asfortranarray(X)
    steps = np.repeat(X, 2, axis=0)[::2]
    reverse = THETA[::-1].copy()[::-1]
    for x in (by_columns, steps):
        # BLAS may take another way through other memory
        np.testing.assert_allclose(NET.forward(reverse, x), NET.forward(THETA, X), rtol=1e-14)


# ---------------------------------------------------------------------------------------------
# stacks


@pytest.mark.parametrize("xp", ["numpy", "strict", "torch"], indirect=True)
def test_networks_of_a_stack_may_share_their_data_or_not(xp64):
    rng = np.random.default_rng(5)
    theta, own = rng.normal(size=(2, 3, P)), rng.normal(size=(2, 3, M, 3))
    labels, w = rng.integers(2, size=(2, 3, M)), rng.uniform(size=(2, 3, M))
    rows = np.eye(2)[labels]
    stacked = {
        "all shared": (X, LABELS, None),
        "labels of their own": (X, labels, WEIGHTS),
        "inputs of their own": (own, LABELS, None),
        "targets of their own": (own, rows, WEIGHTS),
        "weights of their own": (X, ONE_HOT, w),
        "shared along an axis": (own[:1], labels[:, :1], w[:1, :1]),
    }
    for name, data in stacked.items():
        arrays = [None if x is None else xp64.array(x) for x in data]
        E, dE_dtheta = NET.gradient(xp64.array(theta), *arrays)
        assert tuple(E.shape) == (2, 3)
        assert tuple(dE_dtheta.shape) == (2, 3, P)
        outputs = xp64.host(NET.forward(xp64.array(theta), arrays[0]))
        assert outputs.shape == (2, 3, M, 2)
        full = (
            np.broadcast_to(data[0], (2, 3, M, 3)),
            np.broadcast_to(
                data[1], (2, 3, *data[1].shape[-2 if data[1].dtype == float else -1 :])
            ),
            np.broadcast_to(np.full(M, 1 / M) if data[2] is None else data[2], (2, 3, M)),
        )
        for network in np.ndindex(2, 3):
            alone, dE_alone = NET.gradient(theta[network], *(x[network] for x in full))
            # sums of a few products in another order
            assert float(E[network]) == pytest.approx(float(alone), rel=1e-13), name
            np.testing.assert_allclose(
                xp64.host(dE_dtheta)[network], dE_alone, rtol=0, atol=1e-13, err_msg=name
            )
            np.testing.assert_allclose(
                outputs[network], NET.forward(theta[network], full[0][network]), rtol=1e-13
            )


# ---------------------------------------------------------------------------------------------
# refusals


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (np.ones((M, 4)), ShapeError, "got shape (5, 4); expected (m, 3), 3 inputs of layer 1"),
        (np.ones((3, M)), ShapeError, "got shape (3, 5); expected (m, 3)"),
        (np.ones(3), ShapeError, "got shape (3,); expected (m, 3)"),
        (np.ones(()), ShapeError, "got shape (); expected (m, 3)"),
        (np.ones((2, M, 3)), ShapeError, "got shape (2, 5, 3); expected (m, 3)"),
        ([[1, 2, 3], [4, 5]], ShapeError, "got rows of different lengths; expected rows of one"),
        (np.ones((M, 3), dtype=object), DTypeError, "got dtype object; expected real numbers"),
        (np.ones((M, 3), dtype=complex), DTypeError, "got dtype complex128; expected real"),
        (np.full((M, 3), "1.5"), DTypeError, "got dtype <U3; expected real numbers"),
        (np.zeros((M, 3), dtype="datetime64[s]"), DTypeError, "expected real numbers"),
        ([["a", "b", "c"]], DTypeError, "expected real numbers"),
        (np.ma.ones((M, 3)), DTypeError, "got a masked array; expected an array without a mask"),
        ([[None, 1, 2]], DTypeError, "got dtype object; expected real numbers"),
        (None, DTypeError, "got dtype object; expected real numbers"),
        ("text", DTypeError, "expected real numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, error, says):
    message = refused(error, says, NET.forward, THETA, x)
    assert message.startswith("forward(X): ")
    assert refused(error, says, NET.cost, THETA, x, LABELS).startswith("cost(X): ")
    assert refused(error, says, NET.gradient, THETA, x, LABELS).startswith("gradient(X): ")


@pytest.mark.parametrize(
    ("y", "error", "says"),
    [
        (
            np.ones((M, 3)),
            ShapeError,
            "got shape (5, 3) of dtype float64; expected class labels (5,)",
        ),
        (np.ones((M, 3)), ShapeError, "of an integer dtype or targets (5, 2)"),
        (LABELS[:4], ShapeError, "got shape (4,) of dtype int64; expected class labels (5,)"),
        (LABELS[:, None], ShapeError, "got shape (5, 1)"),
        (ONE_HOT.T, ShapeError, "got shape (2, 5)"),
        (
            LABELS.astype(float),
            ShapeError,
            "Convert labels held as floats with Y.astype(int)",
        ),
        (np.ones(()), ShapeError, "got shape ()"),
        (np.ones((2, M, 2)), ShapeError, "got shape (2, 5, 2)"),
        (ONE_HOT.astype(object), DTypeError, "got dtype object; expected real numbers"),
        (ONE_HOT.astype(complex), DTypeError, "got dtype complex128; expected real numbers"),
        (np.array(["a", "b", "b", "a", "b"]), DTypeError, "got dtype <U1; expected real numbers"),
        ([[1, 0], [1]], ShapeError, "got rows of different lengths"),
        (None, DTypeError, "expected real numbers"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y, error, says):
    assert refused(error, says, NET.cost, THETA, X, y).startswith("cost(Y): ")
    assert refused(error, says, NET.gradient, THETA, X, y).startswith("gradient(Y): ")


@pytest.mark.parametrize(
    ("w", "error", "says"),
    [
        (WEIGHTS[:4], ShapeError, "got shape (4,); expected (5,)"),
        (WEIGHTS[:, None], ShapeError, "got shape (5, 1); expected (5,)"),
        (np.ones((2, M)), ShapeError, "got shape (2, 5); expected (5,)"),
        (np.float64(1), ShapeError, "got shape (); expected (5,)"),
        (0.2, ShapeError, "got shape (); expected (5,)"),
        (WEIGHTS.astype(object), DTypeError, "got dtype object; expected real numbers"),
        (WEIGHTS.astype(complex), DTypeError, "got dtype complex128; expected real numbers"),
        (["much"] * M, DTypeError, "expected real numbers"),
    ],
)
def test_case_weights_that_do_not_fit_are_refused(w, error, says):
    message = refused(error, says, NET.cost, THETA, X, LABELS, w)
    assert message.startswith("cost(case_weights): ")
    message = refused(error, says, NET.gradient, THETA, X, LABELS, w)
    assert message.startswith("gradient(case_weights): ")


def test_data_that_do_not_fit_a_stack_are_refused():
    theta = np.stack([THETA] * 4)
    says = "got shape (3, 5, 3); expected (m, 3) or (4, m, 3), 3 inputs of layer 1"
    refused(ShapeError, says, NET.forward, theta, np.ones((3, M, 3)))
    says = (
        "got shape (3, 5) of dtype int64; expected class labels (5,) of an integer dtype or targets"
    )
    refused(
        ShapeError, [says, "(4, m) and (4, m, 2)"], NET.cost, theta, X, np.ones((3, M), dtype=int)
    )
    says = "got shape (3, 5); expected (5,) or (4, 5)"
    refused(ShapeError, says, NET.cost, theta, X, LABELS, np.ones((3, M)))


def test_no_cases_at_all():
    """There is an output for each of no cases, but no mean of their costs."""
    nothing = np.ones((0, 3))
    assert NET.forward(THETA, nothing).shape == (0, 2)
    for method in (NET.cost, NET.gradient):
        refused(DataError, "(X): got no cases", method, THETA, nothing, np.ones((0, 2)))


@pytest.mark.parametrize("xp", ["strict", "torch", "jax"], indirect=True)
def test_libraries_do_not_mix(xp):
    theirs = [xp.array(x) for x in (THETA, X, LABELS, WEIGHTS)]
    ours = [THETA, X, LABELS, WEIGHTS]
    for place, name in ((1, "X"), (2, "Y"), (3, "case_weights")):
        for home, guests in ((ours, theirs), (theirs, ours)):
            arguments = [*home[:place], guests[place], *home[place + 1 :]]
            message = refused(
                DeviceError, "Arrays of two libraries do not mix", NET.gradient, *arguments
            )
            assert message.startswith(f"gradient({name}): got ")
            assert "; expected an array of " in message
            assert ", as theta is" in message
    refused(DeviceError, "forward(X): got numpy.ndarray", NET.forward, theirs[0], X)
    refused(DeviceError, "forward(X): got list", NET.forward, theirs[0], X.tolist())


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
def test_devices_do_not_mix(xp):
    other = xp.xp.Device("device2")
    arguments = [xp.array(x) for x in (THETA, X, LABELS, WEIGHTS)]
    elsewhere = [
        xp.xp.asarray(x, device=other) for x in (THETA, X, LABELS.astype(np.int32), WEIGHTS)
    ]
    for place, name in ((1, "X"), (2, "Y"), (3, "case_weights")):
        mixed = [*arguments[:place], elsewhere[place], *arguments[place + 1 :]]
        says = [f"gradient({name}): got an array on ", "device2", "expected one on ", "device1"]
        refused(DeviceError, says, NET.gradient, *mixed)
    mixed = [elsewhere[0], *arguments[1:]]
    refused(DeviceError, "gradient(X): got an array on ", NET.gradient, *mixed)
    refused(DeviceError, "forward(X): got an array on ", NET.forward, *mixed[:2])


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_the_meta_device_does_not_mix_with_the_cpu(xp):
    theta, x = xp.array(THETA), xp.array(X).to("meta")
    refused(DeviceError, "forward(X): got an array on meta", NET.forward, theta, x)


# ---------------------------------------------------------------------------------------------
# arguments, tracing, extremes


@pytest.mark.parametrize("hidden", ["tanh", "identity", "relu"])
def test_arguments_are_never_changed(xp, hidden):
    net = bp.Network(SIZES, hidden=hidden, output="identity", loss="squared_error")
    hosts = THETA, X, ONE_HOT, WEIGHTS
    arguments = [xp.array(x) for x in hosts]
    before = [xp.host(x).copy() for x in arguments]
    outputs = net.forward(*arguments[:2])
    E, dE_dtheta = net.gradient(*arguments)
    net.cost(*arguments)
    for x, old in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(xp.host(x), old)
    if xp.name == "numpy":  # nor does any result share memory with them, to be changed later
        for result in (outputs, E, dE_dtheta):
            assert not any(np.shares_memory(result, x) for x in arguments)


def test_the_case_weights_are_used_as_they_are(xp64):
    theta, x, y = xp64.array(THETA), xp64.array(X), xp64.array(LABELS)
    E, dE_dtheta = NET.gradient(theta, x, y)
    mean, dE_mean = NET.gradient(theta, x, y, xp64.array(np.full(M, 1 / M)))
    total, dE_total = NET.gradient(theta, x, y, xp64.array(np.ones(M)))
    # products with 1/5 = 0.2 rounded, and with 1
    assert float(E) == pytest.approx(float(mean), rel=1e-15)
    assert float(total) == pytest.approx(M * float(E), rel=1e-14)
    np.testing.assert_allclose(xp64.host(dE_dtheta), xp64.host(dE_mean), rtol=0, atol=1e-15)
    np.testing.assert_allclose(M * xp64.host(dE_dtheta), xp64.host(dE_total), rtol=0, atol=1e-14)


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_a_jax_transformation_may_trace_every_method(xp):
    import jax

    arguments = [xp.array(x) for x in (THETA, X, LABELS, WEIGHTS)]
    for method, count in ((NET.forward, 2), (NET.cost, 4), (NET.gradient, 4)):
        traced = jax.tree.leaves(jax.jit(method)(*arguments[:count]))
        for result, eager in zip(traced, jax.tree.leaves(method(*arguments[:count])), strict=True):
            # a compiler joins operations and so rounds otherwise
            np.testing.assert_allclose(xp.host(result), xp.host(eager), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "output", "loss"),
    [
        ("sigmoid", "softmax", "cross_entropy"),
        ("gelu", "sigmoid", "binary_cross_entropy"),
        ("elu", "sigmoid", "cross_entropy"),
        ("softplus", "softmax", "squared_error"),
        ("silu", "softplus", "poisson"),
    ],
)
def test_huge_numbers_overflow_silently(hidden, output, loss, dtype):
    """Not even NumPy told to raise: an exponential that is infinite or 0 is the right answer."""
    net = bp.Network(SIZES, hidden=hidden, output=output, loss=loss)
    theta, x = (1e3 * THETA).astype(dtype), (1e3 * X).astype(dtype)
    with np.errstate(over="raise", under="raise"):
        outputs = net.forward(theta, x)
        E, dE_dtheta = net.gradient(theta, x, LABELS)
    for result in (outputs, E, dE_dtheta):
        assert np.isfinite(result).all()


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


def test_integers_that_could_be_labels_or_targets_are_refused():
    net = bp.Network([2, 2], output="sigmoid", loss="squared_error")
    theta = np.stack([net.init(seed=seed, dtype="float64") for seed in (0, 1)])
    labels = np.array([[1, 1], [0, 1]])
    refused(ShapeError, "could be labels or targets", net.cost, theta, np.ones((2, 2)), labels)


def test_masked_arrays_are_refused_even_in_the_dtype_of_theta():
    masked = np.ma.masked_array(X.astype(THETA.dtype), mask=X > 0)
    for method, arguments in ((NET.forward, ()), (NET.cost, (LABELS,)), (NET.gradient, (LABELS,))):
        refused(DTypeError, "(X): got a masked array", method, THETA, masked, *arguments)
    refused(DTypeError, "(theta): got a masked array", NET.forward, np.ma.array(THETA), X)


def test_a_theta_of_no_network_is_refused():
    nothing = np.ones((0, NET.parameter_count))
    refused(ShapeError, "(theta): got shape", NET.gradient, nothing, X, LABELS)
