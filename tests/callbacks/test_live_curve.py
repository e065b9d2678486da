"""The live curve of training in a notebook: what it shows, when, and that it never harms."""

import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import notebook_cases
import numpy as np
import pytest
from needs import needs
from training_cases import CLASSES, LABELS, LABELS_VAL, LINEAR, X_VAL, X, Y

import backprop_xp as bp
from backprop_xp.callbacks.progress import History
from backprop_xp.callbacks.progress_bar import ProgressBar

CHOSEN = {"epochs": 6, "validation": (X_VAL, LABELS_VAL), "seed": 3}


@pytest.fixture(params=["jupyter", "marimo"])
def notebook(request):
    return getattr(notebook_cases, request.param)


def train(**options):
    return bp.train(CLASSES, X, LABELS, **{**CHOSEN, "progress": True, **options})


def cells(html):
    """Return the cells of the table by its head."""
    head, row = (re.findall(rf"<{tag} [^>]*>(.*?)</{tag}>", html) for tag in ("th", "td"))
    return dict(zip(head, row, strict=True))


def test_one_place_is_replaced_and_the_end_is_shown(notebook, monkeypatch, capfd):
    shown = notebook(monkeypatch)
    run = train()
    kinds, places, _ = zip(*shown, strict=True)
    assert kinds == ("new", *["update"] * (len(kinds) - 1))
    assert len(set(places)) == 1
    assert shown.last.isascii()
    found = cells(shown.last)
    assert found["epoch"] == "6 of 6"
    for name in ("cost", "validation_cost"):
        assert found[name.replace("_", " ")] == f"{run.history[name][-1]:.4g}"
    for name in ("accuracy", "validation_accuracy"):
        assert found[name.replace("_", " ")] == f"{100 * run.history[name][-1]:.1f} %"
    assert "samples/s" in found
    assert "time" in found
    assert shown.last.count("<polyline") == 2
    assert capfd.readouterr() == ("", "")


def test_two_runs_have_a_place_each(notebook, monkeypatch):
    shown = notebook(monkeypatch)
    train()
    train()
    assert [kind for kind, *_ in shown].count("new") == 2
    assert len({place for _, place, _ in shown}) == 2


def test_a_stack_has_its_median_and_a_band(notebook, monkeypatch):
    shown = notebook(monkeypatch)
    run = train(stack=(2, 3))
    assert "median of 6 networks" in shown.last
    assert cells(shown.last)["cost"] == f"{np.median(run.history['cost'][-1]):.4g}"
    assert shown.last.count("<polygon") == 2


@pytest.mark.parametrize("stack", [(), 2])
def test_networks_that_are_minimised_one_after_another(stack, monkeypatch):
    needs("scipy")
    shown = notebook_cases.jupyter(monkeypatch)
    run = train(optimizer=bp.LBFGS(), stack=stack, batch_size=None, validation=None)
    assert cells(shown.last)["cost"] == f"{np.median(run.history['cost'][-1]):.4g}"


def stub(**changed):
    """Return a progress that has what the host knows, and nothing else."""
    entries = {"epoch": 0, "epochs": 1000, "history": History(), "network": CLASSES, "stopped": ""}
    return SimpleNamespace(**{**entries, **changed})


def test_it_is_drawn_a_few_times_a_second_from_the_history_alone(monkeypatch):
    shown, now = notebook_cases.jupyter(monkeypatch), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bar, progress = ProgressBar(cases=50), stub(history=History(cost=[]))
    bar.on_train_start(progress)
    for epoch in range(1, 501):
        now[0] += 0.01
        progress.epoch = epoch
        progress.history["cost"].append(1 / epoch)
        bar.on_epoch_end(progress)
    assert 10 <= len(shown) <= 15  # in five seconds
    bar.close()
    found = cells(shown.last)
    assert found["epoch"] == "500 of 1000"
    assert (found["cost"], found["time"]) == ("0.002", "5 s")


def test_a_slow_screen_is_drawn_less_often(monkeypatch):
    now = [0.0]
    shown = notebook_cases.jupyter(monkeypatch)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bar, progress = ProgressBar(cases=50), stub(history=History(cost=[]))
    bar.on_train_start(progress)
    display = sys.modules["IPython.display"]
    fast = display.update_display

    def slow(*given, **options):
        now[0] += 1
        fast(*given, **options)

    monkeypatch.setattr(display, "update_display", slow)
    for epoch in range(1, 101):
        now[0] += 1
        progress.epoch = epoch
        progress.history["cost"].append(1.0)
        bar.on_epoch_end(progress)
    assert len(shown) <= 8


def test_texts_and_names_of_callbacks_are_escaped(notebook, monkeypatch):
    class Note:
        def on_epoch_end(self, progress):
            progress.history.setdefault("<script>", []).append(1.5)
            progress.history.setdefault("note", []).append("a text")
            if progress.epoch == 3:
                progress.stop("<b>")

    shown = notebook(monkeypatch)
    train(callbacks=[Note()])
    assert "<script>" not in shown.last
    assert cells(shown.last)["&lt;script&gt;"] == "1.5"
    assert "note" not in cells(shown.last)
    assert "stopped: &lt;b&gt;" in shown.last


@pytest.mark.parametrize("after", [0, 1])
def test_a_broken_notebook_does_not_break_training(after, monkeypatch):
    expected = train(progress=False)
    notebook_cases.jupyter(monkeypatch, fails_after=after)
    with pytest.warns(UserWarning, match="no more progress is shown: OSError: the socket") as told:
        run = train()
    assert len(told) == 1
    np.testing.assert_array_equal(run.theta, expected.theta)
    assert run.history == expected.history


def test_ctrl_c_leaves_the_last_state(notebook, monkeypatch):
    class Interrupting:
        def on_epoch_end(self, progress):
            if progress.epoch == 4:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("backprop_xp.training.interrupts.Interrupts._last_noted", -np.inf)
    shown = notebook(monkeypatch)
    run = train(epochs=1000, callbacks=[Interrupting()])
    assert cells(shown.last)["epoch"] == "4 of 1000"
    assert f"stopped: {run.stopped}" in shown.last


def test_an_error_leaves_the_last_state(monkeypatch):
    class Fails:
        def on_epoch_end(self, progress):
            if progress.epoch == 3:
                raise ZeroDivisionError

    shown = notebook_cases.jupyter(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        train(callbacks=[Fails()])
    assert cells(shown.last)["epoch"] == "3 of 6"
    with pytest.raises(bp.DivergenceError):
        bp.train(LINEAR, np.ones((4, 1)), Y[:4, :1], optimizer=bp.SGD(1e200), progress=True)
    assert cells(shown.last)["epoch"] == "1 of 10"


@pytest.mark.parametrize("epochs", [0, 1])
def test_few_epochs(epochs, notebook, monkeypatch):
    shown = notebook(monkeypatch)
    train(epochs=epochs)
    assert shown.last.count("<svg") == epochs


def test_the_result_does_not_depend_on_progress(notebook, monkeypatch):
    expected = train(progress=False, stack=2)
    notebook(monkeypatch)
    np.testing.assert_array_equal(train(stack=2).theta, expected.theta)


def test_ipython_in_a_terminal_has_the_line(monkeypatch, capsys):
    shown = notebook_cases.jupyter(monkeypatch, notebook_cases.DisplayPublisher)
    train()
    assert not shown
    assert "6/6" in capsys.readouterr().err


def test_marimo_that_does_not_run_has_the_line(monkeypatch, capsys):
    shown = notebook_cases.marimo(monkeypatch, runs=False)
    train()
    assert not shown
    assert "6/6" in capsys.readouterr().err


def test_no_notebook_is_imported():
    code = """import sys, numpy as np, backprop_xp as bp
bp.train(bp.Network([2, 1]), np.ones((3, 2)), np.ones((3, 1)), epochs=2, progress=True)
print([name for name in ("IPython", "ipywidgets", "marimo") if name in sys.modules])"""
    code = code.replace("bp.Network([2, 1])", "bp.Network([2, 1], output='identity', loss='huber')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_kernel_of_jupyter(tmp_path):
    """A real kernel shows a curve, replaces it in place, and keeps it after Ctrl-C."""
    needs("ipykernel")
    client = needs("jupyter_client")
    code = """import os, signal, numpy as np, backprop_xp as bp
class Stop:
    def on_epoch_end(self, progress):
        if progress.epoch == 7:
            os.kill(os.getpid(), signal.SIGINT)
X, Y = bp.datasets.xor()
net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
print(bp.train(net, X, Y, epochs=1000, callbacks=[Stop()], progress=True).stopped)"""
    shown, printed = [], []

    def note(message):
        kind, content = message["msg_type"], message["content"]
        if kind in ("display_data", "update_display_data"):
            shown.append((kind, content["transient"]["display_id"], content["data"]["text/html"]))
        elif kind == "stream":
            printed.append(content["text"])

    manager, kernel = client.manager.start_new_kernel(cwd=str(tmp_path))
    try:
        reply = kernel.execute_interactive(code, timeout=60, output_hook=note)
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", reply
    assert "".join(printed) == "interrupted after 7 epochs\n"
    kinds, places, pages = zip(*shown, strict=True)
    assert kinds == ("display_data", *["update_display_data"] * (len(kinds) - 1))
    assert len(set(places)) == 1
    assert cells(pages[-1])["epoch"] == "7 of 1000"
    assert "<polyline" in pages[-1]
