"""Ctrl-C: the run ends after its batch, and a second one ends it at once."""

import os
import signal
import threading

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, X_VAL, Y_VAL, Interrupting, X, Y

import backprop_xp as bp
from backprop_xp.training import interrupts
from backprop_xp.training.trainer import Trainer


def test_ctrl_c_ends_the_run_after_its_batch():
    before = signal.getsignal(signal.SIGINT)
    interrupting = Interrupting(epoch=2, batch=3)
    run = bp.train(NET, X, Y, epochs=50, callbacks=[interrupting], **CHOSEN)
    assert run.stopped == "interrupted in epoch 2, after 3 of its batches"
    assert len(run.history["cost"]) == 2
    np.testing.assert_array_equal(run.theta, interrupting.theta)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("stack", [(), 2])
def test_ctrl_c_in_the_last_batch_of_an_epoch_leaves_the_epoch_complete(stack):
    class Last:
        def on_batch_end(self, progress):
            if (progress.epoch, progress.batch) == (1, len(X) // CHOSEN["batch_size"]):
                os.kill(os.getpid(), signal.SIGINT)

    given = {"validation": (X_VAL, Y_VAL), "stack": stack, **CHOSEN}
    run = bp.train(NET, X, Y, epochs=50, callbacks=[Last()], **given)
    assert run.stopped == "interrupted after 2 epochs"
    whole = bp.train(NET, X, Y, epochs=2, **given)
    np.testing.assert_array_equal(run.theta, whole.theta)
    assert run.history.keys() == whole.history.keys()
    for name, values in whole.history.items():
        np.testing.assert_array_equal(run.history[name], values)


def test_a_second_ctrl_c_ends_it_at_once():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        bp.train(NET, X, Y, epochs=50, callbacks=[Interrupting(1, 1, times=2)], **CHOSEN)
    assert signal.getsignal(signal.SIGINT) is before


class Press:
    """Sends Ctrl-C to the process at a moment of a run."""

    def __init__(self, moment, epoch):
        def press(progress):
            if progress.epoch == epoch:
                os.kill(os.getpid(), signal.SIGINT)

        setattr(self, moment, press)


MOMENTS = {
    # where Ctrl-C comes, and the epochs that are complete then: 3 are asked for
    ("on_train_start", 0): 0,
    ("on_epoch_start", 0): 0,
    ("on_epoch_start", 2): 2,
    ("on_epoch_end", 1): 1,
    ("on_epoch_end", 3): 3,
    ("on_train_end", 3): 3,
}


@pytest.mark.parametrize("stack", [(), 2])
@pytest.mark.parametrize(("moment", "epoch"), MOMENTS)
def test_ctrl_c_is_noted_wherever_it_comes(moment, epoch, stack):
    press = Press(moment, epoch)
    run = bp.train(NET, X, Y, epochs=3, stack=stack, callbacks=[press], **CHOSEN)
    assert run.stopped.startswith("interrupted")
    assert len(run.history.get("cost", [])) == MOMENTS[moment, epoch]


@pytest.mark.parametrize(("moment", "epoch"), [m for m in MOMENTS if m[0] != "on_epoch_start"])
def test_ctrl_c_is_noted_by_lbfgs_too(moment, epoch):
    chosen = {"optimizer": bp.LBFGS(gtol=0, ftol=0), "batch_size": None}
    run = bp.train(NET, X, Y, epochs=3, callbacks=[Press(moment, epoch)], **chosen)
    assert run.stopped.startswith("interrupted")
    assert len(run.history["cost"]) == max(MOMENTS[moment, epoch], 1)


def test_ctrl_c_while_the_validation_is_scored(monkeypatch):
    def scores(trainer, *given):
        os.kill(os.getpid(), signal.SIGINT)
        return of_validation(trainer, *given)

    of_validation = Trainer.scores
    monkeypatch.setattr(Trainer, "scores", scores)
    run = bp.train(NET, X, Y, validation=(X_VAL, Y_VAL), epochs=3, **CHOSEN)
    assert run.stopped == "interrupted after 1 epochs"
    assert len(run.history["cost"]) == 1


def test_ctrl_c_outweighs_another_reason_to_stop():
    class Stop:
        def on_epoch_end(self, progress):
            progress.stop("enough")

    run = bp.train(NET, X, Y, epochs=3, callbacks=[Press("on_epoch_end", 1), Stop()], **CHOSEN)
    assert run.stopped == "interrupted after 1 epochs"


@pytest.mark.parametrize(("moment", "epoch"), [("on_epoch_end", 2), ("on_train_end", 4)])
def test_an_interrupted_run_goes_on_from_its_checkpoint(moment, epoch, tmp_path):
    saving = [bp.Checkpoint(tmp_path, every=3)]
    bp.train(NET, X, Y, epochs=4, callbacks=[*saving, Press(moment, epoch)], **CHOSEN)
    resumed = bp.train(NET, X, Y, epochs=6, resume=tmp_path, **CHOSEN)
    assert resumed.stopped == ""
    np.testing.assert_array_equal(resumed.theta, bp.train(NET, X, Y, epochs=6, **CHOSEN).theta)


@pytest.mark.parametrize(("seconds", "trainings"), [(0.1, 2), (1.9, 2), (2.1, 5)])
def test_two_presses_end_a_loop_of_trainings(seconds, trainings, monkeypatch):
    # a press in each training, some seconds after the one before
    clock, done = iter(np.arange(1, 10) * seconds), []
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: next(clock))
    before = signal.getsignal(signal.SIGINT)

    def loop():
        for _ in range(5):
            done.append(1)
            bp.train(NET, X, Y, epochs=3, callbacks=[Press("on_epoch_end", 1)], **CHOSEN)

    if trainings < 5:
        with pytest.raises(KeyboardInterrupt):
            loop()
    else:
        loop()
    assert len(done) == trainings
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
