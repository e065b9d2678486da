"""Penalties, clipping, shrinkage, max-norm, smoothing and dropout of inputs, and their order."""

import numpy as np
import pytest
from fused_on_host import NumpyLibrary
from hypothesis import given
from hypothesis import strategies as st
from needs import needs
from surface import BOUNDS, CLASSES, LABELS, MASK, PENALTIES, SMOOTHING, STACKED, TARGETS, M, X, Y

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.execution.cuda.replay import FusedRecording
from backprop_xp.execution.numpy_replay import Recording
from backprop_xp.schedules import Constant, Piecewise
from backprop_xp.training.step import regularization
from backprop_xp.training.step.dropout import dropped_inputs, noise_of_epoch
from backprop_xp.training.step.numbers import Settings
from backprop_xp.training.step.update import step_of

# ---------------------------------------------------------------------------------------------
# by hand: numbers of few binary digits, so that all of it is exact


def test_the_penalties_by_hand(xp):
    theta = xp.array([[2.0, -1.0, 0.0, 4.0], [1.0, 1.0, -3.0, 0.0]])
    share = xp.array([[0.5, 0.5, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]])
    penalty, derivative = regularization.l2_penalty(theta, share)
    np.testing.assert_array_equal(xp.host(penalty), [1.25, 1.375])  # ½ · 0.5 · 5, ½ · 0.25 · 11
    np.testing.assert_array_equal(xp.host(derivative), [[1, -0.5, 0, 0], [0.25, 0.25, -0.75, 0]])
    penalty, derivative = regularization.l1_penalty(theta, share)
    np.testing.assert_array_equal(xp.host(penalty), [1.5, 1.25])  # 0.5 · 3, 0.25 · 5
    np.testing.assert_array_equal(xp.host(derivative), [[0.5, -0.5, 0, 0], [0.25, 0.25, -0.25, 0]])


def test_clipping_by_hand(xp):
    gradient = xp.array([[6.0, -8.0], [0.75, 1.0], [0.0, 0.0]])
    by_value = regularization.clipped(gradient, xp.array([[4.0], [0.5], [1.0]]), None)
    np.testing.assert_array_equal(xp.host(by_value), [[4, -4], [0.5, 0.5], [0, 0]])
    # ‖(6, −8)‖ = 10, and ‖(0.75, 1)‖ = 1.25 is within its bound
    by_norm = regularization.clipped(gradient, None, xp.array([[5.0], [2.0], [1.0]]))
    np.testing.assert_array_equal(xp.host(by_norm), [[3, -4], [0.75, 1], [0, 0]])
    # first by value, (3, −4) of norm 5, then by norm
    by_both = regularization.clipped(xp.array([3.0, -8.0]), xp.array(4.0), xp.array(2.5))
    np.testing.assert_array_equal(xp.host(by_both), [1.5, -2])
    assert regularization.clipped(gradient, None, None) is gradient
    np.testing.assert_array_equal(xp.host(gradient), [[6, -8], [0.75, 1], [0, 0]])


def test_shrinkage_and_max_norm_by_hand(xp):
    theta = xp.array([[4.0, -2.0, 8.0]]) * 1
    shrunk = regularization.shrunk(theta, xp.array([[0.25, 0.5, 0.0]]))
    np.testing.assert_array_equal(xp.host(shrunk), [[3, -1, 8]])
    # two units with weights (3, 4) and (0, 1) and biases 7 and 9, then one with (0.5, 0) and 5
    theta = xp.array([[3.0, 4.0, 0.0, 1.0, 7.0, 9.0, 0.5, 0.0, 5.0]] * 2) * 1
    bounded = regularization.bounded([2, 2, 1], theta, xp.array([[2.5], [0.25]]))
    first, second = [1.5, 2, 0, 1, 7, 9, 0.5, 0, 5], [0.15, 0.2, 0, 0.25, 7, 9, 0.25, 0, 5]
    np.testing.assert_array_equal(xp.host(bounded)[0], first)
    np.testing.assert_allclose(xp.host(bounded)[1], second, rtol=3e-7)  # 0.05 · 3 rounds


def test_smoothing_by_hand(xp):
    y = xp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])  # 4 classes, 2 cases
    smooth = regularization.smoothed(y, xp.array([[0.5]]))
    np.testing.assert_array_equal(
        xp.host(smooth), [[0.625, 0.125], [0.125, 0.125], [0.125, 0.625], [0.125, 0.125]]
    )
    one_unit = regularization.smoothed(xp.array([[1.0, 0.0]]), xp.array([[0.5]]))
    np.testing.assert_array_equal(xp.host(one_unit), [[0.75, 0.25]])


def test_dropped_inputs_by_hand(xp):
    noise, a_in = xp.array([[0.1, 0.5], [0.9, 0.2]]), xp.array([[1.0, 2.0], [3.0, 4.0]])
    dropped = dropped_inputs(a_in, noise, xp.array([[0.5], [0.0]]))
    np.testing.assert_array_equal(xp.host(dropped), [[[0, 4], [6, 0]], [[1, 2], [3, 4]]])


def test_dtypes_and_devices_stay(xp):
    for dtype in xp.float_dtypes:
        theta, number = xp.array([[1.0, -2.0, 3.0]], dtype), xp.array([[0.5]], dtype)
        made = [
            *regularization.l1_penalty(theta, number),
            *regularization.l2_penalty(theta, number),
            regularization.clipped(theta, number, number),
            regularization.shrunk(theta * 1, number),
            regularization.bounded([2, 1], theta * 1, number),
            regularization.smoothed(theta, number),
            dropped_inputs(theta, theta, number),
        ]
        for one in made:
            assert (dtype_name(one.dtype), device_of(one)) == (dtype, xp.device)
        np.testing.assert_array_equal(xp.host(theta), [[1, -2, 3]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [0.25, 0.9, 1])
def test_norms_of_large_and_small_numbers(dtype, size):
    # squares of numbers near the ends of the dtype would overflow, or be 0
    largest, smallest = np.finfo(dtype).max, np.finfo(dtype).smallest_normal
    for one in (float(largest) * size / 2, float(smallest) * 4 * size):
        x = np.array([0.75 * one, -one, 0], dtype)
        norm = 1.25 * float(abs(x[1]))
        bound = np.asarray(norm / 2, dtype)
        scale = regularization.within(x, bound)
        assert scale.dtype == dtype
        # a few roundings; the smallest numbers have some dozen bits less in float16
        np.testing.assert_allclose(scale, 0.5, rtol=4 * np.finfo(dtype).eps)
        assert regularization.within(x, np.asarray(norm * 1.01, dtype)) == 1
    x = np.array([0.6, -0.8, 0], dtype) * (largest * np.dtype(dtype).type(size))
    bound = largest ** np.dtype(dtype).type(0.25)  # far below: x / c has a square that overflows
    expected = float(bound) / (float(largest) * size)
    scale = regularization.within(x, np.asarray(bound))
    np.testing.assert_allclose(scale, expected, rtol=8 * np.finfo(dtype).eps)


def test_what_is_not_finite_stays_so(xp):
    gradient = xp.array([[np.nan, 1.0], [np.inf, 1.0]])
    with np.errstate(invalid="ignore"):
        found = xp.host(regularization.clipped(gradient, None, xp.array(1.0)))
    assert np.isnan(found[:, 0]).all()


@given(
    x=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    bound=st.floats(1e-3, 1e3),
)
def test_norms_are_within_their_bound(x, bound):
    x = np.array(x)
    norm, scale = np.linalg.norm(x), regularization.within(x, np.array(bound))[0]
    # some roundings of 1e-16
    assert norm * scale <= bound * (1 + 1e-14)
    np.testing.assert_allclose(scale, min(1, bound / norm) if norm else 1, rtol=1e-14)


# ---------------------------------------------------------------------------------------------
# one update


LINE = bp.Network([1, 1], output="identity", loss="squared_error")


def one_update(xp, **settings):
    """Return θ and the cost after one case x = 1, y = 0 for W = 2 and b = 1."""
    settings = {"optimizer": bp.SGD(0.25), **settings}
    theta, data = xp.array([2.0, 1.0]), (xp.array([[1.0]]), xp.array([[0.0]]))
    run = bp.train(LINE, *data, theta, epochs=1, **settings)
    return xp.host(run.theta).tolist(), run.history["cost"][0]


@pytest.mark.parametrize(
    ("settings", "theta", "cost"),
    [
        # a = 3, δ = 3, ∂E/∂W = ∂E/∂b = 3, E = 4.5; θ ← θ − 0.25 ∂E/∂θ
        ({}, [1.25, 0.25], 4.5),
        ({"l1": 1}, [1, 0.25], 6.5),  # E + 1 · 2, ∂E/∂W = 3 + 1
        ({"l1": 1, "decay_biases": True}, [1, 0], 7.5),
        ({"l2": 1}, [0.75, 0.25], 6.5),  # E + ½ · 4, ∂E/∂W = 3 + 2
        ({"l2": 1, "decay_biases": True}, [0.75, 0], 7),
        ({"l1": 1, "l2": 1}, [0.5, 0.25], 8.5),
        ({"shrinkage": 0.5}, [0.625, 0.25], 4.5),
        ({"shrinkage": 0.5, "decay_biases": True}, [0.625, 0.125], 4.5),
        ({"clip_value": 2}, [1.5, 0.5], 4.5),
        ({"max_norm": 0.5}, [0.5, 0.25], 4.5),
        # the penalties make (3 + 0.25 + 1, 3) of the gradient, clipping by value (4, 3) of norm 5,
        # by norm (2, 1.5), the optimiser (1.5, 0.625) of θ, shrinkage (1.125, 0.625), and the bound
        # holds; the other way round it would not, and leave 1.2 · 0.75 = 0.9
        (
            {"l1": 0.25, "l2": 0.5, "clip_value": 4, "clip_norm": 2.5}
            | {"shrinkage": 0.25, "max_norm": 1.25},
            [1.125, 0.625],
            6,
        ),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_an_update_by_hand(xp, settings, theta, cost):
    assert one_update(xp, **settings) == (theta, cost)


def test_the_norm_is_that_of_the_whole_gradient(xp):
    # (3, 3) of norm 3√2 is scaled to norm 1: some roundings of float32
    theta, _ = one_update(xp, clip_norm=1)
    expected = np.array([2, 1]) - 0.25 / np.sqrt(2)
    np.testing.assert_allclose(theta, expected, rtol=1e-6)


@given(
    hidden=st.lists(st.integers(1, 4), max_size=2),
    networks=st.integers(1, 3),
    l1=st.floats(0, 2),
    decay_biases=st.booleans(),
    p=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_step_is_the_gradient_of_its_cost(hidden, networks, l1, decay_biases, p, seed):
    """Central differences of the cost with l1 + l2, and inputs left out."""
    rng, sizes, m, l2 = np.random.default_rng(seed), [3, *hidden, 2], 4, 0.5
    net = bp.Network(sizes, "tanh", "identity", "squared_error")
    lead = (networks, net.parameter_count)
    theta = rng.uniform(0.1, 1, lead) * rng.choice([-1, 1], lead)  # away from the kink at 0
    x, y, w = rng.standard_normal((m, 3)), rng.standard_normal((2, m)), rng.uniform(0, 1, (1, m))
    noise = rng.uniform(size=(3, m))

    def cost(theta):
        a, penalty = x.T * (noise >= p) / (1 - p), 0.0
        for layer, (W, b) in enumerate(net.unpack(theta)):
            for part in (W, b) if decay_biases else (W,):
                each = l1 * np.abs(part) + 0.5 * l2 * part**2
                penalty = penalty + each.sum(axis=(-2, -1))
            a = W @ a + b
            a = np.tanh(a) if layer < len(hidden) else a
        return (0.5 * w * (a - y) ** 2).sum(axis=(-2, -1)) + penalty

    h, numeric = 1e-5, np.empty_like(theta)
    for i in range(theta.shape[-1]):
        up, down = theta.copy(), theta.copy()
        up[:, i] += h
        down[:, i] -= h
        numeric[:, i] = (cost(up) - cost(down)) / (2 * h)
    sgd = bp.SGD(1.0)
    settings = Settings(sgd, theta, l2, l1=l1, input_dropout=p)
    step = step_of(net, sgd, theta, decay_biases=decay_biases)
    given = [noise] if settings.drops_inputs else []
    (after, _), (_, penalty) = step((theta.copy(), ()), settings.next(), x, y, w, *given)
    # h² σ‴/6 leaves 1e-10 of costs of size 1000 (p = 0.9 makes the inputs ten times as large),
    # their rounding 1000 · 1e-16 / h = 1e-8
    np.testing.assert_allclose(theta - after, numeric, rtol=1e-6, atol=1e-6)
    assert penalty.shape == (networks,)


# ---------------------------------------------------------------------------------------------
# PyTorch: an independent computation by its automatic derivatives

STEPS = 50
_rng = np.random.default_rng(5)
MANY_X, MANY_LABELS = _rng.standard_normal((24, 4)), _rng.integers(0, 3, 24)
DEEP = bp.Network([4, 6, 5, 3], "tanh", "softmax", "cross_entropy")
ONE_UNIT = bp.Network([4, 6, 1], "tanh", "sigmoid", "binary_cross_entropy")


def smoothed_loss(torch, z, labels, smoothing):
    if z.shape[1] > 1:
        return torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(z, torch.tensor(labels))
    y = torch.tensor(labels[:, None] * (1 - smoothing) + smoothing / 2)
    return torch.nn.BCEWithLogitsLoss()(z, y)


def on_pytorch(net, theta, labels, *, by_library=False, **chosen):
    """Train by PyTorch's derivatives, optimiser and clipping; return θ and the costs.

    `by_library` takes ``clip_grad_norm_`` too, which adds 1e-6 to the norm.
    """
    torch = needs("torch")
    X = torch.tensor(MANY_X)
    parts = [torch.tensor(part, requires_grad=True) for of in net.unpack(theta) for part in of]
    weights = parts[::2]
    decayed = parts if chosen.get("decay_biases") else weights
    optimizer, costs = torch.optim.SGD(parts, lr=0.2, momentum=0.9), []
    p = chosen.get("input_dropout", 0.0)
    for epoch in range(STEPS):
        key = np.random.SeedSequence(9, spawn_key=(4, epoch))  # the fifth of a seed's streams
        noise = np.random.default_rng(key).random((4, len(X)), dtype="float32")
        a = X * torch.tensor((noise >= p) / (1 - p)).T
        for number, (W, b) in enumerate(zip(weights, parts[1::2], strict=True)):
            a = torch.nn.functional.linear(torch.tanh(a) if number else a, W, b[:, 0])
        cost = smoothed_loss(torch, a, labels, chosen.get("label_smoothing", 0.0))
        cost = cost + chosen.get("l1", 0.0) * sum(x.abs().sum() for x in decayed)
        cost = cost + 0.5 * chosen.get("l2", 0.0) * sum((x**2).sum() for x in decayed)
        optimizer.zero_grad()
        cost.backward()
        costs.append(cost.item())
        if "clip_value" in chosen:
            torch.nn.utils.clip_grad_value_(parts, chosen["clip_value"])
        if "clip_norm" in chosen and by_library:
            torch.nn.utils.clip_grad_norm_(parts, chosen["clip_norm"])
        elif "clip_norm" in chosen:
            norm = torch.linalg.vector_norm(torch.cat([x.grad.reshape(-1) for x in parts]))
            for x in parts:
                x.grad *= min(1.0, chosen["clip_norm"] / float(norm))
        optimizer.step()
        with torch.no_grad():
            for x in decayed:
                x.mul_(1 - chosen.get("shrinkage", 0.0))
            for W in weights if "max_norm" in chosen else ():
                norms = torch.linalg.vector_norm(W, dim=1, keepdim=True)
                W.mul_(torch.clamp(chosen["max_norm"] / norms, max=1))
    return np.concatenate([x.detach().numpy().reshape(-1) for x in parts]), costs


DECAY = {"l1": 1e-3, "l2": 1e-2, "shrinkage": 1e-3, "decay_biases": True}
ALL = {**DECAY, "input_dropout": 0.2, "label_smoothing": 0.1}
ALL |= {"clip_value": 0.1, "clip_norm": 0.2, "max_norm": 1.0}


@pytest.mark.parametrize("net", [DEEP, ONE_UNIT], ids=["classes", "one unit"])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"l1": 0.02},
        {"l1": 0.02, "l2": 0.1, "decay_biases": True},
        {"shrinkage": 0.02},
        {"input_dropout": 0.4},
        {"label_smoothing": 0.3},
        {"clip_value": 0.05},
        {"clip_norm": 0.1},
        {"max_norm": 0.6},
        ALL,
    ],
    ids=lambda x: "-".join(x) or "plain",
)
def test_fifty_steps_are_those_of_pytorch(net, chosen):
    # sums in other orders: some hundred roundings of 1e-16 a step, and 50 steps that let no error
    # grow a thousandfold
    theta, labels = net.init(seed=3, dtype="float64"), MANY_LABELS % max(net.sizes[-1], 2)
    expected, costs = on_pytorch(net, theta, labels, **chosen)
    settings = {"epochs": STEPS, "batch_size": None, "seed": 9, **chosen}
    run = bp.train(net, MANY_X, labels, theta, optimizer=bp.SGD(0.2, 0.9), **settings)
    np.testing.assert_allclose(run.theta, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(run.history["cost"], costs, rtol=1e-10)
    plain = bp.train(
        net, MANY_X, labels, theta, optimizer=bp.SGD(0.2, 0.9), epochs=STEPS, batch_size=None
    )
    assert not chosen or np.abs(run.theta - plain.theta).max() > 1e-3  # and it does something


def test_clipping_by_norm_is_pytorchs_but_for_what_it_adds_to_the_norm():
    # c / (‖g‖ + 1e-6) in place of c / ‖g‖, with ‖g‖ > c = 0.1: 1e-5 of each update, of which 50
    # with momentum add up to less than ten times 50 · 0.2 · 0.1 · 1e-5
    theta = DEEP.init(seed=3, dtype="float64")
    found, _ = on_pytorch(DEEP, theta, MANY_LABELS, by_library=True, clip_norm=0.1)
    settings = {"epochs": STEPS, "batch_size": None, "clip_norm": 0.1}
    run = bp.train(DEEP, MANY_X, MANY_LABELS, theta, optimizer=bp.SGD(0.2, 0.9), **settings)
    np.testing.assert_allclose(run.theta, found, rtol=0, atol=1e-4)
    assert np.abs(run.theta - theta).max() > 0.1


# ---------------------------------------------------------------------------------------------
# what is not asked for, what is not reached, what is removed


def train(net=CLASSES, targets=LABELS, **settings):
    return bp.train(net, X, targets, **{"epochs": 3, "batch_size": 4, "seed": 5, **settings})


def same(run, other):
    np.testing.assert_array_equal(run.theta, other.theta)
    assert run.history.keys() == other.history.keys()
    for name, of in run.history.items():
        np.testing.assert_array_equal(of, other.history[name])


OFF = ("l1", "shrinkage", "input_dropout", "label_smoothing")
OPTIONAL = ("clip_value", "clip_norm", "max_norm")
SPARSE = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy", [MASK, None])


@pytest.mark.parametrize("name", OFF)
@pytest.mark.parametrize("zero", [0, 0.0, np.float32(0), np.zeros((3, 1)), Constant(0.0)])
def test_a_number_of_0_is_none_to_the_bit(name, zero):
    stack = 3 if np.ndim(zero) else ()
    same(train(stack=stack, **{name: zero}), train(stack=stack))


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("stack", [(), 3])
def test_a_bound_that_is_not_reached_is_none_to_the_bit(name, stack):
    same(train(stack=stack, **{name: 1e30}), train(stack=stack))
    same(train(stack=stack, **{name: None}), train(stack=stack))


def test_what_is_off_is_no_number_of_a_step():
    numbers = Settings(bp.SGD(0.1), np.zeros(3), **dict.fromkeys(OFF, 0), **dict.fromkeys(OPTIONAL))
    assert set(numbers.next()[1:]) == {None}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("decay_biases", [False, True])
@pytest.mark.parametrize("chosen", [*OFF[:3], *OPTIONAL, "all"])
def test_the_tape_of_numpy_and_the_program_of_a_gpu_hold_it(chosen, decay_biases, own):
    # `NotReplayable` is raised where they do not; that they are the step is in
    # `execution/cuda/test_replay`
    net, lead = SPARSE, (3,) if own else ()
    theta = net.init(seed=0, stack=lead)
    number = np.array([0.1, 0.2, 0.3]) if own else 0.1
    names = [*OFF[:3], *OPTIONAL] if chosen == "all" else [chosen]
    sgd = bp.SGD(0.1, 0.9)
    settings = Settings(sgd, theta, **dict.fromkeys(names, number))
    noise = [np.ones((3, 4), "float32")] if settings.drops_inputs else []
    batch = np.ones((4, 3), "float32"), np.ones((3, 4), "float32"), np.array(0.25, "float32")
    given = (theta, sgd.init(theta)), settings.next(), (*batch, *noise)
    for record, library in ((Recording, ()), (FusedRecording, (NumpyLibrary(),))):
        step = step_of(net, sgd, theta, labelled=True, decay_biases=decay_biases)
        record(step, *given, *library)


def test_hidden_units_are_dropped_alike_with_and_without_inputs():
    sizes, theta = (5, 3, 4, 2), np.zeros(7, "float32")
    hidden = noise_of_epoch(sizes, 8, 2, theta)(4, 6)
    *found, of_inputs = noise_of_epoch(sizes, 8, 2, theta)(4, 6, inputs=True)
    for one, other in zip(found, hidden, strict=True):
        np.testing.assert_array_equal(one, other)
    (alone,) = noise_of_epoch(sizes, 8, 2, theta)(4, 6, hidden=False, inputs=True)
    np.testing.assert_array_equal(alone, of_inputs)
    key = np.random.SeedSequence(8, spawn_key=(4, 2))
    np.testing.assert_array_equal(
        of_inputs, np.random.default_rng(key).random((4, 5, 6), dtype="float32")
    )
    assert noise_of_epoch(sizes, 8, 2, theta)(4, 6, hidden=False) == ()


def test_batches_in_several_blocks_are_trained_alike(monkeypatch):
    settings = {"input_dropout": 0.5, "dropout": 0.5, "label_smoothing": Piecewise([2], [0, 0.5])}
    in_one = train(batch_size=2, **settings)
    monkeypatch.setattr("backprop_xp.training.data.batches.BLOCK_ROWS", 4)
    same(train(batch_size=2, **settings), in_one)


@pytest.mark.parametrize("xp", ["numpy", "strict-device1", "torch", "jax"], indirect=True)
def test_removed_connections_stay_exactly_0(xp):
    settings = {**PENALTIES, **BOUNDS, "input_dropout": 0.2, "label_smoothing": SMOOTHING}
    run = bp.train(
        SPARSE,
        xp.array(X),
        xp.array(LABELS),
        epochs=3,
        batch_size=4,
        stack=3,
        optimizer=bp.Adam(0.1),
        **settings,
    )
    W = xp.host(SPARSE.unpack(run.theta)[0].W)
    assert np.all(W[:, MASK == 0] == 0)
    assert np.all(W[:, MASK == 1] != 0)


def test_the_weights_of_every_unit_are_within_their_norm_after_training(xp):
    data, c = (xp.array(X), xp.array(LABELS)), np.array([0.1, 0.5, 0.9])
    run = bp.train(CLASSES, *data, stack=3, epochs=2, batch_size=4, max_norm=c)
    for W, _ in CLASSES.unpack(run.theta):
        norms = np.linalg.norm(xp.host(W).astype("float64"), axis=-1)
        assert np.all(norms <= c[:, None] * (1 + 1e-6))  # float32 rounds each weight by 6e-8
    assert np.any(norms > c[:, None] * 0.999)


def test_what_bounds_weights_acts_in_batches_without_weight_too():
    w = np.zeros(M)
    w[0] = 1
    settings = {"shrinkage": 0.5, "max_norm": 0.1, "l1": 0.1, "epochs": 1, "optimizer": bp.SGD(0.0)}
    theta = TARGETS.init(seed=1, dtype="float64") * 10
    run = train(TARGETS, Y, theta=theta, case_weights=w, batch_size=1, **settings)
    expected = theta.copy()
    for _ in range(M):
        expected = regularization.shrunk(expected, 0.5 * TARGETS.is_weight(theta))
        expected = regularization.bounded(TARGETS.sizes, expected, np.array(0.1))
    exists = TARGETS.existing(theta)
    np.testing.assert_allclose(run.theta, expected * exists, rtol=1e-13)  # some roundings of 1e-16


class Remembers:
    """θ ← θ − ε ∂E/∂θ, with θ itself in the state too; not in place."""

    def settings(self, step):  # noqa: ARG002
        return {"rate": 0.5}

    def init(self, theta):
        return (theta * 1,)

    def update(self, theta, state, dE_dtheta, *, rate):  # noqa: ARG002
        theta = theta - rate * dE_dtheta
        return theta, (theta,)


@pytest.mark.parametrize("chosen", [{"shrinkage": 0.5}, {"max_norm": 0.01}])
def test_a_theta_that_the_state_holds_too_is_not_written(xp, chosen):
    theta, optimizer = xp.array(TARGETS.init(seed=1)) * 1, Remembers()
    step, settings = step_of(TARGETS, optimizer, theta), Settings(optimizer, theta, **chosen)
    w = xp.array(np.full((1, M), 1 / M))
    batch = xp.array(X), xp.array(Y.T), w
    plain, _ = step_of(TARGETS, optimizer, theta)(
        (theta * 1, optimizer.init(theta)), Settings(optimizer, theta).next(), *batch
    )
    (found, (kept,)), _ = step((theta, optimizer.init(theta)), settings.next(), *batch)
    np.testing.assert_array_equal(xp.host(kept), xp.host(plain[0]))
    assert np.any(xp.host(found) != xp.host(kept))


# ---------------------------------------------------------------------------------------------
# smoothing: the cost of training, and no other


def test_the_cost_of_smoothed_targets_and_the_validation_cost_of_those_given(xp64):
    # θ = 0: every output is 1/3, and both costs are ln 3 whatever the targets; so with a bias
    # (1, 0, 0) the cost is ln(e + 2) − Σ y z, z = 1 for the first class: y is 0.8 + 0.2 / 3 there
    net = bp.Network([1, 3])
    theta = xp64.array([0.0, 0, 0, 1, 0, 0])
    data = xp64.array([[0.0], [0.0]]), xp64.array(np.array([0, 1]))
    run = bp.train(
        net,
        *data,
        theta,
        validation=data,
        label_smoothing=0.2,
        epochs=1,
        batch_size=None,
        optimizer=bp.SGD(0.0),
    )
    log_total = np.log(np.e + 2)
    smooth = log_total - (0.8 + 0.2 / 3 + 0.2 / 3) / 2
    np.testing.assert_allclose(run.history["cost"], [smooth], rtol=1e-14)
    np.testing.assert_allclose(run.history["validation_cost"], [log_total - 0.5], rtol=1e-14)
    assert run.history["accuracy"] == run.history["validation_accuracy"] == [0.5]


@pytest.mark.parametrize(
    ("net", "targets"),
    [
        (CLASSES, np.eye(3)[LABELS]),
        (TARGETS, Y),
        (bp.Network([3, 1], output="identity", loss="squared_error"), LABELS),
    ],
    ids=["one-hot", "numbers", "counts"],
)
def test_targets_that_are_no_classes_are_not_smoothed(net, targets):
    with pytest.raises(OptionError) as caught:
        train(net, targets, label_smoothing=0.1)
    assert caught.value.parts[0] == "train(label_smoothing)"
    assert "class labels" in caught.value.parts[2]
    train(net, targets, label_smoothing=0.0, epochs=1)


# ---------------------------------------------------------------------------------------------
# numbers: over a stack, of the step, out of range


@pytest.mark.parametrize("name", [*OFF, *OPTIONAL])
def test_numbers_of_each_network_in_the_shape_of_the_stack(name):
    own = np.array([0.1, 0.2, 0.4])
    same(train(stack=3, **{name: own}), train(stack=3, **{name: own[:, None]}))
    with pytest.raises(ShapeError, match=f"{name}: got an array of shape"):
        train(stack=4, **{name: own})


@pytest.mark.parametrize("name", [*OFF, *OPTIONAL])
def test_a_schedule_counts_updates_over_the_epochs(name):
    # three batches an epoch: the change comes within the second
    steps = []

    def schedule(step):
        steps.append(step)
        return 0.1 if step < 4 else 0.2

    run = train(epochs=2, **{name: schedule})
    assert sorted(set(steps)) == list(range(6))
    same(run, train(epochs=2, **{name: Piecewise([4], [0.1, 0.2])}))
    assert np.any(run.theta != train(epochs=2, **{name: 0.1}).theta)


EXPECTED = {
    **dict.fromkeys(("l1",), "finite numbers >= 0"),
    **dict.fromkeys(("shrinkage", "label_smoothing"), "numbers >= 0 and < 1"),
    "input_dropout": "probabilities >= 0 and < 1",
    **dict.fromkeys(OPTIONAL, "None or finite numbers > 0"),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, "some", [[0.1], [-0.1]]])
def test_numbers_out_of_range(name, bad):
    with pytest.raises(OptionError) as caught:
        train(**{name: bad})
    advice = "Pass a number, an array or a schedule"
    assert caught.value.parts == (f"train({name})", repr(bad), EXPECTED[name], advice)
    if isinstance(bad, float):
        with pytest.raises(OptionError, match=rf"train\({name}\): got .*; expected "):
            train(**{name: lambda _: bad})


@pytest.mark.parametrize("name", EXPECTED)
def test_the_ends_of_the_ranges(name):
    bad = {"l1": -1e-9, **dict.fromkeys(OPTIONAL, 0)}.get(name, 1)
    with pytest.raises(OptionError, match=rf"train\({name}\)"):
        train(**{name: bad})
    if name in OFF:
        with pytest.raises(OptionError, match=rf"train\({name}\): got None"):
            train(**{name: None})


@pytest.mark.parametrize("bad", [1, None, "weights", 0.5])
def test_decay_of_biases_is_on_or_off(bad):
    with pytest.raises(OptionError) as caught:
        train(decay_biases=bad)
    parts = ("train(decay_biases)", repr(bad), "True or False", "Pass one of them")
    assert caught.value.parts == parts


def test_numbers_in_arrays_of_any_library(xp):
    data = xp.array(X, "float32"), xp.array(STACKED["LABELS"])
    for name in (*OFF, *OPTIONAL):
        number = np.array([[0.1], [0.2], [0.4]])
        found, expected = (
            bp.train(CLASSES, *data, stack=3, epochs=1, **{name: one})
            for one in (xp.array(number), number)
        )
        np.testing.assert_array_equal(xp.host(found.theta), xp.host(expected.theta))
