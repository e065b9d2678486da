"""The order of θ, and the way from θ to layers and back."""

import numpy as np
import pytest

from backprop_xp.errors import ShapeError
from backprop_xp.network.parameters import (
    Layer,
    check_layers,
    layer_shapes,
    pack,
    piece_lengths,
    unpack,
)

SIZES = (2, 3, 1)
# W^1 by rows, b^1, W^2 by rows, b^2
THETA = np.arange(13.0)
W1, B1 = [[0, 1], [2, 3], [4, 5]], [[6], [7], [8]]
W2, B2 = [[9, 10, 11]], [[12]]


@pytest.mark.parametrize(
    ("sizes", "shapes", "count"),
    [
        ((1, 1), [(1, 1)], 2),
        ((2, 3, 1), [(3, 2), (1, 3)], 3 * 2 + 3 + 3 + 1),
        ((784, 100, 10), [(100, 784), (10, 100)], 78_400 + 100 + 1_000 + 10),
    ],
)
def test_shapes_and_count(sizes, shapes, count):
    assert layer_shapes(sizes) == shapes
    assert sum(piece_lengths(sizes)) == count


def test_the_order_of_theta(xp):
    theta = xp.array(THETA)
    layers = unpack(SIZES, theta)
    assert isinstance(layers, tuple)
    assert all(isinstance(layer, Layer) for layer in layers)
    # exact: numbers are moved, not computed
    for (W, b), (W_expected, b_expected) in zip(layers, [(W1, B1), (W2, B2)], strict=True):
        np.testing.assert_array_equal(xp.host(W), W_expected)
        np.testing.assert_array_equal(xp.host(b), b_expected)
        assert W.dtype == b.dtype == theta.dtype
        assert W.device == b.device == theta.device
    packed = pack(layers)
    np.testing.assert_array_equal(xp.host(packed), THETA)
    assert packed.dtype == theta.dtype
    assert packed.device == theta.device


@pytest.mark.parametrize("lead", [(4,), (2, 3)])
def test_leading_axes_are_networks(xp, lead):
    host = np.arange(np.prod(lead) * 13.0).reshape(*lead, 13)
    layers = unpack(SIZES, xp.array(host))
    assert [tuple(part.shape) for layer in layers for part in layer] == [
        (*lead, 3, 2),
        (*lead, 3, 1),
        (*lead, 1, 3),
        (*lead, 1, 1),
    ]
    last = tuple(n - 1 for n in lead)
    for ours, alone in zip(layers, unpack(SIZES, host[last]), strict=True):
        np.testing.assert_array_equal(xp.host(ours.W)[last], alone.W)
        np.testing.assert_array_equal(xp.host(ours.b)[last], alone.b)
    np.testing.assert_array_equal(xp.host(pack(layers)), host)


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
def test_layers_are_views_on_numpy(lead):
    theta = np.zeros((*lead, 13))
    for number, layer in enumerate(unpack(SIZES, theta)):
        for part in layer:
            assert np.shares_memory(part, theta)
            part[:] = number + 1
    # all of layer 1, then all of layer 2
    np.testing.assert_array_equal(theta, np.broadcast_to([1] * 9 + [2] * 4, theta.shape))


def test_theta_is_a_copy_of_the_layers_on_numpy():
    theta = THETA.copy()
    packed = pack(unpack(SIZES, theta))
    packed += 1
    np.testing.assert_array_equal(theta, THETA)


def layers_of(*shapes):
    return [Layer(np.ones(W), np.ones(b)) for W, b in shapes]


def test_layers_that_fit_are_accepted():
    check_layers(SIZES, layers_of([(3, 2), (3, 1)], [(1, 3), (1, 1)]))
    check_layers(SIZES, layers_of([(5, 3, 2), (5, 3, 1)], [(5, 1, 3), (5, 1, 1)]))


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([[(3, 2), (3, 1)]], "pack(layers): got 1 layers; expected 2"),
        ([], "pack(layers): got 0 layers; expected 2"),
        (
            [[(2, 3), (3, 1)], [(1, 3), (1, 1)]],
            "layer 1: got W (2, 3), b (3, 1); expected W (3, 2), b (3, 1)",
        ),
        (
            [[(3, 2), (3,)], [(1, 3), (1, 1)]],
            "layer 1: got W (3, 2), b (3,); expected W (3, 2), b (3, 1)",
        ),
        (
            [[(3, 2), (3, 1)], [(1, 3), (3, 1)]],
            "layer 2: got W (1, 3), b (3, 1); expected W (1, 3), b (1, 1)",
        ),
        (
            [[(4, 3, 2), (4, 3, 1)], [(1, 3), (1, 1)]],
            "layer 2: got W (1, 3), b (1, 1); expected W (4, 1, 3), b (4, 1, 1)",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(shapes, says):
    with pytest.raises(ShapeError) as caught:
        check_layers(SIZES, layers_of(*shapes))
    assert says in str(caught.value)
