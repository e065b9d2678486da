"""What is asked of every optimiser, built in or a user's own."""

from dataclasses import fields, replace

import numpy as np
import pytest
from descents import steps
from libraries import open_library
from surface import optimizer_kinds, variants
from training_steps import numbers_of

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import OptionError

NUMPY = open_library("numpy")

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
        state, settings = optimizer.init(theta), numbers_of(optimizer, theta)
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
