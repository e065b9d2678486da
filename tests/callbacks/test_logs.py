"""Logs in CSV and for TensorBoard."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, X_VAL, Y_VAL, X, Y

import backprop_xp as bp
from backprop_xp.errors import MissingExtraError, OptionError


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
