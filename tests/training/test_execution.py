"""A run says how its steps were run, and why not faster."""

import shutil

import numpy as np
import pytest
from blocks_on_host import HostLibrary
from fused_on_host import NumpyLibrary
from needs import needs

import backprop_xp as bp
from backprop_xp.activations import Sigmoid
from backprop_xp.execution.cuda.one_kernel.launch import OneKernel
from backprop_xp.execution.cuda.replay import FusedReplayer
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, STEP_GRAPH
from backprop_xp.execution.plain_loop import execution_of

X = np.random.default_rng(0).standard_normal((40, 5))
Y = np.arange(40) % 3
NET = bp.Network([5, 4, 3])


class Own(Sigmoid):
    name = "own"


@pytest.mark.parametrize(
    ("device", "stack", "expected"),
    [
        ("cpu", (), "recorded"),
        ("cpu", 3, "recorded"),
        ("torch:cpu", (), "recorded"),
        ("torch:cpu", 3, "plain"),
        ("jax:cpu", (), "compiled by XLA"),
    ],
)
def test_each_library_has_its_way(device, stack, expected):
    library = device.partition(":")[0]
    if library != "cpu":
        needs(library)
    options = {"epochs": 2, "batch_size": 8, "dtype": "float32"}
    run = bp.train(NET, X, Y, device=device, stack=stack, **options)
    assert run.execution == expected


def test_a_part_of_your_own_is_run_plainly():
    net = bp.Network([5, 4, 3], hidden=Own())
    assert bp.train(net, X, Y, epochs=2).execution == "plain"


def test_lbfgs_and_a_run_without_epochs_say_nothing():
    assert bp.train(NET, X, Y, optimizer="lbfgs", batch_size=None, epochs=2).execution == ""


def test_compiled_steps_and_those_that_are_not():
    needs("numba")
    compiled = bp.select_device("cpu", compiled=True)
    assert bp.train(NET, X, Y, epochs=2, device=compiled).execution == "compiled"
    net = bp.Network([5, 4, 3], hidden=Own())
    with pytest.warns(UserWarning, match="a part of your own"):
        assert bp.train(net, X, Y, epochs=2, device=compiled).execution == "plain"


def test_the_run_of_some_networks_says_the_same():
    run = bp.train(NET, X, Y, epochs=1, stack=3)
    assert run[1].execution == run.best("cost").execution == run.execution == "recorded"


def step(theta, numbers, x):
    theta -= numbers * x[0]
    return theta, (theta * 1,)


def reads(theta, numbers, x):
    return theta - float(numbers) * x[0], (theta * 1,)


def plainly(theta, numbers, source, *batches):
    return theta, (np.zeros(2),)


def taken(steps, times=1, source=None):
    for _ in range(times):
        steps(np.zeros(2), [np.array(0.5)] * 2, source, np.ones((2, 3, 2)))
    return execution_of(steps)


def test_kernels_and_graphs(monkeypatch):
    steps = FusedReplayer(lambda _: step, plainly, NumpyLibrary())
    assert taken(steps) == "kernels, because no block came a second time"
    assert taken(steps) == "graphs"
    assert taken(steps, source=np.ones((4, 2))) == "plain, because rows are gathered in each step"
    monkeypatch.setenv(CUDA_GRAPHS, "0")
    assert taken(steps) == f"kernels, because {CUDA_GRAPHS} is 0"


def test_a_step_that_is_on_no_tape():
    steps = FusedReplayer(lambda _: reads, plainly, NumpyLibrary())
    assert taken(steps).startswith("plain, because ")
    assert len(taken(steps)) > len("plain, because ")


def test_a_graph_that_is_given_up(monkeypatch):
    library = NumpyLibrary()

    def capture(work):
        raise RuntimeError("invalidated")

    monkeypatch.setattr(library, "capture", capture)
    steps = FusedReplayer(lambda _: step, plainly, library)
    with pytest.warns(UserWarning, match="no CUDA graph"):
        said = taken(steps, 2)
    assert said == "kernels, because a capture failed (RuntimeError: invalidated)"


def test_what_is_no_single_kernel_says_why():
    steps = OneKernel(lambda _: reads, plainly, NumpyLibrary())
    assert taken(steps) == "not one kernel, because a number is read, or written by its index"


def test_a_step_as_a_graph(monkeypatch, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    monkeypatch.setenv(STEP_GRAPH, "1")
    steps = FusedReplayer(lambda _: step, plainly, HostLibrary(tmp_path, bodies=False))
    assert taken(steps) == "step graph"
    monkeypatch.setenv(CUDA_GRAPHS, "0")
    assert taken(steps) == f"kernels, because {CUDA_GRAPHS} is 0"
    steps = FusedReplayer(lambda _: reads, plainly, HostLibrary(tmp_path, bodies=False))
    assert taken(steps, source=np.ones((4, 2))).startswith("plain, because a number is read")
