"""The sum, stack, row and backend laws: one gradient from others, on every library."""

import itertools

import numpy as np
import pytest
from gradient_oracle import NAMES, PAIRS, cases, draw_case
from hypothesis import given, settings
from hypothesis import strategies as st

import backprop_xp as bp

# ---------------------------------------------------------------------------------------------
# 2. the sum law, 3. the stack law, 7. the row law: to rounding


def close(result, expected, tolerance=1e-12):
    """Tell whether two arrays are equal to rounding, relative to the largest of their numbers.

    A number of either is a sum of a few dozen products at most, some of which cancel.
    """
    expected = np.asarray(expected)
    scale = np.abs(expected).max(initial=0.0)
    return result.shape == expected.shape and np.abs(result - expected).max() <= tolerance * scale


@given(case=cases(), cuts=st.lists(st.integers(0, 5), max_size=2))
@settings(max_examples=60)
def test_sum_law(case, cuts):
    """The gradient of a set of cases is the sum of the gradients of its parts."""
    m = case.X.shape[-2]
    w = np.full(m, 1 / m) if case.w is None else case.w
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, w)
    edges = sorted({0, m, *(cut for cut in cuts if cut < m)})
    parts = [
        case.net.gradient(case.theta, case.X[..., i:j, :], case.Y[..., i:j, :], w[..., i:j])
        for i, j in itertools.pairwise(edges)
    ]
    total = np.abs([part for part, _ in parts]).sum(axis=0)  # costs may have either sign
    assert (np.abs(sum(part for part, _ in parts) - E) <= 1e-13 * total).all()
    largest = max(np.abs(part).max() for _, part in parts)
    difference = np.abs(sum(part for _, part in parts) - dE_dtheta).max()
    assert difference <= 1e-12 * largest  # as in `close`


@given(case=cases(), weight=st.integers(2, 9))
@settings(max_examples=30)
def test_a_weight_is_a_number_of_copies(case, weight):
    """A case of weight 3 is three such cases; one of weight 0 is not there."""
    m = case.X.shape[-2]
    w = np.ones(m)
    w[0] = weight
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, w)
    copies = [0] * weight + list(range(1, m)) + [0]
    X, Y = case.X[..., copies, :], case.Y[..., copies, :]
    E_copies, dE_copies = case.net.gradient(case.theta, X, Y, [1] * (weight + m - 1) + [0])
    assert close(np.asarray(E_copies), E)
    assert close(dE_copies, dE_dtheta)


@given(case=cases())
@settings(max_examples=60)
def test_stack_law(case):
    """A stack of networks has the outputs, the costs and the gradients of each alone."""
    outputs = case.net.forward(case.theta, case.X)
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, case.w)
    stack = case.theta.shape[:-1]
    assert outputs.shape == (*stack, case.X.shape[-2], case.sizes[-1])
    assert E.shape == stack
    assert dE_dtheta.shape == case.theta.shape
    for network, (theta, X, Y, w) in zip(np.ndindex(stack), case.alone(), strict=True):
        E_alone, dE_alone = case.net.gradient(theta, X, Y, w)
        assert close(outputs[network], case.net.forward(theta, X))
        assert close(np.asarray(E[network]), E_alone)
        assert close(dE_dtheta[network], dE_alone)


@given(case=cases(), seed=st.integers(0, 100))
@settings(max_examples=60)
def test_row_law(case, seed):
    """Rows in, rows out: cases do not see each other, and their order counts for nothing."""
    m = case.X.shape[-2]
    order = np.random.default_rng(seed).permutation(m)
    X, Y = case.X[..., order, :], case.Y[..., order, :]
    outputs = case.net.forward(case.theta, case.X)
    assert close(case.net.forward(case.theta, X), outputs[..., order, :])
    one = case.net.forward(case.theta, case.X[..., :1, :])
    assert close(one, outputs[..., :1, :], tolerance=1e-11)  # of one row, whose size may differ
    w = None if case.w is None else case.w[..., order]
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, case.w)
    E_order, dE_order = case.net.gradient(case.theta, X, Y, w)
    assert close(np.asarray(E_order), E)
    assert close(dE_order, dE_dtheta)


# ---------------------------------------------------------------------------------------------
# 4. the backend law, and the laws above on every library, in one shape for JAX's compiler


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_backend_law(xp, place):
    """The same seed and data give the same θ, outputs, costs and gradients, to rounding."""
    output, loss = PAIRS[(5 * place + 19) % len(PAIRS)]
    rng = np.random.default_rng(place)
    case = draw_case(rng, [3, 4, 2], [NAMES[place]], output, loss, m=5, own={"w"}, removed={1})
    device = bp.Device(xp.name, "a test", xp.xp, xp.device)
    dtype = xp.float_dtypes[-1]
    on_numpy = case.net.init(seed=place, dtype=dtype)
    theta = case.net.init(seed=place, dtype=dtype, device=device)
    np.testing.assert_array_equal(xp.host(theta), on_numpy)  # exact: drawn once, rounded once
    data = [x.astype(dtype) for x in (case.theta, case.X, case.Y, case.w)]
    there = [xp.array(x, dtype) for x in data]
    # float32 has ε = 1.2e-7, and sums of up to two dozen products
    tolerance = 1e-12 if xp.float64 else 2e-6
    outputs = xp.host(case.net.forward(*there[:2]))
    assert close(outputs, case.net.forward(*data[:2]), tolerance)
    E, dE_dtheta = case.net.gradient(*there)
    E_numpy, dE_numpy = case.net.gradient(*data)
    assert close(xp.host(E), E_numpy, tolerance)
    assert close(xp.host(dE_dtheta), dE_numpy, tolerance)
    if xp.name.startswith(("numpy", "strict")):  # the same NumPy below
        np.testing.assert_array_equal(outputs, case.net.forward(*data[:2]))
        np.testing.assert_array_equal(xp.host(dE_dtheta), dE_numpy)


@pytest.mark.parametrize("xp", ["torch", "jax"], indirect=True)
def test_backend_law_in_float32(xp):
    net = bp.Network([3, 4, 2], hidden="tanh")
    rng = np.random.default_rng(1)
    data = [rng.normal(size=(5, 3)), rng.uniform(size=(5, 2)), rng.uniform(size=5)]
    data = [net.init(seed=1), *(x.astype("float32") for x in data)]
    E, dE_dtheta = net.gradient(*(xp.array(x, "float32") for x in data))
    E_numpy, dE_numpy = net.gradient(*data)
    assert close(xp.host(E), E_numpy, 2e-6)  # as above
    assert close(xp.host(dE_dtheta), dE_numpy, 2e-6)


def test_sum_and_stack_law_on_every_library(xp):
    rng = np.random.default_rng(3)
    net = bp.Network([3, 4, 2], hidden="tanh")
    theta, w = rng.normal(size=(2, net.parameter_count)), rng.uniform(size=5)
    X, Y = rng.normal(size=(5, 3)), rng.uniform(size=(5, 2))
    tolerance = 1e-12 if xp.float64 else 2e-6  # as above

    def gradient(theta, w):
        E, dE_dtheta = net.gradient(*(xp.array(x) for x in (theta, X, Y, w)))
        return xp.host(E), xp.host(dE_dtheta)

    E, dE_dtheta = gradient(theta, w)
    for network in range(2):
        E_alone, dE_alone = gradient(theta[network], w)
        assert close(E[network], E_alone, tolerance)
        assert close(dE_dtheta[network], dE_alone, tolerance)
    # two parts of the cases, each as the set with weight 0 for the others
    parts = [gradient(theta, w * part) for part in ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1])]
    assert close(parts[0][0] + parts[1][0], E, tolerance)
    assert close(parts[0][1] + parts[1][1], dE_dtheta, tolerance)
