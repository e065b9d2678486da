"""Training: by hand, against a plain loop, with a user's own optimiser, and again to the bit."""

import numpy as np
import pytest
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
    X_VAL,
    M,
    X,
    Y,
    train_plainly,
)

import backprop_xp as bp
from backprop_xp.arrays.backend import namespace
from backprop_xp.arrays.random_streams import generator

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
