"""Dropout: the activation with units left out, its error, its noise, and training with it."""

import itertools

import numpy as np
import pytest
from comparisons import same
from hypothesis import given
from hypothesis import strategies as st
from user_parts import Cube

import backprop_xp as bp
from backprop_xp import activations
from backprop_xp.activations import ACTIVATIONS, ReLU
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.errors import BackpropError, OptionError, ShapeError
from backprop_xp.schedules import Constant, Piecewise
from backprop_xp.training.step.dropout import Dropped, dropped, noise_of_epoch

# ---------------------------------------------------------------------------------------------
# one layer


def test_a_dropped_layer_by_hand(xp):
    # p = ½: k is 2 where the noise is ½ or more, else 0; a = k ⊙ max(z, 0); all of it exact
    noise = [[0.1, 0.5, 0.9], [0.25, 0.75, 0.49]]
    z = [[1.0, 2.0, -3.0], [4.0, 5.0, 6.0]]
    layer = Dropped(ReLU(), xp.array(noise), xp.array([[0.5]]))
    a = layer(xp.array(z))
    np.testing.assert_array_equal(xp.host(a), [[0, 4, 0], [0, 10, 0]])
    # δ = k ⊙ ∂E/∂a ⊙ σ′(z)
    delta = layer.vjp(xp.array([[1.0, 3.0, 5.0], [7.0, -0.5, 9.0]]), a)
    np.testing.assert_array_equal(xp.host(delta), [[0, 6, 0], [0, -1, 0]])


def test_each_network_has_its_own_p_and_all_have_one_noise(xp):
    # p = 0, ½ and ¾: k is 1, 0 or 2, 0 or 4
    noise, p = xp.array([[0.0, 0.6, 0.8]]), xp.array([[[0.0]], [[0.5]], [[0.75]]])
    a = Dropped(ReLU(), noise, p)(xp.array(np.full((3, 1, 3), 3.0)))
    np.testing.assert_array_equal(xp.host(a)[:, 0], [[3, 3, 3], [0, 6, 6], [0, 0, 12]])


def test_the_arguments_of_a_dropped_layer_stay_and_so_do_dtype_and_device(xp):
    for dtype in xp.float_dtypes:
        given = [[[0.2, 0.7]], [[0.5]], [[1.0, -2.0]], [[3.0, 4.0]]]
        noise, p, z, dE_da = (xp.array(x, dtype) for x in given)
        for name in ("identity", "relu", "softmax"):
            layer = Dropped(ACTIVATIONS[name](), noise, p)
            a = layer(z)
            delta = layer.vjp(dE_da, a)
            for made in (a, delta):
                assert (dtype_name(made.dtype), device_of(made)) == (dtype, xp.device)
        for now, then in zip((noise, p, z, dE_da), given, strict=True):
            np.testing.assert_array_equal(xp.host(now), np.array(then, dtype))


_rng = np.random.default_rng(0)
Z = _rng.uniform(0.3, 1.5, (3, 5)) * _rng.choice([-1, 1], (3, 5))  # away from the kinks at 0
DE_DA = _rng.standard_normal((3, 5))
NOISE = _rng.uniform(size=(3, 5))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("p", [0.0, 0.3, [[[0.0]], [[0.3]], [[0.9]]]])
def test_the_error_is_the_central_difference(xp64, name, p):
    sigma, p = ACTIVATIONS[name](), np.array(p)
    h, nudges = 1e-4, np.eye(Z.size).reshape(Z.size, *Z.shape)

    def cost(step):  # a column of nudged z, for each network: (networks, nudges, n, m)
        z = Z + step * nudges
        kept = (p <= NOISE) / (1 - p)
        return (kept[..., None, :, :] * sigma(z) * DE_DA).sum(axis=(-2, -1))

    first, second = cost(h) - cost(-h), cost(2 * h) - cost(-2 * h)
    numeric = ((8 * first - second) / (12 * h)).reshape(np.broadcast_shapes(p.shape, Z.shape))
    layer = Dropped(sigma, xp64.array(NOISE), xp64.array(p))
    z = xp64.array(np.broadcast_to(Z, numeric.shape))
    delta = activations.error(layer, xp64.array(np.broadcast_to(DE_DA, z.shape)), z, layer(z))
    # order 4 leaves h⁴/30 σ⁽⁵⁾ = 3e-18 σ⁽⁵⁾; costs below 500 (p = 0.9 makes them ten times as
    # large) round to 1.5 · 1e-16 · 500 / h = 1e-9
    np.testing.assert_allclose(xp64.host(delta), numeric, rtol=0, atol=3e-9)


def test_the_output_layer_is_left_alone(xp):
    of_layers = tuple(ACTIVATIONS[name]() for name in ("tanh", "relu", "softmax"))
    noise = [xp.array(np.full((n, 2), 0.5)) for n in (3, 4)]
    first, second, last = dropped(of_layers, noise, xp.array([[0.25], [0.75]]))
    assert last is of_layers[2]
    assert [one.name for one in (first, second)] == ["dropped tanh", "dropped relu"]
    a = second(xp.array(np.ones((2, 4, 2))))
    expected = np.stack([np.full((4, 2), 1 / 0.75), np.zeros((4, 2))])  # ½ is above ¼, below ¾
    np.testing.assert_allclose(xp.host(a), expected, rtol=1e-6)  # a division in float32


def test_there_is_noise_for_each_hidden_layer():
    with pytest.raises(ValueError, match="zip"):
        dropped([ReLU()] * 3, [np.zeros((2, 2))], np.zeros((1,)))


# ---------------------------------------------------------------------------------------------
# its noise

SIZES = (5, 3, 4, 2)
THETA = np.zeros(7, "float32")


def drawn(seed=0, epoch=0, batches=4, size=6, theta=THETA, sizes=SIZES):
    return noise_of_epoch(sizes, seed, epoch, theta)(batches, size)


def test_noise_is_drawn_on_the_host_from_a_stream_of_its_own(xp):
    # the fourth of the seed's streams, one for each epoch; the units of a batch layer by layer
    for dtype in xp.float_dtypes:
        key = np.random.SeedSequence(8, spawn_key=(3, 5))
        uniform = np.random.default_rng(key).random((4, 7, 6), dtype="float32")
        noise = drawn(8, 5, theta=xp.array(THETA, dtype))
        for part, expected in zip(noise, (uniform[:, :3], uniform[:, 3:]), strict=True):
            assert (dtype_name(part.dtype), device_of(part)) == (dtype, xp.device)
            np.testing.assert_array_equal(xp.host(part), expected)


def test_every_network_of_a_stack_has_the_same_noise():
    for one, of_stack in zip(drawn(), drawn(theta=np.zeros((2, 3, 7), "float32")), strict=True):
        np.testing.assert_array_equal(of_stack, one)


def test_the_same_seed_is_the_same_noise_another_is_another():
    for seed, epoch in ((0, 0), (1, 0), (0, 1)):
        for one, other in zip(drawn(), drawn(seed, epoch), strict=True):
            assert np.all(one == other) == ((seed, epoch) == (0, 0))
            assert np.mean(one == other) in (0, 1)


def test_no_two_batches_or_layers_share_their_noise():
    first, second = drawn(batches=3)
    numbers = np.concatenate([first.reshape(-1), second.reshape(-1)])
    assert len(np.unique(numbers)) == len(numbers)


@given(
    calls=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    hidden=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    size=st.integers(1, 5),
)
def test_noise_does_not_depend_on_how_batches_are_grouped(calls, hidden, size):
    sizes = (2, *hidden, 1)
    in_parts = noise_of_epoch(sizes, 3, 1, THETA)
    parts = [in_parts(batches, size) for batches in calls]
    whole = drawn(3, 1, sum(calls), size, sizes=sizes)
    for n, of_layer, *of_calls in zip(hidden, whole, *parts, strict=True):
        assert of_layer.shape == (sum(calls), n, size)
        np.testing.assert_array_equal(np.concatenate(of_calls), of_layer)


def test_noise_is_uniform():
    # the share below p of N independent numbers has a standard deviation of √(p (1 − p) / N), and
    # that of neighbours both below p of √(q (1 − q) / N), q = p²; five of them are chance 6e-7
    for part in drawn(seed=5, batches=40, size=500):
        assert part.min() >= 0
        assert part.max() < 1
        for p in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
            bound = 5 * np.sqrt(p * (1 - p) / part.size)
            assert abs(np.mean(part < p) - p) < bound
        both = [(part[1:] < 0.5) & (part[:-1] < 0.5)]  # in the batches, units and cases
        both += [(part[:, 1:] < 0.5) & (part[:, :-1] < 0.5)]
        both += [(part[..., 1:] < 0.5) & (part[..., :-1] < 0.5)]
        for pairs in both:
            assert abs(pairs.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / pairs.size)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_mean_over_many_noises_is_the_layer_itself(p):
    # k has mean 1 and variance p / (1 − p): the mean of N has a standard deviation of
    # σ(z) √(p / ((1 − p) N)), and none of 20 numbers is five of them away (chance 1e-5)
    N, sigma = 4000, activations.Sigmoid()
    z = np.linspace(-2, 2, 20).reshape(4, 5)
    (noise,) = noise_of_epoch((1, 4, 1), 2, 0, np.zeros(1))(N, 5)
    a = Dropped(sigma, noise, np.array(p))(np.broadcast_to(z, (N, 4, 5)))
    bound = 5 * sigma(z) * np.sqrt(p / ((1 - p) * N))
    assert np.all(np.abs(a.mean(axis=0) - sigma(z)) < bound)
    spread = a.std(axis=0) / (sigma(z) * np.sqrt(p / (1 - p)))
    np.testing.assert_allclose(spread, 1, atol=0.15)  # 1 ± 5 · 1.5 / √4000, skewed p's the most


# ---------------------------------------------------------------------------------------------
# training

M = 10
X = _rng.standard_normal((M, 3))
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2))
WEIGHTS = np.array([1.0, 0, 0, 0, 2, 0, 0, 0, 0, 0.5])  # in batches of 2 some have no weight
MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
DEEP = bp.Network([3, 4, 5, 2], ["sigmoid", "tanh"], "identity", "squared_error")
SPARSE = bp.Network(
    [3, 4, 5, 2], ["sigmoid", "tanh"], "identity", "squared_error", [MASK] + [None] * 2
)


def train_plainly(theta, sizes, *, mask, p, l2, weights, batch_size, epochs, seed, rate):
    """Train a sigmoid, a tanh and an identity layer by a loop of its own; return θ and costs."""
    theta, costs, step = theta.copy(), [], 0
    for epoch in range(epochs):
        order, uniform = (
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, epoch)))
            for stream in (1, 3)
        )
        rows, of_batches = order.permutation(M), []
        for start in range(0, M, batch_size):
            batch = rows[start : start + batch_size]
            noise = uniform.random((sum(sizes[1:-1]), len(batch)), dtype="float32")
            q = p(step) if callable(p) else p
            kept = (noise >= q) / (1 - q)
            w, step = weights[batch] / (len(batch) * weights.mean()), step + 1
            W, b, at = [], [], 0
            for n_in, n_out in itertools.pairwise(sizes):
                W.append(theta[at : at + n_in * n_out].reshape(n_out, n_in))
                at += n_in * n_out
                b.append(theta[at : at + n_out].reshape(n_out, 1))
                at += n_out
            x, y = X[batch].T, Y[batch].T
            s = 1 / (1 + np.exp(-(W[0] @ x + b[0])))
            a1 = kept[: sizes[1]] * s
            t = np.tanh(W[1] @ a1 + b[1])
            a2 = kept[sizes[1] :] * t
            residual = W[2] @ a2 + b[2] - y
            cost = (w * 0.5 * residual**2).sum() + 0.5 * l2 * sum((V**2).sum() for V in W)
            of_batches.append(cost * len(batch) / M)
            delta3 = w * residual
            delta2 = W[2].T @ delta3 * kept[sizes[1] :] * (1 - t**2)
            delta1 = W[1].T @ delta2 * kept[: sizes[1]] * s * (1 - s)
            gradient = []
            for V, delta, a in zip(W, (delta1, delta2, delta3), (x, a1, a2), strict=True):
                gradient += [delta @ a.T + l2 * V, delta.sum(axis=1)]
            gradient[0] = gradient[0] * mask
            theta = theta - rate * np.concatenate([part.reshape(-1) for part in gradient])
        costs.append(sum(of_batches))
    return theta, costs


ONES = np.ones(M)
PLAIN = {"mask": 1, "p": 0.5, "l2": 0.0, "weights": ONES, "batch_size": 4}
SCHEDULE = Piecewise([2, 4], [0.5, 0.0, 0.25])  # within an epoch of 3, and in the next


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"batch_size": 3, "p": 0.1},
        {"p": SCHEDULE},
        {"l2": 0.1, "mask": MASK},
        {"weights": WEIGHTS, "batch_size": 2},
        {"weights": WEIGHTS, "batch_size": 2, "l2": 0.1, "mask": MASK, "p": SCHEDULE},
    ],
    ids=["plain", "ragged", "schedule", "l2-mask", "weights", "all"],
)
def test_it_equals_a_plain_loop(xp64, chosen):
    # sums in other orders: each number is rounded some hundred times, by 1e-16
    chosen = {**PLAIN, **chosen}
    if xp64.name == "jax" and chosen["batch_size"] == 3:
        pytest.skip("the other cases compile the same lines")
    net = SPARSE if chosen["mask"] is MASK else DEEP
    start = net.init(seed=1, dtype="float64")
    theta, costs = train_plainly(start, net.sizes, **chosen, epochs=2, seed=6, rate=0.3)
    run = bp.train(
        net,
        xp64.array(X),
        xp64.array(Y),
        xp64.array(start),
        optimizer=bp.SGD(0.3),
        epochs=2,
        batch_size=chosen["batch_size"],
        case_weights=xp64.array(chosen["weights"]),
        l2=chosen["l2"],
        dropout=chosen["p"],
        seed=6,
    )
    np.testing.assert_allclose(xp64.host(run.theta), theta, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(run.history["cost"], costs, rtol=1e-11)


def train(net=CLASSES, targets=LABELS, **settings):
    return bp.train(net, X, targets, **{"epochs": 3, "batch_size": 4, "seed": 5, **settings})


@pytest.mark.parametrize("zero", [0, 0.0, np.float32(0), np.zeros((3, 1)), Constant(0.0)])
@pytest.mark.parametrize("settings", [{}, {"l2": 0.1}, {"case_weights": WEIGHTS, "batch_size": 2}])
def test_a_dropout_of_0_is_none_to_the_bit(zero, settings):
    stack = 3 if np.ndim(zero) else ()
    same(train(stack=stack, dropout=zero, **settings), train(stack=stack, **settings))


@pytest.mark.parametrize("weights", [None, WEIGHTS, np.stack([WEIGHTS, ONES, WEIGHTS[::-1]])])
def test_each_network_of_a_stack_is_dropped_as_if_alone(weights):
    # a product of stacked matrices may sum in another order than one of single ones: some hundred
    # roundings of 1e-16
    p = np.array([[0.0], [0.5], [0.9]])
    theta = CLASSES.init(seed=2, stack=3, dtype="float64")
    settings = {"batch_size": 2, "optimizer": bp.Adam(0.01), "l2": 0.01}
    run = train(theta=theta, dropout=p, case_weights=weights, **settings)
    for k in range(3):
        own = weights if weights is None or weights.ndim == 1 else weights[k]
        alone = train(theta=theta[k], dropout=float(p[k, 0]), case_weights=own, **settings)
        np.testing.assert_allclose(run.theta[k], alone.theta, rtol=1e-10, atol=1e-13)
        for name, of in alone.history.items():
            np.testing.assert_allclose([entry[k] for entry in run.history[name]], of, rtol=1e-10)


def test_what_a_network_drops_changes_no_other():
    theta = np.tile(CLASSES.init(seed=2, dtype="float64"), (3, 1))
    first = train(theta=theta, dropout=np.array([[0.0], [0.5], [0.2]])).theta
    other = train(theta=theta, dropout=np.array([[0.0], [0.7], [0.2]])).theta
    np.testing.assert_array_equal(first[[0, 2]], other[[0, 2]])
    assert np.any(first[1] != other[1])
    same_p = train(theta=theta, dropout=0.5).theta
    np.testing.assert_array_equal(same_p, np.broadcast_to(same_p[0], (3, 17 + 14)))


def test_batches_in_several_blocks_are_dropped_alike(monkeypatch):
    in_one = train(dropout=0.5, batch_size=2)
    monkeypatch.setattr("backprop_xp.training.data.batches.BLOCK_ROWS", 4)
    in_three = train(dropout=0.5, batch_size=2)
    np.testing.assert_array_equal(in_three.theta, in_one.theta)


def test_prediction_drops_nothing():
    # a rate of 0 leaves θ as it is, so that each number can be had again by `cost`, to rounding
    theta = CLASSES.init(seed=2, dtype="float64")
    still = {"theta": theta, "optimizer": bp.SGD(0.0), "batch_size": None, "epochs": 2}
    run = train(dropout=0.5, validation=(X, LABELS), **still)
    cost = float(CLASSES.cost(theta, X, LABELS))
    np.testing.assert_allclose(run.history["validation_cost"], [cost] * 2, rtol=1e-12)
    right = np.mean(CLASSES.forward(theta, X).argmax(axis=1) == LABELS)
    np.testing.assert_allclose(run.history["validation_accuracy"], [right] * 2)
    assert np.all(np.abs(np.array(run.history["cost"]) - cost) > 1e-3)  # training does
    assert run.history["cost"][0] != run.history["cost"][1]  # and other units in each epoch
    assert run.network == CLASSES


@pytest.mark.parametrize("settings", [{}, {"case_weights": WEIGHTS, "batch_size": 2}])
def test_without_hidden_layers_nothing_is_dropped(xp, settings):
    net = bp.Network([3, 3])
    if "case_weights" in settings:
        settings = {**settings, "case_weights": xp.array(WEIGHTS)}
    settings = {"epochs": 2, "batch_size": 4, **settings}
    found, expected = (
        bp.train(net, xp.array(X), xp.array(LABELS), dropout=p, **settings) for p in (0.5, 0.0)
    )
    np.testing.assert_array_equal(xp.host(found.theta), xp.host(expected.theta))
    assert found.history == expected.history


def test_a_softmax_among_hidden_layers_can_be_dropped():
    net = bp.Network([3, 4, 2], "softmax", "identity", "squared_error")
    run = train(net, Y, dropout=0.5, epochs=30, optimizer=bp.SGD(0.1))
    assert np.isfinite(run.theta).all()
    assert run.history["cost"][-1] < run.history["cost"][0]


def test_a_users_own_activation_can_be_dropped():
    z, dE_da = np.array([[2.0, 3.0]]), np.array([[1.0, 1.0]])
    layer = Dropped(Cube(), np.array([[0.1, 0.6]]), np.array(0.5))
    np.testing.assert_array_equal(layer(z), [[0, 54]])
    np.testing.assert_array_equal(layer.vjp(dE_da, layer(z)), [[0, 54]])  # 2 · 3 · 3²


@pytest.mark.parametrize("bad", [-0.1, 1, 1.0, 1.5, np.nan, np.inf, "some", None, [[0.1], [1.0]]])
def test_a_dropout_out_of_range(bad):
    with pytest.raises(OptionError) as caught:
        train(dropout=bad)
    expected = "probabilities >= 0 and < 1"
    advice = "Pass a number, an array or a schedule"
    assert caught.value.parts == ("train(dropout)", repr(bad), expected, advice)


def test_a_schedule_of_dropout_out_of_range():
    with pytest.raises(OptionError, match=r"train\(dropout\): got 1.0; expected probabilities"):
        train(dropout=Piecewise([4], [0.5, 1.0]))


def test_an_array_of_dropout_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"train\(dropout\): got an array of shape \(3,\)"):
        train(dropout=np.array([0.1, 0.2, 0.3]), stack=4)
    with pytest.raises(BackpropError, match="dropout"):
        train(dropout=np.array([[0.1], [0.2]]), stack=3)


def test_a_dropout_in_arrays_of_any_library(xp):
    p = np.array([[0.25], [0.5]])
    found, expected = (
        bp.train(CLASSES, xp.array(X, "float32"), xp.array(LABELS), dropout=one, stack=2, epochs=1)
        for one in (xp.array(p), p)
    )
    np.testing.assert_array_equal(xp.host(found.theta), xp.host(expected.theta))


def test_training_with_dropout_is_reproducible():
    same(train(dropout=0.5), train(dropout=0.5))
    assert np.any(train(dropout=0.5).theta != train(dropout=0.5, seed=6).theta)


def test_a_dropped_network_learns():
    # three blobs of ten points, 3 apart, spread 0.3: any sensible training separates them
    rng = np.random.default_rng(0)
    labels = np.arange(3).repeat(10)
    points = 3 * np.eye(3)[labels] + 0.3 * rng.standard_normal((30, 3))
    net = bp.Network([3, 20, 3], "relu")
    run = bp.train(net, points, labels, dropout=0.5, epochs=60, batch_size=5)
    assert np.mean(net.forward(run.theta, points).argmax(axis=1) == labels) == 1
    assert net.cost(run.theta, points, labels) < 0.05


def test_the_noise_of_inputs_has_a_stream_of_its_own(xp):
    # the fifth of the seed's streams; whether it is drawn changes no noise of hidden units
    theta = xp.array(THETA, "float32")
    key = np.random.SeedSequence(8, spawn_key=(4, 5))
    expected = np.random.default_rng(key).random((4, 5, 6), dtype="float32")
    (alone,) = noise_of_epoch(SIZES, 8, 5, theta)(4, 6, hidden=False, inputs=True)
    *hidden, beside = noise_of_epoch(SIZES, 8, 5, theta)(4, 6, inputs=True)
    for inputs in (alone, beside):
        np.testing.assert_array_equal(xp.host(inputs), expected)
    for part, without in zip(hidden, drawn(8, 5, theta=theta), strict=True):
        np.testing.assert_array_equal(xp.host(part), xp.host(without))


# ---------------------------------------------------------------------------------------------
# noise of each network


def trained_alone(monkeypatch, network, theta, **options):
    """Return the run of a single network that has the noise of a network of a stack."""
    from backprop_xp.training.step import dropout

    drawn = dropout.generator
    with monkeypatch.context() as patch:
        patch.setattr(dropout, "generator", lambda *of: drawn(*of[:3], network))
        return bp.train(OWN_NET, OWN_X, OWN_Y, theta, **options)


OWN_NET = bp.Network([3, 4, 5, 2], "tanh", "identity", "squared_error")
OWN_X, OWN_Y = (np.random.default_rng(1).standard_normal((20, n)) for n in (3, 2))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("p", [0.4, [0.0, 0.4, 0.7]])
def test_each_network_may_have_noise_of_its_own(monkeypatch, groups, p):
    from backprop_xp.training import trainer

    if groups > 1:
        monkeypatch.setattr(trainer, "groups_of", lambda *_, **__: [slice(0, 2), slice(2, 3)])
    options = {"epochs": 2, "batch_size": 6, "seed": 4}
    theta = OWN_NET.init(0, dtype="float64", stack=3)
    mine = {"dropout": p, "input_dropout": 0.1, "dropout_per_network": True}
    run = bp.train(OWN_NET, OWN_X, OWN_Y, theta, **mine, **options)
    for k, of_k in enumerate(np.broadcast_to(p, 3)):
        numbers = {"dropout": float(of_k), "input_dropout": 0.1}
        alone = trained_alone(monkeypatch, k, theta[k], **numbers, **options)
        np.testing.assert_allclose(run.theta[k], alone.theta, rtol=1e-11, atol=1e-13)


def test_networks_of_one_start_part_by_their_own_noise_alone(xp):
    dtype = xp.float_dtypes[-1]
    theta = np.tile(OWN_NET.init(0, dtype=dtype), (3, 1))
    data = xp.array(OWN_X), xp.array(OWN_Y)
    options = {"epochs": 1, "batch_size": 10, "dropout": 0.5, "dtype": dtype}
    shared = xp.host(bp.train(OWN_NET, *data, xp.array(theta), **options).theta)
    own = xp.host(
        bp.train(OWN_NET, *data, xp.array(theta), dropout_per_network=True, **options).theta
    )
    np.testing.assert_allclose(shared[1:], shared[:2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own[0], shared[0], rtol=1e-5, atol=1e-6)
    assert np.abs(own[1:] - own[:2]).max() > 1e-3


def test_noise_of_each_network_is_drawn_in_parts_as_at_once():
    whole = noise_of_epoch((2, 3, 4, 1), 3, 1, np.zeros((2, 5)), 2)
    parts = noise_of_epoch((2, 3, 4, 1), 3, 1, np.zeros((2, 5)), 2)
    found = whole(4, 6, inputs=True)
    assert [x.shape for x in found] == [(4, 2, 3, 6), (4, 2, 4, 6), (4, 2, 2, 6)]
    cut = [parts(count, 6, inputs=True) for count in (1, 3)]
    for of_all, *each in zip(found, *cut, strict=True):
        np.testing.assert_array_equal(of_all, np.concatenate(each))
    shared = noise_of_epoch((2, 3, 4, 1), 3, 1, np.zeros(5))(4, 6, inputs=True)
    for mine, theirs in zip(found, shared, strict=True):
        np.testing.assert_array_equal(mine[:, 0], theirs)


def test_a_single_network_has_the_noise_of_every_stack():
    options = {"epochs": 1, "dropout": 0.5}
    own = bp.train(OWN_NET, OWN_X, OWN_Y, dropout_per_network=True, **options)
    np.testing.assert_array_equal(own.theta, bp.train(OWN_NET, OWN_X, OWN_Y, **options).theta)
