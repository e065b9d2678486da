"""The progress bar: what it shows, and that it is closed however training ends."""

import io
import sys

import callback_cases as short
import numpy as np
import pytest
from training_cases import CLASSES, LABELS, LABELS_VAL, LINEAR, X_VAL, X, Y

import backprop_xp as bp
from backprop_xp.errors import (
    DivergenceError,
)


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


def test_a_bar_is_left_in_order(capsys):
    for epochs in (2, 0):
        bp.train(short.NET, short.X, short.Y, epochs=epochs, progress=True, **short.CHOSEN)
    line = bp.Network([3, 1], output="identity", loss="squared_error")
    with pytest.raises(bp.DivergenceError):
        bp.train(line, short.X, short.X[:, :1], epochs=9, progress=True, optimizer=bp.SGD(1e30))
    assert "2/2" in capsys.readouterr().err


def test_the_bar_of_a_resumed_run_begins_where_the_run_was(tmp_path, capsys):
    saving = bp.Checkpoint(tmp_path)
    for epochs in (2, 5):
        chosen = {"callbacks": [saving], "resume": saving, "progress": True, **short.CHOSEN}
        bp.train(short.NET, short.X, short.Y, epochs=epochs, **chosen)
    shown = capsys.readouterr().err
    assert "2/5" in shown
    assert shown.rstrip().split("\r")[-1].count(" 5/5 ") == 1
    assert " 0/5 " not in shown
