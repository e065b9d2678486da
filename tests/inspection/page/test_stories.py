"""The stories of the page have the numbers of the examples."""

import error_carried_backward
import four_layer_network
import numpy as np
import one_weight_chain
from page_cases import computed

from backprop_xp.inspection.page import stories


def test_the_one_weight_chain():
    for name in ("INPUT", "WEIGHT", "TARGET", "RATE", "PUBLISHED"):
        assert getattr(stories, name) == getattr(one_weight_chain, name)
    chain = stories.stories()[0].traced
    assert chain.learning_rate == 2 * stories.RATE
    (found,) = computed([chain])
    np.testing.assert_allclose(found["E"], 0.5 * (5.7 * 23.1 + 50.1) ** 2)


def test_the_four_layer_network():
    net, theta, X, Y = four_layer_network.network(1)
    found = stories.four_layers().traced
    assert found.network == net
    np.testing.assert_array_equal(found.a_in, X.T)
    np.testing.assert_array_equal(found.y, Y.T)
    for layer, (W, b) in zip(found.layers, net.unpack(theta), strict=True):
        np.testing.assert_array_equal(layer.W, W)
        np.testing.assert_array_equal(layer.b, b)


def test_the_error_carried_backward():
    case = error_carried_backward.without_connection()
    found = stories.stories()[2].traced
    for layer, delta in zip(found.layers, case.deltas, strict=True):
        np.testing.assert_array_equal(layer.delta, delta)
