"""One step as a graph with a counter, proven without a GPU.

g++ compiles all kernels of the graph. Blocks of any length have the bits of the kernels
without a graph, whatever the order of threads and thread blocks.
"""

import importlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import recorder
from blocks_on_host import HostLibrary
from checks import on_recorder
from cupy_path import DeviceLibrary
from device_array import plain
from fused_on_host import replayer, take_pure_steps
from machine_code import compiled_by_nvrtc
from needs import every, needs, some_of
from surface import ITEMS, on_numpy
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution import steps
from backprop_xp.execution.cuda import step_graph
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.kept import forget
from backprop_xp.execution.cuda.replay import FusedRecording, FusedReplayer
from backprop_xp.execution.cuda.step_graph import COPIES
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, FUSED_KERNELS, STEP_GRAPH
from backprop_xp.execution.plain_loop import loop
from backprop_xp.execution.tape import leaves, mapped
from backprop_xp.execution.unread import like
from backprop_xp.training.data import batches, blocks

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("step_graph")


@pytest.fixture(autouse=True)
def asked_for(monkeypatch):
    monkeypatch.setenv(STEP_GRAPH, "1")


# ---------------------------------------------------------------------------------------------
# blocks of several lengths and batch sizes

NET = bp.Network([3, 5, 4, 2], "tanh", "softmax", "cross_entropy")
RATES = np.array([[0.1], [0.2], [0.05]])
DECAYING = bp.SGD(bp.schedules.Exponential(0.1, 0.9), momentum=0.9)
CASES = {
    "plain": (bp.SGD(0.1), (), {}, "float32"),
    "a schedule": (DECAYING, (), {"l2": 0.01}, "float64"),
    "dropout": (bp.Adam(0.01), (), {"dropout": 0.5, "input_dropout": 0.2}, "float32"),
    "a stack": (bp.Adam(RATES / 10), (3,), {"l2": RATES}, "float32"),
    "its own data": (DECAYING, (3,), {"dropout": 0.5, "own": True}, "float32"),
    "case weights": (bp.SGD(0.1), (3,), {"weights": True, "dropout": RATES}, "float64"),
    "half precision": (bp.SGD(0.1), (), {}, "float16"),
}
LENGTHS = [(5, 7), (2, 7), (1, 3), (1, 7), (9, 7), (3, 3)]  # batches and cases of each block


def blocks_of(name):
    """Return the maker of the step, the carry and for each block its numbers, source and arrays."""
    optimizer, stack, chosen, dtype = CASES[name]
    own, weighted = chosen.get("own"), chosen.get("weights")
    rates = {key: x for key, x in chosen.items() if key not in ("own", "weights")}
    rng, (n_in, *hidden, n_out) = np.random.default_rng(0), NET.sizes
    theta = NET.init(seed=0, stack=stack, dtype=dtype)
    numbers, lead = numbers_of(optimizer, theta, **rates), stack if own else ()
    source = rng.normal(size=(*lead, 20, n_in)).astype(dtype)
    found = []
    for count, m in LENGTHS:
        rows = rng.integers(0, 20, (count, m)).astype("int32")
        y = rng.random((count, *lead, m, n_out)).astype(dtype).swapaxes(-1, -2)
        w = rng.random((count, 1, m) if weighted else count).astype(dtype)
        noise = [rng.random((count, n, m)).astype(dtype) for n in hidden if "dropout" in rates]
        noise += [rng.random((count, n_in, m)).astype(dtype)] * ("input_dropout" in rates)
        found.append((numbers.block(count), source, (rows, y, w, *noise)))
    carry = (theta, optimizer.init(theta))
    return lambda like=theta: step_for(NET, optimizer, like, labelled=True), carry, found


def gathered(source, arrays):
    """Return the arrays of a block with its inputs in place of their row numbers."""
    rows, *others = arrays
    X = np.moveaxis(source[..., rows, :], -3, 0)
    return (np.ascontiguousarray(X), *others)


def copied(carry):
    return mapped(np.array, carry)


def same(found, expected):
    for x, of in zip(leaves(found), leaves(expected), strict=True):
        if of is not None:
            np.testing.assert_array_equal(x, of)


def by_kernels(name, library):
    """Return the carry and the outs after each block, by the kernels alone."""
    make_step, carry, blocks = blocks_of(name)
    found, recordings = [], {}
    for numbers, source, arrays in blocks:
        batch = gathered(source, arrays)
        m = batch[0].shape
        if m[1:] not in recordings:
            given = mapped(like, (carry, numbers[0], tuple(x[0, ...] for x in batch)))
            recordings[m[1:]] = FusedRecording(make_step(), *given, library, True)
        carry, outs = recordings[m[1:]].run(copied(carry), numbers, *batch)
        found.append((copied(carry), outs))
    return found


@pytest.mark.parametrize("bodies", [False, pytest.param(True, marks=every)])
@pytest.mark.parametrize("gathers", [True, False])
@pytest.mark.parametrize("name", some_of(CASES, 2))
def test_blocks_of_any_length_have_the_bits_of_the_kernels(name, gathers, bodies, folder):
    library = HostLibrary(folder, bodies=bodies)
    make_step, carry, blocks = blocks_of(name)
    steps = replayer(make_step, library)
    said = []
    for expected, (numbers, source, arrays) in zip(
        by_kernels(name, HostLibrary(folder, "forwards", bodies=bodies)), blocks, strict=True
    ):
        if gathers:
            carry, outs = steps(carry, numbers, source, *arrays)
        else:
            carry, outs = steps(carry, numbers, None, *gathered(source, arrays))
        same((carry, outs), expected)
        said.append(steps.execution)
    assert library.captures == len(steps.recordings) == 2
    alone = "kernels, because no second step came"
    assert said == ["step graph", "step graph", alone, *["step graph"] * 3]


@pytest.mark.parametrize("name", some_of([name for name in CASES if name[:4] != "half"], 2))
def test_the_numbers_are_those_of_the_equations(name, folder):
    make_step, carry, blocks = blocks_of(name)
    plainly = loop(make_step(), np)
    for found, (numbers, source, arrays) in zip(
        by_kernels(name, HostLibrary(folder, bodies=False)), blocks, strict=True
    ):
        carry, outs = plainly(copied(carry), numbers, None, *gathered(source, arrays))
        eps = np.finfo(carry[0].dtype).eps
        for x, of in zip(leaves(found), leaves((carry, outs)), strict=True):
            if of is not None:
                np.testing.assert_allclose(x, of, rtol=2000 * eps, atol=200 * eps)


@pytest.mark.parametrize("gathers", [True, False])
@pytest.mark.parametrize("name", some_of(ITEMS, 40))
def test_training_has_the_numbers_of_numpy(name, gathers, folder, monkeypatch):
    expected = on_numpy(ITEMS[name], "float64")
    library = HostLibrary(folder, bodies=False)
    take_pure_steps(monkeypatch, lambda make_step: replayer(make_step, library))
    for module in (batches, blocks):
        monkeypatch.setattr(module, "gathers_rows", lambda _: gathers)
    found = on_numpy(ITEMS[name], "float64")
    assert library.captures or "own" in name
    for key, of in expected.items():
        np.testing.assert_allclose(found[key], of, rtol=1e-9, atol=1e-12, err_msg=key)


# ---------------------------------------------------------------------------------------------
# the counter, after whatever may go wrong


def descend(theta, rate, x):
    before = theta * 1
    theta -= rate * x
    return theta, (before, None)


def expected_of(theta, rates, x):
    thetas = [theta]
    for rate, each in zip(rates, x, strict=True):
        thetas.append(thetas[-1] - rate * each)
    return thetas[-1], np.array(thetas[:-1])


class Descent:
    """Blocks of θ ← θ − rate · x, each compared with NumPy."""

    def __init__(self, library, rule=None):
        self.steps = FusedReplayer(lambda _: descend, None, library, rule)
        self.rng, self.theta = np.random.default_rng(0), np.zeros(3)

    def block(self, count, *, rates=None, x=None):
        rates = self.rng.integers(1, 9, count) if rates is None else rates
        x = self.rng.integers(-9, 9, (count, 3)).astype(float) if x is None else x
        theta, before = expected_of(self.theta, rates, x)
        found, (outs, none) = self.steps(
            self.theta.copy(), [np.array(float(r)) for r in rates], None, x
        )
        np.testing.assert_array_equal(found, theta)
        np.testing.assert_array_equal(outs, before)
        assert none is None
        self.theta = theta
        return self.steps.execution

    @property
    def graph(self):
        (one,) = self.steps.recordings.values()
        return one.graphs


class Interrupted(HostLibrary):
    """A library whose kernels raise after some launches."""

    left = None

    def from_source(self, *kernel):
        launch = super().from_source(*kernel)

        def counted(*given):
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    self.left = None
                    raise KeyboardInterrupt
            launch(*given)

        return self.deferring(counted)


@pytest.mark.parametrize("before", [0, 1, 4])
@pytest.mark.parametrize("launches", [0, 1, 2, 5])
def test_a_block_after_an_interruption_begins_its_own_count(before, launches, folder):
    library = Interrupted(folder, bodies=False)
    descent = Descent(library)
    if before:
        descent.block(before)
    library.left = launches
    with pytest.raises(KeyboardInterrupt):
        descent.block(4)
    assert descent.block(5) == "step graph"
    assert library.captures == 1


class Refusing(HostLibrary):
    """A library that refuses the first captures, in the midst of the step."""

    refuses = 0

    def capture(self, work):
        launch, result = super().capture(work)
        if self.captures <= self.refuses:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated")
        return launch, result


def test_a_capture_that_is_spoilt_once_is_tried_again(folder):
    library = Refusing(folder, bodies=False)
    library.refuses = 1
    descent = Descent(library)
    assert [descent.block(n) for n in (1, 2, 3)] == [
        "kernels, because no second step came",
        *["step graph"] * 2,
    ]
    assert library.captures == 2


def test_without_a_graph_the_same_steps_are_launched_kernel_by_kernel(folder):
    library = Refusing(folder, bodies=False)
    library.refuses = 2
    descent = Descent(library)
    with pytest.warns(UserWarning, match="no CUDA graph"):
        said = descent.block(4)
    assert "a capture failed (RuntimeError: cudaErrorStreamCaptureInvalidated)" in said
    assert [descent.block(n) for n in (1, 5, 2)] == [said] * 3
    assert library.captures == 2


def test_the_variable_of_graphs_turns_it_off_and_on_again(folder, monkeypatch):
    descent = Descent(HostLibrary(folder, bodies=False))
    monkeypatch.setenv(CUDA_GRAPHS, "0")
    assert descent.block(4) == f"kernels, because {CUDA_GRAPHS} is 0"
    monkeypatch.setenv(CUDA_GRAPHS, "1")
    assert descent.block(4) == "step graph"
    monkeypatch.setenv(CUDA_GRAPHS, "0")
    assert descent.block(3) == f"kernels, because {CUDA_GRAPHS} is 0"


def test_the_variable_of_the_step_graph_changes_between_blocks(folder, monkeypatch):
    descent = Descent(HostLibrary(folder, bodies=False))
    assert descent.block(4) == "step graph"
    monkeypatch.setenv(STEP_GRAPH, "0")
    assert descent.block(4) == "kernels, because no block came a second time"
    assert descent.block(4) == "graphs"
    monkeypatch.setenv(STEP_GRAPH, "1")
    assert descent.block(5) == "step graph"


def test_a_repeated_batch_and_equal_numbers_are_read_where_they_are(folder):
    library = HostLibrary(folder, bodies=False)
    copies = []
    library.stack = copies.append
    library.contiguous = lambda x: x if x.flags.c_contiguous else copies.append(x)
    steps = replayer(lambda _: descend, library)
    rate, x = np.array(2.0), np.broadcast_to(np.array([[1.0, -2.0, 3.0]]), (6, 3))
    theta, before = expected_of(np.zeros(3), [2.0] * 6, x)
    found, (outs, _) = steps(np.zeros(3), [rate] * 6, None, x)
    np.testing.assert_array_equal(found, theta)
    np.testing.assert_array_equal(outs, before)
    assert copies == []


def test_large_batches_are_not_copied(folder, monkeypatch):
    monkeypatch.setattr(step_graph, "MOST_BYTES", 3 * 8 - 1)
    descent = Descent(HostLibrary(folder, bodies=False))
    assert descent.block(4) == "kernels, because the batches are large"
    assert descent.graph.nbytes == 0
    monkeypatch.setattr(step_graph, "MOST_BYTES", 3 * 8)
    assert descent.block(4) == "step graph"
    assert descent.graph.nbytes > 0


def test_arrays_of_several_rounds_and_steps_without_outs(folder, monkeypatch):
    monkeypatch.setattr(step_graph, "MOST_ROUNDS", 2)
    n = 5 * step_graph.THREADS + 3
    x = np.arange(4 * n, dtype=float).reshape(4, n)
    library = HostLibrary(folder, bodies=False)
    steps = replayer(lambda _: lambda theta, rate, x: (theta - rate * x, (None,)), library)
    for _ in range(2):
        theta, (none,) = steps(np.zeros(n), [np.array(float(k)) for k in range(4)], None, x)
        np.testing.assert_array_equal(theta, -(x * np.arange(4)[:, None]).sum(axis=0))
        assert none is None
    assert steps.execution == "step graph"


class Anywhere(HostLibrary):
    """A library that shares recordings with its like."""

    def setting(self):
        return "here"


def test_trainings_of_one_rule_share_a_graph_in_turn(folder):
    library = Anywhere(folder, bodies=False)
    both = [Descent(library, "rule") for _ in range(2)]
    both[1].theta = np.full(3, 100.0)
    for count in (1, 4, 2, 5):
        for descent in both:
            descent.block(count)
    assert both[0].graph is both[1].graph
    assert library.captures == 1


def test_threads_have_graphs_of_their_own(folder):
    together = Barrier(3)  # so that none takes the thread of another

    def run(_):
        together.wait()
        library = Anywhere(folder, bodies=False)
        descent = Descent(library, "rule of threads")
        said = [descent.block(count) for count in (3, 5, 2)]
        return said, library.captures, descent.graph

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(run, range(3)))
    assert [(said, captures) for said, captures, _ in found] == [(["step graph"] * 3, 1)] * 3
    assert len({id(graph) for *_, graph in found}) == 3


def test_row_numbers_of_another_dtype_are_refused(folder):
    make_step, carry, ((numbers, source, (rows, *others)), *_) = blocks_of("plain")
    steps = replayer(make_step, HostLibrary(folder, bodies=False))
    with pytest.raises(TypeError, match="row numbers are int32, which the kernel reads, not int64"):
        steps(carry, numbers, source, rows.astype("int64"), *others)


# ---------------------------------------------------------------------------------------------
# CuPy


def test_nvrtc_compiles_its_copies():
    compiled_by_nvrtc(COPIES)


def test_cupy_gathers_in_the_step_where_it_is_asked_for(monkeypatch):
    needs("cupy")
    xp = importlib.import_module("array_api_compat.cupy")
    monkeypatch.setattr(steps, "namespace", lambda _: xp)
    assert steps.gathers_rows(None)
    monkeypatch.setenv(FUSED_KERNELS, "0")
    assert not steps.gathers_rows(None)
    monkeypatch.delenv(FUSED_KERNELS)
    monkeypatch.delenv(STEP_GRAPH)
    assert not steps.gathers_rows(None)


def test_the_address_of_an_array_of_cupy():
    cupy, host = needs("cupy"), np.zeros((3, 2))
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    x = cupy.ndarray(host.shape, host.dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))
    assert CupyLibrary().address(x[1:]) == host[1:].ctypes.data


@pytest.mark.parametrize("name", some_of(ITEMS, 40))
def test_the_way_of_cupy_gives_the_numbers_of_numpy(name, folder, monkeypatch):
    host = HostLibrary(folder, bodies=False)

    def from_source(library, *kernel):
        run = host.from_source(*kernel)
        return library.deferring(lambda blocks, given: run(blocks, [plain(x) for x in given]))

    def check_dtype(record, dtype, check=recorder.Recording.check_dtype):
        if dtype != np.int64:  # of the table of addresses
            check(record, dtype)

    monkeypatch.setattr(recorder.Recording, "check_dtype", check_dtype)
    monkeypatch.setattr(DeviceLibrary, "from_source", from_source)
    monkeypatch.setattr(DeviceLibrary, "address", lambda _, x: plain(x).ctypes.data)
    forget()  # what an equal rule of another test keeps would be launched there
    on_recorder(ITEMS[name], fused=True)  # which compares all with NumPy
    forget()
    assert COPIES in host.sources
