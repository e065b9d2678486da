"""Runs that fail or are stopped between two looks: the errors of epochs read one by one."""

import os
import signal

import numpy as np
import pytest
from look_cases import EPOCHS, Watching, counted, same
from needs import some_of
from training_cases import CLASSES, LABELS, LINEAR, WEIGHTS, X

import backprop_xp as bp
from backprop_xp.training.data import batches
from backprop_xp.training.step import stack_groups
from backprop_xp.training.trainer import Trainer

__all__ = ["counted"]


def failed(kind, *args, **chosen):
    with pytest.raises(kind) as caught:
        bp.train(*args, **chosen)
    return caught.value


def both_failed(kind, net, X, Y, counted, **chosen):
    """Return the error of epochs that are read together, after a comparison with the other one."""
    alone = failed(kind, net, X, Y, callbacks=[Watching()], **chosen)
    counted.clear()
    together = failed(kind, net, X, Y, **chosen)
    same(alone, together)
    assert (alone.parts, alone.epoch) == (together.parts, together.epoch)
    assert all(len(of) == together.epoch for of in together.history.values())
    return together


@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("at", range(12))
def test_a_divergence_at_any_epoch(at, batch_size, counted):
    steps = 4 // (batch_size or 4)

    def rate(step):
        return 1e300 if step == at * steps + steps // 2 else 1e-3

    chosen = {"optimizer": bp.SGD(rate, momentum=0.5), "batch_size": batch_size}
    data = np.full((4, 1), 1.0), np.full((4, 1), 1e9)
    error = both_failed(
        bp.DivergenceError, LINEAR, *data, counted, theta=np.array([1.0, 0.0]), epochs=14, **chosen
    )
    assert error.epoch in (at, at + 1)


@pytest.mark.parametrize("at", [3, 4, 5, 10])
def test_a_divergence_of_networks_of_a_stack(at, counted):
    rates = np.array([[1e-3], [1e300], [1e-3]])
    chosen = {"optimizer": bp.SGD(lambda step: rates if step == at else 1e-3), "epochs": 14}
    data = np.full((4, 1), 1.0), np.full((4, 1), 1e9)
    theta = LINEAR.init(stack=3, dtype="float64")
    chosen |= {"theta": theta, "batch_size": None}
    error = both_failed(bp.DivergenceError, LINEAR, *data, counted, **chosen)
    assert error.networks == [(1,)]


def pressed_at(call, monkeypatch):
    """Press Ctrl-C after this call of `Trainer.blocks`; return the batches of each call."""
    blocks, calls = Trainer.blocks, []

    def pressed(self, *given):
        done = blocks(self, *given)
        calls.append(sum(block.batches for block in given[0]))
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return done

    monkeypatch.setattr(Trainer, "blocks", pressed)
    return calls


@pytest.fixture
def groups(monkeypatch):
    """Let a network be a group of its own, and a block have two batches of two cases."""
    monkeypatch.setattr(stack_groups, "CPU_BYTES", 1)
    monkeypatch.setattr(batches, "BLOCK_ROWS", 4)


@pytest.mark.parametrize("at", some_of([0, 3, 7, 20, 21], 2))
def test_a_divergence_in_a_stream_of_epochs(at, groups, counted):
    rates = np.array([[1e-3], [1e300], [1e-3]])
    chosen = {"optimizer": bp.SGD(lambda step: rates if step == at else 1e-3), "epochs": 14}
    data = np.full((6, 1), 1.0), np.full((6, 1), 1e9)
    chosen |= {"theta": LINEAR.init(stack=3, dtype="float64"), "batch_size": 2}
    error = both_failed(bp.DivergenceError, LINEAR, *data, counted, **chosen)
    assert error.networks == [(1,)]


@pytest.mark.parametrize("call", some_of([1, 3, 4, 5, 6, 7, 8], 3))
def test_ctrl_c_in_a_stream_of_epochs_keeps_the_whole_ones(call, groups, monkeypatch, counted):
    blocks, calls = Trainer.blocks, pressed_at(call, monkeypatch)
    chosen = {"batch_size": 2, "dtype": "float64", "stack": 3, "case_weights": WEIGHTS}
    run = bp.train(CLASSES, X, LABELS, epochs=10**4, **chosen)
    assert (run.stopped[:11], len(calls)) == ("interrupted", call)
    epochs, rest = divmod(sum(calls), 5)
    assert run.epoch == epochs
    assert f"after {rest} of its batches" in run.stopped if rest else "batches" not in run.stopped
    monkeypatch.setattr(Trainer, "blocks", blocks)
    alone = bp.train(CLASSES, X, LABELS, epochs=epochs, callbacks=[Watching()], **chosen)
    for name, entries in run.history.items():
        np.testing.assert_array_equal(entries, alone.history[name])
    if not rest:
        assert run.theta.tobytes() == alone.theta.tobytes()


@pytest.mark.parametrize("at", [2, 5, 9])
def test_an_infinite_theta_whose_costs_are_finite(at, counted):
    net = bp.Network([1, 1, 1], "sigmoid", "identity", "squared_error")
    data, theta = (np.array([[1e200]]), np.array([[1.0]])), np.array([1e-200, 0.0, 1.0, 0.0])
    chosen = {"optimizer": bp.SGD(lambda step: 1e120 if step == at else 0.0), "epochs": 14}
    chosen |= {"theta": theta, "batch_size": None}
    error = both_failed(bp.DivergenceError, net, *data, counted, **chosen)
    assert error.epoch == at


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("at", [1, 4, 7, 20])
def test_a_lack_of_memory(at, batch_size, monkeypatch, counted):
    blocks = Trainer.blocks

    def lacking(self, given, *others):
        if self._numbers.state()["step"] + sum(block.batches for block in given) > at:
            raise MemoryError
        return blocks(self, given, *others)

    monkeypatch.setattr(Trainer, "blocks", lacking)
    chosen = {"batch_size": batch_size, "epochs": EPOCHS, "stack": 2}
    both_failed(bp.OutOfMemoryError, CLASSES, X, LABELS, counted, **chosen)


def test_another_number_out_of_range(counted):
    chosen = {"l2": lambda step: 0.1 if step < 9 else -1.0, "epochs": EPOCHS, "batch_size": None}
    alone = failed(bp.OptionError, CLASSES, X, LABELS, callbacks=[Watching()], **chosen)
    together = failed(bp.OptionError, CLASSES, X, LABELS, **chosen)
    assert alone.parts == together.parts


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("call", [1, 2, 3, 5, 9])
def test_ctrl_c_ends_the_run_after_the_block(call, batch_size, monkeypatch, counted):
    blocks, calls = Trainer.blocks, pressed_at(call, monkeypatch)
    chosen = {"batch_size": batch_size, "dtype": "float64", "optimizer": bp.SGD(0.1, 0.9)}
    run = bp.train(CLASSES, X, LABELS, epochs=10**5, **chosen)
    assert run.stopped.startswith("interrupted")
    assert len(calls) == call
    assert len(run.history["cost"] if run.history else []) == run.epoch
    monkeypatch.setattr(Trainer, "blocks", blocks)
    alone = bp.train(CLASSES, X, LABELS, epochs=run.epoch, callbacks=[Watching()], **chosen)
    if run.history:
        assert run.history["cost"] == alone.history["cost"]
    if "after" in run.stopped and "batches" not in run.stopped:
        np.testing.assert_array_equal(run.theta, alone.theta)


def test_ctrl_c_in_a_look_that_diverges_leaves_a_good_theta(monkeypatch, counted):
    blocks = Trainer.blocks

    def pressed(self, *given):
        done = blocks(self, *given)
        if self._numbers.state()["step"] > 9:
            os.kill(os.getpid(), signal.SIGINT)
        return done

    monkeypatch.setattr(Trainer, "blocks", pressed)
    data = np.full((4, 1), 1.0), np.full((4, 1), 1e9)
    chosen = {"optimizer": bp.SGD(lambda step: 1e300 if step == 7 else 1e-3), "batch_size": None}
    run = bp.train(LINEAR, *data, np.array([1.0, 0.0]), epochs=99, **chosen)
    assert run.stopped == f"interrupted after {run.epoch} epochs"
    assert run.epoch <= 7
    assert np.isfinite(run.theta).all()
    assert len(run.history["cost"]) == run.epoch
