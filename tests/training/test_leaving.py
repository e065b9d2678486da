"""Networks of a stack leave training when they have stopped: the others keep their bits."""

import itertools

import numpy as np
import pytest
from needs import every, needs
from training_cases import (
    CLASSES,
    CLOSE,
    LABELS,
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
from backprop_xp.training.step import stack_groups, stack_members
from backprop_xp.training.step.stack_members import StackMembers

K = 16
RATES = np.geomspace(0.02, 3.0, K)
FOLDS = (np.arange(M) % 4 == np.arange(K)[:, None] % 4).astype("float64")


class Leave:
    """Lets each network leave after an epoch of its own."""

    def __init__(self, epochs, stack=(K,)):
        self.epochs, self.stack, self.thetas = np.asarray(epochs), stack, []

    def on_epoch_end(self, progress):
        self.thetas.append(progress.theta)
        progress.leave((progress.epoch >= self.epochs).reshape(self.stack))


EPOCHS = np.array([3, 9, 1, 9, 2, 9, 4, 9, 3, 9, 9, 2, 9, 5, 9, 9])  # the last epoch of each
ITEMS = {
    "plain": (TARGETS, X, Y, {}),
    "adam": (CLASSES, X, LABELS, {"optimizer": bp.AdamW(np.geomspace(1e-3, 0.1, K)), "l2": 0.01}),
    "validation": (TARGETS, X, Y, {"validation": (X_VAL, Y_VAL, FOLDS)}),
    "own data": (
        TARGETS,
        np.random.default_rng(0).normal(size=(K, M, 3)),
        np.random.default_rng(1).normal(size=(K, M, 2)),
        {"case_weights": 1 - FOLDS},
    ),
    "all": (
        CLASSES,
        X,
        np.random.default_rng(2).integers(0, 3, (K, M)),
        {
            "case_weights": WEIGHTS,
            "dropout": np.linspace(0, 0.6, K),
            "input_dropout": 0.2,
            "dropout_per_network": True,
            "label_smoothing": np.linspace(0, 0.3, K),
            "clip_norm": np.linspace(0.1, 1, K),
            "validation": (X_VAL, LABELS),
        },
    ),
    "full batch": (TARGETS, X, Y, {"batch_size": None, "optimizer": bp.Rprop()}),
}


def trained(name, callbacks, data=lambda x: x, **options):
    net, inputs, targets, chosen = ITEMS[name]
    chosen = {"batch_size": 4, "optimizer": bp.SGD(RATES * 0.1, 0.9), "seed": 1, **chosen}
    chosen = {**chosen, "stack": K, "epochs": 9, "callbacks": callbacks, **options}
    return bp.train(net, data(inputs), data(targets), **chosen)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", ITEMS)
def test_the_others_keep_their_bits_and_the_stopped_theirs(name, dtype, grouped, monkeypatch):
    if grouped:  # three groups
        monkeypatch.setattr(stack_groups, "most_at_once", lambda *_, **__: 6)
    noting = Leave(np.full(K, 99))
    whole = trained(name, [noting], dtype=dtype)
    for share in (stack_members.SHARE, 0):  # with 0 no network is left out of its group
        monkeypatch.setattr(stack_members, "SHARE", share)
        run = trained(name, [Leave(EPOCHS)], dtype=dtype)
        np.testing.assert_array_equal(run.epoch, EPOCHS)
        for k, last in enumerate(EPOCHS):
            np.testing.assert_array_equal(run.theta[k], noting.thetas[last - 1][k])
        assert run.history.keys() == whole.history.keys()
        for entry, found in run.history.items():
            for epoch, of_all in enumerate(whole.history[entry]):
                at = np.minimum(epoch, EPOCHS - 1)
                expected = np.array([whole.history[entry][at[k]][k] for k in range(K)])
                np.testing.assert_array_equal(found[epoch], expected)
                assert of_all.shape == found[epoch].shape


@pytest.mark.parametrize("name", ["adam", "validation", "all"])
@WITHOUT_JAX
def test_every_library(name, xp):
    dtype = xp.float_dtypes[-1]
    expected = trained(name, [Leave(EPOCHS)], dtype=dtype)
    given = {
        key: tuple(map(xp.array, x)) if isinstance(x, tuple) else xp.array(x)
        for key, x in ITEMS[name][3].items()
        if key in ("validation", "case_weights")
    }
    run = trained(name, [Leave(EPOCHS)], xp.array, dtype=dtype, **given)
    np.testing.assert_allclose(xp.host(run.theta), expected.theta, **CLOSE[dtype])
    np.testing.assert_allclose(run.history["cost"], expected.history["cost"], **CLOSE[dtype])


@every  # JAX compiles for each number of networks
def test_jax():
    needs("jax")
    run = trained("adam", [Leave(EPOCHS)], dtype="float32", device="jax:cpu")
    expected = trained("adam", [Leave(EPOCHS)], dtype="float32")
    np.testing.assert_allclose(np.asarray(run.theta), expected.theta, **CLOSE["float32"])


def test_compiled_steps():
    needs("numba")
    device = bp.select_device("cpu", compiled=True)
    run = trained("adam", [Leave(EPOCHS)], device=device)
    expected = trained("adam", [Leave(EPOCHS)])
    np.testing.assert_allclose(run.theta, expected.theta, **CLOSE["float64"])


def test_a_stack_stops_early_as_each_network_alone():
    options = {"batch_size": 4, "epochs": 40, "seed": 3, "validation": (X_VAL, Y_VAL)}
    theta = TARGETS.init(3, dtype="float64", stack=K)
    for restore_best in (True, False):

        def stop(restore_best=restore_best):
            return bp.EarlyStopping(patience=3, restore_best=restore_best)

        run = bp.train(TARGETS, X, Y, theta, optimizer=bp.SGD(RATES), callbacks=[stop()], **options)
        alone = [
            bp.train(TARGETS, X, Y, theta[k], optimizer=bp.SGD(rate), callbacks=[stop()], **options)
            for k, rate in enumerate(RATES)
        ]
        epochs = [one.epoch for one in alone]
        assert len(set(epochs)) > 3
        np.testing.assert_array_equal(run.epoch, epochs)
        for k, one in enumerate(alone):
            np.testing.assert_allclose(run.theta[k], one.theta, **CLOSE["float64"])
            costs = np.array(run.history["validation_cost"])[:, k]
            own = one.history["validation_cost"]
            np.testing.assert_allclose(costs[: len(own)], own, **CLOSE["float64"])
            assert (costs[len(own) :] == costs[len(own) - 1]).all()
        assert len(run.history["cost"]) == max(len(one.history["cost"]) for one in alone)


def test_a_network_that_has_left_takes_no_part_in_later_steps(monkeypatch):
    from backprop_xp.training import trainer

    counts = []
    kept = trainer._trained
    monkeypatch.setattr(
        trainer,
        "_trained",
        lambda steps, carry, *of, **by: (
            counts.append(carry[0].shape[0]) or kept(steps, carry, *of, **by)
        ),
    )
    trained("plain", [Leave(EPOCHS)])
    # after epoch 1 one of 16 has left; after 2 three, which leave 13; after 3 two of these, 11
    sizes = [size for size, _ in itertools.groupby(counts)]
    assert sizes == [16, 13, 11, 9]


def test_one_that_diverges_after_it_has_left_is_no_error():
    rates = np.full(K, 0.05)
    rates[3] = 1e30
    options = {"optimizer": bp.SGD(bp.schedules.Piecewise([3], [np.full(K, 0.05), rates]))}
    with pytest.raises(bp.DivergenceError):
        trained("plain", [], **options)
    epochs = np.full(K, 99)
    epochs[3] = 1
    run = trained("plain", [Leave(epochs)], **options)
    assert np.isfinite(run.theta).all()
    assert np.isfinite(run.history["cost"]).all()


def test_stacks_of_several_axes_and_of_one():
    epochs = np.array([[1, 2, 9], [9, 3, 9]])
    options = {"epochs": 5, "batch_size": 4}
    run = bp.train(TARGETS, X, Y, stack=(2, 3), callbacks=[Leave(epochs, (2, 3))], **options)
    np.testing.assert_array_equal(run.epoch, np.minimum(epochs, 5))
    assert run.state is None
    one = bp.train(TARGETS, X, Y, stack=(1,), callbacks=[Leave([2], (1,))], **options)
    assert (one.stopped, len(one.history["cost"])) == ("every network has left training", 2)
    single = bp.train(TARGETS, X, Y, callbacks=[Leave(2, ())], **options)
    assert (single.stopped, single.epoch) == ("every network has left training", 2)


def test_a_resumed_run_is_that_which_was_never_interrupted(tmp_path):
    def stop():
        return bp.EarlyStopping(patience=2)

    options = {"optimizer": bp.SGD(RATES), "batch_size": 4, "stack": K, "seed": 3}
    options |= {"validation": (X_VAL, Y_VAL)}
    whole = bp.train(TARGETS, X, Y, epochs=20, callbacks=[stop()], **options)
    for at in (2, 4, 7):
        folder = tmp_path / str(at)
        saving = [stop(), bp.Checkpoint(folder)]
        bp.train(TARGETS, X, Y, epochs=at, callbacks=saving, **options)
        run = bp.train(TARGETS, X, Y, epochs=20, callbacks=[stop()], resume=folder, **options)
        np.testing.assert_array_equal(run.theta, whole.theta)
        np.testing.assert_array_equal(run.epoch, whole.epoch)
        np.testing.assert_array_equal(run.history["cost"], whole.history["cost"])


def test_groups_shrink_by_an_eighth():
    members = StackMembers([slice(0, 10), slice(10, 16)])
    stopped = np.zeros(16, bool)
    stopped[[0, 12]] = True
    members.leave(stopped)
    assert members.groups[0] == slice(0, 10)
    np.testing.assert_array_equal(members.groups[1], [10, 11, 13, 14, 15])
    np.testing.assert_array_equal(members.gone, [12])
    stopped[[10, 11, 13, 14, 15, 7]] = True
    members.leave(stopped)
    assert len(members.groups) == 1
    np.testing.assert_array_equal(members.groups[0], [1, 2, 3, 4, 5, 6, 8, 9])
    x = np.arange(16)[:, None] * 1.0
    written = members.written(x, [x[members.groups[0]] + 100])
    np.testing.assert_array_equal(written[:, 0] >= 100, ~stopped)
    np.testing.assert_array_equal(written[:, 0] % 100, np.arange(16))
    joined = members.joined([np.ones((2, 8))])
    np.testing.assert_array_equal(joined, np.tile(~stopped * 1.0, (2, 1)))
