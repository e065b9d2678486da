"""Training compiled by numba: the run of recorded steps, asked for by the device or a variable."""

import copy
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from compiled_cache import cache, compiler  # noqa: F401  fixtures

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command
from backprop_xp.errors import MissingExtraError, OptionError
from backprop_xp.training.trainer import Trainer

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 3)).astype("float32"), RNG.integers(0, 2, 20)
NET = bp.Network([3, 4, 2], "relu")


@pytest.fixture
def device():
    return bp.select_device("cpu", compiled=True)


def both(device, **given):
    """Return a run of recorded and one of compiled steps."""
    given = {"epochs": 3, "batch_size": 8, **given}
    return [bp.train(NET, X, Y, device=one, **given) for one in ("cpu", device)]


def assert_equal(runs):
    recorded, compiled = runs
    np.testing.assert_array_equal(compiled.theta, recorded.theta)
    assert compiled.history.keys() == recorded.history.keys()
    for name, entries in recorded.history.items():
        np.testing.assert_array_equal(compiled.history[name], entries)


def test_the_device_says_that_it_compiles(device):
    assert (device.name, device.compiled) == ("cpu", True)
    assert str(device) == "cpu, compiled (asked for by name)"
    assert device != bp.select_device("cpu", compiled=False)
    for again in (copy.deepcopy(device), pickle.loads(pickle.dumps(device))):  # noqa: S301  its own
        assert again == device
    assert bp.select_device(device) is device
    assert not bp.select_device(device, compiled=False).compiled


def test_the_variable(monkeypatch):
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "1")
    assert bp.select_device("cpu").compiled
    assert not bp.select_device("cpu", compiled=False).compiled
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "0")
    assert not bp.select_device("cpu").compiled
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "yes")
    with pytest.raises(OptionError, match="BACKPROP_XP_COMPILED: got 'yes'"):
        bp.select_device("cpu")


def test_the_variable_holds_for_arrays_without_a_device(monkeypatch):
    made, init = [], Trainer.__init__

    def noted(self, theta, rule, *others):
        made.append(rule.compiled)
        init(self, theta, rule, *others)

    monkeypatch.setattr(Trainer, "__init__", noted)
    for value in ("0", "1"):
        monkeypatch.setenv("BACKPROP_XP_COMPILED", value)
        bp.train(NET, X, Y, epochs=1)
    assert made == [False, True]


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("compiled"))):
        bp.select_device("cpu", compiled=True)
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "1")
    with pytest.raises(MissingExtraError, match="BACKPROP_XP_COMPILED"):
        bp.train(NET, X, Y)


def test_a_run_is_that_of_recorded_steps(device):
    assert_equal(both(device, validation=(X, Y)))


def test_a_stack_in_groups(device, monkeypatch):
    monkeypatch.setattr("backprop_xp.training.step.stack_groups.COMPILED_BYTES", 3000)
    numbers = {"l2": [[0.0], [0.1], [0.2]], "dropout": 0.2, "label_smoothing": 0.1}
    assert_equal(both(device, stack=(3, 1), optimizer=bp.Adam(), **numbers))


def test_targets_and_case_weights(device):
    targets = np.eye(2, dtype="float32")[Y]
    weights = np.linspace(0, 2, len(X))
    given = {"epochs": 2, "batch_size": 8, "case_weights": weights, "device": None}
    runs = [bp.train(NET, X, targets, **{**given, "device": one}) for one in ("cpu", device)]
    assert_equal(runs)


def test_weighted_accuracy_is_equal_to_rounding(device):
    recorded, compiled = both(device, class_weights={0: 1.0, 1: 3.0})
    np.testing.assert_array_equal(compiled.theta, recorded.theta)
    # the shares of the batches are added in another order
    np.testing.assert_allclose(compiled.history["accuracy"], recorded.history["accuracy"], 1e-6)


def test_lbfgs(device):
    pytest.importorskip("scipy")
    assert_equal(both(device, optimizer="lbfgs", batch_size=None))


def test_callbacks_after_each_batch(device):
    seen = []

    class Looks(bp.callbacks.Callback):
        def on_batch_end(self, progress):
            seen.append(progress.weights.copy())

    both(device, callbacks=[Looks()], epochs=1)
    half = len(seen) // 2
    np.testing.assert_array_equal(seen[:half], seen[half:])


class OwnSGD(bp.SGD):
    """A user's own, which may do anything."""


def test_parts_of_a_users_own_are_not_compiled(device):
    expected = bp.train(NET, X, Y, optimizer=bp.SGD(0.1), epochs=2).theta
    with pytest.warns(UserWarning, match="not compiled.*a part of your own"):
        run = bp.train(NET, X, Y, optimizer=OwnSGD(0.1), epochs=2, device=device)
    np.testing.assert_array_equal(run.theta, expected)


def test_half_precision_falls_back_and_says_why(device):
    expected = bp.train(NET, X, Y, epochs=2, dtype="float16")
    with pytest.warns(UserWarning, match="float16 is not compiled"):
        run = bp.train(NET, X, Y, epochs=2, dtype="float16", device=device)
    np.testing.assert_array_equal(run.theta, expected.theta)
    assert run.history == expected.history


def test_rules_of_one_structure_are_recorded_once(device, monkeypatch):
    from backprop_xp.execution.compiled import replayer

    recorded = []
    monkeypatch.setattr(replayer, "compiled_form", _noting(recorded, replayer.compiled_form))
    for rate in (0.1, 0.2):
        bp.train(
            bp.Network([3, 9, 2], "relu"),
            X,
            Y,
            optimizer=bp.SGD(rate),
            epochs=1,
            batch_size=20,
            device=device,
        )
    assert len(recorded) == 1


def _noting(calls, function):
    def noting(*given, **named):
        calls.append(given)
        return function(*given, **named)

    return noting


# ---------------------------------------------------------------------------------------------
# a resumed run is compiled as the run before, or neither is


def trained(folder, epochs, device):
    saving = bp.Checkpoint(folder)
    given = {"epochs": epochs, "batch_size": 8, "device": device}
    return bp.train(NET, X, Y, callbacks=[saving], resume=saving, **given)


def test_a_compiled_run_goes_on(device, tmp_path):
    trained(tmp_path / "a", 2, device)
    resumed = trained(tmp_path / "a", 4, device)
    whole = bp.train(NET, X, Y, epochs=4, batch_size=8, device=device)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    with pytest.raises(OptionError, match="compiled=False where it was True"):
        trained(tmp_path / "a", 5, "cpu")
    trained(tmp_path / "b", 2, "cpu")
    with pytest.raises(OptionError, match="compiled=True where it was False"):
        trained(tmp_path / "b", 3, device)


def test_a_checkpoint_of_before_goes_on_uncompiled(device):
    given = {"X": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], "Y": [0, 1, 1, 0]}
    given["case_weights"] = [1.0, 2.0, 1.0, 1.0]
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    file = Path(__file__).parents[1] / "data" / "training-lists-v1.safetensors"
    assert len(bp.train(net, epochs=3, resume=file, **given).history["cost"]) == 3
    with pytest.raises(OptionError, match="compiled=True where it was False"):
        bp.train(net, epochs=3, resume=file, device=device, **given)
