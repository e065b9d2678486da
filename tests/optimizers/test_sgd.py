"""SGD with momentum, classical and Nesterov's: by hand, and beside PyTorch's."""

import numpy as np
import pytest
from descents import beside_pytorch, steps
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of
from backprop_xp.errors import OptionError
from backprop_xp.optimizers import SGD
from backprop_xp.schedules import Constant, Piecewise


# SGD: numbers with few binary digits, so that every step is exact and the tolerance is 0
def test_plain_gradient_descent_by_hand(xp):
    # θ − ½ g: (1, 2) − ½ (4, −2) = (−1, 3), then (−1, 3) − ½ (1, 1) = (−1.5, 2.5)
    found = steps(xp, SGD(0.5), [1.0, 2.0], [[4.0, -2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(found, [[-1, 3], [-1.5, 2.5]])


def test_the_momentum_of_1986_by_hand(xp):
    # Δθ(t) = ½ Δθ(t−1) − ¼ g:  −1, then −½ − ½ = −1, then −½ + 1 = ½
    found = steps(xp, SGD(0.25, momentum=0.5), [2.0], [[4.0], [2.0], [-4.0]])
    np.testing.assert_array_equal(found, [[1], [0], [0.5]])


def test_nesterov_by_hand(xp):
    # Δθ as above: −1, −1, ½; θ moves by ½ Δθ(t) − ¼ g: −½ − 1, then −½ − ½, then ¼ + 1
    found = steps(xp, SGD(0.25, momentum=0.5, nesterov=True), [2.0], [[4.0], [2.0], [-4.0]])
    np.testing.assert_array_equal(found, [[0.5], [-0.5], [0.75]])


def test_nesterov_without_momentum_is_plain(xp):
    gradients = [[4.0, -2.0], [1.0, 1.0]]
    expected = steps(xp, SGD(0.5), [1.0, 2.0], gradients)
    np.testing.assert_array_equal(
        steps(xp, SGD(0.5, nesterov=True), [1.0, 2.0], gradients), expected
    )


def test_a_schedule_of_momentum_0_is_plain(xp):
    gradients = [[4.0, -2.0], [1.0, 1.0]]
    expected = steps(xp, SGD(0.5), [1.0, 2.0], gradients)
    for nesterov in (False, True):
        sgd = SGD(0.5, momentum=Constant(0.0), nesterov=nesterov)
        np.testing.assert_array_equal(steps(xp, sgd, [1.0, 2.0], gradients), expected)


def test_schedules_by_hand(xp):
    # Δθ: −½·4 = −2; the rate falls to ¼, the momentum rises to ½: −1 − 1 = −2, −1 − 1 = −2
    sgd = SGD(Piecewise([1], [0.5, 0.25]), momentum=lambda step: 0.0 if step == 0 else 0.5)
    np.testing.assert_array_equal(steps(xp, sgd, [6.0], [[4.0]] * 3), [[4], [2], [0]])


def test_a_change_of_the_rate_leaves_the_gathered_momentum_as_it_is(xp):
    # Δθ: −4, then with rate 0 still ½·(−4) = −2, −1: the form v ← α v + g would stand still
    sgd = SGD(Piecewise([1], [1.0, 0.0]), momentum=0.5)
    np.testing.assert_array_equal(steps(xp, sgd, [8.0], [[4.0]] * 3), [[4], [2], [1]])


def test_one_number_for_each_network_of_a_stack(xp):
    # plain steps: 1 − ½·2 and 1 − ¼·2; then with momenta 0 and ½: Δθ = −1, −½, and −1, −¾
    rates, momenta = np.array([[0.5], [0.25]]), np.array([[0.0], [0.5]])
    theta, gradients = np.ones((2, 3)), [np.full((2, 3), 2.0)] * 2
    found = steps(xp, SGD(rates, momentum=momenta), theta, gradients)
    np.testing.assert_array_equal(found[0], [[0, 0, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(found[1], [[-1, -1, -1], [-0.25, -0.25, -0.25]])


def test_the_state_is_like_theta(xp):
    theta = xp.array(np.ones((2, 3)), "float32")
    assert SGD(0.1).init(theta) == ()
    for sgd in (SGD(0.1, momentum=0.5), SGD(0.1, momentum=Constant(0.0))):
        (velocity,) = sgd.init(theta)
        assert (velocity.dtype, device_of(velocity)) == (theta.dtype, xp.device)
        np.testing.assert_array_equal(xp.host(velocity), np.zeros((2, 3)))
    np.testing.assert_array_equal(xp.host(theta), np.ones((2, 3)))


def test_the_numbers_themselves_are_never_changed():
    rates = np.array([[0.5], [0.25]])
    rates.flags.writeable = False
    sgd = SGD(rates, momentum=rates)
    found = bp.train(
        bp.Network([1, 1], output="identity", loss="squared_error"),
        np.ones((2, 1)),
        np.zeros((2, 1)),
        optimizer=sgd,
        l2=rates,
        stack=2,
        epochs=3,
    )
    assert found.theta.shape == (2, 2)
    np.testing.assert_array_equal(rates, [[0.5], [0.25]])


@pytest.mark.parametrize(
    "bad",
    [-0.1, np.nan, np.inf, "fast", None, [0.1, -0.1], np.array([[np.nan]]), 1j, [[1], [1, 2]]],
)
def test_a_learning_rate_out_of_range(bad):
    with pytest.raises(OptionError, match=r"SGD\(learning_rate\): got .*; expected finite numb"):
        SGD(bad)


@pytest.mark.parametrize("bad", [-0.1, 1, 1.0, 1.5, np.nan, "some", None, [0.1, 1.0]])
def test_a_momentum_out_of_range(bad):
    with pytest.raises(OptionError, match=r"SGD\(momentum\): got .*; expected numbers >= 0 and <"):
        SGD(0.1, momentum=bad)


def test_schedules_are_not_called_before_training():
    def never(step):
        raise AssertionError

    SGD(never, momentum=never)


def test_numbers_at_the_edge_of_their_range_are_welcome():
    assert SGD(0, momentum=0).settings(0) == {"learning_rate": 0}
    assert SGD(1e6, momentum=0.999).settings(5) == {"learning_rate": 1e6, "momentum": 0.999}


def test_it_can_be_a_key_and_be_compared():
    assert SGD(0.1, momentum=0.9) == SGD(0.1, momentum=0.9) != SGD(0.1)
    assert len({SGD(0.1), SGD(0.1), SGD(0.2)}) == 2


@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True), (0.5, True)]
)
def test_it_equals_pytorchs_for_200_steps(momentum, nesterov):
    # PyTorch gathers v ← α v + g and steps by −ε v, the same with a constant ε. Each of the 200
    # steps rounds a few times, about 2e-16 each, and the problem shrinks errors: 1e-12 is ample.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    A = A @ A.T / 6 + np.eye(6)
    start, b = rng.standard_normal(6), rng.standard_normal(6)

    peer = torch.nn.Parameter(torch.tensor(start))
    torch_sgd = torch.optim.SGD([peer], lr=0.05, momentum=momentum, nesterov=nesterov)
    sgd = SGD(0.05, momentum=momentum, nesterov=nesterov)
    theta, state = start.copy(), sgd.init(start)
    for step in range(200):
        theta, state = sgd.update(theta, state, A @ theta - b, **sgd.settings(step))
        peer.grad = torch.tensor(A) @ peer.detach() - torch.tensor(b)
        torch_sgd.step()
        np.testing.assert_allclose(theta, peer.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert np.abs(theta - start).max() > 0.1


def test_a_schedule_of_the_rate_parts_it_from_pytorchs():
    # where the rate falls to 0 this one glides on, by Δθ(t) = α Δθ(t−1); PyTorch's, v ← α v + g and
    # a step of −ε v, stands still. Until then the two are one, to some roundings of 1e-16 a step.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    own = SGD(Piecewise([100], [0.05, 0.0]), momentum=0.5)

    def peer(parameters):
        return torch.optim.SGD(parameters, lr=0.05, momentum=0.5)

    found = list(beside_pytorch(own, peer, rates=[0.05] * 100 + [0.0] * 100))
    for mine, expected in found[:100]:
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)
    last, after, later = (found[step][0] for step in (98, 99, 100))
    np.testing.assert_allclose(later - after, 0.5 * (after - last), rtol=1e-9)
    np.testing.assert_array_equal(found[99][1], found[-1][1])


@given(
    rate=st.floats(0, 2),
    momentum=st.floats(0, 0.99),
    nesterov=st.booleans(),
    gradients=st.lists(st.floats(-10, 10), min_size=1, max_size=10),
)
def test_a_stack_is_as_many_networks_alone(rate, momentum, nesterov, gradients):
    # the same operations on each number, so that not a bit differs
    sgd = SGD(rate, momentum=momentum, nesterov=nesterov)
    alone, stacked = np.ones(2), np.ones((3, 2))
    state, states = sgd.init(alone), sgd.init(stacked)
    for step, gradient in enumerate(gradients):
        g = np.array([gradient, 1.0])
        alone, state = sgd.update(alone, state, g.copy(), **sgd.settings(step))
        stacked, states = sgd.update(stacked, states, np.tile(g, (3, 1)), **sgd.settings(step))
    np.testing.assert_array_equal(stacked, np.tile(alone, (3, 1)))
