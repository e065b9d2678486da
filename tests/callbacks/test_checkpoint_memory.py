"""The memories that a checkpoint holds: histories, metrics, callbacks and schedules."""

from dataclasses import dataclass

import numpy as np
import pytest
from checkpoint_cases import CHOSEN, NET, Metric, X, Y, assert_same, law, names

import backprop_xp as bp
from backprop_xp.errors import (
    CheckpointWarning,
    OptionError,
)
from backprop_xp.files.training_state import read_snapshot


class PerBatch:
    """Adds entries to the history after each batch, and some later or not in every epoch."""

    def on_batch_end(self, progress):
        progress.history.setdefault("of_batch", []).append(float(progress.batch))

    def on_epoch_end(self, progress):
        if progress.epoch % 2 == 0:
            progress.history.setdefault("even", []).append(float(progress.epoch))
        progress.history.setdefault("nan", []).append(float("nan"))


def test_a_history_of_any_length_goes_on(tmp_path):
    whole = bp.train(NET, X, Y, epochs=5, callbacks=[PerBatch()], **CHOSEN)
    callbacks = [PerBatch(), bp.Checkpoint(tmp_path)]
    bp.train(NET, X, Y, epochs=3, callbacks=callbacks, **CHOSEN)
    resumed = bp.train(NET, X, Y, epochs=5, callbacks=[PerBatch()], resume=tmp_path, **CHOSEN)
    assert len(whole.history["of_batch"]) == 20
    assert_same(whole, resumed)


@pytest.mark.parametrize("stack", [(), 2])
def test_a_metric_that_is_nan_at_first_goes_on(stack, tmp_path):
    entries = [np.nan, np.nan, np.nan, 2.0, 1.0]

    def trained(epochs, folder, **more):
        stop, saving = bp.EarlyStopping("metric", 9), bp.Checkpoint(folder, metric="metric")
        callbacks = [Metric(entries), stop, saving]
        chosen = {**CHOSEN, "stack": stack, **more}
        return bp.train(NET, X, Y, epochs=epochs, callbacks=callbacks, **chosen)

    whole = trained(5, tmp_path / "whole")
    trained(2, tmp_path / "parts")
    assert_same(whole, trained(5, tmp_path / "parts", resume=tmp_path / "parts"))
    best = [read_snapshot(tmp_path / name / "best.safetensors") for name in ("whole", "parts")]
    assert [one.epoch for one in best] == [5, 5]


MEMORIES = {
    "numbers": {"a": 1, "b": 0.5, "c": True, "d": None, "e": "text", "f": 10**30},
    "not finite": {"a": np.inf, "b": -np.inf, "c": np.nan, "d": [np.nan, {"e": np.inf}]},
    "nested": {"a": {"b": {"c": [1, 2, [3]]}}, "d": (1, (2, []), {}), "e": {}},
    "arrays": {"a": np.arange(3), "b": {"c": [np.eye(2), {"d": np.float32(2)}]}, "e": np.array(1)},
    "kinds of arrays": {
        "bool": np.array([True]),
        "nan": np.array([np.nan, np.inf]),
        "big endian": np.arange(3, dtype=">i4"),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "empty": np.zeros((0, 2), np.float16),
    },
    "keys": {"a": {1: "x", (1, 2): np.ones(2), None: 3}, "a.b": np.ones(1), "c": {"": 0}},
    "dotted": {"a": {"b": np.zeros(1)}, "a.b": np.ones(1)},
    "names of the format": {"array": "x", "b": {"array": "y"}, "c": {"dict": 1}, "d": {"tuple": 2}},
    "one name": {"number": 3},
}


def assert_equal(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, np.ndarray | np.generic):
        assert (found.dtype.newbyteorder("="), found.shape) == (
            expected.dtype.newbyteorder("="),
            expected.shape,
        )
        np.testing.assert_array_equal(found, expected)
    else:
        assert type(found) is type(expected)
        assert found == expected or (found != found and expected != expected)


class Remembering:
    """Has a memory of anything."""

    def __init__(self, memory=None):
        self.memory = memory

    def on_epoch_end(self, progress):
        pass

    def state(self):
        return self.memory

    def restore(self, state):
        self.memory = state


@pytest.mark.parametrize("name", MEMORIES)
def test_every_memory_of_a_callback_comes_back(name, tmp_path):
    memory, restored = MEMORIES[name], Remembering()
    callbacks = [Remembering(memory), bp.Checkpoint(tmp_path, on_failure="raise")]
    bp.train(NET, X, Y, epochs=1, callbacks=callbacks, **CHOSEN)
    bp.train(NET, X, Y, epochs=1, callbacks=[restored], resume=tmp_path, **CHOSEN)
    assert_equal(restored.memory, memory)


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array(["text"]), np.ones(1, complex)])
def test_a_memory_that_no_file_can_hold(value, tmp_path):
    for on_failure in ("raise", "warn"):
        saving = bp.Checkpoint(tmp_path / on_failure, on_failure=on_failure)
        chosen = {**CHOSEN, "epochs": 1, "callbacks": [Remembering({"a": [value]}), saving]}
        if on_failure == "raise":
            with pytest.raises(OptionError, match=r"state\(\) of .*Remembering"):
                bp.train(NET, X, Y, **chosen)
        else:
            with pytest.warns(CheckpointWarning, match=r"state\(\) of .*Remembering"):
                bp.train(NET, X, Y, **chosen)
        assert names(saving.folder) == []


def test_the_memory_of_a_schedule_of_ones_own_comes_back(tmp_path):
    assert_same(*law(tmp_path, NET, X, Y, batch_size=4, optimizer=bp.SGD(Highest())))


@dataclass(frozen=True)
class Highest:
    """A schedule that follows the history, with an infinity and a nested dict in its memory."""

    def start(self):
        return {"highest": -np.inf, "seen": {"number": np.nan}}

    def after_epoch(self, state, history):  # noqa: ARG002  every such schedule takes it
        cost = history["cost"][-1]
        return {"highest": -np.inf, "seen": {"number": max(cost, 0.1)}}

    def __call__(self, step):
        raise NotImplementedError

    def value(self, state):
        return 0.1 if np.isnan(state["seen"]["number"]) else 0.05 * state["seen"]["number"]
