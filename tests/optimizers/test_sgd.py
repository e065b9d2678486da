from dataclasses import fields, replace

import numpy as np
import pytest
from descents import beside_pytorch, steps
from hypothesis import given
from hypothesis import strategies as st
from libraries import open_library
from surface import optimizer_kinds, variants

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import OptionError
from backprop_xp.optimizers import SGD
from backprop_xp.schedules import Constant, Piecewise
from backprop_xp.training.step.numbers import Settings

NUMPY = open_library("numpy")

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


# ---------------------------------------------------------------------------------------------
# every optimiser of the surface, with numbers, schedules and switches

OF_ONE = {
    name: optimizer
    for kind_name, kind in optimizer_kinds().items()
    for name, optimizer in variants(kind_name, kind)
    if "own numbers" not in name
}
OF_A_STACK = {
    name: optimizer
    for kind_name, kind in optimizer_kinds().items()
    for name, optimizer in variants(kind_name, kind)
    if "own numbers" in name
}
GRADIENTS = np.random.default_rng(0).standard_normal((5, 3, 4))


@pytest.mark.parametrize("optimizer", OF_ONE.values(), ids=OF_ONE)
def test_leading_axes_are_networks(optimizer):
    # the same operations on each number, so that not a bit differs
    together = steps(NUMPY, optimizer, np.ones((3, 4)), GRADIENTS)
    for k in range(3):
        alone = steps(NUMPY, optimizer, np.ones(4), GRADIENTS[:, k])
        np.testing.assert_array_equal(np.array(together)[:, k], alone)
    axes = steps(NUMPY, optimizer, np.ones((3, 1, 4)), GRADIENTS[:, :, None])
    np.testing.assert_array_equal(np.array(axes)[:, :, 0], together)


@pytest.mark.parametrize("optimizer", OF_A_STACK.values(), ids=OF_A_STACK)
def test_each_network_has_its_numbers(optimizer):
    together = steps(NUMPY, optimizer, np.ones((3, 4)), GRADIENTS)
    numbers = optimizer.settings(0)
    for k in range(3):
        mine = replace(optimizer, **{name: float(of[k]) for name, of in numbers.items()})
        alone = steps(NUMPY, mine, np.ones(4), GRADIENTS[:, k])
        # a power of a number and of an array differ by a rounding
        np.testing.assert_allclose(np.array(together)[:, k], alone, rtol=1e-13)


@pytest.mark.parametrize("optimizer", OF_ONE.values(), ids=OF_ONE)
def test_a_gradient_is_lent_and_a_state_is_like_theta(xp, optimizer):
    for dtype in xp.float_dtypes:
        theta = xp.array(np.ones((2, 3)), dtype) * 1
        state, settings = optimizer.init(theta), Settings(optimizer, theta)
        shapes = [tuple(x.shape) for x in state]
        assert all(shape in ((2, 3), (2, 1)) for shape in shapes)
        for _ in range(3):
            g = xp.array(np.full((2, 3), 0.5), dtype) * 1
            theta, state = optimizer.update(theta, state, g, **settings.next().optimizer)
            assert theta is not g
            assert all(kept is not g for kept in state)
            for x in (theta, *state):
                assert (dtype_name(x.dtype), device_of(x)) == (dtype, xp.device)
                assert namespace(x) is namespace(g)
        assert [tuple(x.shape) for x in state] == shapes


@pytest.mark.parametrize("optimizer", OF_ONE.values(), ids=OF_ONE)
def test_arrays_of_a_state_have_memory_of_their_own(optimizer):
    theta, g = np.ones(3), np.full(3, 0.5)
    state = optimizer.init(theta)
    for step in range(3):
        arrays = [theta, g, *state]
        for i, one in enumerate(arrays):
            assert not any(np.shares_memory(one, other) for other in arrays[:i])
        theta, state = optimizer.update(theta, state, g, **optimizer.settings(step))


@pytest.mark.parametrize("optimizer", OF_ONE.values(), ids=OF_ONE)
def test_pieces_make_the_whole(optimizer, monkeypatch):
    whole = steps(NUMPY, optimizer, np.ones(12), GRADIENTS.reshape(5, 12))
    monkeypatch.setattr("backprop_xp.optimizers.cache_pieces.PIECE", 5)
    pieces = steps(NUMPY, optimizer, np.ones(12), GRADIENTS.reshape(5, 12))
    np.testing.assert_array_equal(whole, pieces)


@pytest.mark.parametrize("kind", optimizer_kinds().values(), ids=optimizer_kinds())
def test_they_can_be_keys_and_cannot_be_changed(kind):
    assert kind() == kind(kind().learning_rate) != kind(0.7)
    assert len({kind(), kind(), kind(0.7)}) == 2
    with pytest.raises(AttributeError):
        kind().learning_rate = 0.5
    one = kind()
    assert one.settings(0) is one.settings(1)
    assert set(one.limits) == set(one.settings(0))


@pytest.mark.parametrize("kind", optimizer_kinds().values(), ids=optimizer_kinds())
def test_schedules_are_checked_at_each_step(kind):
    optimizer = kind(lambda step: 0.5 if step == 0 else -1.0)
    assert optimizer.settings(0)["learning_rate"] == 0.5
    with pytest.raises(OptionError, match=rf"{kind.__name__}\(learning_rate\): got -1.0"):
        optimizer.settings(1)


@pytest.mark.parametrize("kind", optimizer_kinds().values(), ids=optimizer_kinds())
def test_its_numbers_are_positional_in_the_order_of_its_ranges(kind):
    assert [one.name for one in fields(kind) if one.name in kind.ranges] == list(kind.ranges)
    assert fields(kind)[0].name == "learning_rate"
    assert getattr(bp, kind.__name__) is kind


# ---------------------------------------------------------------------------------------------
# what is no optimiser


class Returns:
    """An optimiser of a user with a state, whose update returns what it is told."""

    def __init__(self, make):
        self._make = make

    def settings(self, _):
        return {}

    def init(self, theta):
        return (theta * 0,)

    def update(self, theta, state, _):
        return self._make(theta, state)


@pytest.mark.parametrize(
    "make",
    [
        lambda theta, _: theta,
        lambda *_: None,
        lambda theta, state: (theta[..., 1:], state),
        lambda theta, state: (theta, state[0]),
        lambda theta, _: (theta, ()),
        lambda theta, state: (theta, (*state, *state)),
        lambda theta, state: (theta, (state[0][..., :1],)),
    ],
)
def test_updates_of_other_forms_are_refused(make, xp):
    X, Y = xp.array(np.ones((4, 3))), xp.array(np.array([0, 1, 0, 1]))
    net = bp.Network([3, 2])
    with pytest.raises(bp.ShapeError, match=r"optimizer\.update"):
        bp.train(net, X, Y, optimizer=Returns(make), epochs=1)
    bp.train(net, X, Y, optimizer=Returns(lambda theta, state: (theta, state)), epochs=1)


def test_an_update_of_another_dtype_is_refused():
    def wider(theta, state):
        return theta.astype("float64"), state

    X = np.ones((4, 3), "float32")
    with pytest.raises(bp.ShapeError, match="float32"):
        bp.train(bp.Network([3, 2]), X, [0, 1, 0, 1], optimizer=Returns(wider), epochs=1)


@pytest.mark.parametrize("number", ["0.1", True, [True], [None], {}, b"1", bp.schedules.Cosine])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(bp.OptionError, match="learning_rate"):
        bp.SGD(number)


def test_switches_are_true_or_false():
    for make in (lambda: bp.SGD(0.1, nesterov="no"), lambda: bp.RMSprop(0.1, centered=1)):
        with pytest.raises(bp.OptionError, match="True or False"):
            make()
