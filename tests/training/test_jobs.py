"""The groups of a stack in threads and on several devices: θ, history and errors are the same."""

import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from look_cases import Watching, same
from needs import every, needs
from training_cases import BINARY, BITS, CLASSES, LABELS, TARGETS, WEIGHTS, X, Y

import backprop_xp as bp
from backprop_xp.arrays.devices import Device
from backprop_xp.training import trainer, workers
from backprop_xp.training.step import stack_groups
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.workers import jobs_of

K = 7
OWN = np.stack([X + k for k in range(K)])
RATES = np.linspace(0.01, 0.2, K)
CASES = {
    "labels": {"batch_size": 4},
    "full batch": {"batch_size": None},
    "targets": {"net": TARGETS, "Y": Y, "optimizer": bp.Adam(RATES), "batch_size": 3},
    "one output": {"net": BINARY, "Y": BITS, "optimizer": bp.Rprop(), "batch_size": None},
    "validation": {"validation": (X, LABELS), "callbacks": [bp.EarlyStopping(patience=2)]},
    "weights": {"case_weights": np.stack([np.roll(WEIGHTS, k) for k in range(K)])},
    "own data": {"X": OWN, "Y": np.stack([LABELS] * K), "batch_size": 4},
    "dropout": {"dropout": 0.3, "input_dropout": 0.2, "batch_size": 4},
    "own dropout": {"dropout": 0.3, "dropout_per_network": True, "batch_size": 4},
    "numbers": {"l2": RATES, "label_smoothing": RATES, "max_norm": 1.0, "clip_norm": 0.5},
    "schedule": {"optimizer": bp.SGD(bp.schedules.Exponential(0.1, 0.9)), "batch_size": 4},
    "plateau": {"optimizer": bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric="cost"))},
    "layer rates": {"layer_rates": [0.0, 1.0], "shrinkage": 0.01},
}


@pytest.fixture(params=[4, 2, 1], ids=["2 groups", "4 groups", "7 groups"])
def groups(request, monkeypatch):
    monkeypatch.setattr(stack_groups, "most_at_once", lambda *_, **__: request.param)


@pytest.fixture
def two_groups(monkeypatch):
    monkeypatch.setattr(stack_groups, "most_at_once", lambda *_, **__: 4)


def trained(**chosen):
    chosen = {"net": CLASSES, "X": X, "Y": LABELS, "epochs": 6, "dtype": "float64", **chosen}
    return bp.train(stack=K, **chosen)


def strict(*numbers):
    library = needs("array_api_strict")
    names = ("CPU_DEVICE", "device1", "device2")
    return [Device(f"strict:{n}", "", library, library.Device(names[n])) for n in numbers]


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_jobs_gives_the_same_bits(name, groups):
    one = trained(jobs=1, **CASES[name])
    for jobs in (2, 3):
        several = trained(jobs=jobs, **CASES[name])
        same(one, several)
        assert several.execution.endswith(" jobs")
        for run in (one, several):
            assert (run.state is None) == (name == "validation")  # θ is of an earlier epoch
        if one.state is not None:
            for x, y in zip(one.state.arrays, several.state.arrays, strict=True):
                np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", CASES)
def test_jobs_split_a_stack_of_one_group_without_a_change_of_bits(name):
    one = trained(jobs=1, **CASES[name])
    for jobs in (2, 3, K):
        several = trained(jobs=jobs, **CASES[name])
        same(one, several)
        assert several.execution.endswith(f"{-(-K // -(-K // jobs))} jobs")
        if one.state is not None:
            for x, y in zip(one.state.arrays, several.state.arrays, strict=True):
                np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_devices_gives_the_same_bits(name, two_groups):
    one = trained(device=strict(0), **CASES[name])
    for devices in (strict(0, 1), strict(2, 0, 1)):
        several = trained(device=devices, **CASES[name])
        assert several.theta.device == devices[0].handle
        assert several.execution == f"plain, {len(devices)} devices"
        same(one, several)


def test_a_stack_of_one_group_is_split_over_devices():
    assert trained(device=strict(0, 1)).execution == "plain, 2 devices"
    assert trained(device=strict(0)).execution == "plain"


def test_torch(two_groups):
    needs("torch")
    one, two = (trained(jobs=n, batch_size=4, device="torch:cpu") for n in (1, 2))
    same(one, two)
    assert two.execution.endswith("2 jobs")
    assert two.theta.requires_grad_().requires_grad  # it is no tensor of inference


@every  # numba compiles for seconds
def test_compiled_steps(two_groups):
    needs("numba")
    device = bp.select_device("cpu", compiled=True)
    one, two = (trained(jobs=n, batch_size=4, device=device) for n in (1, 2))
    same(one, two)
    assert two.execution == "compiled, 2 jobs"


def test_rows_in_a_file(tmp_path, two_groups):
    np.save(tmp_path / "X.npy", X)
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    chosen = {"X": rows, "batch_size": 3, "validation": (rows, LABELS)}
    same(trained(jobs=1, **chosen), trained(jobs=2, **chosen))
    same(trained(device=strict(0), **chosen), trained(device=strict(1, 0), **chosen))


def test_networks_that_leave(groups):
    class Leave(bp.callbacks.Callback):
        def on_epoch_end(self, progress):
            progress.leave(np.arange(K) < progress.epoch - 1)

    one, two = (trained(jobs=n, callbacks=[Leave()]) for n in (1, 2))
    same(one, two)


# ---------------------------------------------------------------------------------------------
# errors


def test_a_divergence_is_the_same(groups):
    rates = np.array([0.1, 0.1, 0.1, 1e9, 0.1, 1e12, 0.1])
    errors = []
    for jobs in (1, 2, 3):
        with pytest.raises(bp.DivergenceError) as raised:
            trained(jobs=jobs, net=TARGETS, Y=Y, optimizer=bp.SGD(rates), batch_size=4)
        errors.append(raised.value)
    for error in errors[1:]:
        same(errors[0], error)
        assert str(error) == str(errors[0])
        assert (error.networks, error.epoch, error.batch) == (
            errors[0].networks,
            errors[0].epoch,
            errors[0].batch,
        )


def test_the_lack_of_memory_of_the_lowest_group(groups, monkeypatch):
    kept, errors = workers.Worker.here, []
    for jobs in (1, 2, 3):
        calls = []

        def here(self, tree, *, again=True, calls=calls):
            if isinstance(tree, tuple) and len(tree) == 2:
                calls.append(tree[0][0, 0])
                if len(tree[0]) and tree[0][0, 0] != START[0, 0]:  # any group but the first
                    raise MemoryError(f"Unable to allocate {tree[0][0, 0]}")
            return kept(self, tree, again=again)

        monkeypatch.setattr(workers.Worker, "here", here)
        before = threading.active_count()
        with pytest.raises(bp.OutOfMemoryError) as raised:
            trained(jobs=jobs, theta=START, batch_size=4)
        assert threading.active_count() == before
        errors.append(raised.value)
    assert len({str(error) for error in errors}) == 1
    for error in errors:
        assert error.epoch == 0
        np.testing.assert_array_equal(error.theta, START)


START = CLASSES.init(5, stack=K, dtype="float64")


def test_no_thread_is_left_over(two_groups):
    before = threading.active_count()
    trained(jobs=3)
    assert threading.active_count() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_ends_the_run_after_a_window(two_groups):
    class Press(bp.callbacks.Callback):
        def on_epoch_end(self, progress):
            if progress.epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    before = threading.active_count()
    run = trained(jobs=2, epochs=100, callbacks=[Press()])
    assert "interrupted" in run.stopped
    assert threading.active_count() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_a_second_ctrl_c_ends_all_threads(two_groups, monkeypatch):
    kept, press, before = trainer._trained, [], threading.active_count()

    def pressed(*given, **by):
        if threading.current_thread() is threading.main_thread() and not press:
            press.append(True)
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
        return kept(*given, **by)

    monkeypatch.setattr(trainer, "_trained", pressed)
    with pytest.raises(KeyboardInterrupt):
        trained(jobs=2, epochs=100, callbacks=[Watching()])
    assert threading.active_count() == before


# ---------------------------------------------------------------------------------------------
# how many


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "2", True])
def test_jobs_are_a_count(jobs):
    with pytest.raises(bp.BackpropError, match=r"train\(jobs\)"):
        trained(jobs=jobs)


@pytest.mark.parametrize("threads", [1, 2])
def test_by_default_as_many_jobs_as_threads_where_steps_are_compiled(threads):
    theta = np.zeros((4, CLASSES.parameter_count))
    for compiled, jobs in ((True, threads), (False, 1)):
        rule = UpdateRule(CLASSES, bp.SGD(0.1), compiled=compiled)
        assert jobs_of(rule, theta, None, threads, 1) == jobs
        assert jobs_of(rule, theta, 3, threads, 1) == 3


def test_recorded_steps_are_one_job_by_default(two_groups):
    assert trained().execution == "recorded"


def test_a_part_of_your_own_runs_as_one(two_groups):
    class Own(bp.SGD):
        pass

    with pytest.warns(UserWarning, match="2 jobs run as one: a part of your own"):
        run = trained(jobs=2, optimizer=Own(0.1))
    assert run.execution == "plain"
    devices = trained(optimizer=Own(0.1), device=strict(0, 1))
    same(run, devices)


def test_a_single_network_takes_any_number_of_jobs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = (bp.train(CLASSES, X, LABELS, epochs=2, jobs=n) for n in (1, 2))
    same(one, two)


def test_a_run_goes_on_with_another_number_of_jobs(tmp_path, two_groups):
    saving = bp.Checkpoint(tmp_path, every=1)
    whole = trained(jobs=1, epochs=6)
    trained(jobs=2, epochs=3, callbacks=[saving])
    same(whole, trained(jobs=3, epochs=6, resume=tmp_path))


@every  # a process that compiles with JAX
def test_two_devices_of_jax():
    needs("jax")
    code = (
        "import numpy as np, backprop_xp as bp\n"
        "X = np.random.default_rng(0).standard_normal((20, 3)); Y = np.arange(20) % 3\n"
        "def run(device):\n"
        "    return bp.train(bp.Network([3, 4, 3]), X, Y, stack=5, device=device, dropout=0.2,\n"
        "        validation=(X, Y), epochs=3, dtype='float32')\n"
        "one, two = run('jax:cpu'), run(['jax:cpu', 'jax:cpu:1'])\n"
        "assert two.theta.devices() == one.theta.devices()\n"
        "np.testing.assert_allclose(two.theta, one.theta, rtol=1e-5, atol=1e-6)\n"
        "np.testing.assert_allclose(two.history['cost'], one.history['cost'], rtol=1e-5)\n"
        "assert run('jax:cpu:*').execution == two.execution == 'compiled by XLA, 2 devices'\n"
    )
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | flags,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
