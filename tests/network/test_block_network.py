"""A first layer in blocks equals the layer with a mask: outputs, gradients, whole trainings."""

import numpy as np
import pytest
from compiled_cache import cache  # noqa: F401  a fixture
from libraries import open_library
from needs import every, needs

import backprop_xp as bp
from backprop_xp.network.block_network import BlockNetwork, Blocks, in_blocks

M = 12
NUMPY = open_library("numpy")


def masked_net(widths, most=3, output="identity", loss="squared_error", units=2):
    """Return a network with a block of at most `most` units for each number of inputs."""
    rows, n_in, start = [], sum(widths), 0
    for width in widths:
        block = np.zeros((min(width, most), n_in))
        if width <= most:
            block[np.arange(width), start + np.arange(width)] = 1
        else:
            block[:, start : start + width] = 1
        rows.append(block)
        start += width
    mask = np.concatenate(rows)
    hidden = ["identity", "tanh"]
    return bp.Network([n_in, len(mask), 6, units], hidden, output, loss, [mask, None, None])


WIDTHS = [(1,), (5,), (1, 4, 2, 9, 4, 1), (8, 7, 6, 5, 4), (4, 4, 4)]


def started(widths, stack=(), **options):
    net = masked_net(widths, **options)
    found = in_blocks(net)
    theta = net.init(seed=1, dtype="float64", stack=stack)
    theta = theta + 0.1 * np.asarray(net.existing(theta))  # biases other than 0
    return net, found, theta


def cases(net, found, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(M, net.sizes[0])), rng.normal(size=(M, net.sizes[-1]))
    padded = np.concatenate([X, np.zeros((M, 1))], axis=1)
    return X, padded[:, found.columns], Y


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("stack", [(), 3, (2, 2)])
def test_outputs_and_gradients_are_those_of_the_masked_network(widths, stack):
    check_outputs(NUMPY, widths, stack)


@pytest.mark.parametrize("stack", [(), 3])
def test_outputs_and_gradients_on_every_library(stack, xp64):
    check_outputs(xp64, WIDTHS[2], stack)


def check_outputs(library, widths, stack):
    net, found, theta = started(widths, stack)
    X, X_blocks, Y = map(library.array, cases(net, found))
    compact = found.without_mask(theta)
    assert compact.shape[-1] == found.network.parameter_count <= net.parameter_count
    given, blocks = library.array(theta), library.array(compact)
    for call in (lambda net, theta, X: net.forward(theta, X), bp.predict):
        expected = library.host(call(net, given, X))
        np.testing.assert_allclose(
            library.host(call(found.network, blocks, X_blocks)), expected, rtol=1e-12
        )
    (E, g), (E_blocks, g_blocks) = (
        net.gradient(given, X, Y),
        found.network.gradient(blocks, X_blocks, Y),
    )
    np.testing.assert_allclose(library.host(E_blocks), library.host(E), rtol=1e-12)
    np.testing.assert_allclose(
        found.with_mask(library.host(g_blocks)), library.host(g), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("widths", WIDTHS)
def test_both_ways_lead_back(widths):
    _, found, theta = started(widths, 2)
    np.testing.assert_array_equal(found.with_mask(found.without_mask(theta)), theta)
    compact = found.without_mask(theta)
    np.testing.assert_array_equal(found.without_mask(found.with_mask(compact)), compact)


def test_the_gradient_is_that_of_central_differences():
    net, found, theta = started((1, 4, 9, 2))
    _, X, Y = cases(net, found)
    blocks, theta, h = found.network, found.without_mask(theta), 1e-5
    steps = h * np.eye(len(theta))
    ahead, behind = (np.array([blocks.cost(theta + d, X, Y) for d in s * steps]) for s in (1, -1))
    _, found_gradient = blocks.gradient(theta, X, Y)
    np.testing.assert_allclose(found_gradient, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-9)


OPTIONS = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "l2 and l1": {"l2": 0.01, "l1": 0.001},
    "clipped": {"clip_norm": 0.01},
    "by layers": {"layer_rates": [0.5, 1.0, 2.0]},
    "full batch": {"batch_size": None},
    "shrinkage": {"shrinkage": 0.01},
}


@pytest.mark.parametrize("stack", [(), 3])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_training_is_that_of_the_masked_network(name, stack):
    check_training(NUMPY, stack, **OPTIONS[name])


def test_a_training_on_every_library(xp64):
    check_training(xp64, 3)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_steps_have_the_bits_of_recorded_ones(dtype, cache):  # noqa: F811  a fixture
    needs("numba")
    _, found, theta = started((2, 1, 9, 4, 4, 6), 3)
    _, X, Y = cases(bp.Network([26, 2]), found)
    theta = found.without_mask(theta).astype(dtype)
    options = {"epochs": 3, "batch_size": 5, "optimizer": bp.AdamW(0.01, weight_decay=0.1)}
    recorded, compiled = (
        bp.train(found.network, X, Y, theta, device=device, **options)
        for device in ("cpu", bp.select_device("cpu", compiled=True))
    )
    assert (recorded.execution, compiled.execution) == ("recorded", "compiled")
    np.testing.assert_array_equal(compiled.theta, recorded.theta)


def check_training(library, stack, **options):
    net, found, theta = started((2, 1, 9, 4, 4), stack)  # units in the order of the blocks
    X, X_blocks, Y = map(library.array, cases(net, found))
    compact = library.array(found.without_mask(theta))
    options = {"epochs": 4, "batch_size": 5, "seed": 3, **options}
    options["optimizer"] = bp.AdamW(0.01, weight_decay=0.1)
    run = bp.train(net, X, Y, library.array(theta), **options)
    blocks = bp.train(found.network, X_blocks, Y, compact, **options)
    assert run.execution == blocks.execution
    theta_blocks = found.with_mask(library.host(blocks.theta))
    np.testing.assert_allclose(theta_blocks, library.host(run.theta), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(blocks.history["cost"], run.history["cost"], rtol=1e-10)


@pytest.mark.parametrize(
    "mask",
    [[[1, 1, 0], [0, 1, 1]], [[1, 1, 0], [1, 1, 0]], None],
    ids=["an input in two blocks", "an input in none", "all connections"],
)
def test_other_connections_form_no_blocks(mask):
    assert in_blocks(bp.Network([3, 2, 1], connections=[mask, None])) is None


def test_blocks_need_a_layer_above_with_all_connections():
    assert in_blocks(bp.Network([2, 2], connections=[np.eye(2)])) is None
    net = bp.Network([2, 2, 2], connections=[np.eye(2), np.eye(2)])
    assert in_blocks(net) is None


def test_blocks_of_a_similar_width_share_an_array():
    found = in_blocks(masked_net((5, 8, 1, 6, 7, 2, 4)))
    assert found.network.blocks == (Blocks(3, 1, 1), Blocks(3, 3, 8), Blocks(2, 3, 5))
    widths = [[int((row >= 0).sum()) for row in inputs] for inputs in found.inputs]
    assert widths == [[1, 1, 1], [8, 7, 6], [5, 4]]
    assert found.network.sizes[0] == 3 + 3 * 8 + 2 * 5


def test_networks_in_blocks_are_equal_by_their_blocks():
    first, second, other = (in_blocks(masked_net(w)).network for w in [(4, 2), (4, 2), (2, 4, 4)])
    assert isinstance(first, BlockNetwork)
    assert (first, hash(first)) == (second, hash(second))
    assert first != other
