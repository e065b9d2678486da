"""Removed connections: they carry nothing, their gradient is 0, and the rest does not notice."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.backend import namespace
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.network.connections import Mask, checked_connections, existing

SHAPES = [(3, 2), (2, 3)]
MATRIX = np.array([[1, 0], [1, 1], [0, 1]])
LAST = np.array([[1, 1, 0], [0, 1, 1]])


def network(connections):
    return bp.Network(
        [2, 3, 2], hidden="tanh", output="sigmoid", loss="squared_error", connections=connections
    )


def test_all_connections_unless_told():
    assert checked_connections(None, SHAPES) == (None, None)
    assert checked_connections([None, None], SHAPES) == (None, None)


@pytest.mark.parametrize(
    "mask",
    [
        MATRIX,
        MATRIX.tolist(),
        MATRIX.astype(bool),
        MATRIX.astype("float32"),
        MATRIX[::-1][::-1].T.copy().T,  # by columns in memory
        Mask((3, 2), MATRIX.astype(bool).tobytes()),
    ],
    ids=["integers", "lists", "booleans", "floats", "columns", "Mask"],
)
def test_every_way_to_hand_in_a_mask(mask):
    found, none = checked_connections([mask, None], SHAPES)
    assert none is None
    assert found == Mask((3, 2), bytes([1, 0, 1, 1, 0, 1]))  # by rows
    assert hash(found) == hash(Mask((3, 2), bytes([1, 0, 1, 1, 0, 1])))
    matrix = np.asarray(found)
    assert matrix.dtype == bool
    np.testing.assert_array_equal(matrix, MATRIX)
    assert np.asarray(found, dtype="float32").dtype == "float32"
    assert repr(found) == "Mask((3, 2), 4 connections)"


def test_masks_of_every_library(xp):
    found, _ = checked_connections([xp.array(MATRIX), None], SHAPES)
    np.testing.assert_array_equal(np.asarray(found), MATRIX)


def test_a_mask_does_not_follow_the_array_it_came_from():
    matrix = MATRIX.copy()
    net = network([matrix, None])
    before = hash(net)
    matrix[:] = 0
    assert hash(net) == before
    np.testing.assert_array_equal(np.asarray(net.connections[0]), MATRIX)


@pytest.mark.parametrize(
    ("connections", "error", "says"),
    [
        ([MATRIX], ShapeError, "Network(connections): got 1 masks; expected 2, one for each layer"),
        ([None] * 3, ShapeError, "got 3 masks; expected 2"),
        ([MATRIX.T, None], ShapeError, "layer 1: got shape (2, 3); expected (3, 2), (n_out, n_in)"),
        ([None, MATRIX], ShapeError, "layer 2: got shape (3, 2); expected (2, 3)"),
        ([MATRIX.ravel(), None], ShapeError, "layer 1: got shape (6,)"),
        ([MATRIX[None], None], ShapeError, "layer 1: got shape (1, 3, 2)"),
        ([[[1, 0], [1]], None], ShapeError, "layer 1: got rows of different lengths"),
        ([MATRIX * 2, None], OptionError, "layer 1: got other values than 0 and 1"),
        ([MATRIX * 0.5, None], OptionError, "layer 1: got other values than 0 and 1"),
        ([MATRIX - 1, None], OptionError, "layer 1: got other values than 0 and 1"),
        ([MATRIX * np.nan, None], OptionError, "layer 1: got other values than 0 and 1"),
        ([MATRIX.astype(str), None], DTypeError, "layer 1: got dtype"),
        ([MATRIX.astype(complex), None], DTypeError, "layer 1: got dtype complex128"),
        ([MATRIX.astype(object), None], DTypeError, "layer 1: got dtype object"),
        (5, bp.BackpropError, "Network(connections): got "),
    ],
)
def test_masks_that_do_not_fit_are_refused(connections, error, says):
    with pytest.raises(error) as caught:
        network(connections)
    assert says in str(caught.value)


def test_what_exists_is_an_array_like_theta(xp):
    theta = xp.array(np.zeros(17), "float32")
    assert existing((None, None), SHAPES, theta) is None
    exists = existing(checked_connections([MATRIX, None], SHAPES), SHAPES, theta)
    assert exists.dtype == theta.dtype
    assert exists.device == theta.device
    assert namespace(exists) is namespace(theta)
    expected = np.concatenate([MATRIX.ravel(), np.ones(3 + 6 + 2)])  # W^1, b^1, W^2, b^2
    np.testing.assert_array_equal(xp.host(exists), expected)


def test_removed_connections_carry_nothing_and_have_no_gradient(xp):
    net = network([MATRIX, LAST])
    full = network(None)
    theta = np.random.default_rng(1).normal(size=17)
    X = np.random.default_rng(2).normal(size=(4, 2))
    Y = np.random.default_rng(3).uniform(size=(4, 2))
    exists = np.concatenate([MATRIX.ravel(), np.ones(3), LAST.ravel(), np.ones(2)])
    theta, X, Y, without = map(xp.array, (theta, X, Y, theta * exists))
    # the same operations on the same numbers, but for the product with 1 and 0: exact
    np.testing.assert_array_equal(xp.host(net.forward(theta, X)), xp.host(full.forward(without, X)))
    (E, dE), (E_full, dE_full) = net.gradient(theta, X, Y), full.gradient(without, X, Y)
    assert float(E) == float(E_full)
    dE = xp.host(dE)
    np.testing.assert_array_equal(dE, xp.host(dE_full) * exists)
    assert (dE[exists == 0] == 0).all()
    assert (dE[exists == 1] != 0).all()


def test_removing_all_connections_of_a_unit_leaves_its_bias():
    net = network([[[1, 1], [0, 0], [1, 1]], None])
    rng = np.random.default_rng(0)
    theta, X, Y = rng.normal(size=17), rng.normal(size=(5, 2)), rng.uniform(size=(5, 2))
    assert bp.check_gradient(net, theta, X, Y).passed
    dE_dW, dE_db = net.unpack(net.gradient(theta, X, Y)[1])[0]
    assert not dE_dW[1].any()
    assert dE_db[1] != 0


def test_a_mask_of_ones_changes_nothing():
    net, full = network([np.ones((3, 2)), np.ones((2, 3))]), network(None)
    theta, X = full.init(seed=1), np.eye(2)
    np.testing.assert_array_equal(net.init(seed=1), theta)
    np.testing.assert_array_equal(net.forward(theta, X), full.forward(theta, X))
    assert net != full  # a description, not its meaning


def test_init_puts_0_at_removed_connections(xp):
    net = network([MATRIX, LAST])
    device = bp.Device(xp.name, "a test", xp.xp, xp.device)
    for W, exists in zip(
        (layer.W for layer in net.unpack(net.init(device=device, stack=3))),
        (MATRIX, LAST),
        strict=True,
    ):
        host = xp.host(W)
        assert (host[:, exists == 0] == 0).all()
        assert (host[:, exists == 1] != 0).all()
