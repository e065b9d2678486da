"""Losses: by hand, by central differences, against PyTorch, at the edge of their domains."""

import math

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.losses import LOSSES, Huber, find_loss, over_units

NAMES = list(LOSSES)
LN2, LN3 = math.log(2), math.log(3)

# for each loss: outputs a and targets y of one case, E_c, ∂E_c/∂a
BY_HAND = {
    # ½ (0.25 + 4 + 0)
    "squared_error": ([0.5, 2, 1], [1, 0, 1], 2.125, [-0.5, 2, 0]),
    # −¼ ln ½ − ¾ ln ¼ = ¼ ln 2 + 1½ ln 2; −y/a; a target of 0 counts for nothing
    "cross_entropy": ([0.5, 0.25, 0.125], [0.25, 0.75, 0], 1.75 * LN2, [-0.5, -3, 0]),
    # ln 2, −¼ ln ¾ − ¾ ln ¼ = 2 ln 2 − ¼ ln 3, −ln ¾ = 2 ln 2 − ln 3;
    # −1/½, (¾)/(¼) − (¼)/(¾), 1/¾
    "binary_cross_entropy": (
        [0.5, 0.75, 0.25],
        [1, 0.25, 0],
        5 * LN2 - 1.25 * LN3,
        [-2, 8 / 3, 4 / 3],
    ),
    # 2 − 3 ln 2, 1 − 0, ½ + ln 2; 1 − 3/2, 1, 1 − 2
    "poisson": ([2, 1, 0.5], [3, 0, 1], 3.5 - 2 * LN2, [-0.5, 1, -1]),
    # 0.5 + 2 + 0, with slope 0 on the target
    "absolute_error": ([0.5, 2, 1], [1, 0, 1], 2.5, [-1, 1, 0]),
    # ½ · 0.25, 1 (3 − ½), and ½ · 1 where both pieces meet
    "huber": ([0.5, 3, 0], [1, 0, 1], 3.125, [-0.5, 1, -1]),
}
# Tests that run on every library share two shapes: JAX compiles each function for each shape.
# Two networks, three output units, four cases, inside every domain: 0 < a < 1 and y ≥ 0, and not
# within the step of a difference of the kinks a = y and |a − y| = 1
A = np.random.default_rng(1).uniform(0.1, 0.9, size=(2, 3, 4))
Y = np.random.default_rng(2).choice([0.0, 0.05, 0.95, 1.0, 3.0], size=(2, 3, 4))


def test_no_case_is_near_a_kink():
    r = np.abs(A - Y)
    assert np.abs(r).min() > 1e-3
    assert np.abs(r - 1).min() > 1e-3
    assert (r > 1).any()  # both pieces of Huber's loss are there
    assert (r < 1).any()


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(xp, name):
    a, y, E, dE_da = BY_HAND[name]
    loss = LOSSES[name]()
    a, y = (xp.array(np.array([x] * 4, dtype=float).T) for x in (a, y))  # four times the case
    E_c = loss(a, y)
    rtol = 1e-15 if xp.float64 else 5e-7  # a few roundings
    np.testing.assert_allclose(xp.host(E_c), [E] * 4, rtol=rtol)
    np.testing.assert_allclose(xp.host(loss.dE_da(a, y)).T, [dE_da] * 4, rtol=rtol)


def test_huber_with_a_threshold_of_2():
    # ½ · 0.25, 2 (3 − 1), 2 (5 − 1)
    a, y = np.array([[0.5], [3.0], [-5.0]]), np.array([[1.0], [0.0], [0.0]])
    np.testing.assert_array_equal(Huber(2.0)(a, y), [12.125])
    np.testing.assert_array_equal(Huber(2.0).dE_da(a, y), [[-0.5], [2], [-2]])


@pytest.mark.parametrize("threshold", [0, -1.0, math.nan, math.inf, "1", None, True])
def test_huber_refuses_a_threshold_that_is_not_positive(threshold):
    with pytest.raises(OptionError, match=r"^Huber\(threshold\): got .*; expected a .*number"):
        Huber(threshold)


@pytest.mark.parametrize("loss", [*NAMES, Huber(0.4), Huber(2.5)], ids=str)
def test_derivative_is_the_central_difference(loss):
    loss = find_loss(loss)
    h, nudges = 1e-4, np.eye(A.size).reshape(A.size, *A.shape)

    def cost(step):
        return loss(A + step * nudges, Y).sum(axis=(-2, -1))

    first, second = cost(h) - cost(-h), cost(2 * h) - cost(-2 * h)
    numeric = ((8 * first - second) / (12 * h)).reshape(A.shape)
    # truncation: h⁴/30 times the fifth derivative of −3 ln a at 0.1, 3 · 24/0.1⁵ = 7e6, is 2e-11;
    # rounding: 1.5 ε E / h = 3e-12 E with a total E below 100
    np.testing.assert_allclose(loss.dE_da(A, Y), numeric, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_cases_and_networks_are_apart_and_arguments_stay(xp, name):
    loss = LOSSES[name]()
    a, y = xp.array(A), xp.array(Y)
    before = xp.host(a).copy(), xp.host(y).copy()
    E_c, dE_da = loss(a, y), loss.dE_da(a, y)
    np.testing.assert_array_equal(xp.host(a), before[0])
    np.testing.assert_array_equal(xp.host(y), before[1])
    assert tuple(E_c.shape) == (2, 4)
    assert tuple(dE_da.shape) == (2, 3, 4)
    assert E_c.dtype == dE_da.dtype == a.dtype
    assert E_c.device == dE_da.device == a.device
    # a few roundings of numbers up to 60
    atol = 1e-13 if xp.float64 else 5e-5
    for network in range(2):
        for case in range(4):
            column = A[network, :, case : case + 1], Y[network, :, case : case + 1]
            alone, slope = loss(*column), loss.dE_da(*column)
            np.testing.assert_allclose(xp.host(E_c)[network, case], alone[0], rtol=0, atol=atol)
            np.testing.assert_allclose(
                xp.host(dE_da)[network, :, case], slope[:, 0], rtol=0, atol=atol
            )


def torch_losses():
    import torch
    from torch.nn import functional

    return {
        "squared_error": lambda a, y: 0.5 * functional.mse_loss(a, y, reduction="sum"),
        "cross_entropy": lambda a, y: -torch.sum(torch.xlogy(y, a)),
        "binary_cross_entropy": lambda a, y: functional.binary_cross_entropy(a, y, reduction="sum"),
        "poisson": lambda a, y: functional.poisson_nll_loss(
            a, y, log_input=False, full=False, eps=0, reduction="sum"
        ),
        "absolute_error": lambda a, y: functional.l1_loss(a, y, reduction="sum"),
        "huber": lambda a, y: functional.huber_loss(a, y, reduction="sum"),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_values_and_derivatives_of_torch(xp, name):
    known = torch_losses()
    if name not in known:
        pytest.skip(f"PyTorch has no function that this test knows as {name}")
    y_host = Y / 3 if name == "binary_cross_entropy" else Y  # PyTorch refuses targets above 1
    a, y = xp.array(A), xp.array(y_host)
    leaf = a.clone().requires_grad_()
    theirs = known[name](leaf, y)
    theirs.backward()
    loss = LOSSES[name]()
    # sums of 24 terms in another order; slopes of up to 30
    np.testing.assert_allclose(xp.host(loss(a, y)).sum(), theirs.item(), rtol=1e-14)
    np.testing.assert_allclose(xp.host(loss.dE_da(a, y)), xp.host(leaf.grad), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "poisson"])
def test_outputs_that_have_rounded_to_0_or_1(xp, name, dtype):
    """No NaN and no warning: the cost is 0 where the target agrees, large where it does not."""
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    loss = LOSSES[name]()
    a = xp.array([[0.0, 0.0, 1.0, 1.0]] * 3, dtype)
    if name == "binary_cross_entropy":
        right, wrong = [[0.0, 0.0, 1.0, 1.0]] * 3, [[1.0, 1.0, 0.0, 0.0]] * 3
    else:  # a is positive, and 1 costs nothing (a constant 1 for poisson)
        right, wrong = [[0.0, 0.0, 1.0, 1.0]] * 3, [[1.0, 2.0, 1.0, 1.0]] * 3
    constant = [0, 0, 3, 3] if name == "poisson" else 0
    # exact: ln 1 = 0, and 0 times a number that is not infinite
    np.testing.assert_array_equal(xp.host(loss(a, xp.array(right, dtype))), constant)
    cost = xp.host(loss(a, xp.array(wrong, dtype)))
    assert np.isfinite(cost).all()
    assert (cost[:2] > 150).all()  # three units, each beyond −ln 1e-22
    for y in (right, wrong):
        assert np.isfinite(xp.host(loss.dE_da(a, xp.array(y, dtype)))).all()


def test_over_units_sums_the_units_of_each_case(xp):
    # exact: sums of small integers
    sums = over_units(
        xp.array([[1.0, 2.0, 0.0, -1.0], [3.0, 5.0, 0.0, 4.0], [7.0, 11.0, 0.0, 0.0]])
    )
    np.testing.assert_array_equal(xp.host(sums), [11, 18, 0, 3])


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_bears_its_name_and_equals_its_like(name):
    loss = find_loss(name)
    assert loss.name == name
    assert loss == LOSSES[name]()
    assert hash(loss) == hash(LOSSES[name]())
    assert all(loss != LOSSES[other]() for other in NAMES if other != name)
    assert find_loss(loss) is loss
    assert Huber(2.0) != Huber()


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("crossentropy", "cross_entropy"),
        ("squared_eror", "squared_error"),
        ("binary_crossentropy", "binary_cross_entropy"),
        ("Huber", "huber"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, nearest):
    with pytest.raises(OptionError) as caught:
        find_loss(wrong)
    message = str(caught.value)
    assert message.startswith(f"Network(loss): got {wrong!r}; expected one of squared_error, ")
    assert f"Did you mean {nearest!r}?" in message


class LogCosh:
    """A user's own loss, E_c = Σ ln cosh(a − y)."""

    name = "log_cosh"

    def __call__(self, a, y):
        return np.log(np.cosh(a - y)).sum(axis=-2)

    def dE_da(self, a, y):
        return np.tanh(a - y)


def test_a_users_own_loss_in_a_network():
    own = LogCosh()
    assert find_loss(own) is own
    rng = np.random.default_rng(0)
    for output in ("identity", "softmax"):
        net = bp.Network([2, 3, 2], hidden="tanh", output=output, loss=own)
        theta = rng.normal(size=net.parameter_count)
        check = bp.check_gradient(net, theta, rng.normal(size=(4, 2)), rng.normal(size=(4, 2)))
        assert check.passed, str(check)


@pytest.mark.parametrize(
    "wrong",
    [LogCosh, np.subtract, None, 3, object()],
    ids=["class", "ufunc", "None", "3", "object"],
)
def test_what_is_no_loss_is_refused(wrong):
    with pytest.raises(OptionError, match=r"^Network\(loss\): got .*name and dE_da\(a, y\)"):
        find_loss(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_without_an_axis_of_units_are_refused(xp, name):
    for shape in ((3,), ()):
        a = xp.array(np.full(shape, 0.5))
        with pytest.raises(ShapeError, match=r"sum over the units of a layer: got shape \(3?,?\)"):
            LOSSES[name]()(a, a)
