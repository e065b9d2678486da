import io
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace, to_host
from backprop_xp.arrays.random_streams import generator
from backprop_xp.errors import (
    DivergenceError,
)
from backprop_xp.training import scoring

CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
BINARY = bp.Network([3, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")

_rng = np.random.default_rng(0)
M = 10
X = _rng.standard_normal((M, 3))
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2))
BITS = LABELS % 2
WEIGHTS = _rng.uniform(0.1, 2, M)
X_VAL, LABELS_VAL, Y_VAL = X[::-1] + 0.1, LABELS, Y * 2
for _array in (X, LABELS, Y, BITS, WEIGHTS, X_VAL, LABELS_VAL, Y_VAL):
    _array.flags.writeable = False

# Where two ways of computing the same are compared: they sum in other orders, each number is
# rounded some hundred times in a run of a few epochs, and float64 rounds by 1e-16, float32 by 6e-8.
CLOSE = {"float64": {"rtol": 1e-11, "atol": 1e-13}, "float32": {"rtol": 1e-4, "atol": 1e-5}}

# JAX compiles for each shape anew, which takes seconds; where another test of this file covers the
# same lines on JAX, these libraries are enough
WITHOUT_JAX = pytest.mark.parametrize(
    "xp",
    [
        "numpy-readonly",
        "strict-device1",
        "strict-no_x64",
        "strict-flags-off",
        "torch",
        pytest.param("cupy", marks=pytest.mark.gpu),
    ],
    indirect=True,
)


def train_plainly(
    net,
    X,
    Y,
    theta,
    *,
    epochs,
    batch_size,
    rate,
    momentum=0.0,
    nesterov=False,
    l2=0.0,
    weights=None,
    seed=0,
):
    """Train one network by a loop over batches; return θ and the mean cost of each epoch."""
    theta, velocity, m, costs = theta.copy(), np.zeros_like(theta), len(X), []
    is_weight = net.pack([(np.ones_like(W), np.zeros_like(b)) for W, b in net.unpack(theta)])
    for epoch in range(epochs):
        full = batch_size is None or batch_size >= m
        order = np.arange(m) if full else generator(seed, "order", epoch).permutation(m)
        of_batches = []
        for start in range(0, m, batch_size or m):
            rows = order[start : start + (batch_size or m)]
            w = np.ones(len(rows)) if weights is None else weights[rows]
            mean = 1 if weights is None else weights.mean()
            E, g = net.gradient(theta, X[rows], Y[rows], w / (len(rows) * mean))
            E = E + 0.5 * l2 * ((is_weight * theta) ** 2).sum()
            of_batches.append(E * len(rows) / m)
            g = g + l2 * is_weight * theta
            velocity = momentum * velocity - rate * g
            theta = theta + (momentum * velocity - rate * g if nesterov else velocity)
        costs.append(sum(of_batches))
    return theta, costs


# ---------------------------------------------------------------------------------------------
# numbers by hand


@pytest.mark.parametrize(
    ("l2", "cost", "theta"),
    [
        # x = 2, y = 1; W¹ = ½, b¹ = 0, so a¹ = 1; W² = 3, b² = −1, so a² = 2 and E = ½.
        # δ² = 1: ∂E/∂W² = 1, ∂E/∂b² = 1; δ¹ = 3·1: ∂E/∂W¹ = 6, ∂E/∂b¹ = 3; each times −0.1.
        (0.0, 0.5, [-0.1, -0.3, 2.9, -1.1]),
        # l2 = ½ adds ¼ (¼ + 9) = 2.3125 to the cost, ½ W to the weights' gradients: 6.25 and 2.5.
        (0.5, 2.8125, [-0.125, -0.3, 2.75, -1.1]),
    ],
)
def test_one_step_by_hand(xp, l2, cost, theta):
    net = bp.Network([1, 1, 1], "identity", "identity", "squared_error")
    start = xp.array([0.5, 0.0, 3.0, -1.0])
    run = bp.train(
        net,
        xp.array([[2.0]]),
        xp.array([[1.0]]),
        start,
        optimizer=bp.SGD(0.1),
        epochs=1,
        batch_size=None,
        l2=l2,
    )
    # a handful of roundings, of 6e-8 in float32
    np.testing.assert_allclose(xp.host(run.theta), theta, rtol=1e-6)
    assert run.history == {"cost": [pytest.approx(cost, rel=1e-6)]}


def test_two_steps_with_momentum_by_hand():
    # The step above makes Δθ = (−0.6, −0.3, −0.1, −0.1). Then a¹ = −0.2 − 0.3 = −0.5 and
    # a² = −1.45 − 1.1 = −2.55: E = ½ 3.55² = 6.30125; δ² = −3.55, δ¹ = −10.295;
    # g = (−20.59, −10.295, 1.775, −3.55); Δθ = ½ Δθ − 0.1 g = (1.759, 0.8795, −0.2275, 0.305).
    net = bp.Network([1, 1, 1], "identity", "identity", "squared_error")
    run = bp.train(
        net,
        [[2.0]],
        [[1.0]],
        np.array([0.5, 0.0, 3.0, -1.0]),
        optimizer=bp.SGD(0.1, momentum=0.5),
        epochs=2,
        batch_size=None,
    )
    # about 20 roundings of 1e-16
    np.testing.assert_allclose(run.theta, [1.659, 0.5795, 2.6725, -0.795], rtol=1e-14)
    assert run.history["cost"] == pytest.approx([0.5, 6.30125], rel=1e-14)


def test_two_cases_by_hand_are_averaged():
    # a = 2x + ½: 2.5 and 4.5 against 1 and 6; r = 1.5 and −1.5; E = ½ (1.125 + 1.125);
    # ∂E/∂W = ½ (1.5·1 − 1.5·2) = −0.75, ∂E/∂b = 0
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    run = bp.train(
        net,
        [[1.0], [2.0]],
        [1.0, 6.0],
        np.array([2.0, 0.5]),
        optimizer=bp.SGD(1),
        epochs=1,
        batch_size=None,
    )
    np.testing.assert_array_equal(run.theta, [2.75, 0.5])
    assert run.history["cost"] == [1.125]


# ---------------------------------------------------------------------------------------------
# against a loop of its own


def test_it_equals_a_plain_loop(xp):
    dtype = xp.float_dtypes[-1]
    theta = CLASSES.init(seed=3, dtype=dtype)
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        xp.array(theta),
        optimizer=bp.SGD(0.2, momentum=0.7),
        epochs=3,
        batch_size=4,  # 4, 4 and a ragged 2
        case_weights=xp.array(WEIGHTS),
        l2=0.05,
        seed=9,
    )
    expected, costs = train_plainly(
        CLASSES,
        X,
        LABELS,
        theta.astype("float64"),
        epochs=3,
        batch_size=4,
        rate=0.2,
        momentum=0.7,
        l2=0.05,
        weights=WEIGHTS,
        seed=9,
    )
    np.testing.assert_allclose(xp.host(run.theta), expected, **CLOSE[dtype])
    np.testing.assert_allclose(run.history["cost"], costs, **CLOSE[dtype])


@pytest.mark.parametrize("batch_size", [1, 3, 5, 9, 10, 11, 1000, None])
@pytest.mark.parametrize(
    "chosen",
    [
        {"net": CLASSES, "Y": LABELS},
        {"net": TARGETS, "Y": Y, "momentum": 0.8},
        {"net": TARGETS, "Y": Y, "momentum": 0.8, "nesterov": True, "l2": 0.1},
        {"net": BINARY, "Y": BITS, "weights": WEIGHTS, "l2": 0.1},
    ],
    ids=["plain", "momentum", "nesterov-l2", "weights-l2"],
)
def test_it_equals_a_plain_loop_for_every_batch_size(batch_size, chosen):
    chosen = dict(chosen)
    net, Y = chosen.pop("net"), chosen.pop("Y")
    theta = net.init(seed=1, dtype="float64")
    expected, costs = train_plainly(
        net, X, Y, theta, epochs=3, batch_size=batch_size, rate=0.1, seed=4, **chosen
    )
    weights, l2 = chosen.pop("weights", None), chosen.pop("l2", 0.0)
    run = bp.train(
        net,
        X,
        Y,
        theta,
        optimizer=bp.SGD(0.1, **chosen),
        epochs=3,
        batch_size=batch_size,
        case_weights=weights,
        l2=l2,
        seed=4,
    )
    np.testing.assert_allclose(run.theta, expected, **CLOSE["float64"])
    np.testing.assert_allclose(run.history["cost"], costs, **CLOSE["float64"])


def test_batches_in_several_blocks_are_the_same_batches(xp, monkeypatch):
    def trained():
        return bp.train(CLASSES, xp.array(X), xp.array(LABELS), epochs=2, batch_size=2, seed=1)

    in_one = trained()
    monkeypatch.setattr("backprop_xp.training.data.batches.BLOCK_ROWS", 4)
    monkeypatch.setattr("backprop_xp.training.data.batches.COMPILED_BLOCK_ROWS", 4)
    in_three = trained()
    if xp.name.startswith("jax"):  # which compiles a block of another length anew
        np.testing.assert_allclose(
            xp.host(in_three.theta), xp.host(in_one.theta), **CLOSE[xp.float_dtypes[-1]]
        )
    else:
        np.testing.assert_array_equal(xp.host(in_three.theta), xp.host(in_one.theta))
    np.testing.assert_allclose(in_three.history["cost"], in_one.history["cost"], **CLOSE["float64"])
    assert in_three.history["accuracy"] == in_one.history["accuracy"]


def test_a_schedule_counts_updates_over_the_epochs():
    seen = []

    def rate(step):
        seen.append(step)
        return 0.1 / (1 + step)

    run = bp.train(TARGETS, X, Y, optimizer=bp.SGD(rate), epochs=2, batch_size=4)
    assert sorted(set(seen)) == list(range(6))
    theta = TARGETS.init(dtype="float64")
    for step in range(6):
        order = generator(0, "order", step // 3).permutation(M)
        rows = order[step % 3 * 4 : step % 3 * 4 + 4]
        theta = theta - 0.1 / (1 + step) * TARGETS.gradient(theta, X[rows], Y[rows])[1]
    np.testing.assert_allclose(run.theta, theta, **CLOSE["float64"])


def test_no_epochs(xp):
    theta = CLASSES.init(seed=2)
    run = bp.train(CLASSES, xp.array(X), xp.array(LABELS), xp.array(theta), epochs=0)
    np.testing.assert_array_equal(xp.host(run.theta), theta)
    assert run.history == {}
    assert run.network is CLASSES


def test_a_learning_rate_of_0_changes_nothing():
    theta = CLASSES.init(seed=2, dtype="float64")
    run = bp.train(CLASSES, X, LABELS, theta, optimizer=bp.SGD(0, momentum=0.9), epochs=2)
    np.testing.assert_array_equal(run.theta, theta)
    assert run.history["cost"][0] == run.history["cost"][1]


def test_training_learns():
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, Y, optimizer=bp.SGD(0.5, momentum=0.9), epochs=200, batch_size=None)
    assert run.history["cost"][-1] < 0.01 < 0.5 < run.history["cost"][0]
    np.testing.assert_array_equal(net.forward(run.theta, X) > 0.5, Y)


# ---------------------------------------------------------------------------------------------
# history


def test_the_history_of_classes(xp):
    arrays = xp.array(X), xp.array(LABELS)
    validation = xp.array(X_VAL), xp.array(LABELS_VAL)
    run = bp.train(
        CLASSES, *arrays, optimizer=bp.SGD(0), epochs=2, batch_size=None, validation=validation
    )
    theta = run.theta
    assert list(run.history) == ["cost", "accuracy", "validation_cost", "validation_accuracy"]
    assert {len(of) for of in run.history.values()} == {2}
    assert {type(value) for of in run.history.values() for value in of} == {float}
    close = CLOSE[xp.float_dtypes[-1]]
    for name, data in (("", arrays), ("validation_", validation)):
        cost = float(CLASSES.cost(theta, *data))
        np.testing.assert_allclose(run.history[f"{name}cost"], [cost] * 2, **close)
        right = xp.host(CLASSES.forward(theta, data[0])).argmax(axis=1) == xp.host(data[1])
        # a count divided by a count, nothing else
        assert run.history[f"{name}accuracy"] == [right.sum() / len(right)] * 2
    assert 0 < run.history["accuracy"][0] < 1


def test_costs_are_taken_before_each_update_and_validation_after_the_epoch():
    run = bp.train(
        TARGETS,
        X,
        Y,
        optimizer=bp.SGD(0.1),
        epochs=3,
        batch_size=None,
        validation=(X_VAL, Y_VAL),
        l2=0.1,
    )
    start = TARGETS.init(dtype="float64")
    edges = [start] + [
        bp.train(
            TARGETS, X, Y, start, optimizer=bp.SGD(0.1), epochs=n, batch_size=None, l2=0.1
        ).theta
        for n in (1, 2, 3)
    ]
    squares = [sum((W**2).sum() for W, _ in TARGETS.unpack(theta)) for theta in edges]
    costs = [TARGETS.cost(theta, X, Y) + 0.05 * s for theta, s in zip(edges, squares, strict=True)]
    after = [TARGETS.cost(theta, X_VAL, Y_VAL) for theta in edges]
    assert list(run.history) == ["cost", "validation_cost"]
    np.testing.assert_allclose(run.history["cost"], costs[:3], **CLOSE["float64"])
    np.testing.assert_allclose(run.history["validation_cost"], after[1:], **CLOSE["float64"])


def test_cost_and_accuracy_are_means_over_the_cases():
    run = bp.train(CLASSES, X, LABELS, optimizer=bp.SGD(0), epochs=1, batch_size=4, seed=2)
    order = generator(2, "order", 0).permutation(M)
    costs = [CLASSES.cost(run.theta, X[rows], LABELS[rows]) for rows in np.split(order, [4, 8])]
    mean = np.average(costs, weights=[4, 4, 2])
    assert run.history["cost"] == [pytest.approx(mean, rel=1e-13)]
    assert mean == pytest.approx(float(CLASSES.cost(run.theta, X, LABELS)), rel=1e-13)
    right = CLASSES.forward(run.theta, X).argmax(axis=1) == LABELS
    assert run.history["accuracy"] == [right.mean()]


@WITHOUT_JAX
def test_accuracy_counts_each_case_by_its_weight(xp):
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        optimizer=bp.SGD(0),
        epochs=1,
        batch_size=4,
        case_weights=xp.array(WEIGHTS),
    )
    right = xp.host(CLASSES.forward(run.theta, xp.array(X))).argmax(axis=1) == LABELS
    expected = (WEIGHTS * right).sum() / WEIGHTS.sum()
    assert run.history["accuracy"] == [pytest.approx(expected, rel=1e-6)]  # ten sums in float32


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [
        (1e-50, "float32"),  # 0 in float32
        (1e-30, "float32"),
        (1e38, "float32"),  # their sum is infinite in float32
        (1e-320, "float64"),
        (1e308, "float64"),  # their sum is infinite in float64
    ],
)
def test_weights_are_relative(scale, dtype):
    # multiplied by anything they mean the same
    runs = [
        bp.train(CLASSES, X, LABELS, case_weights=w, dtype=dtype, epochs=2, batch_size=4)
        for w in (np.ones(M), np.full(M, scale))
    ]
    np.testing.assert_allclose(runs[1].theta, runs[0].theta, **CLOSE[dtype])
    assert runs[1].history["accuracy"] == pytest.approx(runs[0].history["accuracy"], rel=1e-5)


@pytest.mark.parametrize("labels", [BITS, BITS.astype(bool), BITS.astype("uint8")])
def test_the_accuracy_of_one_output_unit(labels):
    run = bp.train(BINARY, X, labels, optimizer=bp.SGD(0), epochs=1, batch_size=4)
    right = (BINARY.forward(run.theta, X)[:, 0] > 0.5) == BITS
    assert run.history["accuracy"] == [right.mean()]


@WITHOUT_JAX
def test_a_tie_goes_to_the_first_class_as_argmax_does(xp):
    # all parameters 0: every output is 1/3
    theta, labels = xp.array(np.zeros(CLASSES.parameter_count)), xp.array(LABELS)
    run = bp.train(CLASSES, xp.array(X), labels, theta, optimizer=bp.SGD(0), epochs=1)
    assert run.history["accuracy"] == [(LABELS == 0).mean()]


@pytest.mark.parametrize(
    ("net", "Y"),
    [
        (TARGETS, Y),
        (CLASSES, np.eye(3)[LABELS]),
        (bp.Network([3, 4, 1], "tanh", "identity", "squared_error"), LABELS),
        (BINARY, BITS.astype(float)),
        (BINARY, BITS[:, None]),
    ],
    ids=["targets", "one-hot", "counts", "floats", "column"],
)
def test_targets_have_no_accuracy(net, Y):
    assert list(bp.train(net, X, Y, epochs=1).history) == ["cost"]


def test_labels_and_their_one_hot_rows_train_alike():
    by_label = bp.train(CLASSES, X, LABELS, epochs=2)
    by_row = bp.train(CLASSES, X, np.eye(3)[LABELS], epochs=2)
    np.testing.assert_array_equal(by_label.theta, by_row.theta)
    assert by_label.history["cost"] == by_row.history["cost"]


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_validation_in_chunks(monkeypatch, stack, rows):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", rows)
    run = bp.train(
        CLASSES, X, LABELS, epochs=2, stack=stack, validation=(X_VAL, LABELS_VAL), dtype="float64"
    )
    cost = CLASSES.cost(run.theta, X_VAL, LABELS_VAL)
    right = CLASSES.forward(run.theta, X_VAL).argmax(axis=-1) == LABELS_VAL
    # a mean of means: some tens of roundings
    np.testing.assert_allclose(run.history["validation_cost"][-1], cost, **CLOSE["float64"])
    np.testing.assert_array_equal(run.history["validation_accuracy"][-1], right.mean(axis=-1))


@WITHOUT_JAX
def test_the_history_of_a_stack_holds_arrays(xp):
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        stack=(2, 1),
        epochs=1,
        optimizer=bp.SGD(0),
        batch_size=None,
        validation=(xp.array(X_VAL), xp.array(LABELS_VAL)),
    )
    for of in run.history.values():
        assert isinstance(of[0], np.ndarray)
        assert (of[0].shape, of[0].dtype) == ((2, 1), np.float64)
    cost = xp.host(CLASSES.cost(run.theta, xp.array(X), xp.array(LABELS)))
    np.testing.assert_allclose(run.history["cost"][0], cost, **CLOSE[xp.float_dtypes[-1]])
    right = xp.host(CLASSES.forward(run.theta, xp.array(X))).argmax(axis=-1) == LABELS
    np.testing.assert_array_equal(run.history["accuracy"][0], right.sum(axis=-1) / M)


# ---------------------------------------------------------------------------------------------
# dtypes, libraries, devices


@pytest.mark.parametrize(
    ("given_X", "dtype", "expected"),
    [
        (X, None, "float64"),
        (X.astype("float32"), None, "float32"),
        (X.astype("float16"), None, "float16"),
        ((X * 10).astype(int), None, "float32"),
        (X > 0, None, "float32"),
        ((X > 0).tolist(), None, "float32"),
        ((X * 10).astype(int).tolist(), None, "float32"),
        (X.tolist(), None, "float64"),
        (X, "float32", "float32"),
        (X, np.float32, "float32"),
        (X.astype("float32"), "float64", "float64"),
        (X.astype("float32"), np.dtype("float64"), "float64"),
        ((X * 10).astype(int), "float64", "float64"),
        (X.astype(">f8"), None, "float64"),
    ],
)
def test_dtypes(given_X, dtype, expected):
    run = bp.train(TARGETS, given_X, Y, dtype=dtype, epochs=1)
    assert run.theta.dtype == expected


def test_theta_takes_the_dtype_of_the_computation():
    theta = TARGETS.init(dtype="float64")
    assert bp.train(TARGETS, X.astype("float32"), Y, theta, epochs=1).theta.dtype == "float32"
    assert bp.train(TARGETS, X, Y, theta.astype("float32"), epochs=1).theta.dtype == "float64"


def test_a_dtype_of_another_library():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    assert bp.train(TARGETS, X, Y, dtype=torch.float32, epochs=1).theta.dtype == "float32"


def test_without_a_device_training_follows_the_arrays(xp):
    for dtype in xp.float_dtypes:
        arrays = xp.array(X, dtype), xp.array(Y, dtype)
        theta = bp.train(TARGETS, *arrays, epochs=1, batch_size=None).theta
        assert namespace(theta) is xp.xp
        assert (device_of(theta), dtype_name(theta.dtype)) == (xp.device, dtype)


@pytest.mark.parametrize("name", ["torch:cpu", "jax:cpu", "cpu"])
@pytest.mark.parametrize("from_library", ["numpy", "torch"])
def test_a_device_takes_arrays_from_anywhere(name, from_library):
    for module in (name.partition(":")[0], from_library):
        if module != "cpu":
            pytest.importorskip(module, reason=f"{module} is not installed")
    device = bp.select_device(name)
    source = bp.select_device("cpu" if from_library == "numpy" else "torch:cpu")
    X_there = source.xp.asarray(X.astype("float32"))
    run = bp.train(
        TARGETS,
        X_there,
        Y.astype("float32"),  # the arrays may come from two libraries
        TARGETS.init(seed=1),
        validation=(X_VAL.tolist(), Y_VAL),
        case_weights=WEIGHTS,
        device=name,
        epochs=2,
    )
    assert namespace(run.theta) is device.xp
    assert device_of(run.theta) == device.handle
    here = bp.train(
        TARGETS,
        X.astype("float32"),
        Y.astype("float32"),
        TARGETS.init(seed=1),
        case_weights=WEIGHTS,
        epochs=2,
    )
    np.testing.assert_allclose(to_host(run.theta), here.theta, **CLOSE["float32"])


def test_a_device_object_is_as_good_as_its_name():
    theta = bp.train(TARGETS, X, Y, device=bp.select_device("cpu"), epochs=1).theta
    np.testing.assert_array_equal(theta, bp.train(TARGETS, X, Y, device="cpu", epochs=1).theta)


@pytest.mark.parametrize("where", ["X", "Y", "theta", "case_weights"])
def test_tensors_that_require_gradients_are_only_read(where):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    arrays = {"X": X, "Y": Y, "theta": TARGETS.init(dtype="float64"), "case_weights": WEIGHTS}
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    tensors[where].requires_grad_()
    theta = bp.train(TARGETS, **tensors, epochs=2).theta
    assert not theta.requires_grad
    expected = bp.train(TARGETS, **arrays, epochs=2).theta
    np.testing.assert_allclose(theta.numpy(), expected, **CLOSE["float64"])


@pytest.mark.parametrize("layout", ["F", "strided", "negative"])
def test_every_layout_of_memory_trains_alike(layout):
    laid = {
        "F": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "negative": np.ascontiguousarray(X[::-1])[::-1],
    }[layout]
    theta = bp.train(TARGETS, laid, Y, epochs=2).theta
    # BLAS may sum in another order
    np.testing.assert_allclose(theta, bp.train(TARGETS, X, Y, epochs=2).theta, **CLOSE["float64"])


# ---------------------------------------------------------------------------------------------
# stacks


@pytest.mark.parametrize(
    ("stack", "lead"),
    [((), ()), (1, (1,)), (3, (3,)), ((2, 2), (2, 2)), ([2], (2,)), (np.int8(2), (2,))],
)
def test_stacks(stack, lead):
    run = bp.train(TARGETS, X, Y, stack=stack, epochs=1, seed=5, optimizer=bp.SGD(0))
    assert run.theta.shape == (*lead, TARGETS.parameter_count)
    np.testing.assert_array_equal(run.theta, TARGETS.init(5, dtype="float64", stack=stack))
    flat = run.theta.reshape(-1, TARGETS.parameter_count)
    assert len({tuple(theta) for theta in flat}) == len(flat)


def test_a_theta_brings_its_own_leading_axes():
    theta = TARGETS.init(stack=(2, 3), dtype="float64")
    for stack in ((), (2, 3), [2, 3]):
        assert bp.train(TARGETS, X, Y, theta, stack=stack, epochs=1).theta.shape == theta.shape


@WITHOUT_JAX
def test_rates_momenta_and_l2_of_each_network(xp):
    rates, momenta, l2s = (np.array(x)[:, None] for x in ([0.1, 0.3], [0.0, 0.9], [0.0, 0.2]))
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        TARGETS,
        xp.array(X),
        xp.array(Y),
        stack=2,
        optimizer=bp.SGD(rates, momentum=momenta),
        l2=l2s,
        epochs=2,
        batch_size=4,
    )
    theta = TARGETS.init(stack=2, dtype=dtype).astype("float64")
    for k in range(2):
        numbers = {"rate": rates[k, 0], "momentum": momenta[k, 0], "l2": l2s[k, 0]}
        alone, costs = train_plainly(TARGETS, X, Y, theta[k], epochs=2, batch_size=4, **numbers)
        np.testing.assert_allclose(xp.host(run.theta)[k], alone, **CLOSE[dtype])
        np.testing.assert_allclose([of[k] for of in run.history["cost"]], costs, **CLOSE[dtype])


@WITHOUT_JAX
def test_folds_as_weights(xp):
    # network k leaves out fold k: weights 0 and 1 do what leaving out the rows does
    folds = np.arange(M) % 5
    weights = (folds != np.arange(5)[:, None]).astype("float64")
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        stack=5,
        case_weights=xp.array(weights),
        epochs=3,
        batch_size=None,
    )
    theta = CLASSES.init(stack=5, dtype=dtype)
    for k in range(5):
        rows = folds != k
        alone = bp.train(
            CLASSES, X[rows], LABELS[rows], theta[k].astype("float64"), epochs=3, batch_size=None
        )
        np.testing.assert_allclose(xp.host(run.theta)[k], alone.theta, **CLOSE[dtype])
        for name, of in run.history.items():
            np.testing.assert_allclose(
                [entry[k] for entry in of], alone.history[name], rtol=1e-4, err_msg=name
            )


# ---------------------------------------------------------------------------------------------
# weights of zero


SOME = np.array([1, 0, 0, 0, 2, 0, 0, 0, 0, 0.5])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_batch_without_weight_has_the_gradient_0(momentum, nesterov, l2):
    theta = CLASSES.init(seed=1, dtype="float64")
    expected, costs = train_plainly(
        CLASSES,
        X,
        LABELS,
        theta,
        epochs=3,
        batch_size=2,
        rate=0.1,
        momentum=momentum,
        nesterov=nesterov,
        l2=l2,
        weights=SOME,
    )
    run = bp.train(
        CLASSES,
        X,
        LABELS,
        theta,
        optimizer=bp.SGD(0.1, momentum=momentum, nesterov=nesterov),
        epochs=3,
        batch_size=2,
        case_weights=SOME,
        l2=l2,
    )
    np.testing.assert_allclose(run.theta, expected, **CLOSE["float64"])
    np.testing.assert_allclose(run.history["cost"], costs, **CLOSE["float64"])


def test_what_is_in_cases_without_weight_does_not_matter():
    wild = np.where(SOME[:, None] == 0, 1e50, X)
    runs = [
        bp.train(TARGETS, x, Y, case_weights=SOME, epochs=2, batch_size=1, l2=0.1)
        for x in (X, wild)
    ]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    assert runs[0].history == runs[1].history


def test_a_batch_without_weight_for_some_networks(xp):
    weights = np.stack([SOME, SOME[::-1], np.ones(M)])
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        stack=3,
        optimizer=bp.SGD(0.1, momentum=0.9),
        case_weights=xp.array(weights),
        l2=0.1,
        epochs=2,
        batch_size=2,
    )
    theta = CLASSES.init(stack=3, dtype=dtype).astype("float64")
    for k in range(3):
        numbers = {"rate": 0.1, "momentum": 0.9, "l2": 0.1, "weights": weights[k]}
        alone, costs = train_plainly(
            CLASSES, X, LABELS, theta[k], epochs=2, batch_size=2, **numbers
        )
        np.testing.assert_allclose(xp.host(run.theta)[k], alone, **CLOSE[dtype])
        np.testing.assert_allclose([of[k] for of in run.history["cost"]], costs, **CLOSE[dtype])


# ---------------------------------------------------------------------------------------------
# removed connections


MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
SPARSE = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", connections=[MASK, None])


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize(
    ("optimizer", "l2"),
    [
        (bp.SGD(0.1), 0.0),
        (bp.SGD(0.1, momentum=0.9), 0.1),
        (bp.SGD(0.1, momentum=0.9, nesterov=True), 0.1),
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_removed_connections_stay_exactly_0(stack, optimizer, l2, given):
    full = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
    theta = full.init(stack=stack, dtype="float64") if given else None
    run = bp.train(
        SPARSE, X, Y, theta, optimizer=optimizer, l2=l2, stack=stack, epochs=3, batch_size=4
    )
    W, _ = SPARSE.unpack(run.theta)[0]
    assert np.all(W[..., MASK == 0] == 0)
    assert np.all(W[..., MASK == 1] != 0)


@WITHOUT_JAX
def test_what_a_given_theta_holds_for_removed_connections_does_not_matter(xp):
    full = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
    theta = full.init(dtype=xp.float_dtypes[-1])
    layers = full.unpack(theta)
    clean = full.pack([(layers[0].W * MASK, layers[0].b), layers[1]]).astype(theta.dtype)
    data = xp.array(X), xp.array(Y)
    runs = [bp.train(SPARSE, *data, xp.array(x), l2=0.1, epochs=1) for x in (theta, clean)]
    np.testing.assert_array_equal(*(xp.host(run.theta) for run in runs))
    assert runs[0].history == runs[1].history


# ---------------------------------------------------------------------------------------------
# what came in is not changed


@WITHOUT_JAX
def test_arguments_are_not_changed(xp):
    given = {
        "theta": xp.array(CLASSES.init(stack=2)),
        "X": xp.array(X),
        "Y": xp.array(LABELS),
        "case_weights": xp.array(WEIGHTS),
    }
    validation = xp.array(X_VAL), xp.array(LABELS_VAL)
    before = {name: xp.host(x).copy() for name, x in given.items()}
    for batch_size in (4, None):
        run = bp.train(
            CLASSES,
            **given,
            validation=validation,
            optimizer=bp.SGD(0.5, momentum=0.9),
            l2=0.1,
            epochs=2,
            batch_size=batch_size,
        )
        assert run.theta is not given["theta"]
    for name, x in given.items():
        np.testing.assert_array_equal(xp.host(x), before[name], err_msg=name)
    np.testing.assert_array_equal(xp.host(validation[0]), np.asarray(X_VAL, xp.float_dtypes[-1]))


def test_what_comes_back_is_memory_of_its_own():
    theta = TARGETS.init(dtype="float64")
    for epochs in (0, 1):
        found = bp.train(TARGETS, X, Y, theta, epochs=epochs).theta
        assert not np.shares_memory(found, theta)
        assert found.flags.writeable


# ---------------------------------------------------------------------------------------------
# divergence


LINEAR = bp.Network([1, 1], output="identity", loss="squared_error")


def diverged(*args, **settings):
    with pytest.raises(DivergenceError) as caught:
        bp.train(*args, **settings)
    error = caught.value
    assert f"epoch {error.epoch}, batch {error.batch} (counted from 0)" in error.parts[0]
    assert np.isfinite(to_host(error.theta)).all()
    assert all(np.isfinite(value).all() for of in error.history.values() for value in of)
    assert {len(of) for of in error.history.values()} <= {error.epoch}
    return error


def test_a_validation_cost_that_is_not_finite_ends_the_run_with_an_even_history():
    # θ is well on the case that it is trained on; (1e200)² is beyond float64 on the other one
    data, others = (np.ones((1, 1)), np.zeros((1, 1))), (np.full((1, 1), 1e200), np.zeros((1, 1)))
    error = diverged(LINEAR, *data, validation=others, optimizer=bp.SGD(0.1), seed=1, epochs=2)
    assert (error.epoch, error.batch) == (0, 0)


def test_divergence_at_the_first_batch(xp):
    # ½ (1e30)² = 5e59 is beyond float32, ½ (1e200)² beyond float64
    dtype = xp.float_dtypes[-1]
    large = 1e30 if dtype == "float32" else 1e200
    theta = xp.array([large, 0.0])
    error = diverged(
        LINEAR, xp.array([[1.0], [1.0]]), xp.array([[0.0], [0.0]]), theta, batch_size=1
    )
    assert (error.epoch, error.batch, error.history) == (0, 0, {})
    np.testing.assert_array_equal(xp.host(error.theta), xp.host(theta))
    assert namespace(error.theta) is xp.xp


@WITHOUT_JAX
def test_divergence_at_a_later_batch(xp):
    # a step of −1e300 · g (1e30 in float32), so that the next batch's cost overflows
    rate = 1e30 if xp.float_dtypes[-1] == "float32" else 1e200
    theta = xp.array([1.0, 0.0])
    data = xp.array([[1.0]] * 3), xp.array([[0.0]] * 3)
    error = diverged(LINEAR, *data, theta, optimizer=bp.SGD(rate), batch_size=1)
    assert (error.epoch, error.batch, error.history) == (0, 1, {})
    np.testing.assert_array_equal(xp.host(error.theta), [1, 0])


def test_divergence_at_a_later_epoch_keeps_the_last_theta_with_a_finite_cost():
    # b stays 0 where x = 1e60 makes its gradient small beside W's: each full step multiplies W by
    # 1 − ε x² = −1e120 with ε = 1, and the cost ½ (W x)², 5e119 at first, by 1e240 and overflows
    # at epoch 1: the last θ with a finite cost is the first
    error = diverged(
        LINEAR,
        np.array([[1e60]]),
        np.array([[0.0]]),
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(1),
        batch_size=None,
    )
    assert (error.epoch, error.batch) == (1, 0)
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert error.history == {"cost": [pytest.approx(5e119)]}


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_slow_divergence(batch_size):
    # θ grows by some powers of ten each step: the costs of several epochs are finite
    data = np.full((4, 1), 1e10), np.zeros((4, 1))
    error = diverged(
        LINEAR, *data, np.array([1.0, 0.0]), optimizer=bp.SGD(1), epochs=50, batch_size=batch_size
    )
    assert 0 < error.epoch < 50
    assert np.isfinite(LINEAR.cost(error.theta, *data))
    assert len(error.history["cost"]) == error.epoch
    runs = [
        bp.train(
            LINEAR,
            *data,
            np.array([1.0, 0.0]),
            optimizer=bp.SGD(1),
            epochs=n,
            batch_size=batch_size,
        )
        for n in range(error.epoch)
    ]
    assert any(np.array_equal(run.theta, error.theta) for run in runs)  # an edge of two epochs


@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.parametrize("epochs", [1, 2])
def test_divergence_in_the_very_last_update(batch_size, epochs):
    # the costs are all finite, but ε · g = 1e308 · 100 is not
    data = np.full((2, 1), 1e-3), np.full((2, 1), 1e5)
    rates = [0.0] * (2 * epochs if batch_size else epochs)
    rates[-1] = 1e308
    error = diverged(
        LINEAR,
        *data,
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(lambda step: rates[step]),
        epochs=epochs,
        batch_size=batch_size,
    )
    assert (error.epoch, error.batch) == (epochs - 1, 1 if batch_size else 0)
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert len(error.history.get("cost", [])) == epochs - 1


@WITHOUT_JAX
def test_divergence_of_one_network_of_a_stack(xp):
    rate = 1e30 if xp.float_dtypes[-1] == "float32" else 1e200
    rates = np.array([[0.1], [rate], [0.1]])
    theta = xp.array(LINEAR.init(stack=3) + 1)
    data = xp.array([[1.0]] * 3), xp.array([[0.0]] * 3)
    error = diverged(LINEAR, *data, theta, optimizer=bp.SGD(rates), batch_size=1)
    assert (error.epoch, error.batch) == (0, 1)
    np.testing.assert_array_equal(xp.host(error.theta), xp.host(theta))


def test_divergence_found_after_batches_without_weight():
    # the first batches of epoch 1 have no weight, so that the first cost of epoch 1 is not finite
    # though its first batch is not to blame: its start is no good θ
    weights = np.array([1.0, 0, 0, 0])
    order = generator(0, "order", 1).permutation(4)
    assert list(order).index(0) > 0
    data = np.ones((4, 1)), np.zeros((4, 1))
    error = diverged(
        LINEAR,
        *data,
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(1e200),
        case_weights=weights,
        batch_size=1,
    )
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert np.isfinite(LINEAR.cost(error.theta, *data, weights))


def test_divergence_of_a_network_that_waits_for_its_batches():
    # as above in a stack: network 1 has all batches and is well throughout
    weights = np.array([[1.0, 0, 0, 0], [1.0, 1, 1, 1]])
    data = np.ones((4, 1)), np.zeros((4, 1))
    error = diverged(
        LINEAR,
        *data,
        np.array([[1.0, 0.0]] * 2),
        optimizer=bp.SGD(np.array([[1e200], [0.1]])),
        case_weights=weights,
        batch_size=1,
    )
    costs = LINEAR.cost(error.theta, *data, weights)
    assert np.isfinite(costs).all()


def test_an_infinite_theta_is_no_good_theta_though_its_cost_is_finite():
    # W¹ becomes infinite in the first step, the sigmoid makes 0 or 1 of it and hides it; δ¹ is 0
    # from there on, and every cost is finite
    net = bp.Network([1, 1, 1], "sigmoid", "identity", "squared_error")
    data = np.array([[1e200]]), np.array([[1.0]])
    theta = np.array([1e-200, 0.0, 1.0, 0.0])
    with pytest.raises(DivergenceError) as caught:
        bp.train(net, *data, theta, optimizer=bp.SGD(1e120), epochs=5, batch_size=None)
    assert np.isfinite(caught.value.theta).all()


@settings(max_examples=60)
@given(
    exponent=st.integers(0, 308),
    scale=st.integers(-100, 100),
    batch_size=st.sampled_from([1, 2, 3, None]),
    weights=st.lists(st.sampled_from([0.0, 1.0]), min_size=5, max_size=5).filter(any),
    momentum=st.sampled_from([0.0, 0.9]),
    hidden=st.sampled_from(["sigmoid", "relu", "identity"]),
)
def test_training_ends_with_finite_parameters_or_says_so(
    exponent, scale, batch_size, weights, momentum, hidden
):
    net = bp.Network([3, 2, 2], hidden, "softmax", "cross_entropy")
    theta = net.init(seed=1, dtype="float64")
    try:
        run = bp.train(
            net,
            X[:5] * 10.0**scale,
            BITS[:5],
            theta,
            optimizer=bp.SGD(10.0**exponent, momentum=momentum),
            epochs=4,
            batch_size=batch_size,
            case_weights=weights,
        )
    except DivergenceError as error:
        run = error
    assert np.isfinite(run.theta).all()
    assert all(np.isfinite(value) for of in run.history.values() for value in of)


# ---------------------------------------------------------------------------------------------
# a user's own optimiser


class SignDescent:
    """θ ← θ − ε sign(∂E/∂θ), with the number of updates as its state."""

    def __init__(self, rate):
        self.rate, self.steps = rate, []

    def settings(self, step):
        self.steps.append(step)
        return {"rate": self.rate / (step + 1)}

    def init(self, theta):
        return (namespace(theta).zeros_like(theta),)

    def update(self, theta, state, dE_dtheta, *, rate):
        sign = dE_dtheta / abs(dE_dtheta)
        return theta - rate * sign, (state[0] + 1,)


def test_an_optimiser_of_the_users_own(xp):
    own, theta = SignDescent(0.5), np.array([2.0, 1.0])
    # E = ½ (2·1 + 1)² falls with both: −½, then −¼ each
    run = bp.train(
        LINEAR,
        xp.array([[1.0]]),
        xp.array([[0.0]]),
        xp.array(theta),
        optimizer=own,
        epochs=2,
        batch_size=None,
    )
    np.testing.assert_array_equal(xp.host(run.theta), [1.25, 0.25])
    assert sorted(set(own.steps)) == [0, 1]


def test_an_optimiser_of_the_users_own_and_batches_without_weight():
    class Noting(bp.SGD):
        gradients = []  # noqa: RUF012  of the one test

        def update(self, theta, state, dE_dtheta, **settings):
            self.gradients.append(float(abs(dE_dtheta).sum()))
            return super().update(theta, state, dE_dtheta, **settings)

    order = generator(0, "order", 0).permutation(4)
    weights = np.zeros(4)
    weights[order[2]] = 1  # the third of four batches is the only one that counts: w̄ = 1/4
    data = np.ones((4, 1)), np.zeros((4, 1))
    theta = np.array([2.0, 1.0])
    run = bp.train(
        LINEAR, *data, theta, optimizer=Noting(0.1), epochs=1, batch_size=1, case_weights=weights
    )
    assert Noting.gradients == [0, 0, 24, 0]  # ∂E/∂W = ∂E/∂b = 4 (2 + 1)
    np.testing.assert_allclose(run.theta, [0.8, -0.2], rtol=1e-15)  # each less 0.1 · 12
    assert run.history["cost"] == [4.5]  # ½ (2 + 1)²


# ---------------------------------------------------------------------------------------------
# the same again, to the bit


@pytest.mark.parametrize("xp", ["numpy", "strict-device1", "torch", "jax"], indirect=True)
def test_training_is_reproducible_whatever_is_watched(xp):
    def trained(**settings):
        return bp.train(
            CLASSES, xp.array(X), xp.array(LABELS), epochs=2, batch_size=4, seed=6, **settings
        )

    first = trained()
    validation = xp.array(X_VAL), xp.array(LABELS_VAL)
    again = trained(validation=validation, progress=True)
    np.testing.assert_array_equal(xp.host(again.theta), xp.host(first.theta))
    assert {name: again.history[name] for name in first.history} == first.history


def test_another_seed_is_another_run():
    start = CLASSES.init(dtype="float64")
    orders = [bp.train(CLASSES, X, LABELS, start, epochs=1, batch_size=4, seed=s) for s in (0, 1)]
    assert np.any(orders[0].theta != orders[1].theta)
    starts = [bp.train(CLASSES, X, LABELS, epochs=0, seed=s) for s in (0, 1)]
    assert np.any(starts[0].theta != starts[1].theta)


def test_a_shorter_run_is_the_beginning_of_a_longer_one():
    long, short = (bp.train(CLASSES, X, LABELS, epochs=n, batch_size=4) for n in (4, 2))
    assert long.history["cost"][:2] == short.history["cost"]


# ---------------------------------------------------------------------------------------------
# the progress bar


def test_nothing_is_printed_unless_asked(capfd):
    bp.train(CLASSES, X, LABELS, epochs=2, validation=(X_VAL, LABELS_VAL))
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar(monkeypatch, capfd):
    # capfd is entered first: tqdm must write to the stderr of the moment
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    bp.train(CLASSES, X, LABELS, epochs=3, validation=(X_VAL, LABELS_VAL), stack=2, progress=True)
    text = terminal.getvalue()
    for words in ("3/3", "epoch", "cost=", "accuracy=", "validation_cost="):
        assert words in text
    assert text.endswith("\n")
    assert capfd.readouterr().out == ""


def test_the_progress_bar_is_closed_when_training_fails(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(DivergenceError):
        bp.train(LINEAR, np.ones((4, 1)), Y[:4, :1], optimizer=bp.SGD(1e200), progress=True)
    assert terminal.getvalue().endswith("\n")


def test_parameters_trained_on_pytorch_take_part_in_its_derivatives():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    X, Y = torch.rand(20, 3), torch.arange(20) % 3
    net = bp.Network([3, 4, 3])
    theta = bp.train(net, X, Y, epochs=1).theta
    assert not theta.is_inference()
    theta.requires_grad_(True)
    net.cost(theta, X, Y).backward()
    assert theta.grad is not None
    wrong = bp.Network([3, 3], output="identity", loss="squared_error")
    with pytest.raises(bp.DivergenceError) as caught:
        bp.train(wrong, X, X, optimizer=bp.SGD(1e30), batch_size=4)
    assert not caught.value.theta.is_inference()


# ---------------------------------------------------------------------------------------------
# an epoch's cost, and weights in small batches


def test_an_epochs_cost_counts_batches_by_their_sizes():
    # one case of 33 costs ½ · 64; at θ = 0 and rate 0 the mean is 32 / 33
    X, Y = np.ones((33, 1)), np.zeros((33, 1))
    Y[0] = 8
    runs = [
        bp.train(LINEAR, X, Y, np.zeros(2), optimizer=bp.SGD(0), epochs=3, batch_size=size)
        for size in (32, 7, 1, None)
    ]
    for run in runs:
        assert run.history["cost"] == pytest.approx([32 / 33] * 3, rel=1e-14)


def test_an_epochs_cost_is_the_weighted_mean_over_its_cases():
    # costs 1, 1, 5, 5 with weights 1, 1, 3, 3: (1 + 1 + 15 + 15) / 8
    X, Y = np.ones((4, 1)), np.sqrt(2 * np.array([[1.0], [1], [5], [5]]))
    data = {"optimizer": bp.SGD(0), "epochs": 2, "case_weights": [1, 1, 3, 3]}
    for size in (2, 3, 1, None):
        run = bp.train(LINEAR, X, Y, np.zeros(2), batch_size=size, **data)
        assert run.history["cost"] == pytest.approx([4, 4], rel=1e-14)


@settings(deadline=None)
@given(
    weights=st.lists(st.sampled_from([0.0, 0.01, 1.0, 100.0]), min_size=12, max_size=12),
    size=st.integers(1, 12),
    stacked=st.booleans(),
)
def test_the_history_of_theta_that_stays_is_that_of_the_whole_set(weights, size, stacked):
    assume(any(weights))
    w = np.array(weights)
    X = np.random.default_rng(1).standard_normal((12, 3))
    labels = np.arange(12) % 3
    theta = CLASSES.init(seed=3, dtype="float64")
    run = bp.train(
        CLASSES,
        X,
        labels,
        np.stack([theta, theta]) if stacked else theta,
        optimizer=bp.SGD(0),
        epochs=1,
        batch_size=size,
        l2=0.1,
        case_weights=np.stack([w, np.ones(12)]) if stacked else w,
    )
    is_weight = CLASSES.is_weight(theta)
    cost = CLASSES.cost(theta, X, labels, w / w.sum()) + 0.05 * ((theta * is_weight) ** 2).sum()
    right = CLASSES.forward(theta, X).argmax(axis=1) == labels
    # sums of 12 numbers in two orders
    assert np.ravel(run.history["cost"])[0] == pytest.approx(cost, rel=1e-13)
    share = (w * right).sum() / w.sum()
    assert np.ravel(run.history["accuracy"])[0] == pytest.approx(share, rel=1e-13)


@given(
    weights=st.lists(st.sampled_from([0.0, 0.5, 1.0, 20.0]), min_size=12, max_size=12),
    size=st.sampled_from([1, 2, 3, 4, 6, 12]),
)
def test_the_batches_of_an_epoch_add_up_to_the_gradient_of_the_whole_set(weights, size):
    assume(any(weights))
    w = np.array(weights)
    theta = CLASSES.init(seed=3, dtype="float64")
    data, rate = (X.repeat(2, axis=0)[:12], LABELS.repeat(2)[:12]), 1e-7
    run = bp.train(
        CLASSES, *data, theta, optimizer=bp.SGD(rate), epochs=1, batch_size=size, case_weights=w
    )
    steps = 12 // size
    whole = CLASSES.gradient(theta, *data, w / w.sum())[1]
    # θ moves by 1e-6 in the epoch, and the gradient with it; θ is rounded to 1e-16 / 1e-7
    found = (theta - run.theta) / (rate * steps)
    np.testing.assert_allclose(found, whole, atol=1e-5)


@pytest.mark.parametrize("batch_size", [None, 256, 32, 8, 1])
def test_balanced_classes_are_as_likely_whatever_the_batch(batch_size):
    # one constant input, 1 % of the cases in class 1: balanced weights ask for p = ½
    net = bp.Network([1, 1], output="sigmoid", loss="binary_cross_entropy")
    X, labels = np.ones((1000, 1)), (np.arange(1000) % 100 == 0).astype(int)
    steps = 1000 // (batch_size or 1000)
    p = []
    for seed in range(5):
        run = bp.train(
            net,
            X,
            labels,
            np.zeros(2),
            optimizer=bp.SGD(0.4 / steps),
            epochs=40,
            batch_size=batch_size,
            class_weights="balanced",
            seed=seed,
        )
        p.append(net.forward(run.theta, X[:1])[0, 0])
    # an epoch moves the logit by 0.4 at most, for class 1 by the order of the cases: 0.02 in p
    assert np.mean(p) == pytest.approx(0.5, abs=0.03)
