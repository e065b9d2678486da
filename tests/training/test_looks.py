"""Epochs that the host reads together, beside epochs that it reads one by one: the same bits."""

from itertools import pairwise

import numpy as np
import pytest
from look_cases import EPOCHS, Watching, counted, same
from needs import needs, some_of
from training_cases import BINARY, BITS, CLASSES, LABELS, TARGETS, WEIGHTS, X, Y

import backprop_xp as bp
from backprop_xp.arrays.backend import to_host
from backprop_xp.training import looks
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.looks import Looks
from backprop_xp.training.trainer import Trainer

__all__ = ["counted"]


def both(net, X, Y, counted, **chosen):
    """Return the run whose epochs are read together, after a comparison with the other one."""
    chosen["epochs"] = EPOCHS
    alone = bp.train(net, X, Y, callbacks=[Watching()], **chosen)
    assert set(counted) <= {1}
    counted.clear()
    together = bp.train(net, X, Y, **chosen)
    assert (sum(counted), len(counted) < EPOCHS / 2) == (EPOCHS, True)
    same(alone, together)
    assert together.epoch == alone.epoch
    assert together.state.epoch == alone.state.epoch
    for x, y in zip(alone.state.arrays, together.state.arrays, strict=True):
        np.testing.assert_array_equal(to_host(x), to_host(y))
    assert together.state.memory == alone.state.memory
    return together


CASES = {
    "labels": {},
    "targets": {"net": TARGETS, "Y": Y},
    "one output": {"net": BINARY, "Y": BITS},
    "weights": {"case_weights": WEIGHTS},
    "stack": {"stack": (2, 3)},
    "stack of weights": {"stack": 3, "case_weights": np.stack([WEIGHTS, WEIGHTS[::-1], WEIGHTS])},
    "penalties": {"l2": 0.1, "l1": 0.01, "stack": 2},
    "smoothing": {"label_smoothing": 0.1},
    "smoothing by a schedule": {"label_smoothing": lambda step: 0.1 / (1 + step)},
    "max-norm and shrinkage": {"max_norm": 1.0, "shrinkage": 0.01},
    "clipping": {"clip_norm": 0.5, "clip_value": 0.1},
    "dropout": {"dropout": 0.3, "input_dropout": 0.2},
    "schedule": {"optimizer": bp.SGD(bp.schedules.Exponential(0.1, 0.9), momentum=0.9)},
    "Adam": {"optimizer": bp.Adam(0.01)},
    "Rprop": {"optimizer": bp.Rprop()},
    "one epoch at a time": {"dtype": "float32", "optimizer": bp.RMSprop(0.01)},
}


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("name", CASES)
def test_the_bits_of_epochs_read_one_by_one(name, batch_size, counted):
    chosen = {"net": CLASSES, "Y": LABELS, "dtype": "float64", **CASES[name]}
    if name == "Rprop" and batch_size:
        pytest.skip("Rprop takes full batches")
    both(chosen.pop("net"), X, chosen.pop("Y"), counted, batch_size=batch_size, **chosen)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_each_library(xp, batch_size, counted):
    both(CLASSES, xp.array(X), xp.array(LABELS), counted, batch_size=batch_size)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_stacks_that_score_in_their_steps_and_by_groups(weights, monkeypatch, counted):
    from backprop_xp.training.step import scored, stack_groups

    monkeypatch.setattr(scored, "MANY_OUTPUTS", 1)
    monkeypatch.setattr(stack_groups, "CPU_BYTES", 2000)
    chosen = {"batch_size": None, "case_weights": weights, "stack": 7}
    both(CLASSES, X, LABELS, counted, **chosen)


JOINED = {
    "labels": {},
    "case weights": {"case_weights": WEIGHTS},
    "penalty": {"l2": 0.1, "optimizer": bp.Adam(0.01)},
    "targets": {"net": TARGETS, "Y": Y},
    "schedule": {"optimizer": bp.SGD(bp.schedules.Step(0.1, every=7, factor=0.5))},
}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", some_of(JOINED, 2))
def test_batches_of_several_epochs_of_groups_are_one_stream(name, jobs, monkeypatch, counted):
    from backprop_xp.training.data import batches
    from backprop_xp.training.step import stack_groups

    monkeypatch.setattr(stack_groups, "CPU_BYTES", 2000)
    monkeypatch.setattr(batches, "BLOCK_ROWS", 8)
    chosen = {
        "net": CLASSES,
        "Y": LABELS,
        "batch_size": 4,
        "stack": 7,
        "jobs": jobs,
        **JOINED[name],
    }
    calls, trained = [], Trainer.blocks
    monkeypatch.setattr(Trainer, "blocks", lambda *of: (calls.append(len(of[1])), trained(*of))[1])
    both(chosen.pop("net"), X, chosen.pop("Y"), counted, **chosen)
    assert len(calls) < 2 * EPOCHS  # of the run read one by one, at least one for each epoch


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("stack", [(), 3])
def test_compiled_steps(stack, weights, counted):
    needs("numba")
    device = bp.select_device("cpu", compiled=True)
    chosen = {"batch_size": None, "stack": stack, "case_weights": weights, "device": device}
    both(CLASSES, X, LABELS, counted, **chosen)


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_in_either_order(order, counted):
    both(CLASSES, np.array(X, order=order), LABELS, counted, batch_size=None)


def test_a_file_of_rows(tmp_path, counted):
    np.save(tmp_path / "X.npy", X)
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    both(CLASSES, rows, LABELS, counted, batch_size=4)


def test_a_run_that_goes_on(counted):
    chosen = {"batch_size": 4, "dropout": 0.3, "optimizer": bp.Adam(0.01)}
    whole = bp.train(CLASSES, X, LABELS, epochs=EPOCHS, **chosen)
    first = bp.train(CLASSES, X, LABELS, epochs=9, **chosen)
    rest = bp.train(CLASSES, X, LABELS, first.theta, state=first.state, epochs=EPOCHS - 9, **chosen)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    assert first.history["cost"] + rest.history["cost"] == whole.history["cost"]
    assert len(counted) < EPOCHS


def test_blocks_of_full_batches_are_one_call(monkeypatch, counted):
    sizes, blocks = [], Trainer.blocks

    def noted(self, given, *others):
        sizes.append(sum(block.batches for block in given))
        return blocks(self, given, *others)

    monkeypatch.setattr(Trainer, "blocks", noted)
    bp.train(CLASSES, X, LABELS, epochs=EPOCHS, batch_size=None)
    assert sum(sizes) == EPOCHS
    assert max(sizes) > 8


WATCHED = {
    "callback": {"callbacks": [Watching()]},
    "progress": {"progress": True},
    "validation": {"validation": (X, LABELS)},
    "plateau": {"optimizer": bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric="cost"))},
    "order": {"order": lambda _: np.arange(len(X))},
}


@pytest.mark.parametrize("name", WATCHED)
def test_epochs_that_are_asked_for_are_read_one_by_one(name, counted):
    bp.train(CLASSES, X, LABELS, epochs=EPOCHS, **WATCHED[name])
    assert counted == [1] * EPOCHS


def test_parts_of_a_users_own_are_read_one_by_one(counted):
    class Own:
        def settings(self, _):
            return {}

        def init(self, _):
            return ()

        def update(self, theta, state, dE_dtheta):
            return theta - 0.1 * dE_dtheta, state

    bp.train(CLASSES, X, LABELS, optimizer=Own(), epochs=EPOCHS)
    assert counted == [1] * EPOCHS


def test_a_copy_of_a_large_theta_is_not_made(monkeypatch, counted):
    from backprop_xp.training import loop

    monkeypatch.setattr(loop, "LOOK_BYTES", 8 * CLASSES.parameter_count - 1)
    bp.train(CLASSES, X, LABELS, optimizer=bp.SGD(0.1), epochs=EPOCHS, dtype="float64")
    assert counted == [1] * EPOCHS


def test_scores_that_wait_are_bounded(monkeypatch, counted):
    from backprop_xp.training import loop

    # θ is smaller than three epochs' costs, penalties and counts of three batches
    monkeypatch.setattr(loop, "LOOK_BYTES", 3 * 3 * 3 * 8)
    linear = bp.Network([3, 2], output="identity", loss="squared_error")
    bp.train(linear, X, Y, optimizer=bp.SGD(0.01), epochs=EPOCHS, batch_size=4, dtype="float64")
    assert max(counted) == 3


def test_slow_epochs_are_read_one_by_one(monkeypatch, counted):
    clock = iter(np.arange(10**6) * looks.LOOK_SECONDS)
    monkeypatch.setattr(looks.time, "perf_counter", lambda: next(clock))
    bp.train(CLASSES, X, LABELS, epochs=EPOCHS)
    assert counted == [1] * EPOCHS


def test_a_look_that_takes_longer_than_expected_ends_early(monkeypatch, counted):
    clock = iter([*np.arange(10) * 1e-9, *np.arange(1, 10**5)])
    monkeypatch.setattr(looks.time, "perf_counter", lambda: next(clock))
    bp.train(CLASSES, X, LABELS, epochs=EPOCHS, batch_size=4)
    assert sum(counted) == EPOCHS
    assert counted[:3] == [1, 4, 2]
    assert set(counted[3:]) == {1}


# ---------------------------------------------------------------------------------------------
# the host reads seldom


@pytest.mark.parametrize("xp", ["numpy", "strict-device1", "torch", "jax"], indirect=True)
def test_the_host_reads_nothing_between_two_looks(xp, monkeypatch, counted):
    events = []
    for owner, name, event in (
        (Trainer, "blocks", "block"),
        (EpochRecord, "epochs", "read"),
        (EpochRecord, "batch_costs", "read"),
    ):
        method = getattr(owner, name)

        def noted(self, *given, method=method, event=event):
            events.append(event)
            return method(self, *given)

        monkeypatch.setattr(owner, name, noted)
    bp.train(CLASSES, xp.array(X), xp.array(LABELS), epochs=EPOCHS, batch_size=None)
    waits = sum(a == "block" and b == "read" for a, b in pairwise(events))
    assert waits == len(counted) < EPOCHS / 2


def test_the_epochs_of_a_look_follow_the_time_of_the_last_one():
    found = Looks(most=1000)
    now, epochs = 0.0, []
    for seconds in [1.0, *[0.0009] * 6, *[0.04] * 3, *[0.3] * 2]:
        count = found.begin(now)
        now += count * seconds
        found.end(count, now)
        epochs.append(count)
    assert epochs == [1, 1, 4, 16, 64, 111, 111, 111, 2, 2, 2, 1]


def test_epochs_after_a_failure_come_one_by_one():
    found = Looks(most=1000)
    found.end(100, found.begin(0.0) * 1e-6)
    assert found.begin(0.0) == 400
    found.one_by_one(2)
    for expected in (1, 1, 4):
        assert found.begin(0.0) == expected
        found.end(1, 1e-6)
