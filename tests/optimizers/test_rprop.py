"""Rprop: by hand, beside PyTorch's, and on the whole set alone."""

import numpy as np
import pytest
from descents import beside_pytorch, steps

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.optimizers import LBFGS, Rprop


def test_steps_of_rprop_by_hand(xp):
    # Δ = ½; 1.5 grows it: g = 3, 1: θ = 1 − ½ − ¾; g = −2 changes the sign: Δ = ⅜, θ stays;
    # g = −1 is compared with nothing: θ + ⅜; g = −1 keeps it: Δ = 9/16; g = 0: θ stays. All exact.
    rprop = Rprop(0.5, decrease=0.5, increase=1.5)
    gradients = [[3.0], [1.0], [-2.0], [-1.0], [-1.0], [0.0]]
    expected = [[0.5], [-0.25], [-0.25], [0.125], [0.6875], [0.6875]]
    for dtype in xp.float_dtypes:
        np.testing.assert_array_equal(steps(xp, rprop, [1.0], gradients, dtype), expected)


def test_steps_stay_between_the_smallest_and_the_largest(xp):
    # ½ doubles to 1 and stays there; halved twice it stays at ¼. Exact.
    rprop = Rprop(0.5, increase=2.0, smallest_step=0.25, largest_step=1.0)
    growing = np.diff(np.array(steps(xp, rprop, [0.0], [[1.0]] * 4))[:, 0])
    np.testing.assert_array_equal(growing, [-1, -1, -1])
    falling = np.array(
        steps(xp, rprop, [0.0], [[1.0], [-1.0], [-1.0], [1.0], [1.0], [-1.0], [-1.0]])
    )
    np.testing.assert_array_equal(falling[:, 0], [-0.5, -0.5, -0.25, -0.25, -0.5, -0.5, -0.25])


def test_only_the_first_rate_counts(xp):
    gradients = [[1.0]] * 3
    expected = steps(xp, Rprop(0.5), [0.0], gradients)
    found = steps(xp, Rprop(lambda step: 0.5 + step), [0.0], gradients)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize(
    ("own", "named"),
    [
        (Rprop(), {}),
        (Rprop(0.1, 0.3, 1.5), {"lr": 0.1, "etas": (0.3, 1.5)}),
        (Rprop(0.1, 0.5, 1.2, 0.01, 0.2), {"lr": 0.1, "step_sizes": (0.01, 0.2)}),
        (Rprop(0.5, 0.9, 1.1, 1e-9, 1.0), {"lr": 0.5, "etas": (0.9, 1.1), "step_sizes": (1e-9, 1)}),
    ],
)
def test_rprop_equals_pytorchs_for_200_steps(own, named, noisy):
    # the same products in the same order, and signs alone of what differs: a rounding of 1e-16 a
    # step. Without noise the steps reach the minimum, where the signs are those of 1e-6.
    torch = pytest.importorskip("torch", reason="torch is not installed")

    def peer(parameters):
        return torch.optim.Rprop(parameters, **named)

    for found, expected in beside_pytorch(own, peer, noisy=noisy):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("learning_rate", bad) for bad in (-0.1, np.nan, None, "fast")),
        *(("decrease", bad) for bad in (0.0, 1.0, -0.5, np.nan)),
        *(("increase", bad) for bad in (1.0, 0.5, np.inf)),
        *(("smallest_step", bad) for bad in (-1e-6, np.inf)),
        *(("largest_step", bad) for bad in (0.0, np.inf)),
    ],
)
def test_numbers_of_rprop_out_of_range(name, bad):
    with pytest.raises(OptionError, match=rf"Rprop\({name}\): got .*; expected .*numbers >"):
        Rprop(**{name: bad})


@pytest.mark.parametrize("optimizer", [Rprop(), LBFGS()])
def test_mini_batches_are_refused(optimizer):
    X, Y = np.zeros((5, 2)), np.zeros(5, dtype=int)
    net, name = bp.Network([2, 2]), type(optimizer).__name__
    with pytest.raises(
        OptionError, match=rf"train\(batch_size\): got 4 of 5 cases with {name}; .*"
    ):
        bp.train(net, X, Y, optimizer=optimizer, batch_size=4)
    bp.train(net, X, Y, optimizer=optimizer, batch_size=5, epochs=1)  # it is the full batch
    bp.train(net, X, Y, optimizer=optimizer, batch_size=None, epochs=1)


def test_a_users_own_optimiser_may_ask_for_the_full_batch():
    class Own(bp.SGD):
        full_batch = True

    with pytest.raises(OptionError, match=r"train\(batch_size\): got 1 of 2 cases with Own"):
        bp.train(bp.Network([2, 2]), np.eye(2), [0, 1], optimizer=Own(0.1), batch_size=1)


def test_rprop_learns_xor(xp):
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    given = xp.array(X, "float32"), xp.array(Y, "float32")
    run = bp.train(net, *given, optimizer=Rprop(0.1), epochs=60, batch_size=None, seed=0)
    assert run.history["cost"][-1] < 0.01
