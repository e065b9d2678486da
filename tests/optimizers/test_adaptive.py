"""RMSprop and Adagrad: by hand, by their papers, and beside PyTorch's."""

import numpy as np
import pytest
from descents import beside_pytorch, steps
from training_steps import numbers_of

from backprop_xp.errors import OptionError
from backprop_xp.optimizers.adaptive import Adagrad, RMSprop
from backprop_xp.schedules import Constant, InverseTime, Piecewise

# A step rounds some ten times; the numbers by hand are exact in binary but for their roots.
NEAR = {"float64": {"rtol": 1e-14}, "float32": {"rtol": 5e-6}}


def test_two_steps_of_rmsprop_by_hand(xp):
    # ρ = ¾, ε₀ = ½, rate 1; g = 3, then −1. v = ¼·9 = 9/4, √ = 1.5: θ = 1 − 3/2 = −½.
    # v = 27/16 + ¼ = 31/16, √ = 1.391941090707505: θ = −½ + 1/1.891941090707505
    for dtype in xp.float_dtypes:
        found = steps(xp, RMSprop(1.0, 0.75, 0.5), [1.0], [[3.0], [-1.0]], dtype)
        expected = [[-0.5], [-0.5 + 1 / 1.891941090707505]]
        np.testing.assert_allclose(found, expected, **NEAR[dtype])


def test_two_steps_of_rmsprop_centred_with_momentum_by_hand(xp):
    # ρ = ½, ε₀ = ½, rate 1, momentum ½; g = 3, then 1.
    # v = 9/2, ḡ = 3/2, v − ḡ² = 9/4, √ = 3/2: Δθ = −3/2, θ = −½.
    # v = 11/4, ḡ = 5/4, v − ḡ² = 19/16, √ = 1.0897247358851685: Δθ = −¾ − 1/1.5897247358851685
    rmsprop = RMSprop(1.0, 0.5, 0.5, momentum=0.5, centered=True)
    for dtype in xp.float_dtypes:
        found = steps(xp, rmsprop, [1.0], [[3.0], [1.0]], dtype)
        expected = [[-0.5], [-1.25 - 1 / 1.5897247358851685]]
        np.testing.assert_allclose(found, expected, **NEAR[dtype])


def test_two_steps_of_adagrad_by_hand(xp):
    # ε₀ = 1, rate 1; g = 3: s = 9, θ = 1 − ¾; g = −4: s = 25, θ = ¼ + 4/6
    for dtype in xp.float_dtypes:
        found = steps(xp, Adagrad(1.0, 1.0), [1.0], [[3.0], [-4.0]], dtype)
        np.testing.assert_allclose(found, [[0.25], [0.25 + 2 / 3]], **NEAR[dtype])


@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_has_the_state_that_it_needs(xp, centered):
    theta = xp.array(np.ones((2, 3)))
    assert len(RMSprop(centered=centered).init(theta)) == 1 + centered
    for momentum in (0.5, Constant(0.0)):
        assert len(RMSprop(momentum=momentum, centered=centered).init(theta)) == 2 + centered


def test_the_variance_of_a_gradient_that_stays_is_never_below_0(xp):
    # v and ḡ² are the same number in the long run, and rounding has either of them larger: ε₀
    # bounds the step then, and no root is of a negative number
    for dtype in xp.float_dtypes:
        found = steps(xp, RMSprop(0.5, 0.5, 1.0, centered=True), [0.0], [[1.1]] * 60, dtype)
        step = np.diff(np.array(found)[-2:, 0])
        np.testing.assert_allclose(step, [-0.55], rtol=1e-2)


def test_a_schedule_of_momentum_0_is_plain_rmsprop(xp):
    gradients = [[3.0, -1.0], [0.5, 2.0]]
    plain = steps(xp, RMSprop(0.1), [1.0, 2.0], gradients)
    scheduled = steps(xp, RMSprop(0.1, momentum=Constant(0.0)), [1.0, 2.0], gradients)
    np.testing.assert_allclose(scheduled, plain, rtol=1e-15 if xp.float64 else 1e-6)


PEERS = {
    "RMSprop": [
        (RMSprop(), {}),
        (RMSprop(0.02, 0.9, 1e-3), {"lr": 0.02, "alpha": 0.9, "eps": 1e-3}),
        (RMSprop(0.02, 0.5, 1e-2, centered=True), {"lr": 0.02, "alpha": 0.5, "eps": 1e-2}),
        (RMSprop(0.01, 0.9, momentum=0.9), {"lr": 0.01, "alpha": 0.9, "momentum": 0.9}),
        (
            RMSprop(0.005, 0.95, 1e-2, 0.5, centered=True),
            {"lr": 0.005, "alpha": 0.95, "eps": 1e-2, "momentum": 0.5},
        ),
    ],
    "Adagrad": [
        (Adagrad(), {}),
        (Adagrad(0.5, 1e-2), {"lr": 0.5, "eps": 1e-2}),
        (Adagrad(InverseTime(0.2, 0.05)), {"lr": 0.2, "lr_decay": 0.05}),
    ],
}


@pytest.mark.parametrize(
    ("name", "own", "named"), [(name, *pair) for name, of in PEERS.items() for pair in of]
)
def test_they_equal_pytorchs_for_200_steps(name, own, named):
    # Some 10 roundings of 1e-16 a step, in another order, of numbers of size 1. The noise keeps the
    # gradients and their variance away from 0, where a quotient would magnify their rounding.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    named = {**named, "centered": True} if getattr(own, "centered", False) else named

    def peer(parameters):
        return getattr(torch.optim, name)(parameters, **named)

    found = list(beside_pytorch(own, peer))
    for mine, expected in found:
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)
    assert np.abs(found[-1][0] - found[0][0]).max() > 0.05


def apart(optimizer, **chosen):
    """Return how far θ is from PyTorch's after each of 1,000 steps."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    named = {"lr": optimizer.learning_rate, "alpha": optimizer.decay}
    named |= {"momentum": optimizer.momentum, "centered": optimizer.centered}
    peer = lambda parameters: torch.optim.RMSprop(parameters, **named)  # noqa: E731
    pairs = beside_pytorch(optimizer, peer, count=1_000, **chosen)
    return [np.abs(mine - expected).max() for mine, expected in pairs]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("centered", [False, True])
def test_with_noise_rmsprop_stays_with_pytorchs(momentum, centered):
    assert max(apart(RMSprop(0.01, 0.9, momentum=momentum, centered=centered))) < 1e-12


def test_without_noise_the_motion_around_a_minimum_magnifies_rounding():
    # as the Notes of RMSprop say; by how much exactly depends on the order of sums in BLAS
    found = apart(RMSprop(0.01, 0.9, momentum=0.9), noisy=False)
    assert max(found[:100]) < 1e-12
    assert max(found[:400]) > 1e-9
    assert max(found) < 0.1


def test_a_schedule_of_the_rate_leaves_the_gathered_momentum_of_rmsprop_as_it_is():
    # where the rate falls to 0 this one glides on, by Δθ(t) = α Δθ(t−1), as SGD here does;
    # PyTorch's, which multiplies what it gathered by the rate, stands still
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rates = [0.1] * 100 + [0.0] * 100
    own = RMSprop(Piecewise([100], [0.1, 0.0]), 0.9, momentum=0.5)

    def peer(parameters):
        return torch.optim.RMSprop(parameters, lr=0.1, alpha=0.9, momentum=0.5)

    found = list(beside_pytorch(own, peer, rates=rates))
    for mine, expected in found[:100]:
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)
    last, after, later = (found[step][0] for step in (98, 99, 100))
    np.testing.assert_allclose(later - after, 0.5 * (after - last), rtol=1e-9)
    np.testing.assert_array_equal(found[99][1], found[-1][1])


WRONG = [
    *((RMSprop, "decay", bad) for bad in (-0.1, 1.0, np.nan, "some", None, [0.1, 1.0])),
    *((RMSprop, "momentum", bad) for bad in (-0.1, 1.0, np.nan, "some", None)),
    *((kind, "epsilon", bad) for kind in (RMSprop, Adagrad) for bad in (0.0, -1.0, np.inf, None)),
    *((kind, "learning_rate", bad) for kind in (RMSprop, Adagrad) for bad in (-1.0, np.nan, "a")),
]


@pytest.mark.parametrize(("kind", "name", "bad"), WRONG)
def test_numbers_out_of_range(kind, name, bad):
    with pytest.raises(OptionError, match=rf"{kind.__name__}\({name}\): got .*; expected .*number"):
        kind(**{name: bad})


def test_numbers_of_a_step():
    assert set(RMSprop().settings(3)) == {"learning_rate", "decay", "epsilon"}
    assert set(RMSprop(momentum=0.5).settings(3)) == set(RMSprop.ranges)
    assert set(RMSprop(momentum=0.5).limits) == set(RMSprop.ranges)
    assert Adagrad(0.5).settings(0) == {"learning_rate": 0.5, "epsilon": 1e-10}
    with pytest.raises(OptionError, match=r"epsilon: got 1e-50; .* after rounding to float32"):
        numbers_of(Adagrad(epsilon=1e-50), np.zeros(3, "float32"))
