"""Each equation that is written down is true of the numbers beside it."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.activations import Softmax
from backprop_xp.inspection.written_equations import sections

TARGETS = np.array([[0.2, 0.9], [0.5, 0.1], [0.0, 1.0]])
NETWORKS = {
    "softmax and labels": (bp.Network([3, 4, 2], hidden="tanh"), [0, 1, 1]),
    "softmax and any targets": (bp.Network([3, 4, 2], hidden="gelu"), TARGETS),
    "targets that sum to 1": (bp.Network([3, 4, 3], hidden="tanh"), [[0.7, 0.2, 0.1]] * 3),
    "no pair": (bp.Network([3, 4, 5, 2], "sigmoid", "tanh", "squared_error"), TARGETS),
    "softmax alone": (bp.Network([3, 4, 2], "relu", "softmax", "squared_error"), TARGETS),
    "softmax within": (bp.Network([3, 4, 2], Softmax(), "exp", "poisson"), TARGETS),
    "removed": (
        bp.Network([3, 2], output="sigmoid", loss="huber", connections=[np.eye(2, 3)]),
        TARGETS,
    ),
}


def written(net, Y, case_weights=None):
    X = np.linspace(-1, 1, 9).reshape(3, 3)
    of = bp.trace(net, net.init(seed=2, dtype="float64"), X, np.array(Y), case_weights)
    given = (of.a_in, of.y, of.w, of.E, of.E_c)
    return list(sections(of.layers, net.activations, net.output_with_loss, *given))


def value(side):
    """Return what the terms of a side give: a product where two matrices meet."""
    signs = {"=": "", "+": "+", "-": "-", r"\odot": "*", "(": "(", ")": ")"}
    code, names = "", {}
    for place, term in enumerate(side):
        if isinstance(term, str):
            code += signs[term]
        else:
            before = side[place - 1]
            code += "" if isinstance(before, str) and before != ")" else "@"
            code += f"x{place}"
            names[f"x{place}"] = term
    return eval(code, names)  # noqa: S307  what this function has written


@pytest.mark.parametrize("case_weights", [None, [0.5, 0.0, 2.0]], ids=["equal", "own"])
@pytest.mark.parametrize(("net", "Y"), NETWORKS.values(), ids=NETWORKS)
def test_both_sides_are_equal(net, Y, case_weights):
    checked = 0
    for section in written(net, Y, case_weights):
        for step in section.steps:
            first, *others = map(value, step.sides)
            for other in others:
                np.testing.assert_allclose(first, other, rtol=1e-12, atol=1e-15)
                checked += 1
    layers = len(net.sizes) - 1
    assert checked >= 3 * layers - 1


def test_the_order_is_that_of_the_passes():
    titles = [section.title for section in written(*NETWORKS["no pair"])]
    assert titles == [
        "Forward, layer 1: σ is sigmoid",
        "Forward, layer 2: σ is sigmoid",
        "Forward, layer 3: σ is tanh",
        "The cost: squared_error",
        "Backward, layer 3: σ is tanh",
        "Backward, layer 2: σ is sigmoid",
        "Backward, layer 1: σ is sigmoid",
    ]


ERRORS = {
    "softmax and labels": r"\delta^{2} = w \odot (a^{2} - y)",
    "softmax and any targets": r"\delta^{2} = w \odot (a^{2} \odot \sum_{d} y_{d} - y)",
    "targets that sum to 1": r"\delta^{2} = w \odot (a^{2} - y)",
    "no pair": r"\delta^{3} = \partial E/\partial a^{3} \odot \sigma'(z^{3})",
    "softmax alone": (
        r"\delta^{2} = (\partial a^{2}/\partial z^{2})^{\top} \partial E/\partial a^{2}"
    ),
    "removed": r"\delta^{1} = \partial E/\partial a^{1} \odot \sigma'(z^{1})",
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_error_of_the_output_is_written_as_it_is_found(name):
    found = written(*NETWORKS[name])
    (last,) = (
        x
        for x in found
        if x.title.startswith(f"Backward, layer {len(NETWORKS[name][0].sizes) - 1}")
    )
    assert ERRORS[name] in [step.equation for step in last.steps]


def test_the_equations_between_two_layers():
    found = {section.title[:17]: section for section in written(*NETWORKS["no pair"])}
    assert [step.equation for step in found["Backward, layer 1"].steps] == [
        r"\partial E/\partial a^{1} = (W^{2})^{\top} \delta^{2}",
        r"\delta^{1} = \partial E/\partial a^{1} \odot \sigma'(z^{1})",
        r"\partial E/\partial W^{1} = \delta^{1} (a^{0})^{\top}",
        r"\partial E/\partial b^{1} = \sum_{c} \delta^{1}_{c}",
    ]
    assert [step.equation for step in found["Forward, layer 2:"].steps] == [
        r"z^{2} = W^{2} a^{1} + b^{2}",
        r"a^{2} = \sigma(z^{2})",
    ]
