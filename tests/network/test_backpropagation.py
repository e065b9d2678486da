"""Outputs, cost and gradient of a network: by hand, for rows, for stacks, at extremes."""

import numpy as np
import pytest
from network_cases import LABELS, NET, ONE_HOT, SIZES, THETA, WEIGHTS, M, P, X

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, namespace


def rtol(xp):
    """Return the tolerance for sums of a few products, which a library may add in any order."""
    return 1e-12 if xp.float64 else 1e-5


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
