"""Regularisation in training: what is off, what is not reached, stacks, schedules and ranges."""

import numpy as np
import pytest
from comparisons import same
from fused_on_host import NumpyLibrary
from surface import BOUNDS, CLASSES, LABELS, MASK, PENALTIES, SMOOTHING, STACKED, TARGETS, M, X, Y
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.execution.cuda.replay import FusedRecording
from backprop_xp.execution.numpy_replay import Recording
from backprop_xp.schedules import Constant, Piecewise
from backprop_xp.training.step import regularization
from backprop_xp.training.step.dropout import noise_of_epoch

# ---------------------------------------------------------------------------------------------
# what is not asked for, what is not reached, what is removed


def train(net=CLASSES, targets=LABELS, **settings):
    return bp.train(net, X, targets, **{"epochs": 3, "batch_size": 4, "seed": 5, **settings})


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
    numbers = numbers_of(
        bp.SGD(0.1), np.zeros(3), **dict.fromkeys(OFF, 0), **dict.fromkeys(OPTIONAL)
    )
    assert numbers.next().regularisation == {}


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
    settings = numbers_of(sgd, theta, **dict.fromkeys(names, number))
    noise = [np.ones((3, 4), "float32")] if settings.uses("input_dropout") else []
    batch = np.ones((4, 3), "float32"), np.ones((3, 4), "float32"), np.array(0.25, "float32")
    given = (theta, sgd.init(theta)), settings.next(), (*batch, *noise)
    for record, library in ((Recording, ()), (FusedRecording, (NumpyLibrary(),))):
        step = step_for(net, sgd, theta, labelled=True, decay_biases=decay_biases)
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
    step, settings = step_for(TARGETS, optimizer, theta), numbers_of(optimizer, theta, **chosen)
    w = xp.array(np.full((1, M), 1 / M))
    batch = xp.array(X), xp.array(Y.T), w
    plain, _ = step_for(TARGETS, optimizer, theta)(
        (theta * 1, optimizer.init(theta)), numbers_of(optimizer, theta).next(), *batch
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
    with pytest.raises(ShapeError, match=rf"train\({name}\): got an array of shape"):
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


@pytest.mark.parametrize("decay_biases", [False, True])
@pytest.mark.parametrize("stack", [(), 3], ids=["one", "stack"])
def test_shrinkage_takes_its_share_at_each_step(decay_biases, stack):
    # no rate, so that shrinkage alone changes θ: ¾ at each of 6 steps
    start = CLASSES.init(seed=0, dtype="float64", stack=stack) + 1.0
    chosen = {"optimizer": bp.SGD(0.0), "shrinkage": 0.25, "decay_biases": decay_biases}
    run = bp.train(CLASSES, X[:8], LABELS[:8], start, epochs=3, batch_size=4, **chosen)
    is_weight = CLASSES.is_weight(start)
    share = 0.75**6 if decay_biases else np.where(is_weight == 1, 0.75**6, 1.0)
    np.testing.assert_allclose(run.theta, share * start, rtol=1e-14)  # six roundings
