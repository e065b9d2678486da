"""Compiled steps against recorded ones: the same numbers to the bit.

Plain gradient descent is folded into its products, and equal to rounding.
"""

import numpy as np
import pytest
from compiled_cache import cache, compiler  # noqa: F401  fixtures
from compiled_steps import BATCHES, M, assert_same, batches_for, both, steps_of
from needs import every  # each structure takes a second or more to compile
from tape_cases import BINARY, OPTIMIZERS, UNARY, falling
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.execution.compiled.replayer import Compiled
from backprop_xp.execution.steps import over_batches
from backprop_xp.execution.tape import leaves
from backprop_xp.losses import LOSSES

NET = bp.Network([3, 4, 2], "relu")
ROUNDINGS = 8
CANONICAL = [("identity", "squared_error"), ("softmax", "cross_entropy")]
CANONICAL += [("sigmoid", "binary_cross_entropy"), ("exp", "poisson")]


def test_every_activation():
    names = sorted(ACTIVATIONS)
    net = bp.Network([3] * (len(names) + 2), names, "identity", "squared_error")
    assert_same(both(net, bp.SGD(0.1, 0.9), stack=(2,)))


@every
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_of_the_outputs(name):
    net = bp.Network([3, 2], output=name, loss="squared_error")
    assert_same(both(net, bp.SGD(0.1, 0.9)))


@pytest.mark.parametrize(("output", "loss"), CANONICAL)
def test_every_canonical_pair(output, loss):
    net = bp.Network([3, 2], output=output, loss=loss)
    assert_same(both(net, bp.SGD(0.1), dtype="float64"), rounding=ROUNDINGS)


@every
@pytest.mark.parametrize("output", ["softmax", "sigmoid", "exp", "identity"])
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss(loss, output):
    if (output, loss) not in CANONICAL:
        net = bp.Network([3, 2], output=output, loss=loss)
        assert_same(both(net, bp.SGD(0.1, 0.9)))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimiser_by_its_defaults(name):
    rounding = ROUNDINGS if name == "SGD" else 0
    assert_same(both(NET, OPTIMIZERS[name][0], stack=(3,)), rounding=rounding)


@every
@pytest.mark.parametrize("optimizer", [one for each in OPTIMIZERS.values() for one in each[1:]])
def test_every_optimiser(optimizer):
    rounding = ROUNDINGS if isinstance(optimizer, bp.SGD) else 0
    assert_same(both(bp.Network([3, 2]), optimizer, dtype="float64"), rounding=rounding)


ALL_AT_ONCE = {
    "l2": np.array([0.1, 0.0]),
    "l1": 0.01,
    "shrinkage": 0.02,
    "max_norm": 1.0,
    "clip_value": falling,
    "clip_norm": 0.05,
    "dropout": np.array([0.0, 0.3]),
    "input_dropout": 0.2,
}


def test_every_number_of_the_regularisation():
    assert_same(both(NET, bp.SGD(falling), stack=(2,), **ALL_AT_ONCE))


@every
def test_the_regularisation_of_one_network():
    numbers = {name: 0.1 if np.ndim(x) else x for name, x in ALL_AT_ONCE.items()}
    assert_same(both(NET, bp.Adam(0.1), labelled=True, dtype="float64", **numbers))


def test_masks_and_batches_that_are_not_gathered():
    mask = np.ones((4, 3))
    mask[1, 2] = 0
    net = bp.Network([3, 4, 2], "relu", connections=[mask, None])
    assert_same(both(net, bp.SGD(0.1), stack=(2,), own=True, source=False))


@pytest.mark.parametrize("m", [1, 300])
def test_one_case_and_more_than_a_part(m):
    # with one case NumPy adds the units of a sum in another order
    net = bp.Network([3, 40, 12], "tanh")
    assert_same(both(net, bp.SGD(0.1, 0.9), m=m), rounding=ROUNDINGS if m == 1 else 0)


def test_infinities_and_nan_as_in_numpy():
    net = bp.Network([3, 4, 2], "sigmoid")
    theta, X, batches = batches_for(net, (), False, True, "float32", {})
    theta[:3] = 1e38, np.inf, np.nan
    rule, found = bp.SGD(10.0, 0.5), []
    for kind in (steps_of, None):
        start = theta.copy()

        def make(*_, start=start):
            return step_for(net, rule, start)

        steps = kind(make) if kind else over_batches(make, np, pure=True)
        numbers = numbers_of(rule, theta).block(BATCHES)
        with np.errstate(all="ignore"):
            found.append(leaves(steps((start, rule.init(start)), numbers, X, *batches)))
    for one, other in zip(*found, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one, other)


def test_one_text_serves_all_sizes():
    texts = set()
    for sizes in ([3, 4, 2], [7, 5, 6]):
        net = bp.Network(sizes, "relu")
        theta, X, batches = batches_for(net, (2,), False, True, "float32", {})
        steps = steps_of(lambda theta, net=net: step_for(net, bp.SGD(0.1), theta))
        steps((theta, ()), numbers_of(bp.SGD(0.1), theta).block(BATCHES), X, *batches)
        texts |= {one.text for one in steps.recordings.values()}
    assert len(texts) == 1


OPERATIONS = [
    *(one for number, one in enumerate([*UNARY, *BINARY]) if number != len(UNARY) + 6),
    lambda x, _=None: np.exp(x - np.max(x, -2, keepdims=True)),
    lambda x, _=None: x * np.sum(x, -2, keepdims=True),
    lambda x, _=None: x * np.sum(x * x, -1, keepdims=True),
    lambda x, _=None: np.sqrt(np.abs(x)),
]


@every
@pytest.mark.parametrize("seed", range(12))
def test_any_operations_one_after_another(seed):
    """A random program of matrices with temporaries that come and go."""
    rng = np.random.default_rng(seed)
    shape = [(2, 2), (3, 3), (2, 3, 3), (1, 1)][seed % 4]
    program = rng.integers(0, 99, (12, 3))

    def step(carry, numbers, x):
        (a, b), values = carry, [x, numbers, *carry]
        for number, first, second in program:
            one, other = values[first % len(values)], values[second % len(values)]
            operation = OPERATIONS[number % len(OPERATIONS)]
            alone = number % len(OPERATIONS) < len(UNARY)
            made = (operation(one) if alone else operation(one, other)) * 0.5
            if number % 7 == 0:
                made += other
            values = [*values[-5:], made]
        a += made
        return (a, b * 0.5 + made), (made * 1.0, None)

    start, numbers, X = (rng.integers(-4, 4, (n, *shape)) / 4 for n in (2, 3, 3))
    found = []
    for steps in (over_batches(lambda *_: step, np, pure=True), steps_of(lambda _: step)):
        with np.errstate(all="ignore"):
            found.append(leaves(steps(tuple(start.copy()), list(numbers), None, X)))
    assert_same(found)


# ---------------------------------------------------------------------------------------------
# a wrong array is an error, not a wrong write


@pytest.fixture
def recording():
    theta, X, batches = batches_for(NET, (), False, True, "float32", {})
    steps = steps_of(lambda theta: step_for(NET, bp.SGD(0.1), theta))
    numbers = numbers_of(bp.SGD(0.1), theta).block(BATCHES)
    steps((theta, ()), numbers, X, *batches)
    (made,) = steps.recordings.values()
    return made, theta, numbers, X, batches


WRONG = {
    "dtype": lambda x: x.astype("float64"),
    "shorter": lambda x: x[..., :-1],
    "axis": lambda x: x[None, ...],
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("which", ["theta", "source", "y", "w"])
def test_wrong_shapes_and_dtypes(recording, which, kind):
    made, theta, numbers, X, (rows, y, w) = recording
    given = {"theta": theta, "source": X, "y": y, "w": w}
    given[which] = WRONG[kind](given[which])
    with pytest.raises(ValueError, match="compiled step"):
        made.run((given["theta"], ()), numbers, given["source"], rows, given["y"], given["w"])


def test_strides_are_followed_by_copies(recording):
    made, theta, numbers, X, (rows, y, w) = recording
    wide = np.zeros((2, theta.size), "float32")
    wide[0] = theta
    spread = np.ascontiguousarray(np.repeat(theta, 2))[::2]
    expected, _ = made.run((wide[0], ()), numbers, X, rows, y, w)
    by_columns = np.asfortranarray(X), np.asfortranarray(y), np.asfortranarray(rows)
    found, _ = made.run((spread, ()), numbers, by_columns[0], by_columns[2], by_columns[1], w)
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[0] is spread
    assert not wide[1].any()


def test_the_first_recordings_are_forgotten(monkeypatch):
    monkeypatch.setattr("backprop_xp.execution.compiled.replayer.MOST_RECORDINGS", 2)
    steps = steps_of(lambda _: lambda carry, rate, x: (carry + x * rate, (carry * 2,)))
    for n in (1, 2, 3, 1):
        (carry, _) = steps(np.zeros(n), [np.array(0.5)], None, np.ones((1, n)))
        np.testing.assert_array_equal(carry, np.full(n, 0.5))
        assert len(steps.recordings) <= 2


def test_unaligned_arrays_are_copied(recording):
    made, theta, numbers, X, (rows, y, w) = recording

    def unaligned(x):
        return np.frombuffer(b"x" + x.tobytes(), x.dtype, offset=1).reshape(x.shape)

    found = [
        made.run((theta.copy(), ()), numbers, change(X), rows, change(y), change(w))
        for change in (np.copy, unaligned)
    ]
    np.testing.assert_array_equal(found[0][0][0], found[1][0][0])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("gathers", [False, True])
def test_a_repeated_batch_is_that_batch_at_each_step(recording, gathers, order):
    _, theta, numbers, X, (rows, y, w) = recording
    first = rows[0] if gathers else X[rows[0]]
    once = [np.array(x, order=order) for x in (first, y[0], w[0])]
    found = []
    for make in (np.broadcast_to, lambda x, shape: np.array(np.broadcast_to(x, shape))):
        steps = steps_of(lambda like: step_for(NET, bp.SGD(0.1), like))
        batches = [make(x, (BATCHES, *x.shape)) for x in once]
        carry = (theta.copy(), ())
        found.append(leaves(steps(carry, numbers, X if gathers else None, *batches)))
    for one, other in zip(*found, strict=True):
        assert one is other is None or one.tobytes() == other.tobytes()


def test_an_array_that_is_read_only_is_not_written(recording):
    made, theta, numbers, X, batches = recording
    before = theta.copy()
    theta.flags.writeable = False
    with pytest.raises(ValueError, match="carry 0 is read-only"):
        made.run((theta, ()), numbers, X, *batches)
    np.testing.assert_array_equal(theta, before)


def test_row_numbers_out_of_range_read_nothing_else(recording):
    made, theta, numbers, X, (rows, y, w) = recording
    far = rows.copy()
    far[0, :2] = -7, 10**6
    near = np.clip(far, 0, len(X) - 1)
    found = [made.run((theta.copy(), ()), numbers, X, one, y, w) for one in (far, near)]
    np.testing.assert_array_equal(found[0][0][0], found[1][0][0])


def test_numbers_of_another_form(recording):
    made, theta, _, X, batches = recording
    other = numbers_of(bp.SGD(0.1), theta.astype("float64")).block(BATCHES)
    with pytest.raises(ValueError, match="number 0"):
        made.run((theta, ()), other, X, *batches)


def test_two_runs_are_equal_to_the_bit():
    found = [both(NET, bp.Adam(0.1), stack=(3,), m=2 * M)[1] for _ in range(2)]
    for one, other in zip(*found, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------------------------
# what is not compiled is run as it was, and says why


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (lambda x: x * float(x[0]), "a number is read"),
        (lambda x: np.logaddexp(x, x), "logaddexp"),
        (np.sort, "sort"),
        (lambda x: x.astype("float16").astype("float64"), "float16"),
    ],
)
def test_the_rest_falls_back(look, why):
    def step(carry, numbers, x):
        return carry + look(x) * numbers, (carry * 2,)

    told = []
    steps = Compiled(lambda _: step, lambda *given: ("otherwise", len(given)), None, told.append)
    given = np.zeros(2), [np.array(0.5)] * 2, None, np.ones((2, 2))
    assert steps(*given) == steps(*given) == ("otherwise", 4)
    (text,) = told
    assert why in text


def test_without_the_loops_of_numpy(monkeypatch):
    monkeypatch.setattr("backprop_xp.execution.compiled.replayer.loops_are_found", lambda: False)
    told = []
    steps = Compiled(lambda _: None, lambda *_: "otherwise", None, told.append)
    assert steps(np.zeros(2), [np.zeros(())], None, np.zeros((1, 2))) == "otherwise"
    assert told == ["the loops of this NumPy are not found"]
