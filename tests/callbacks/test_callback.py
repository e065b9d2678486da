"""What happens beside training: moments, early stopping, logs, Ctrl-C."""

import csv
import os
import signal
import sys
import threading

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.callbacks.callback import MOMENTS, checked_callbacks, wants_batches
from backprop_xp.callbacks.metrics import is_better
from backprop_xp.errors import DTypeError, MissingExtraError, OptionError

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(20, 3)), _rng.integers(0, 2, 20)
X_VAL, Y_VAL = _rng.normal(size=(10, 3)), _rng.integers(0, 2, 10)
NET = bp.Network([3, 4, 2], hidden="tanh")
CHOSEN = {"batch_size": 5, "optimizer": bp.Adam(0.05), "dropout": 0.2, "seed": 3}


class Told:
    """Notes what it is told of, and where training stands."""

    def __init__(self, *moments):
        self.seen = []
        for moment in moments:
            setattr(self, moment, lambda progress, moment=moment: self.note(moment, progress))

    def note(self, moment, progress):
        self.seen.append((moment, progress.epoch, progress.batch, len(progress.history)))


class OfBatches(Told):
    """Wants to be told of batches."""

    def __init__(self):
        super().__init__()
        self.thetas = []

    def on_batch_end(self, progress):
        self.note("on_batch_end", progress)
        self.thetas.append(progress.theta)


def test_the_moments_of_a_run():
    told = Told("on_train_start", "on_epoch_start", "on_epoch_end", "on_train_end")
    bp.train(NET, X, Y, epochs=2, callbacks=[told], **CHOSEN)
    assert told.seen == [
        ("on_train_start", 0, 0, 0),
        ("on_epoch_start", 0, 0, 0),
        ("on_epoch_end", 1, 0, 2),
        ("on_epoch_start", 1, 0, 2),
        ("on_epoch_end", 2, 0, 2),
        ("on_train_end", 2, 0, 2),
    ]


def test_batches_one_by_one_change_nothing(xp):
    if xp.name == "jax":
        pytest.skip("a loop of one batch is compiled on its own, and may round in another way")
    data = (xp.array(X), xp.array(Y))
    told = OfBatches()
    plain = bp.train(NET, *data, epochs=2, **CHOSEN)
    run = bp.train(NET, *data, epochs=2, callbacks=[told], **CHOSEN)
    np.testing.assert_array_equal(xp.host(run.theta), xp.host(plain.theta))
    assert run.history == plain.history
    assert [(epoch, batch) for _, epoch, batch, _ in told.seen] == [
        (epoch, batch) for epoch in (0, 1) for batch in (1, 2, 3, 4)
    ]
    np.testing.assert_array_equal(xp.host(told.thetas[-1]), xp.host(plain.theta))
    assert len({xp.host(theta).tobytes() for theta in told.thetas}) == 8


def test_who_wants_batches():
    assert wants_batches(OfBatches())
    assert not wants_batches(Told("on_epoch_end"))
    assert not wants_batches(bp.EarlyStopping())


@pytest.mark.parametrize("callbacks", [[bp.EarlyStopping], [print], ["csv"], 3, bp.EarlyStopping()])
def test_what_is_no_callback_is_refused(callbacks):
    if isinstance(callbacks, bp.EarlyStopping):
        assert checked_callbacks(callbacks) == [callbacks]  # a single one may stand for a list
        return
    with pytest.raises(DTypeError, match=r"train\(callbacks\)") as caught:
        bp.train(NET, X, Y, callbacks=callbacks)
    assert all(moment in str(caught.value) for moment in MOMENTS)


def test_a_callback_may_stop_the_run_and_add_to_its_history():
    class Norms:
        """Adds the norm of θ, and stops after three epochs."""

        def on_epoch_end(self, progress):
            norms = progress.history.setdefault("norm", [])
            norms.append(float(np.linalg.norm(progress.theta)))
            if progress.epoch == 3:
                progress.stop("three are enough")
                progress.stop("a second reason")

    run = bp.train(NET, X, Y, epochs=10, callbacks=[Norms()], **CHOSEN)
    assert run.stopped == "three are enough"
    assert [len(of) for of in run.history.values()] == [3, 3, 3]
    three = bp.train(NET, X, Y, epochs=3, **CHOSEN)
    np.testing.assert_array_equal(run.theta, three.theta)
    assert three.stopped == ""


# ---------------------------------------------------------------------------------------------
# early stopping


class Entries:
    """Puts entries into the history, and notes each θ."""

    def __init__(self, entries):
        self.entries, self.thetas = entries, []

    def on_epoch_end(self, progress):
        progress.history.setdefault("metric", []).append(self.entries[progress.epoch - 1])
        self.thetas.append(progress.theta)


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


def test_accuracies_are_to_grow():
    assert is_better(0.9, 0.8, "validation_accuracy")
    assert is_better(0.8, 0.9, "validation_cost")
    assert not is_better(0.9, 0.8, "accuracy", 0.2)
    np.testing.assert_array_equal(is_better([1, 2], [2, 1], "cost"), [True, False])


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


def test_what_callbacks_add_comes_before_who_looks_at_it(tmp_path):
    noting, stop = Entries([3.0, 2.0, 1.0]), bp.EarlyStopping("metric")
    log = bp.CSVLog(tmp_path / "log.csv")
    run = bp.train(NET, X, Y, epochs=3, callbacks=[log, stop, noting], **CHOSEN)
    assert run.epoch == 3
    assert "metric" in log.path.read_text().partition("\n")[0]


@pytest.mark.parametrize("name", ["costs", "validation_cost", "validation_costs"])
def test_an_entry_that_no_history_has_is_refused_before_any_work(name, tmp_path):
    told = Told("on_epoch_start")
    for watching in (
        {"callbacks": [bp.EarlyStopping(name)]},
        {"callbacks": [bp.Checkpoint(tmp_path / "c", metric=name)]},
        {"optimizer": bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric=name))},
    ):
        with pytest.raises(OptionError, match=r"validation|metric"):
            bp.train(NET, X, Y, epochs=1, **{**CHOSEN, **watching})
    assert not told.seen
    with pytest.raises(OptionError, match="name of an entry"):
        bp.EarlyStopping(5)


def test_a_callback_does_not_move_the_epochs():
    class Moves:
        """Sets what it should only read."""

        def on_epoch_end(self, progress):
            progress.epoch, progress.batch, progress.epochs = 0, 7, 1000

    run = bp.train(NET, X, Y, epochs=3, callbacks=[Moves()], **CHOSEN)
    assert len(run.history["cost"]) == 3
    np.testing.assert_array_equal(run.theta, bp.train(NET, X, Y, epochs=3, **CHOSEN).theta)


@pytest.mark.parametrize("theta", [None, [1.0], np.zeros(3), np.zeros(NET.parameter_count, "f4")])
def test_parameters_that_do_not_fit_are_not_taken(theta):
    class Takes:
        """Puts other parameters in place."""

        def on_epoch_end(self, progress):
            progress.take(theta)

    with pytest.raises(bp.ShapeError, match=r"progress.take"):
        bp.train(NET, X, Y, epochs=3, callbacks=[Takes()], **CHOSEN)


# ---------------------------------------------------------------------------------------------
# logs


@pytest.mark.parametrize("stack", [(), 2])
def test_a_log_in_csv_is_the_history(stack, tmp_path):
    path = tmp_path / "log.csv"
    others = (X_VAL, Y_VAL)
    for epochs in (5, 3):  # a new run writes a new log
        log = bp.CSVLog(path)
        run = bp.train(
            NET, X, Y, epochs=epochs, stack=stack, validation=others, callbacks=[log], **CHOSEN
        )
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, of in run.history.items():
        for row, entry in zip(rows, of, strict=True):
            written = [row[f"{name}[{k}]"] for k in range(2)] if stack else row[name]
            np.testing.assert_array_equal(np.array(written, float), entry)  # every digit


def test_a_log_destroys_nothing(tmp_path):
    letters = tmp_path / "letters.txt"
    letters.write_text("Dear reader")
    for path in (letters, tmp_path, tmp_path / "none" / "log.csv"):
        with pytest.raises(OptionError, match="CSVLog"):
            bp.train(NET, X, Y, epochs=2, callbacks=[bp.CSVLog(path)], **CHOSEN)
    assert letters.read_text() == "Dear reader"
    log = bp.CSVLog(tmp_path / "log.csv")
    bp.train(NET, X, Y, epochs=2, callbacks=[log], **CHOSEN)
    before = log.path.read_text()
    bp.train(NET, X, Y, epochs=0, callbacks=[log], **CHOSEN)
    assert log.path.read_text() == before


def test_a_log_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = bp.train(NET, X, Y, epochs=3, stack=2, callbacks=[bp.TensorBoardLog(tmp_path)], **CHOSEN)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name, of in run.history.items():
        for label, values in ((name, np.mean(of, axis=1)), (f"{name}/1", np.array(of)[:, 1])):
            found = [
                float(np.ravel(one.tensor_proto.float_val)[0]) for one in events.Tensors(label)
            ]
            np.testing.assert_allclose(found, values, rtol=1e-6)  # it keeps single precision


def test_tensorboard_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(MissingExtraError, match=r"backprop-xp\[tensorboard\]"):
        bp.TensorBoardLog(tmp_path)


def test_a_bar_is_left_in_order(capsys):
    for epochs in (2, 0):
        bp.train(NET, X, Y, epochs=epochs, progress=True, **CHOSEN)
    line = bp.Network([3, 1], output="identity", loss="squared_error")
    with pytest.raises(bp.DivergenceError):
        bp.train(line, X, X[:, :1], epochs=9, progress=True, optimizer=bp.SGD(1e30))
    assert "2/2" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------
# Ctrl-C


class Interrupting:
    """Sends Ctrl-C to the process in the middle of an epoch."""

    def __init__(self, epoch, batch, times=1):
        self.at, self.times, self.theta = (epoch, batch), times, None

    def on_batch_end(self, progress):
        if (progress.epoch, progress.batch) == self.at:
            self.theta = progress.theta
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_run_after_its_batch():
    before = signal.getsignal(signal.SIGINT)
    interrupting = Interrupting(epoch=2, batch=3)
    run = bp.train(NET, X, Y, epochs=50, callbacks=[interrupting], **CHOSEN)
    assert run.stopped == "interrupted in epoch 2, after 3 of its batches"
    assert len(run.history["cost"]) == 2
    np.testing.assert_array_equal(run.theta, interrupting.theta)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_it_at_once():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        bp.train(NET, X, Y, epochs=50, callbacks=[Interrupting(1, 1, times=2)], **CHOSEN)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_program_that_handles_ctrl_c_itself_goes_on_doing_so():
    noted = []
    before = signal.signal(signal.SIGINT, lambda *_: noted.append("mine"))
    try:
        run = bp.train(NET, X, Y, epochs=3, callbacks=[Interrupting(1, 1)], **CHOSEN)
    finally:
        signal.signal(signal.SIGINT, before)
    assert noted == ["mine"]
    assert run.stopped == ""


def test_training_in_a_thread():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(bp.train(NET, X, Y, epochs=1, **CHOSEN)))
    thread.start()
    thread.join()
    assert runs[0].stopped == ""
