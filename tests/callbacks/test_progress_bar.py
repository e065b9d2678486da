"""The progress bar: what it shows, and that it is closed however training ends."""

import io
import os
import re
import struct
import sys
import warnings

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


class Terminal(io.StringIO):
    """A terminal, which keeps what is written."""

    def isatty(self):
        return True


@pytest.fixture
def terminal_of(monkeypatch):
    """Have stderr be a terminal of a number of columns."""
    pty, termios, fcntl = (pytest.importorskip(name) for name in ("pty", "termios", "fcntl"))
    ends = pty.openpty()

    def opened(columns):
        terminal = Terminal()
        fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        terminal.fileno = lambda: ends[1]
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal

    yield opened
    for end in ends:
        os.close(end)


def lines_on(terminal, **options):
    """Train, and return the run and the states of the line."""
    chosen = {"epochs": 5, "validation": (X_VAL, LABELS_VAL), "progress": True, **options}
    run = bp.train(CLASSES, X, LABELS, **chosen)
    text = terminal.getvalue()
    assert text.endswith("\n")
    return run, [line.rstrip() for line in text.replace("\n", "\r").split("\r") if line.strip()]


@pytest.mark.parametrize("columns", [50, 60, 80, 100, 140])
def test_a_line_on_a_terminal_fits_it(columns, terminal_of):
    run, lines = lines_on(terminal_of(columns))
    assert all(len(line) <= columns for line in lines)
    assert "5/5" in lines[-1]
    last = {name: of[-1] for name, of in run.history.items()}
    assert f"cost {last['cost']:.3g}"[:8] in lines[-1]
    if columns >= 60:
        assert f"{100 * last['accuracy']:.1f}%" in lines[-1]
        assert f"{100 * last['validation_accuracy']:.1f}%" in lines[-1]
    if columns >= 80:
        assert re.search(r"validation \S+.*, \S+ samples/s, in \S+ s$", lines[-1])
    if columns >= 140:
        for words in ("epoch 5/5 |", "accuracy", f"validation {last['validation_cost']:.4g}"):
            assert words in lines[-1]


def test_the_time_that_is_left(terminal_of, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class Slow:
        def on_epoch_end(self, _):
            now[0] += 30.0

    _, lines = lines_on(terminal_of(140), callbacks=[Slow()], epochs=5)
    assert any("1:30 left" in line for line in lines)
    assert lines[-1].endswith("in 2:30")


def test_a_regression_has_no_accuracy(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bp.train(LINEAR, X[:, :1], Y[:, :1], epochs=2, optimizer=bp.SGD(1e-3), progress=True)
    assert "cost " in terminal.getvalue()
    assert "accuracy" not in terminal.getvalue()
    assert "validation" not in terminal.getvalue()


def test_a_stack_on_a_terminal_has_its_median(terminal_of):
    run, lines = lines_on(terminal_of(140), stack=3)
    assert f"median cost {np.median(run.history['cost'][-1]):.4g}" in lines[-1]


def test_entries_that_are_no_numbers_are_left_out(capsys):
    class Note:
        def on_epoch_end(self, progress):
            progress.history.setdefault("note", []).append("a text")

    bp.train(CLASSES, X, LABELS, epochs=2, callbacks=[Note()], progress=True)
    assert "note" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_broken_terminal_does_not_break_training(kind, monkeypatch):
    class Broken(kind):
        def write(self, _):
            raise RuntimeError("the terminal is gone")

    expected = bp.train(CLASSES, X, LABELS, epochs=3)
    monkeypatch.setattr(sys, "stderr", Broken())
    with pytest.warns(UserWarning, match="no more progress is shown: RuntimeError"):
        run = bp.train(CLASSES, X, LABELS, epochs=3, progress=True)
    np.testing.assert_array_equal(run.theta, expected.theta)


def test_no_stderr_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(bp.train(CLASSES, X, LABELS, epochs=3, progress=True).history["cost"]) == 3
