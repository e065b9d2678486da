"""The gradient check itself: it passes what is right and fails what is wrong by 0.1 %."""

import math
import re

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp import activations, equations
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.network import backpropagation

SIZES, P = (3, 4, 2), 4 * 3 + 4 + 2 * 4 + 2
NET = bp.Network(SIZES, hidden="tanh")
RNG = np.random.default_rng(1)
THETA = RNG.normal(size=P)
X, Y = RNG.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
WEIGHTS = RNG.uniform(0.5, 2, size=5)


def test_a_right_gradient_passes(xp64):
    arrays = [xp64.array(x) for x in (THETA, X, Y, WEIGHTS)]
    check = bp.check_gradient(NET, *arrays)
    assert check.passed
    # truncation h²/6 E‴ = 2e-11 E‴ and rounding ε E / h = 2e-11 E, relative to gradients near 0.1
    assert 0 < check.max_relative_error < 1e-8
    assert check.checked == P
    assert check.tolerance == 1e-7


def test_a_right_gradient_passes_without_weights():
    assert bp.check_gradient(NET, THETA, X, Y).passed


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_stacks(lead):
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(*lead, P))
    own = rng.normal(size=(*lead, 5, 3)), rng.integers(2, size=(*lead, 5))
    assert bp.check_gradient(NET, theta, X, Y, WEIGHTS).passed
    assert bp.check_gradient(NET, theta, *own).passed


def planted(monkeypatch, name):
    """Make the equation `name` wrong by 0.1 %, wherever backpropagation calls it."""
    right = getattr(equations, name)

    def wrong(*arguments):
        return 1.001 * right(*arguments)

    monkeypatch.setattr(equations, name, wrong)
    monkeypatch.setattr(backpropagation, name, wrong, raising=False)
    if name == "error":
        monkeypatch.setattr(activations, "_error", wrong)


@pytest.mark.parametrize("name", equations.__all__)
def test_a_fault_of_one_in_a_thousand_in_an_equation_fails(monkeypatch, name):
    planted(monkeypatch, name)
    check = bp.check_gradient(NET, THETA, X, Y)
    assert not check.passed
    assert 3e-4 < check.max_relative_error < 3e-3  # the fault, or that of both layers together
    first = {"error": "layer 1", "input_gradient": "layer 1", "bias_gradient": "b of layer"}
    assert first.get(name, "layer") in check.worst


class WrongAt(bp.Network):
    """A network whose gradient is changed at one place."""

    def __init__(self, place, change):
        super().__init__(SIZES, hidden="tanh")
        object.__setattr__(self, "wrong", (place, change))

    def gradient(self, *arguments):
        E, dE_dtheta = super().gradient(*arguments)
        place, change = self.wrong
        dE_dtheta[place] += change
        return E, dE_dtheta


@pytest.mark.parametrize("place", range(P))
def test_a_fault_in_a_single_parameter_is_found_and_placed(place):
    scale = np.abs(NET.gradient(THETA, X, Y)[1]).max()
    check = bp.check_gradient(WrongAt((place,), 1e-3 * scale), THETA, X, Y)
    assert not check.passed
    parts = (
        ["W of layer 1"] * 12 + ["b of layer 1"] * 4 + ["W of layer 2"] * 8 + ["b of layer 2"] * 2
    )
    assert check.worst == parts[place]


def test_a_fault_in_one_network_of_a_stack_is_found():
    theta = np.random.default_rng(3).normal(size=(2, 3, P))
    assert bp.check_gradient(WrongAt((1, 2, 0), 0.0), theta, X, Y).passed
    check = bp.check_gradient(WrongAt((1, 2, 13), 1e-3), theta, X, Y)
    assert not check.passed
    assert check.worst == "b of layer 1"


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 12, 16, P - 1])
def test_a_gradient_that_is_no_number_fails(place, wrong):
    check = bp.check_gradient(WrongAt((place,), wrong), THETA, X, Y)
    assert not check.passed
    assert check.max_relative_error == math.inf
    assert "FAILED" in str(check)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_fails_beside_the_sample_too(wrong):
    checks = [
        bp.check_gradient(WrongAt((5,), wrong), THETA, X, Y, sample=sample)
        for sample in ([0, 25], [5], 6, range(6, 20))
    ]
    assert [check.passed for check in checks] == [False] * 4
    assert {check.worst for check in checks} == {"W of layer 1"}


def test_a_gradient_that_is_0_but_for_rounding_passes():
    """Softmax outputs below both targets: E = Σ (y − a) = Σ y − 1 whatever θ is."""
    net = bp.Network(SIZES, hidden="tanh", output="softmax", loss="absolute_error")
    far = np.full((5, 2), 1000.0)
    assert np.abs(net.gradient(THETA, X, far)[1]).max() < 1e-15
    check = bp.check_gradient(net, THETA, X, far)
    assert check.passed, str(check)


def test_a_cost_and_a_gradient_of_exactly_0_pass():
    """No division of 0 by 0, whose warning would be an error here."""
    net = bp.Network([2, 1], output="identity", loss="squared_error")
    check = bp.check_gradient(net, np.zeros(3), np.ones((4, 2)), np.zeros((4, 1)))
    # E(h) and E(−h) are ½ h², but for nothing
    assert check.passed
    assert check.max_relative_error == 0


def test_removed_connections_pass():
    net = bp.Network(SIZES, hidden="tanh", connections=[np.eye(4, 3), np.zeros((2, 4))])
    check = bp.check_gradient(net, THETA, X, Y)
    assert check.passed
    assert check.checked == P


def test_a_sample_of_the_parameters():
    checks = [bp.check_gradient(NET, THETA, X, Y, sample=n) for n in (1, 7, P, P + 1, None)]
    assert [check.checked for check in checks] == [1, 7, P, P, P]
    assert all(check.passed for check in checks)
    theta = np.stack([THETA, -THETA])
    assert bp.check_gradient(NET, theta, X, Y, sample=7).checked == 7


def test_a_sample_is_the_same_in_each_call():
    """A fault in a parameter is found by every call whose sample holds it, and by no other."""
    found = [
        [
            not bp.check_gradient(WrongAt((k,), 1.0), THETA, X, Y, sample=P // 2).passed
            for k in places
        ]
        for places in [range(P)] * 2
    ]
    assert found[0] == found[1]
    assert sum(found[0]) == P // 2
    assert not bp.check_gradient(WrongAt((5,), 1.0), THETA, X, Y, sample=None).passed


@pytest.mark.parametrize("places", [[5], (25, 5), np.array([5, 5]), range(3, 9)])
def test_places_in_theta(places):
    check = bp.check_gradient(WrongAt((5,), 1e-3), THETA, X, Y, sample=places)
    assert check.checked == len(set(places))
    assert not check.passed
    others = [k for k in range(P) if k not in set(places)]
    check = bp.check_gradient(WrongAt((5,), 1e-3), THETA, X, Y, sample=others)
    assert check.passed
    assert check.checked == P - len(set(places))


@pytest.mark.parametrize("places", [[], [P], [-1], [0.5], [True], "01", np.array([0.0])])
def test_places_that_are_not_in_theta_are_refused(places):
    with pytest.raises(OptionError, match=r"^check_gradient\(sample\): got"):
        bp.check_gradient(NET, THETA, X, Y, sample=places)


def test_no_network():
    with pytest.raises(DTypeError, match=r"^check_gradient\(net\): got ndarray"):
        bp.check_gradient(THETA, NET, X, Y)


def test_a_network_with_more_parameters_than_the_sample():
    net = bp.Network([60, 40, 3], hidden="tanh")
    rng = np.random.default_rng(5)
    check = bp.check_gradient(net, net.init(seed=1), rng.normal(size=(4, 60)), [0, 1, 2, 0])
    assert net.parameter_count > 2000
    assert check.checked == 2000
    assert check.passed, str(check)


def test_many_parameters_are_nudged_in_several_stacks(monkeypatch):
    from backprop_xp.inspection import gradient_check

    whole = bp.check_gradient(NET, THETA, X, Y)
    monkeypatch.setattr(gradient_check, "_STACK_NUMBERS", 5 * P)
    assert bp.check_gradient(NET, THETA, X, Y).max_relative_error == pytest.approx(
        whole.max_relative_error,
        abs=1e-9,  # rounding of costs, over the step, as above
    )
    monkeypatch.setattr(gradient_check, "_STACK_NUMBERS", 1)  # less than one θ: one at a time
    assert bp.check_gradient(NET, np.stack([THETA] * 2), X, Y).passed


def test_float32_is_promoted(xp64):
    """In float32 itself the differences would have no right digit: ε E / h = 0.01."""
    arrays = [xp64.array(THETA, "float32"), xp64.array(X, "float32"), xp64.array(Y)]
    before = [xp64.host(x).copy() for x in arrays]
    check = bp.check_gradient(NET, *arrays, xp64.array(WEIGHTS, "float32"))
    assert check.max_relative_error < 1e-8
    for x, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(xp64.host(x), old)


def test_a_float32_network_as_init_makes_it():
    assert bp.check_gradient(NET, NET.init(seed=0), X.tolist(), Y.tolist()).passed


def test_a_device_without_float64_is_refused(xp):
    if xp.float64:
        pytest.skip(f"{xp.name} has float64")
    with pytest.raises(DTypeError, match=r"^check_gradient: got a device without float64"):
        bp.check_gradient(NET, xp.array(THETA), xp.array(X), xp.array(Y))


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_jax_without_float64_is_refused(xp):
    import jax

    jax.config.update("jax_enable_x64", False)
    try:
        arrays = [jax.numpy.asarray(x) for x in (THETA, X, Y)]
        with pytest.raises(DTypeError, match=r"jax.config.update\('jax_enable_x64', True\)"):
            bp.check_gradient(NET, *arrays)
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("option", ["h", "tolerance"])
@pytest.mark.parametrize("number", [0, -1e-5, math.nan, math.inf, "1e-5", None])
def test_a_step_or_tolerance_that_is_not_positive_is_refused(option, number):
    says = rf"^check_gradient\({option}\): got .*; expected a .*number"
    with pytest.raises(OptionError, match=says):
        bp.check_gradient(NET, THETA, X, Y, **{option: number})


@pytest.mark.parametrize("sample", [0, -1, 2.5, True, "all"])
def test_a_sample_of_no_parameters_is_refused(sample):
    with pytest.raises(OptionError, match=r"^check_gradient\(sample\): got .*integers >= 1"):
        bp.check_gradient(NET, THETA, X, Y, sample=sample)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"theta\): got shape \(25,\)"):
        bp.check_gradient(NET, THETA[:-1], X, Y)
    with pytest.raises(ShapeError, match=r"X\): got shape \(3, 5\)"):
        bp.check_gradient(NET, THETA, X.T, Y)


def test_another_step_and_tolerance():
    coarse = bp.check_gradient(NET, THETA, X, Y, h=0.1)
    assert not coarse.passed  # truncation h²/6 E‴ = 2e-3 E‴
    assert bp.check_gradient(NET, THETA, X, Y, h=0.1, tolerance=0.1).passed


def test_the_result_prints_well():
    check = bp.check_gradient(NET, THETA, X, Y)
    words = str(check)
    assert words.startswith("gradient check passed: largest relative error ")
    assert words.endswith(f" {check.worst}, 26 parameters, tolerance 1e-07")
    failed = bp.GradientCheck(0.00123, 1e-7, 26, "W of layer 2")
    assert str(failed) == (
        "gradient check FAILED: largest relative error 0.0012 in W of layer 2, 26 parameters, "
        "tolerance 1e-07"
    )
    assert not failed.passed
    assert failed == bp.GradientCheck(0.00123, 1e-7, 26, "W of layer 2")
    assert "max_relative_error=0.00123" in repr(failed)


def one_unit(hidden="identity", loss="squared_error", output="identity"):
    """z¹ = 0 and a² = 0 for θ = (1, −1, 1, 0) and x = 1."""
    return bp.Network([1, 1, 1], hidden, output, loss)


AT_ZERO = np.array([1.0, -1.0, 1.0, 0.0])
KINKS = {
    "relu": (one_unit("relu"), 1.0, "z of layer 1, .* passes 0, a kink of relu"),
    "leaky_relu": (one_unit("leaky_relu"), 1.0, "z of layer 1, .* passes 0, a kink of leaky_relu"),
    "elu": (one_unit(activations.ELU(0.3)), 1.0, "z of layer 1, .* passes 0, a kink of elu"),
    "elu, α = 1": (one_unit("elu"), 1.0, "z of layer 1, .* passes 0, a kink of elu"),
    "relu of the output": (one_unit(output="relu"), 1.0, "z of layer 2, .* a kink of relu"),
    "absolute_error": (one_unit(loss="absolute_error"), 0.0, "a - y, .* a kink of absolute_error"),
    "huber below": (one_unit(loss="huber"), 1.0, "a - y, .* passes -1, a kink of huber"),
    "huber above": (
        one_unit(loss=bp.losses.Huber(0.5)),
        -0.5,
        "a - y, .* passes 0.5, a kink of huber",
    ),
}


@pytest.mark.parametrize("case", KINKS)
@pytest.mark.parametrize("offset", [0.0, 3e-6, -3e-6])
def test_a_kink_is_named(case, offset):
    net, y, says = KINKS[case]
    theta = AT_ZERO + np.array([0.0, offset, 0.0, 0.0])
    check = bp.check_gradient(net, theta, [[1.0]], [[y]])
    assert not check.passed
    assert re.search(says, check.kink)
    assert f"straddles a kink, so it is no derivative: {check.kink}." in str(check)
    far = bp.check_gradient(net, theta + np.array([0.0, 0.2, 0.0, 0.0]), [[1.0]], [[y]])
    assert far.passed
    assert far.kink == ""


def test_a_fault_away_from_a_kink_is_no_kink():
    check = bp.check_gradient(WrongAt((5,), 1e-3), THETA, X, Y)
    assert not check.passed
    assert check.kink == ""
    assert "kink" not in str(check)


def test_a_kink_in_one_network_of_a_stack():
    net = one_unit("relu")
    theta = np.stack([AT_ZERO + 0.5, AT_ZERO, AT_ZERO + 0.5])
    check = bp.check_gradient(net, theta, [[0.5], [1.0]], [[0.0], [1.0]])
    assert check.kink.startswith("z of layer 1, unit 0, case 1 (counted from 0)")


def test_a_kink_on_every_library(xp64):
    check = bp.check_gradient(
        one_unit("relu"), *(xp64.array(x) for x in (AT_ZERO, np.ones((1, 1)), np.ones((1, 1))))
    )
    assert "kink of relu" in str(check)
