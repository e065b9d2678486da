"""Ctrl-C: the run ends after its batch, and a second one ends it at once."""

import signal
import threading

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, Interrupting, X, Y

import backprop_xp as bp


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
