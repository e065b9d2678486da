"""Ordered classes as cumulative targets, and back: probabilities of each class."""

import dataclasses
import decimal
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.errors import BackpropError


def test_targets_by_hand(xp):
    labels = xp.array(np.array([2, 0, 3, 1]))
    for dtype in xp.float_dtypes:
        targets = bp.ordinal_targets(labels, 4, dtype)
        np.testing.assert_array_equal(
            xp.host(targets), [[1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 0]]
        )
        assert (dtype_name(targets.dtype), device_of(targets)) == (dtype, xp.device)


def test_targets_of_a_list_of_bits_and_of_many_networks():
    np.testing.assert_array_equal(bp.ordinal_targets([1, 0], 2), [[1], [0]])
    np.testing.assert_array_equal(bp.ordinal_targets(np.array([True, False]), 2), [[1], [0]])
    many = bp.ordinal_targets(np.array([[2, 0], [1, 2]], "uint8"), 3)
    np.testing.assert_array_equal(many, [[[1, 1], [0, 0]], [[1, 0], [1, 1]]])
    assert many.dtype == np.float32


def test_probabilities_by_hand(xp):
    # numbers of few binary digits: exact. In the second row 0.75 is taken down to 0.5
    a_out = xp.array([[0.75, 0.5, 0.125], [0.5, 0.75, 0.25], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    found = bp.ordinal_probabilities(a_out)
    expected = [[0.25, 0.25, 0.375, 0.125], [0.5, 0, 0.25, 0.25], [1, 0, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(xp.host(found), expected)
    assert (found.dtype, device_of(found)) == (a_out.dtype, xp.device)


@given(
    above=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    networks=st.integers(1, 3),
)
def test_they_are_probabilities(above, networks):
    a_out = np.broadcast_to(np.array(above), (networks, 2, len(above)))
    found = bp.ordinal_probabilities(a_out)
    assert found.shape == (networks, 2, len(above) + 1)
    assert np.all(found >= 0)
    # sums of a few numbers up to 1 round by 1e-16 each
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=0, atol=1e-15)
    if np.all(np.diff(above) <= 0):  # then they say again what the outputs said
        again = 1 - np.cumsum(found, axis=-1)[..., :-1]
        np.testing.assert_allclose(again, a_out, rtol=0, atol=1e-15)


def by_decimals(row):
    """Return the probabilities of the classes for the z of a case, with 60 digits."""
    with decimal.localcontext(prec=60):
        falling = itertools.accumulate(map(decimal.Decimal, row), min)
        above = [1, *(1 / (1 + (-z).exp()) for z in falling), 0]
        return [float(p - q) for p, q in itertools.pairwise(above)]


ROWS = [
    [0.5, 0.25, -3.0],
    [20.0, 12.0, 11.5],  # 1 - a has lost its digits in float32
    [40.0, 40.0, 39.0],
    [-20.0, -20.5, -60.0],
    [70.0, 69.999, -70.0],
    [-1.0, 2.0, -1.5],  # 2 counts as -1
    [1e-3, -1e-3, -1e-3],
]


def test_from_z_small_probabilities_keep_their_digits(xp):
    for dtype in xp.float_dtypes:
        if dtype == "float16":
            continue  # its smallest normal number, 6e-5, is above most of the probabilities
        rows = np.array(ROWS, dtype)
        z = xp.array(rows)
        found = bp.ordinal_probabilities(z=z)
        assert (found.dtype, device_of(found)) == (z.dtype, xp.device)
        expected = [by_decimals(map(float, row)) for row in rows]
        # exponentials, sums, quotients and products: at most 10 roundings
        np.testing.assert_allclose(xp.host(found), expected, rtol=10 * np.finfo(dtype).eps)


def test_from_z_and_from_outputs_they_are_the_same():
    z = np.array(ROWS)
    np.testing.assert_allclose(
        bp.ordinal_probabilities(z=z),
        bp.ordinal_probabilities(bp.activations.Sigmoid()(z)),
        rtol=0,
        atol=3e-16,
    )
    half = bp.ordinal_probabilities(z=np.array([[3.0, 1.0, -2.0]], "float16"))
    np.testing.assert_allclose(half, [by_decimals([3.0, 1.0, -2.0])], rtol=4e-3)
    far = [[np.inf, np.inf, 0.0], [np.inf, -np.inf, -np.inf], [1e4, 1e3, -1e4]]
    expected = [[0, 0, 0.5, 0.5], [0, 1, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(bp.ordinal_probabilities(z=far), expected)


def test_z_are_the_outputs_of_the_network_with_identity():
    net = bp.Network([2, 4, 3], "tanh", "sigmoid", "binary_cross_entropy")
    theta, X = net.init(seed=1, dtype="float64"), np.random.default_rng(0).normal(size=(5, 2))
    z = bp.predict(dataclasses.replace(net, output="identity"), theta, X)
    np.testing.assert_allclose(
        bp.ordinal_probabilities(z=z),
        bp.ordinal_probabilities(bp.predict(net, theta, X)),
        rtol=0,
        atol=1e-15,
    )


def test_either_outputs_or_z():
    x = np.ones((2, 3))
    for both in ({}, {"a_out": x, "z": x}):
        with pytest.raises(
            BackpropError, match=r"ordinal_probabilities\(a_out\): got (both|neith)"
        ):
            bp.ordinal_probabilities(**both)


@given(labels=st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_targets_are_certain_outputs(labels):
    targets = bp.ordinal_targets(labels, 6)
    np.testing.assert_array_equal(bp.ordinal_probabilities(targets), np.eye(6)[labels])


def test_a_network_learns_an_order():
    # grades 0 to 3 by the quarter that x is in; cases within 0.02 of an edge, 6 of 100, may differ
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (400, 1))
    grades = (4 * X[:, 0]).astype(int)
    net = bp.Network([1, 8, 3], "tanh", "sigmoid", "binary_cross_entropy")
    targets = bp.ordinal_targets(grades, classes=4)
    run = bp.train(net, 2 * X - 1, targets, optimizer=bp.Adam(0.02), epochs=150, seed=0)
    probabilities = bp.ordinal_probabilities(net.forward(run.theta, 2 * X - 1))
    assert np.mean(probabilities.argmax(axis=-1) == grades) > 0.9
    assert set(run.history) == {"cost"}


@pytest.mark.parametrize(
    ("labels", "classes", "dtype", "expected"),
    [
        ([0, 3], 3, "float32", r"ordinal_targets\(labels\): got labels from 0 to 3; expected .* 2"),
        ([-1, 2], 3, "float32", "labels from -1 to 2"),
        ([0.0, 1.0], 3, "float32", r"dtype float64; expected integers"),
        ([], 3, "float32", r"ordinal_targets\(labels\)"),
        (np.array(1), 3, "float32", r"shape \(\); expected \(m,\)"),
        (["low", "high"], 3, "float32", "Number the classes"),
        ([0, 0], 1, "float32", r"ordinal_targets\(classes\): got 1"),
        ([0, 1], 2, "int32", r"ordinal_targets\(dtype\)"),
    ],
    ids=str,
)
def test_targets_that_are_refused(labels, classes, dtype, expected):
    with pytest.raises(BackpropError, match=expected):
        bp.ordinal_targets(labels, classes, dtype)


@pytest.mark.parametrize("name", ["a_out", "z"])
@pytest.mark.parametrize("x", [np.array(0.5), np.ones((3, 0)), np.ones((3, 2), int)])
def test_outputs_that_are_refused(name, x):
    with pytest.raises(BackpropError, match=rf"ordinal_probabilities\({name}\): got"):
        bp.ordinal_probabilities(**{name: x})
