"""Standardised data, and a network that gives the raw numbers again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp import Network
from backprop_xp.cli.standardisation import (
    folded,
    scaling_of_inputs,
    scaling_of_targets,
    with_inputs,
)
from backprop_xp.errors import DataError
from backprop_xp.preprocessing.step import applied

scales = st.sampled_from([1e-300, 1e-6, 1.0, 1e6, 1e300])


@given(scale=scales, shift=st.floats(-100, 100), seed=st.integers(0, 99))
def test_columns_have_mean_0_and_variance_1(scale, shift, seed):
    x = scale * (np.random.default_rng(seed).normal(size=(50, 3)) + shift)
    for scaling in (scaling_of_inputs(x), scaling_of_targets(x)):
        scaled = applied(scaling, x)
        # means of 100 spreads cost two digits of the sixteen
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)


@given(
    hidden=st.lists(st.integers(1, 4), max_size=2),
    activation=st.sampled_from(["tanh", "relu", "softmax"]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 99),
)
def test_the_folded_network_gives_the_numbers_as_they_were(hidden, activation, scale, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 3))
    Y = rng.normal(-3, 5, size=(20, 2)) / scale
    net = Network([3, *hidden, 2], activation, "identity", "squared_error")
    theta = net.init(seed, dtype="float64")
    targets = scaling_of_targets(Y)
    expected = net.forward(theta, X) * targets.spread + targets.mean
    found = net.forward(folded(net, theta, targets), X)
    # float64, and a mean of 2.5 spreads
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 / scale)


def test_constant_columns():
    x = np.full((10, 1), 0.1)
    assert (applied(scaling_of_inputs(x), x) == 0).all()
    assert applied(scaling_of_inputs(x), x + 1) == pytest.approx(0, abs=0)
    np.testing.assert_allclose(applied(scaling_of_targets(x), x + 1), 1, rtol=1e-15)
    assert (applied(scaling_of_inputs(np.zeros((10, 1))), x) == 0).all()


def test_a_spread_that_float64_cannot_resolve_is_refused():
    x = 1e12 + np.arange(2.0)[:, None]
    with pytest.raises(DataError, match=r"column 'second'.*around 1e\+12"):
        scaling_of_inputs(x, ("second",))
    with pytest.raises(DataError, match="target 1"):
        scaling_of_targets(x)


@pytest.mark.parametrize("hidden", [[], [4]])
def test_a_network_of_the_inputs_as_they_were(hidden):
    rng = np.random.default_rng(0)
    X = np.column_stack([1e6 + 100 * rng.normal(size=30), 1e-3 * rng.normal(size=30), np.ones(30)])
    net = Network([3, *hidden, 2], "tanh", "identity", "squared_error")
    theta, inputs = net.init(seed=1, dtype="float64"), scaling_of_inputs(X)
    found = net.forward(with_inputs(net, theta, inputs), X)
    np.testing.assert_allclose(found, net.forward(theta, applied(inputs, X)), rtol=1e-7, atol=1e-9)
