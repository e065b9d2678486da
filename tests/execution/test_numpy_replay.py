"""A tape against the step itself, run batch after batch: the same numbers to the bit."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tape_cases import BATCHES, BINARY, N_IN, OPTIMIZERS, UNARY, M, falling
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp import optimizers
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.execution import numpy_replay
from backprop_xp.execution.numpy_replay import Recording
from backprop_xp.execution.steps import over_batches
from backprop_xp.execution.tape import NotReplayable, in_place, leaves, mapped
from backprop_xp.losses import LOSSES
from backprop_xp.training.trainer import Trainer


def test_every_optimiser_is_tried_here():
    assert set(OPTIMIZERS) == set(optimizers.__all__) - {"Optimizer", "State", "LBFGS"}


def both(net, optimizer, *, stack=(), l2=0.0, dropout=0.0, source=True, own=False, dtype="float32"):
    """Return what the loop and what the tape make of some batches, as flat lists of arrays."""
    rng = np.random.default_rng(1)
    theta = (rng.standard_normal((*stack, net.parameter_count)) * 0.5).astype(dtype)
    lead = stack if own else ()
    X = rng.standard_normal((*lead, BATCHES * M, N_IN)).astype(dtype)
    rows = rng.permutation(BATCHES * M).astype("int32").reshape(BATCHES, M)
    y = rng.uniform(0.1, 0.9, (BATCHES, *lead, net.sizes[-1], M))
    y = (y / y.sum(axis=-2, keepdims=True)).astype(dtype)
    w = rng.uniform(0.5, 1.5, (BATCHES, 1, M)).astype(dtype)
    noise = [rng.random((BATCHES, n, M)).astype(dtype) for n in net.sizes[1:-1] if np.any(dropout)]
    batches = (rows if source else np.moveaxis(X[..., rows, :], -3, 0), y, w, *noise)

    def run(pure, planned=False):
        start, settings = theta.copy(), numbers_of(optimizer, theta, l2, dropout)
        numbers = [settings.next() for _ in range(BATCHES)]
        step = partial(step_for, net, optimizer, start)
        steps = over_batches(step, np, pure=pure, planned=planned)
        carry = start, optimizer.init(start)
        for _ in range(2):  # what is on the tape is used again
            carry, outs = steps(carry, numbers, X if source else None, *batches)
        if pure:
            (recording,) = steps.recordings.values()
            assert recording is not None
        return leaves((carry, outs))

    with np.errstate(all="ignore"):
        loop, tape, planned = run(False), run(True), run(True, planned=True)
    assert_same((tape, planned), finite=False)
    return loop, tape


def assert_same(found, finite=True):
    loop, tape = found
    for one, other in zip(loop, tape, strict=True):
        if one is not None:
            assert np.isfinite(one).any() or not finite
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("stack", [(), (2,)], ids=["one", "stack"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name, stack):
    hidden = bp.Network([N_IN, 5, 4, 2], name, "identity", "squared_error")
    output = bp.Network([N_IN, 4, 2], "tanh", name, "squared_error")
    for net in (hidden, output):
        assert_same(both(net, bp.SGD(0.1, 0.9), stack=stack))


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "exp", "identity"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, output):
    # the logarithm of an output that is negative, or of 1 minus one above 1, is not defined
    above_0, below_1 = output != "identity", output in ("softmax", "sigmoid")
    defined = {"cross_entropy": above_0, "poisson": above_0, "binary_cross_entropy": below_1}
    found = both(bp.Network([N_IN, 4, 2], "tanh", output, loss), bp.SGD(0.1))
    assert_same(found, finite=defined.get(loss, True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stack", [(), (3,)], ids=["one", "stack"])
@pytest.mark.parametrize("optimizer", [one for each in OPTIMIZERS.values() for one in each])
def test_every_optimiser(optimizer, stack, dtype):
    net = bp.Network([N_IN, 4, 2], "relu")
    assert_same(both(net, optimizer, stack=stack, l2=0.1, dtype=dtype))


@pytest.mark.parametrize("source", [False, True], ids=["batches", "rows"])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("dropout", [0.0, 0.5, np.array([0.0, 0.3]), falling])
def test_every_way_in(dropout, own, source):
    mask = np.ones((4, N_IN))
    mask[1, 2] = 0
    net = bp.Network([N_IN, 4, 2], "relu", connections=[mask, None])
    kinds = {"stack": (2,), "own": own, "source": source}
    assert_same(both(net, bp.SGD(0.1), dropout=dropout, l2=np.array([0.1, 0.0]), **kinds))


@pytest.mark.parametrize("optimizer", [each[-1] for each in OPTIMIZERS.values()])
def test_in_pieces(optimizer, monkeypatch):
    monkeypatch.setattr("backprop_xp.optimizers.cache_pieces.PIECE", 7)
    assert_same(both(bp.Network([N_IN, 4, 2], "relu"), optimizer))


# ---------------------------------------------------------------------------------------------
# any function of arrays


@given(
    operations=st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=12
    ),
    in_place=st.integers(0, 3),
    count=st.integers(1, 4),
)
def test_any_operations_one_after_another(operations, in_place, count):
    """A random program of matrices (2, 2) with temporaries that come and go."""

    def step(carry, numbers, x):
        (a, b), values = carry, [x, numbers, *carry]
        for number, first, second in operations:
            one, other = values[first % len(values)], values[second % len(values)]
            which = number % (len(UNARY) + len(BINARY))
            made = (
                UNARY[which](one) if which < len(UNARY) else BINARY[which - len(UNARY)](one, other)
            )
            values.append(made * 0.5)
            if len(values) > 6:
                values.pop(2)
        last = values[-1] * 1
        if in_place & 1:
            a += last
        if in_place & 2:
            b = b * 0.5 + last
        return (a, b), (last, None)

    rng = np.random.default_rng(0)
    start = rng.integers(-4, 4, (2, 2, 2)) / 4
    X, numbers = rng.integers(-4, 4, (count, 2, 2)) / 4, rng.integers(-4, 4, (count, 2, 2)) / 4

    def run(pure, planned=False):
        steps = over_batches(lambda: step, np, pure=pure, planned=planned)
        carry, outs = steps(tuple(x.copy() for x in start), list(numbers), None, X)
        if pure:
            assert None not in steps.recordings.values()
        return leaves((carry, outs))

    for one, *others in zip(run(False), run(True), run(True, planned=True), strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------------------------
# what a tape cannot hold


def unseen(x):
    return x.cumsum(axis=0)  # a method that NumPy does not announce


def fancy(x):
    return x[[1, 0]]


def written_by_place(x):
    y = x * 1
    y[0] = 3
    return y


def written_constant(x):
    total = np.zeros_like(x)
    total += x
    return total


OUTSIDE = np.zeros(2)


def written_outside(x):
    np.add(x, 1, OUTSIDE)
    return x


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x * float(x[0]),
        lambda x: x * int(x[0]),
        lambda x: x if x[0] > 0 else -x,
        lambda x: x * x[0].item(),
        lambda x: x * sum(x.tolist()),
        lambda x: np.modf(x)[0],
        lambda x: np.unstack(x)[0] * x,
        lambda x: np.add.outer(x, x)[0],
        np.add.accumulate,
        lambda x: np.take(x, np.array([0, 1]), out=np.zeros(2)),
        unseen,
        fancy,
        written_by_place,
        written_constant,
        written_outside,
    ],
)
def test_steps_that_no_tape_can_hold_are_run_as_they_are(look):
    def step(carry, numbers, x):
        total = carry + look(x) * numbers
        return total, (total * 2,)

    start, X = np.zeros(2), np.array([[1.0, 2.0], [-3.0, 0.5], [2.0, 4.0]])
    numbers = [np.array(0.5)] * 3
    with pytest.raises(NotReplayable):
        Recording(step, start, numbers[0], (X[0],))
    steps = over_batches(lambda: step, np, pure=True)
    expected, _ = over_batches(lambda: step, np)(start.copy(), numbers, None, X)
    for _ in range(2):
        found, _ = steps(start.copy(), numbers, None, X)
        np.testing.assert_array_equal(found, expected)
    assert list(steps.recordings.values()) == [None]


@pytest.mark.parametrize(
    "after",
    [
        lambda a, b: (b, a),  # they change places
        lambda a, b: (a, b)[:1],
        lambda a, b: (a, b[:1]),
        lambda a, b: (a, b > 0),
        lambda a, b: (a, b, a * 2),
        lambda a, b: (a, OUTSIDE[: len(b)]),
    ],
)
def test_a_carry_that_is_none_is_refused(after):
    carry = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    with pytest.raises(NotReplayable):
        Recording(lambda carry, _, x: (after(*carry), (x * 1,)), carry, None, (carry[0],))


def test_a_part_of_the_carry_beside_it_is_refused():
    # it would have changed before anyone looks at it
    with pytest.raises(NotReplayable):
        Recording(lambda a, _, x: (a * x, (a,)), np.ones(2), None, (np.ones(2),))


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("again", [lambda x: np.multiply(x, 2, out=x), lambda x: 2 * x])
def test_a_function_in_place_is_called_by_each_replay_and_not_by_the_recording(again, planned):
    def run(pure):
        seen = []

        def outside(x):
            assert type(x) is np.ndarray
            seen.append((x.ctypes.data, x.copy()))
            return again(x)

        def step(carry, numbers, x):
            found = in_place(outside, x + carry[0])
            in_place(outside, x + carry[0])  # nobody reads it
            return (carry[0] + numbers["a"] * found,), (found - 1,)

        steps = over_batches(lambda *_: step, np, pure=pure, planned=planned and pure)
        carry, numbers = (np.ones(3),), [{"a": np.array([0.5])}] * 4
        batches = np.arange(12.0).reshape(4, 3)
        return (*steps(carry, numbers, None, batches), seen)

    loop, tape = run(False), run(True)
    assert len(tape[2]) == 8
    assert len({at for at, _ in tape[2][::2]}) == 1
    assert_same([[*leaves(found[:2]), *(x for _, x in found[2])] for found in (loop, tape)])


def test_a_constant_has_no_function_in_place():
    def step(carry, numbers, x):
        in_place(lambda x: x, np.ones_like(x))
        return carry, (x + 1,)

    with pytest.raises(NotReplayable, match="constant"):
        Recording(step, (np.ones(3),), {"a": np.ones(1)}, [np.ones(3)])


def test_nothing_that_came_in_is_changed_by_a_recording():
    def step(carry, numbers, x):
        carry += x
        x *= 2
        numbers *= 2
        return carry, (x,)

    carry, numbers, x = np.array([1.0]), np.array(2.0), np.array([3.0])
    Recording(step, carry, numbers, (x,))
    np.testing.assert_array_equal([carry[0], numbers, x[0]], [1, 2, 3])


def test_memory_of_temporaries_is_used_again():
    def step(carry, numbers, x):
        y = x
        for _ in range(50):
            y = y * numbers + x
        return carry + y, (y,)

    recording = Recording(step, np.zeros(9), np.array(0.5), (np.ones(9),))
    assert len(recording._calls) == 102  # 50 products and sums, the last sum, and the carry's copy
    arrays = [x for call in recording._calls for x in call.args if isinstance(x, np.ndarray)]
    assert len({x.ctypes.data for x in arrays}) <= 7  # x, the number and the carry among them


def test_large_batches_are_not_replayed(monkeypatch):
    for limit in ("BYTES_AT_ONCE", "MOST_BYTES"):
        monkeypatch.setattr(numpy_replay, limit, 16)
    for size, replayed in ((2, True), (3, False)):
        steps = over_batches(lambda: lambda c, n, x: (c + x.sum(), (x * n,)), np, pure=True)
        _, (outs,) = steps(np.zeros(()), [np.array(2.0)], None, np.ones((1, size)))
        np.testing.assert_array_equal(outs, np.full((1, size), 2.0))
        assert len(steps.recordings) == replayed


def test_of_batches_of_some_size_the_first_block_is_not_replayed(monkeypatch):
    monkeypatch.setattr(numpy_replay, "BYTES_AT_ONCE", 16)
    steps = over_batches(lambda: lambda c, n, x: (c + x.sum(), (x * n,)), np, pure=True)
    for size, blocks in ((2, [1, 1]), (3, [0, 1, 1])):  # a form of its own for each size
        steps.recordings.clear()
        for replayed in blocks:
            carry, (outs,) = steps(np.ones(()), [np.array(2.0)] * 2, None, np.ones((2, size)))
            np.testing.assert_array_equal(outs, np.full((2, size), 2.0))
            assert carry == 1 + 2 * size
            assert len(steps.recordings) == replayed


def test_batches_of_some_size_are_replayed_where_the_parameters_are_smaller(monkeypatch):
    monkeypatch.setattr(numpy_replay, "BYTES_AT_ONCE", 16)
    for parameters, replayed in ((3, 1), (4, 0)):
        steps = over_batches(lambda: lambda c, n, x: (c + x.sum(), (x * n,)), np, pure=True)
        for _ in range(2):
            steps(np.ones(parameters), [np.array(2.0)], None, np.ones((1, 3)))
        assert len(steps.recordings) == replayed


def test_trees():
    tree = (1, {"a": [2, None]}, ())
    assert mapped(lambda x: -x, tree) == (-1, {"a": [-2, None]}, ())
    assert leaves(tree) == [1, 2, None]


# ---------------------------------------------------------------------------------------------
# in training


class OwnSGD(bp.SGD):
    """A user's own, which may do anything."""


@pytest.fixture
def trainers(monkeypatch):
    made, init = [], Trainer.__init__

    def noted(self, *args):
        init(self, *args)
        made.append(self)

    monkeypatch.setattr(Trainer, "__init__", noted)
    return made


def test_training_replays_what_is_the_librarys_own_and_nothing_else(trainers):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((10, 3)).astype("float32"), rng.integers(0, 2, 10)
    net = bp.Network([3, 4, 2], "tanh")
    runs = [
        bp.train(net, X, Y, optimizer=one, epochs=3, batch_size=4)
        for one in (bp.SGD(0.1, 0.9), OwnSGD(0.1, 0.9))
    ]
    own, users = trainers
    assert len(own._steps.steps.recordings) == 2  # batches of 4, and the last of 2
    assert None not in own._steps.steps.recordings.values()
    assert not hasattr(users._steps.steps, "recordings")
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    assert runs[0].history == runs[1].history


def test_groups_of_a_stack_share_one_tape(trainers, monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 3)), rng.integers(0, 2, 8)
    net = bp.Network([3, 4, 2], "tanh")
    found = []
    monkeypatch.setattr("backprop_xp.training.step.scored.MANY_OUTPUTS", 1)
    for limit in (2**22, 1):  # one group, and a group for each network
        monkeypatch.setattr("backprop_xp.training.step.stack_groups.CPU_BYTES", limit)
        found.append(bp.train(net, X, Y, optimizer=bp.Adam(), epochs=3, batch_size=4, stack=3))
    np.testing.assert_array_equal(found[0].theta, found[1].theta)
    assert len(trainers[1]._members.groups) == 3
    assert len(trainers[1]._steps.steps.recordings) == 1


@pytest.mark.parametrize(
    "of", [lambda T: T[:, ::2], lambda T: T[::-1, :4], lambda T: T[:, 3::-1], lambda T: T[:, :4]]
)
def test_a_full_batch_of_steps_or_backwards_is_replayed_to_the_bit(of, monkeypatch):
    table = np.random.default_rng(0).standard_normal((50, 8)).astype("float32")
    net, X = bp.Network([4, 1], "tanh", "sigmoid", "squared_error"), of(table)
    Y = (table[:, :1] > 0).astype("float32")
    thetas = []
    for limit in (2**20, -1):
        monkeypatch.setattr(numpy_replay, "BYTES_AT_ONCE", limit)
        monkeypatch.setattr(numpy_replay, "MOST_BYTES", limit)
        thetas.append(bp.train(net, X, Y, batch_size=None, optimizer=bp.Adam(0.1), epochs=9).theta)
    np.testing.assert_array_equal(*thetas)
