"""Penalties, clipping, shrinkage, max-norm and smoothing by hand, alone and in one update."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_steps import central_differences, numbers_of, step_for

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.training.step import regularization
from backprop_xp.training.step.dropout import dropped_inputs

# ---------------------------------------------------------------------------------------------
# by hand: numbers of few binary digits, so that all of it is exact


def test_the_penalties_by_hand(xp):
    theta = xp.array([[2.0, -1.0, 0.0, 4.0], [1.0, 1.0, -3.0, 0.0]])
    share = xp.array([[0.5, 0.5, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]])
    penalty, derivative = regularization.l2_penalty(theta, share)
    np.testing.assert_array_equal(xp.host(penalty), [1.25, 1.375])  # ½ · 0.5 · 5, ½ · 0.25 · 11
    np.testing.assert_array_equal(xp.host(derivative), [[1, -0.5, 0, 0], [0.25, 0.25, -0.75, 0]])
    penalty, derivative = regularization.l1_penalty(theta, share)
    np.testing.assert_array_equal(xp.host(penalty), [1.5, 1.25])  # 0.5 · 3, 0.25 · 5
    np.testing.assert_array_equal(xp.host(derivative), [[0.5, -0.5, 0, 0], [0.25, 0.25, -0.25, 0]])


def test_clipping_by_hand(xp):
    gradient = xp.array([[6.0, -8.0], [0.75, 1.0], [0.0, 0.0]])
    by_value = regularization.clipped(gradient, xp.array([[4.0], [0.5], [1.0]]), None)
    np.testing.assert_array_equal(xp.host(by_value), [[4, -4], [0.5, 0.5], [0, 0]])
    # ‖(6, −8)‖ = 10, and ‖(0.75, 1)‖ = 1.25 is within its bound
    by_norm = regularization.clipped(gradient, None, xp.array([[5.0], [2.0], [1.0]]))
    np.testing.assert_array_equal(xp.host(by_norm), [[3, -4], [0.75, 1], [0, 0]])
    # first by value, (3, −4) of norm 5, then by norm
    by_both = regularization.clipped(xp.array([3.0, -8.0]), xp.array(4.0), xp.array(2.5))
    np.testing.assert_array_equal(xp.host(by_both), [1.5, -2])
    assert regularization.clipped(gradient, None, None) is gradient
    np.testing.assert_array_equal(xp.host(gradient), [[6, -8], [0.75, 1], [0, 0]])


def test_shrinkage_and_max_norm_by_hand(xp):
    theta = xp.array([[4.0, -2.0, 8.0]]) * 1
    shrunk = regularization.shrunk(theta, xp.array([[0.25, 0.5, 0.0]]))
    np.testing.assert_array_equal(xp.host(shrunk), [[3, -1, 8]])
    # two units with weights (3, 4) and (0, 1) and biases 7 and 9, then one with (0.5, 0) and 5
    theta = xp.array([[3.0, 4.0, 0.0, 1.0, 7.0, 9.0, 0.5, 0.0, 5.0]] * 2) * 1
    bounded = regularization.bounded([2, 2, 1], theta, xp.array([[2.5], [0.25]]))
    first, second = [1.5, 2, 0, 1, 7, 9, 0.5, 0, 5], [0.15, 0.2, 0, 0.25, 7, 9, 0.25, 0, 5]
    np.testing.assert_array_equal(xp.host(bounded)[0], first)
    np.testing.assert_allclose(xp.host(bounded)[1], second, rtol=3e-7)  # 0.05 · 3 rounds


def test_smoothing_by_hand(xp):
    y = xp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])  # 4 classes, 2 cases
    smooth = regularization.smoothed(y, xp.array([[0.5]]))
    np.testing.assert_array_equal(
        xp.host(smooth), [[0.625, 0.125], [0.125, 0.125], [0.125, 0.625], [0.125, 0.125]]
    )
    one_unit = regularization.smoothed(xp.array([[1.0, 0.0]]), xp.array([[0.5]]))
    np.testing.assert_array_equal(xp.host(one_unit), [[0.75, 0.25]])


def test_dropped_inputs_by_hand(xp):
    noise, a_in = xp.array([[0.1, 0.5], [0.9, 0.2]]), xp.array([[1.0, 2.0], [3.0, 4.0]])
    dropped = dropped_inputs(a_in, noise, xp.array([[0.5], [0.0]]))
    np.testing.assert_array_equal(xp.host(dropped), [[[0, 4], [6, 0]], [[1, 2], [3, 4]]])


def test_dtypes_and_devices_stay(xp):
    for dtype in xp.float_dtypes:
        theta, number = xp.array([[1.0, -2.0, 3.0]], dtype), xp.array([[0.5]], dtype)
        made = [
            *regularization.l1_penalty(theta, number),
            *regularization.l2_penalty(theta, number),
            regularization.clipped(theta, number, number),
            regularization.shrunk(theta * 1, number),
            regularization.bounded([2, 1], theta * 1, number),
            regularization.smoothed(theta, number),
            dropped_inputs(theta, theta, number),
        ]
        for one in made:
            assert (dtype_name(one.dtype), device_of(one)) == (dtype, xp.device)
        np.testing.assert_array_equal(xp.host(theta), [[1, -2, 3]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [0.25, 0.9, 1])
def test_norms_of_large_and_small_numbers(dtype, size):
    # squares of numbers near the ends of the dtype would overflow, or be 0
    largest, smallest = np.finfo(dtype).max, np.finfo(dtype).smallest_normal
    for one in (float(largest) * size / 2, float(smallest) * 4 * size):
        x = np.array([0.75 * one, -one, 0], dtype)
        norm = 1.25 * float(abs(x[1]))
        bound = np.asarray(norm / 2, dtype)
        scale = regularization.within(x, bound)
        assert scale.dtype == dtype
        # a few roundings; the smallest numbers have some dozen bits less in float16
        np.testing.assert_allclose(scale, 0.5, rtol=4 * np.finfo(dtype).eps)
        assert regularization.within(x, np.asarray(norm * 1.01, dtype)) == 1
    x = np.array([0.6, -0.8, 0], dtype) * (largest * np.dtype(dtype).type(size))
    bound = largest ** np.dtype(dtype).type(0.25)  # far below: x / c has a square that overflows
    expected = float(bound) / (float(largest) * size)
    scale = regularization.within(x, np.asarray(bound))
    np.testing.assert_allclose(scale, expected, rtol=8 * np.finfo(dtype).eps)


def test_what_is_not_finite_stays_so(xp):
    gradient = xp.array([[np.nan, 1.0], [np.inf, 1.0]])
    with np.errstate(invalid="ignore"):
        found = xp.host(regularization.clipped(gradient, None, xp.array(1.0)))
    assert np.isnan(found[:, 0]).all()


@given(
    x=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    bound=st.floats(1e-3, 1e3),
)
def test_norms_are_within_their_bound(x, bound):
    x = np.array(x)
    norm, scale = np.linalg.norm(x), regularization.within(x, np.array(bound))[0]
    # some roundings of 1e-16
    assert norm * scale <= bound * (1 + 1e-14)
    np.testing.assert_allclose(scale, min(1, bound / norm) if norm else 1, rtol=1e-14)


# ---------------------------------------------------------------------------------------------
# one update

LINE = bp.Network([1, 1], output="identity", loss="squared_error")


def one_update(xp, **settings):
    """Return θ and the cost after one case x = 1, y = 0 for W = 2 and b = 1."""
    settings = {"optimizer": bp.SGD(0.25), **settings}
    theta, data = xp.array([2.0, 1.0]), (xp.array([[1.0]]), xp.array([[0.0]]))
    run = bp.train(LINE, *data, theta, epochs=1, **settings)
    return xp.host(run.theta).tolist(), run.history["cost"][0]


@pytest.mark.parametrize(
    ("settings", "theta", "cost"),
    [
        # a = 3, δ = 3, ∂E/∂W = ∂E/∂b = 3, E = 4.5; θ ← θ − 0.25 ∂E/∂θ
        ({}, [1.25, 0.25], 4.5),
        ({"l1": 1}, [1, 0.25], 6.5),  # E + 1 · 2, ∂E/∂W = 3 + 1
        ({"l1": 1, "decay_biases": True}, [1, 0], 7.5),
        ({"l2": 1}, [0.75, 0.25], 6.5),  # E + ½ · 4, ∂E/∂W = 3 + 2
        ({"l2": 1, "decay_biases": True}, [0.75, 0], 7),
        ({"l1": 1, "l2": 1}, [0.5, 0.25], 8.5),
        ({"shrinkage": 0.5}, [0.625, 0.25], 4.5),
        ({"shrinkage": 0.5, "decay_biases": True}, [0.625, 0.125], 4.5),
        ({"clip_value": 2}, [1.5, 0.5], 4.5),
        ({"max_norm": 0.5}, [0.5, 0.25], 4.5),
        # the penalties make (3 + 0.25 + 1, 3) of the gradient, clipping by value (4, 3) of norm 5,
        # by norm (2, 1.5), the optimiser (1.5, 0.625) of θ, shrinkage (1.125, 0.625), and the bound
        # holds; the other way round it would not, and leave 1.2 · 0.75 = 0.9
        (
            {"l1": 0.25, "l2": 0.5, "clip_value": 4, "clip_norm": 2.5}
            | {"shrinkage": 0.25, "max_norm": 1.25},
            [1.125, 0.625],
            6,
        ),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_an_update_by_hand(xp, settings, theta, cost):
    assert one_update(xp, **settings) == (theta, cost)


def test_the_norm_is_that_of_the_whole_gradient(xp):
    # (3, 3) of norm 3√2 is scaled to norm 1: some roundings of float32
    theta, _ = one_update(xp, clip_norm=1)
    expected = np.array([2, 1]) - 0.25 / np.sqrt(2)
    np.testing.assert_allclose(theta, expected, rtol=1e-6)


@given(
    hidden=st.lists(st.integers(1, 4), max_size=2),
    networks=st.integers(1, 3),
    l1=st.floats(0, 2),
    decay_biases=st.booleans(),
    p=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_step_is_the_gradient_of_its_cost(hidden, networks, l1, decay_biases, p, seed):
    """Central differences of the cost with l1 + l2, and inputs left out."""
    rng, sizes, m, l2 = np.random.default_rng(seed), [3, *hidden, 2], 4, 0.5
    net = bp.Network(sizes, "tanh", "identity", "squared_error")
    lead = (networks, net.parameter_count)
    theta = rng.uniform(0.1, 1, lead) * rng.choice([-1, 1], lead)  # away from the kink at 0
    x, y, w = rng.standard_normal((m, 3)), rng.standard_normal((2, m)), rng.uniform(0, 1, (1, m))
    noise = rng.uniform(size=(3, m))

    def cost(theta):
        a, penalty = x.T * (noise >= p) / (1 - p), 0.0
        for layer, (W, b) in enumerate(net.unpack(theta)):
            for part in (W, b) if decay_biases else (W,):
                each = l1 * np.abs(part) + 0.5 * l2 * part**2
                penalty = penalty + each.sum(axis=(-2, -1))
            a = W @ a + b
            a = np.tanh(a) if layer < len(hidden) else a
        return (0.5 * w * (a - y) ** 2).sum(axis=(-2, -1)) + penalty

    numeric = central_differences(cost, theta)
    sgd = bp.SGD(1.0)
    settings = numbers_of(sgd, theta, l2, l1=l1, input_dropout=p)
    step = step_for(net, sgd, theta, decay_biases=decay_biases)
    given = [noise] if settings.uses("input_dropout") else []
    (after, _), (_, penalty) = step((theta.copy(), ()), settings.next(), x, y, w, *given)
    # h² σ‴/6 leaves 1e-10 of costs of size 1000 (p = 0.9 makes the inputs ten times as large),
    # their rounding 1000 · 1e-16 / h = 1e-8
    np.testing.assert_allclose(theta - after, numeric, rtol=1e-6, atol=1e-6)
    assert penalty.shape == (networks,)
