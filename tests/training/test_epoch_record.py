"""The history of a run: costs and accuracies of epochs, of validation data and of a stack."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from training_cases import (
    BINARY,
    BITS,
    CLASSES,
    CLOSE,
    LABELS,
    LABELS_VAL,
    LINEAR,
    TARGETS,
    WEIGHTS,
    WITHOUT_JAX,
    X_VAL,
    Y_VAL,
    M,
    X,
    Y,
)

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator
from backprop_xp.training import scoring
from backprop_xp.training.epoch_record import EpochRecord

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


def costs_of(costs, theta=(0.0,), sizes=None):
    """Return the costs of an epoch with a block for each batch, for costs (batches, ...)."""
    record = EpochRecord()
    for cost, size in zip(costs, sizes or [1] * len(costs), strict=True):
        record.add(scoring.Scores(np.array([cost]), None), None, size)
    with np.errstate(invalid="ignore"):  # as training does
        return record.batch_costs(np.array(theta))


@pytest.mark.parametrize(
    ("costs", "theta", "first_bad", "networks", "good_start"),
    [
        ([1.0, 2.0, 3.0], [0.0], None, [], True),
        ([1.0, np.inf, 3.0], [0.0], 1, [0], True),
        ([np.nan, 2.0, 3.0], [0.0], 0, [0], False),
        ([1.0, 2.0, np.nan], [0.0], 2, [0], True),
        ([1.0, 2.0, 3.0], [np.inf], 2, [0], True),  # after the last update
        ([[1.0, 2.0], [np.nan, 2.0]], [[0.0], [0.0]], 1, [0], True),
        ([[1.0, 2.0], [1.0, 2.0]], [[0.0], [np.nan]], 1, [1], True),
        ([[1.0, np.inf], [1.0, 2.0]], [[np.nan], [0.0]], 0, [0, 1], False),
    ],
)
def test_where_an_epoch_is_bad_first(costs, theta, first_bad, networks, good_start):
    found = costs_of(costs, theta)
    assert (found.first_bad, found.bad_networks) == (first_bad, networks)
    assert (found.good_start, found.batches) == (good_start, len(costs))


def test_a_batch_counts_by_its_cases():
    assert costs_of([1.0, 2.0, 6.0], sizes=[4, 4, 2]).mean == 2.4


def test_the_batches_behind_the_whole_epochs_are_forgotten():
    record = EpochRecord(joined=3)
    for batch in range(5):
        cost = np.array([[float(batch)] * 2])
        record.add(scoring.Scores(cost, None), None, 4)
    record.keep(2, 4)
    record.end(np.zeros((2, 7)))
    np.testing.assert_array_equal(record.epochs().cost, [[0.5, 0.5], [2.5, 2.5]])
