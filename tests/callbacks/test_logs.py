"""Logs in CSV and for TensorBoard."""

import csv
import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, X_VAL, Y_VAL, X, Y

import backprop_xp as bp
from backprop_xp.errors import CheckpointWarning, MissingExtraError, OptionError


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


class Irregular:
    """Adds entries to the history that come later, not in every epoch, or several in an epoch."""

    def on_train_start(self, progress):
        progress.history.setdefault("start", [0.25])

    def on_batch_end(self, progress):
        progress.history.setdefault("of_batch", []).append(progress.batch / 3)

    def on_epoch_end(self, progress):
        lead = progress.theta.shape[:-1]
        if progress.epoch >= 3:
            entry = np.full(lead, 1 / progress.epoch)
            progress.history.setdefault("late", []).append(entry if lead else float(entry))
        if progress.epoch % 2 == 0:
            progress.history.setdefault("even", []).append(float(progress.epoch))
        if progress.epoch == 4:
            progress.history["note"] = ["a text, with a comma"]

    def on_train_end(self, progress):
        progress.history["end"] = [np.nan]


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("stack", [(), 2])
def test_a_log_in_csv_has_every_entry_at_its_epoch(stack, tmp_path):
    log = bp.CSVLog(tmp_path / "log.csv")
    chosen = {**CHOSEN, "stack": stack}
    run = bp.train(NET, X, Y, epochs=5, callbacks=[log, Irregular()], **chosen)
    rows = read(log.path)
    last = "late[1]" if stack else "late"
    found = {
        name: [(int(row["epoch"]), row[name]) for row in rows if row[name]]
        for name in ("start", "of_batch", "even", "note", "end", last)
    }
    late = [(epoch, repr(1 / epoch)) for epoch in (3, 4, 5)]
    assert found.pop(last) == late
    assert found == {
        "start": [(1, "0.25")],
        "of_batch": [(e, repr(b / 3)) for e in range(1, 6) for b in range(1, 5)],
        "even": [(2, "2.0"), (4, "4.0")],
        "note": [(4, "a text, with a comma")],
        "end": [(5, "nan")],
    }
    cost = "cost[0]" if stack else "cost"
    costs = [float(row[cost]) for row in rows if row[cost]]
    np.testing.assert_array_equal(costs, np.reshape(run.history["cost"], (5, -1))[:, 0])


def test_a_log_of_a_resumed_run_is_that_of_the_whole_run(tmp_path):
    class Regular(Irregular):
        """Adds numbers alone, which a checkpoint can hold."""

        def on_epoch_end(self, progress):
            super().on_epoch_end(progress)
            progress.history.pop("note", None)

        def on_train_end(self, progress):
            pass

    def logged(name, epochs, **more):
        log = bp.CSVLog(tmp_path / name)
        callbacks = [Regular(), log, bp.Checkpoint(tmp_path / f"{name}-files")]
        bp.train(NET, X, Y, epochs=epochs, callbacks=callbacks, **CHOSEN, **more)
        return log.path.read_text(encoding="utf-8")

    whole = logged("whole", 5)
    logged("parts", 3)
    assert logged("parts", 5, resume=tmp_path / "parts-files") == whole


def test_a_row_that_could_not_be_written_comes_later(tmp_path):
    log = bp.CSVLog(tmp_path / "folder" / "log.csv")
    log.path.parent.mkdir()

    class Moving:
        """Takes the folder away for the second epoch."""

        def on_epoch_start(self, progress):
            if progress.epoch == 1:
                log.path.parent.rename(tmp_path / "elsewhere")
            if progress.epoch == 2:
                (tmp_path / "elsewhere").rename(log.path.parent)

    with pytest.warns(CheckpointWarning, match="no row of epoch 2"):
        bp.train(NET, X, Y, epochs=3, callbacks=[Moving(), log], **CHOSEN)
    assert [row["epoch"] for row in read(log.path)] == ["1", "2", "3"]


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


def test_tensorboard_has_new_numbers_alone(tmp_path, monkeypatch):
    written = []

    class Writer:
        """Notes numbers in place of TensorBoard."""

        def __init__(self, folder):
            pass

        def add_scalar(self, name, number, epoch):
            written.append((name, number, epoch))

        def flush(self):
            pass

        close = flush

    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    summary = types.ModuleType("tensorboard.summary")
    summary.Writer = Writer
    monkeypatch.setitem(sys.modules, "tensorboard.summary", summary)
    log = bp.TensorBoardLog(tmp_path)
    bp.train(NET, X, Y, epochs=5, callbacks=[Irregular(), log], **CHOSEN)
    found = {name: [at for one, _, at in written if one == name] for name, _, _ in written}
    found.pop("accuracy", None)
    assert found == {
        "start": [1],
        "cost": [1, 2, 3, 4, 5],
        "of_batch": [1, 2, 3, 4, 5],
        "late": [3, 4, 5],
        "even": [2, 4],
    }


def test_tensorboard_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[tensorboard\]"):
        bp.TensorBoardLog(tmp_path)


@pytest.mark.parametrize(("each", "labels"), [(0, 1), (2, 1), (3, 4)])
def test_events_are_the_mean_and_each_network_of_a_small_stack(each, labels, tmp_path, monkeypatch):
    # of a TensorBoard that is acted
    written = []

    class Writer:
        def __init__(self, folder):
            assert folder == str(tmp_path)

        def add_scalar(self, *scalar):
            written.append(scalar)

        def flush(self):
            written.append("flush")

        def close(self):
            written.append("close")

    acted = SimpleNamespace(Writer=Writer)
    monkeypatch.setitem(sys.modules, "tensorboard", SimpleNamespace(summary=acted))
    monkeypatch.setitem(sys.modules, "tensorboard.summary", acted)
    log = bp.TensorBoardLog(tmp_path, each)
    run = bp.train(NET, X, Y, epochs=2, stack=3, callbacks=[log], **CHOSEN)
    expected = []
    for epoch in (1, 2):
        for name, of in run.history.items():
            entry = of[epoch - 1]
            every = [(f"{name}/{k}", float(entry[k]), epoch) for k in range(3)]
            expected += [(name, float(np.mean(entry)), epoch), *every][:labels]
        expected.append("flush")
    assert written == [*expected, "close"]


@pytest.mark.parametrize("suffix", [".safetensors", ".xlsx", ".json"])
def test_a_log_has_no_name_of_another_format(suffix, tmp_path):
    with pytest.raises(OptionError, match=r"CSVLog\(path\): got .*a name of another format"):
        bp.train(NET, X, Y, epochs=1, callbacks=[bp.CSVLog(tmp_path / f"log{suffix}")])
    assert list(tmp_path.iterdir()) == []
