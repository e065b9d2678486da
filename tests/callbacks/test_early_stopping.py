"""Early stopping: when it stops, and what is best."""

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, X_VAL, Y_VAL, Entries, X, Y

import backprop_xp as bp
from backprop_xp.errors import OptionError


@pytest.mark.parametrize(
    ("entries", "chosen", "epochs", "best"),
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5, 3),
        ([3, 2, 2.5, 1, 1.5, 1.2, 0], {"patience": 2}, 6, 4),
        ([3, 2.5, 2, 1.5], {"patience": 1, "min_delta": 0.6}, 2, 1),
        ([3, 2, 1, 0], {"patience": 1}, 4, 4),
        ([1, np.nan, np.nan, 0.5], {"patience": 2}, 3, 1),
    ],
)
def test_when_it_stops_and_what_is_best(entries, chosen, epochs, best):
    # with a patience of p, it stops p epochs after the best one
    for restore_best in (True, False):
        noting = Entries(entries)
        stop = bp.EarlyStopping("metric", restore_best=restore_best, **chosen)
        run = bp.train(NET, X, Y, epochs=len(entries), callbacks=[noting, stop], **CHOSEN)
        assert len(run.history["metric"]) == epochs
        assert (run.stopped != "") == (epochs < len(entries))
        expected = noting.thetas[best - 1 if restore_best else epochs - 1]
        np.testing.assert_array_equal(run.theta, expected)


def test_each_network_of_a_stack_has_its_best(xp):
    entries = [np.array(x) for x in ([3.0, 1.0], [2.0, 2.0], [2.5, 0.5], [2.5, 0.6], [2.5, 0.7])]
    noting, stop = Entries(entries), bp.EarlyStopping("metric", patience=2)
    data = (xp.array(X), xp.array(Y))
    run = bp.train(NET, *data, epochs=5, stack=2, callbacks=[noting, stop], **CHOSEN)
    assert len(run.history["metric"]) == 5  # the second network had an improvement at epoch 3
    for network, best in ((0, 2), (1, 3)):
        expected = xp.host(noting.thetas[best - 1])[network]
        np.testing.assert_array_equal(xp.host(run.theta)[network], expected)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"metric": "validation_cost"}, "validation_cost is watched"),
        ({"metric": "cots"}, "Did you mean 'cost'"),
        ({"patience": 0}, "integers >= 1"),
        ({"min_delta": -1.0}, ">= 0"),
    ],
)
def test_refusals_of_early_stopping(chosen, says):
    with pytest.raises(OptionError, match=says):
        bp.train(NET, X, Y, callbacks=[bp.EarlyStopping(**chosen)], epochs=1)


def test_it_serves_one_run_after_the_other():
    stop = bp.EarlyStopping("cost", patience=1, min_delta=100.0)
    first, second = (bp.train(NET, X, Y, callbacks=[stop], **CHOSEN) for _ in range(2))
    assert len(first.history["cost"]) == len(second.history["cost"]) == 2
    np.testing.assert_array_equal(first.theta, second.theta)


def test_the_best_network_is_best_by_the_parameters_that_it_has():
    rates = np.array([0.01, 0.1, 0.5, 1.0])
    run = bp.train(
        bp.Network([3, 20, 2], "relu"),
        X,
        Y,
        stack=4,
        epochs=60,
        validation=(X_VAL, Y_VAL),
        optimizer=bp.SGD(rates, momentum=0.5),
        callbacks=[bp.EarlyStopping("validation_cost", patience=5)],
    )
    costs = run.network.cost(run.theta, X_VAL, Y_VAL)
    history = np.array(run.history["validation_cost"])
    assert run.epoch.shape == (4,)
    np.testing.assert_allclose(costs, history[run.epoch - 1, np.arange(4)], rtol=1e-10)
    assert (run.epoch < len(history)).any()
    best = run.best("validation_cost")
    np.testing.assert_allclose(run.network.cost(best.theta, X_VAL, Y_VAL), costs.min(), rtol=1e-10)
    assert best.epoch == run.epoch[np.argmin(costs)]
    assert run[1:3].epoch.tolist() == run.epoch[1:3].tolist()
    assert bp.train(NET, X, Y, epochs=3, **CHOSEN).epoch == 3


def test_nan_is_never_the_best():
    noting = Entries([np.nan, 1.0, np.nan, 0.5, 0.2])
    stop = bp.EarlyStopping("metric", patience=2)
    run = bp.train(NET, X, Y, epochs=5, callbacks=[noting, stop], **CHOSEN)
    assert (run.stopped, run.epoch) == ("", 5)


@pytest.mark.parametrize("metric", ["metric", "accuracy_of_mine_accuracy"])
def test_nan_after_nan_is_no_improvement(metric):
    class Metric(Entries):
        """Puts its entries under the name of the metric."""

        def on_epoch_end(self, progress):
            super().on_epoch_end(progress)
            progress.history[metric] = progress.history["metric"]

    for first in (np.nan, 1.0):
        stop = bp.EarlyStopping(metric, patience=3)
        noting = Metric([first, *[np.nan] * 7])
        run = bp.train(NET, X, Y, epochs=8, callbacks=[noting, stop], **CHOSEN)
        assert (len(run.history["cost"]), run.epoch) == (4, 1)
    entries = [np.array(x) for x in ([np.nan, 1.0], [np.nan, 1.0], [2.0, 1.0], *[[np.nan] * 2] * 5)]
    stop = bp.EarlyStopping(metric, patience=3)
    run = bp.train(NET, X, Y, epochs=8, stack=2, callbacks=[Metric(entries), stop], **CHOSEN)
    assert len(run.history["cost"]) == 6  # three after the only number of the first network
    assert run.epoch.tolist() == [3, 1]


@pytest.mark.parametrize("patience", [1, 4, 5, 6, 7, 10, 30])
def test_it_stops_after_as_many_epochs_as_its_patience(patience):
    noting = Entries([2.0, 1.0, *[1.0] * (patience + 5)])
    stop = bp.EarlyStopping("metric", patience=patience)
    epochs = len(noting.entries)
    run = bp.train(NET, X, Y, epochs=epochs, callbacks=[noting, stop], **CHOSEN)
    assert len(run.history["metric"]) == 2 + patience
    assert (run.epoch, run.stopped) == (2, f"metric has not improved for {patience} epochs")


def test_a_memory_is_taken_over_as_a_whole():
    state = {
        "best": np.array([1.5, 2.5]),
        "waited": np.array([3, 0]),
        "theta": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "epoch": np.array([2, 5]),
    }
    stop = bp.EarlyStopping("metric")
    stop.restore(state)
    assert stop.state().keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(stop.state()[name], value, strict=True)
    stop.restore({})
    assert stop.state() == {}


def test_a_resumed_run_that_restores_nothing_returns_its_last_theta(tmp_path):
    saving = bp.Checkpoint(tmp_path)
    for epochs, restore_best in ((2, True), (4, False)):
        noting = Entries([1, 2, 3, 4])
        stop = bp.EarlyStopping("metric", restore_best=restore_best)
        chosen = {"callbacks": [noting, stop, saving], "resume": saving, **CHOSEN}
        run = bp.train(NET, X, Y, epochs=epochs, **chosen)
    assert run.epoch == 4
    np.testing.assert_array_equal(run.theta, bp.train(NET, X, Y, epochs=4, **CHOSEN).theta)
