"""The laws on a CUDA device, under CuPy's own watch: ``pytest -m gpu``.

`test_contract` and `execution/cuda/test_replay` prove without a device what can be proven; here the
same surface runs on one. Nothing is measured by the clock.
"""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from needs import needs
from surface import ITEMS, results

import backprop_xp as bp
from backprop_xp.execution.cuda import cupy_arrays, replay
from backprop_xp.execution.cuda.switches import (
    CUDA_GRAPHS,
    FUSED_KERNELS,
    ONE_KERNEL,
    STEP_GRAPH,
)
from backprop_xp.training.trainer import Trainer

pytestmark = pytest.mark.gpu

# sums in another order, and exp, log and tanh of another library: some hundred roundings of numbers
# of size 1, in 6 steps of rates that let no error grow much
CLOSE = {"float64": {"rtol": 1e-9, "atol": 1e-12}, "float32": {"rtol": 2e-3, "atol": 2e-4}}


@pytest.fixture(scope="module")
def cupy():
    cupy = needs("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")
    return cupy


@pytest.fixture
def watched(cupy, monkeypatch):
    """Let CuPy refuse to wait for the device while blocks of batches are trained on."""
    allow_synchronize = importlib.import_module("cupyx").allow_synchronize
    blocks = Trainer.blocks

    def unread(self, *given):
        with allow_synchronize(False):
            return blocks(self, *given)

    monkeypatch.setattr(Trainer, "blocks", unread)


def all_of(item, put, dtype, device=None):
    """Return what the library computes of an item, on the host."""
    settings = {**item.settings, "dtype": dtype}
    found, history = results(replace(item, settings=settings), put, device)
    on_host = {name: x.get() if hasattr(x, "get") else x for name, x in found.items()}
    return {**on_host, **{name: np.asarray(entries) for name, entries in history.items()}}


def of_dtype(x, dtype):
    return x.astype(dtype) if x.dtype.kind == "f" else x


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", ITEMS)
def test_numpy_plain_and_fused_agree(name, dtype, cupy, watched, monkeypatch):
    item, device = ITEMS[name], bp.select_device("cuda")
    expected = all_of(item, lambda x: of_dtype(np.asarray(x), dtype), dtype)
    for wanted in ("0", "1"):
        monkeypatch.setenv(FUSED_KERNELS, wanted)
        found = all_of(item, lambda x: cupy.asarray(of_dtype(np.asarray(x), dtype)), dtype, device)
        for key, of in expected.items():
            message = f"{key}, {'fused' if wanted == '1' else 'plain'}"
            np.testing.assert_allclose(found[key], of, **CLOSE[dtype], err_msg=message)


def only(monkeypatch, *variables):
    """Ask for these ways of execution that are off by default, and for no other."""
    for variable in (ONE_KERNEL, STEP_GRAPH):
        monkeypatch.setenv(variable, str(int(variable in variables)))


def test_training_takes_the_program(cupy, monkeypatch):
    only(monkeypatch)
    launched = []
    run = replay.FusedRecording.run

    def noted(self, carry, numbers, *batches):
        launched.append((self.program.launches, len(numbers)))
        return run(self, carry, numbers, *batches)

    monkeypatch.setattr(replay.FusedRecording, "run", noted)
    rng = np.random.default_rng(0)
    X, Y = rng.random((100, 784), dtype="float32"), rng.integers(0, 10, 100)
    net = bp.Network([784, 30, 10], hidden="relu")
    bp.train(net, X, Y, device="cuda", batch_size=10, epochs=2, optimizer=bp.SGD(0.1))
    assert launched == [(11, 10)] * 2  # one epoch as it is; one captured, and launched


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("dtype", ["float16", *CLOSE])
def test_a_graph_is_its_steps_to_the_bit(dtype, by_step, cupy, watched, monkeypatch):
    only(monkeypatch, *[STEP_GRAPH] * by_step)
    rng = np.random.default_rng(0)
    X, Y = rng.random((999, 20)).astype(dtype), rng.integers(0, 10, 999)
    net = bp.Network([20, 30, 10], hidden="relu")
    capture, captured, found = cupy_arrays.CupyLibrary.capture, [], {}

    def noted(self, work):
        captured.append(capture(self, work))
        return captured[-1]

    monkeypatch.setattr(cupy_arrays.CupyLibrary, "capture", noted)
    optimizer = bp.SGD(bp.schedules.Exponential(0.1, 0.999), momentum=0.9)
    for wanted in ("0", "1"):
        monkeypatch.setenv(CUDA_GRAPHS, wanted)
        run = bp.train(
            net, X, Y, device="cuda", batch_size=3, epochs=4, optimizer=optimizer, l2=1e-3
        )
        found[wanted] = run.theta.get(), np.array(run.history["cost"])
        graphs = 1 if by_step else 2  # one for each step; 64 steps, and what is left of 333
        assert len(captured) == (graphs if wanted == "1" else 0)
    for plain, launched in zip(found["0"], found["1"], strict=True):
        np.testing.assert_array_equal(launched, plain)


def test_a_planted_wait_is_seen(cupy, watched):
    class Waits(bp.SGD):
        """Gradient descent that reads a number at each step."""

        def update(self, theta, state, dE_dtheta, **settings):
            float(dE_dtheta[0])
            return super().update(theta, state, dE_dtheta, **settings)

    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    with pytest.raises(Exception, match=r"(?i)synchroni"):
        bp.train(net, X, Y, device="cuda", optimizer=Waits(0.1), epochs=1, batch_size=2)


def test_a_second_device(cupy):
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one CUDA device")
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    first, second = (
        bp.train(net, X, Y, device=f"cuda:{index}", epochs=3).theta for index in (0, 1)
    )
    assert (first.device.id, second.device.id) == (0, 1)
    with cupy.cuda.Device(1):
        np.testing.assert_array_equal(first.get(), second.get())
