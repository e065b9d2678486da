"""Each derivative in a trace is confirmed by a difference of the cost, or else the check fails."""

from dataclasses import replace

import numpy as np
import pytest
from trace_cases import NETWORKS

import backprop_xp as bp

X = np.linspace(-1, 1, 9).reshape(3, 3)


@pytest.mark.parametrize(("net", "Y"), NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("case_weights", [None, [0.5, 0.0, 2.0]])
def test_right_traces_pass(net, Y, case_weights):
    theta = net.init(seed=2, dtype="float64")
    check = bp.trace(net, theta, X, np.array(Y), case_weights).check()
    assert check.passed, check
    least = 3 * sum(net.sizes[1:]) + net.parameter_count + X.size
    assert check.checked >= least


@pytest.mark.parametrize("name", ["dE_dW", "dE_db", "delta", "dE_da"])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_wrong_number_is_found(name, layer):
    net = bp.Network([3, 4, 2], "sigmoid", "tanh", "squared_error")
    found = bp.trace(net, net.init(1, dtype="float64"), X, np.ones((3, 2)))
    layers = list(found.layers)
    wrong = getattr(layers[layer], name).copy()
    wrong[-1, -1] += 1e-4 * abs(wrong).max()
    layers[layer] = replace(layers[layer], **{name: wrong})
    check = replace(found, layers=tuple(layers)).check()
    assert not check.passed
    assert check.worst.startswith(f"{name} of layer {layer + 1}, at (")


def test_a_wrong_derivative_by_the_inputs_is_found():
    net = bp.Network([3, 2])
    found = bp.trace(net, net.init(1, dtype="float64"), X[0], 1)
    assert replace(found, dE_dx=found.dE_dx * 1.001).check().worst.startswith("dE_dx")
    np.testing.assert_array_equal(found.dE_dx, found.layers[0].W.T @ found.layers[0].delta)


def test_large_layers_are_sampled():
    net = bp.Network([784, 30, 10])
    found = bp.trace(net, net.init(1, dtype="float64"), np.linspace(0, 1, 784), 3)
    check = found.check()
    assert check.passed
    assert check.checked < 3_000


@pytest.mark.parametrize("given", [{"h": 0}, {"tolerance": -1.0}, {"h": "small"}])
def test_numbers_out_of_range(given):
    net = bp.Network([3, 2])
    with pytest.raises(bp.OptionError, match=r"Trace\.check"):
        bp.trace(net, net.init(1), X[0], 1).check(**given)


def test_a_stack_and_an_infinite_cost_are_refused():
    net = bp.Network([3, 1], output="exp", loss="squared_error")
    with pytest.raises(bp.ShapeError, match=r"Trace\.check"):
        bp.trace(net, net.init(1, stack=2), X[0], 1.0).check()
    with pytest.raises(bp.DataError, match="finite cost"):
        bp.trace(net, net.init(1, dtype="float64") * 0 + 1e3, [1.0, 1.0, 1.0], 1.0).check()
