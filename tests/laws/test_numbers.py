"""Numbers at the edge: for each situation the right result without a warning, or a clear error.

Warnings are errors in this suite.
"""

import math

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays.backend import from_host
from backprop_xp.errors import DataError, DivergenceError
from backprop_xp.network.output_layer import SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy

# ---------------------------------------------------------------------------------------------
# numbers known to 15 digits


def sigmoid(z):
    return ACTIVATIONS["sigmoid"]()(z)


def softplus(z):
    return ACTIVATIONS["softplus"]()(z)


def binary_cross_entropy(z, y):
    return SigmoidBinaryCrossEntropy().cost(z, y)


def log_softmax(z, y):
    """Return −E_c, the logarithm of the output in whose place y is 1."""
    return -SoftmaxCrossEntropy().cost(z, y)


ABSENT = -1e5  # e^−1e5 is 0: as if the unit were not there
# function, one column of z and of y for each number, numbers
KNOWN = {
    "sigmoid": (
        sigmoid,
        [[-1000, -100, -40, 0.5]],
        None,
        [[0, 3.720075976020836e-44, 4.248354255291589e-18, 0.6224593312018546]],
    ),
    "softplus": (
        softplus,
        [[-37, -1, 1000, 0]],
        None,
        [[8.533047625744065e-17, 0.31326168751822283, 1000, 0.6931471805599453]],
    ),
    "binary cross-entropy": (
        binary_cross_entropy,
        [[40, -40, 1000, 2]],
        [[1, 1, 0, 0.2]],
        [4.248354255291589e-18, 40, 1000, 1.7269280110429725],
    ),
    "log-softmax": (
        log_softmax,
        [[1000, 1000, 0], [1, 1, 1], [ABSENT, ABSENT, 2], [ABSENT, ABSENT, 3]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]],
        [0, -999, -0.44018969856119533],
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KNOWN)
def test_numbers_known_to_15_digits(xp, name, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    function, z, y, known = KNOWN[name]
    arrays = [xp.array(np.array(x, dtype=float), dtype) for x in (z, y) if x is not None]
    found = xp.host(function(*arrays))
    assert found.dtype == dtype
    # a handful of roundings, and an exponential within a few units in the last place; what is
    # below the range of a dtype, as σ(−100) is in float32, may be 0
    info = np.finfo(dtype)
    np.testing.assert_allclose(found, known, rtol=8 * info.eps, atol=info.smallest_normal)


# ---------------------------------------------------------------------------------------------
# situations

# parameters and inputs are small whole numbers, so that every z is exact in every dtype
SIZES = [2, 3, 2]
THETA = np.array([1, -1, 2, 1, -1, 1, 0, 1, -1, 1, -2, 1, -1, 1, 1, 0, 1], dtype=float)
LOGITS = np.array([1, 0, 0, 1, 0, 0, 0, 0, 0, 1e4, -1e4, 0, -1e4, 1e4, 0, 0, 0])  # W² = ±1e4
LAST = np.array([0] * 9 + [1] * 8, dtype=bool)  # those of the output layer
X = np.array([[1, 2], [-1, 1], [2, 0], [0, -2]], dtype=float)
LABELS = np.array([0, 1, 1, 0])
DTYPES = ("float16", "float32", "float64")
PAIRS = [
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("exp", "poisson"),
    ("identity", "squared_error"),
    ("identity", "absolute_error"),
    ("identity", "huber"),
    ("softplus", "poisson"),
    ("softmax", "squared_error"),
    ("sigmoid", "cross_entropy"),
]
PLAIN = {"X": X, "Y": LABELS, "theta": THETA, "hidden": "relu"}
SITUATIONS = {
    "ordinary numbers": {},
    "units that are saturated": {"X": X * 1000, "hidden": "tanh"},
    "units that are all off": {"X": -abs(X), "theta": np.where(LAST, THETA, 1.0)},
    "logits of ±1e4": {"theta": LOGITS, "X": np.eye(2)[[0, 1, 0, 1]], "Y": [0, 1, 1, 0]},
    "constant features": {"X": np.ones((4, 2))},
    "features of 0": {"X": np.zeros((4, 2))},
    "one case": {"X": X[:1], "Y": LABELS[:1]},
    "one class": {"Y": np.zeros(4, dtype=int)},
    "a batch without weight": {"case_weights": np.array([0.0, 0.0, 1.0, 2.0])},
    "inputs of 1e-30": {"X": X * 1e-30},
    "inputs of 1e30": {"X": X * 1e30, "hidden": "sigmoid"},
}
BEYOND = {  # e^1e4 is beyond every float, ½ (1e4)² beyond float16: the cost is infinite
    *(("logits of ±1e4", "exp", "poisson", dtype) for dtype in DTYPES),
    ("logits of ±1e4", "identity", "squared_error", "float16"),
}


# these are no canonical pairs: an a that has rounded to 0 counts as 2e-246, 4e-31 or, in float16,
# 4e-4, lest y / a overflows: the cost is finite, but not −y ln a
BLUNT = {("softplus", "poisson"), ("sigmoid", "cross_entropy")}


def in_dtype(xp, x, dtype):
    return from_host(np.asarray(x), xp.xp, xp.device, dtype)


def cases(situation, xp):
    """Yield network, dtype, θ, X, Y and case weights of a situation for each pair and dtype."""
    given = {**PLAIN, "case_weights": None, **SITUATIONS[situation]}
    for dtype in DTYPES:
        missing = not hasattr(xp.xp, dtype) if dtype == "float16" else dtype not in xp.float_dtypes
        if missing or (dtype == "float16" and xp.name.startswith("strict")):
            continue
        if abs(given["X"]).max() > np.finfo(dtype).max or (xp.name, dtype) == ("jax", "float64"):
            continue  # JAX compiles each function for each dtype, and two tell as much as three
        for output, loss in PAIRS:
            if (situation, output, loss, dtype) not in BEYOND:
                net = bp.Network(SIZES, given["hidden"], output, loss)
                w = given["case_weights"]
                yield (
                    net,
                    dtype,
                    in_dtype(xp, given["theta"], dtype),
                    in_dtype(xp, given["X"], dtype),
                    in_dtype(xp, given["Y"], "int32"),
                    None if w is None else in_dtype(xp, w, dtype),
                )


@pytest.mark.parametrize("situation", SITUATIONS)
def test_outputs_costs_and_gradients_are_right(xp, situation):
    for net, dtype, theta, X, Y, w in cases(situation, xp):
        E, dE_dtheta = net.gradient(theta, X, Y, w)
        found = net.forward(theta, X), bp.predict(net, theta, X), net.cost(theta, X, Y, w), E
        host = [None if x is None else np.asarray(xp.host(x), "float64") for x in (theta, X, w)]
        with np.errstate(under="ignore"):
            a_out = net.forward(*host[:2])
            E, expected = net.gradient(*host[:2], xp.host(Y), host[2])
        for one, known in zip((*found, dE_dtheta), (a_out, a_out, E, E, expected), strict=True):
            assert str(one.dtype).endswith(dtype)
            # roundings of a dozen sums and functions, of numbers up to the largest; a − y is of 1s
            tolerance = 24 * np.finfo(dtype).eps * max(np.abs(known).max(), 1)
            rounds = dtype == "float16" or situation == "logits of ±1e4"
            if rounds and (net.output.name, net.loss.name) in BLUNT:
                assert np.isfinite(xp.host(one)).all()
                continue
            np.testing.assert_allclose(
                xp.host(one).astype("float64"), known, rtol=0, atol=tolerance, err_msg=f"{net}"
            )


@pytest.mark.parametrize("situation", SITUATIONS)
def test_training_ends_with_finite_numbers(xp, situation):
    for net, dtype, theta, X, Y, w in cases(situation, xp):
        if xp.name == "jax" and (dtype, net.loss.name) != ("float32", "cross_entropy"):
            continue  # each training is compiled anew
        run = bp.train(
            net,
            *(X, Y, theta),
            case_weights=w,
            validation=(X, Y),
            optimizer=bp.SGD(2**-10, momentum=0.5),
            epochs=2,
            batch_size=2,
        )
        assert np.isfinite(xp.host(run.theta)).all()
        assert all(math.isfinite(x) for entries in run.history.values() for x in entries)


def test_a_batch_without_weight_costs_nothing(xp):
    for net, dtype, theta, X, Y, _ in cases("ordinary numbers", xp):
        zeros = in_dtype(xp, np.zeros(4), dtype)
        E, dE_dtheta = net.gradient(theta, X, Y, zeros)
        assert float(E) == 0
        assert not xp.host(dE_dtheta).any()


# ---------------------------------------------------------------------------------------------
# what is beyond the range


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_infinite_cost_ends_training(xp, dtype):
    """½ (a − y)² is beyond the range where a is the square root of the largest number."""
    if dtype != "float16" and dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    if dtype == "float16" and (xp.name.startswith("strict") or not hasattr(xp.xp, dtype)):
        pytest.skip(f"{xp.name} has no float16")
    net = bp.Network([2, 3, 2], "relu", "identity", "squared_error")
    large = float(np.finfo(dtype).max) ** 0.5 * 4
    x, y = in_dtype(xp, X * large, dtype), in_dtype(xp, X, dtype)
    theta = in_dtype(xp, np.ones(17), dtype)
    assert float(net.cost(theta, x, y)) == math.inf
    with pytest.raises(DivergenceError) as caught:
        bp.train(net, x, y, theta, epochs=1)
    np.testing.assert_array_equal(xp.host(caught.value.theta), np.ones(17))


def test_an_exponential_beyond_the_range_is_infinite(xp):
    net = bp.Network([1, 2], output="exp", loss="poisson")
    theta, x = xp.array([1.0, 1.0, 0.0, 0.0]), xp.array([[1e4]])
    assert float(net.cost(theta, x, xp.array([[1.0, 2.0]]))) == math.inf
    assert np.isposinf(xp.host(net.forward(theta, x))).all()
    with pytest.raises(DivergenceError):
        bp.train(net, x, xp.array([[1.0, 2.0]]), theta, epochs=1)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_numbers_beyond_the_dtype_of_training_are_refused(dtype):
    net = bp.Network([2, 3, 2], "relu", "identity", "squared_error")
    with pytest.raises(DataError, match=rf"^train\(X\): got .*within the range of {dtype}"):
        bp.train(net, X * 1e39, X, dtype=dtype)
