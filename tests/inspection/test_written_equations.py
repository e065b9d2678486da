"""Each equation that is written down is true of the numbers beside it."""

import numpy as np
import pytest
from trace_cases import NETWORKS

import backprop_xp as bp
from backprop_xp.inspection.written_equations import sections


def written(net, Y, case_weights=None):
    X = np.linspace(-1, 1, 9).reshape(3, 3)
    of = bp.trace(net, net.init(seed=2, dtype="float64"), X, np.array(Y), case_weights)
    return list(sections(of, elements=True))


def value(side):
    """Return what the terms of a side give: a product where two matrices meet."""
    signs = {"=": "", "+": "+", "-": "-", r"\odot": "*", r"\cdot": "*", "(": "(", ")": ")"}
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
        "Sum by sum, layer 2",
        "Backward, layer 1: σ is sigmoid",
        "Sum by sum, layer 1",
        "Backward, the inputs",
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


PAIRS = [
    (bp.Network([3, 2], output="identity", loss="squared_error"), [[0.5, -2.0]]),
    (bp.Network([3, 2], output="sigmoid", loss="binary_cross_entropy"), [[0.2, 1.0]]),
    (bp.Network([3, 2], output="exp", loss="poisson"), [[3.0, 0.0]]),
    (bp.Network([3, 4]), [2]),
    (bp.Network([3, 4]), [[0.1, 0.2, 0.3, 0.6]]),
]


@pytest.mark.parametrize(
    ("net", "Y"), PAIRS, ids=["½ (a − y)²", "binary", "poisson", "label", "any"]
)
def test_a_canonical_pair_is_multiplied_out(net, Y):
    X = np.linspace(-1, 1, 3)[None]
    of = bp.trace(net, net.init(seed=2, dtype="float64"), X, np.array(Y))
    (why,) = [section for section in sections(of) if section.title == "Why δ¹ is a¹ − y"]
    np.testing.assert_allclose(why.steps[-1].terms[-1], of.layers[0].delta, rtol=1e-12)
    assert why.steps[-1].terms[-1].shape == of.layers[0].delta.shape


def test_where_a_factor_is_infinite_nothing_is_multiplied_out():
    net = bp.Network([1, 1], output="sigmoid", loss="binary_cross_entropy")
    of = bp.trace(net, np.array([900.0, 0.0]), [1.0], [0.0])
    assert of.layers[0].delta == 1
    assert np.isfinite(of.layers[0].delta).all()
    assert "Why" not in of.to_text()


def test_one_case_without_weights_has_no_weights():
    net = bp.Network([2, 3, 2], hidden="tanh")
    theta = net.init(0, dtype="float64")
    text = bp.trace(net, theta, [0.5, -1.0], 1).to_text()
    assert "[1] ⊙" not in text
    assert "δ² = a² − y" in text
    assert "E = E_c,  E_c = −Σ_d y_d ln a_d" in text
    weighted = bp.trace(net, theta, [0.5, -1.0], 1, [3.0]).to_text()
    assert "δ² = w ⊙ (a² − y)" in weighted
    assert "E = Σ_c w_c E_c" in weighted


@pytest.mark.parametrize(
    "optimizer", [bp.SGD(0.5), bp.SGD(0.5, momentum=0.9), "adam", bp.RMSprop()]
)
def test_the_update(optimizer):
    net = bp.Network([2, 3, 2], hidden="tanh", connections=[[[1, 0], [1, 1], [0, 1]], None])
    theta = net.init(0, dtype="float64")
    of = bp.trace(net, theta, [0.5, -1.0], 1, optimizer=optimizer)
    run = bp.train(net, [[0.5, -1.0]], [1], theta, optimizer=optimizer, epochs=1)
    np.testing.assert_allclose(net.pack(of.updated), run.theta, rtol=1e-12)
    text = of.to_text()
    assert ("W¹ ← W¹ − ε ∂E/∂W¹" in text) == isinstance(optimizer, bp.SGD)
    assert ("W¹ ← W¹ + ΔW¹" in text) != isinstance(optimizer, bp.SGD)
    for section in sections(of):
        for step in section.steps:
            first, *others = map(value, step.sides)
            for other in others:
                np.testing.assert_allclose(first, other, rtol=1e-12, atol=1e-15)


def test_an_optimiser_of_many_gradients_is_refused():
    net = bp.Network([2, 2])
    with pytest.raises(bp.OptionError, match=r"trace\(optimizer\): got LBFGS"):
        bp.trace(net, net.init(0), [0.5, -1.0], 1, optimizer="lbfgs")
