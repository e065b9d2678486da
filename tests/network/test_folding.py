"""A network of scaled data gives the numbers as they were again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp import Network
from backprop_xp.network.folding import with_inputs, with_targets


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
    mean, spread = Y.mean(axis=0), Y.std(axis=0)
    expected = net.forward(theta, X) * spread + mean
    found = net.forward(with_targets(net, theta, mean, spread), X)
    # float64, and a mean of 2.5 spreads
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 / scale)


@pytest.mark.parametrize("hidden", [[], [4]])
def test_a_network_of_the_inputs_as_they_were(hidden):
    rng = np.random.default_rng(0)
    X = np.column_stack([1e6 + 100 * rng.normal(size=30), 1e-3 * rng.normal(size=30), np.ones(30)])
    net = Network([3, *hidden, 2], "tanh", "identity", "squared_error")
    theta, mean, spread = net.init(seed=1, dtype="float64"), X.mean(axis=0), X.std(axis=0)
    spread[2] = np.inf  # of a constant column, which becomes 0
    found = net.forward(with_inputs(net, theta, mean, spread), X)
    np.testing.assert_allclose(found, net.forward(theta, (X - mean) / spread), rtol=1e-7, atol=1e-9)
