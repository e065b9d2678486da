"""One step as a graph with a counter, proven without a GPU.

g++ compiles all kernels of the graph. Blocks of any lengths, launched step by step, have the bits of
the kernels without a graph, whatever the order of threads and thread blocks.
"""

import importlib
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from blocks_on_host import ORDERS, HostLibrary
from fused_on_host import NumpyLibrary, replayer, take_pure_steps
from needs import needs, some_of
from surface import CLASSES, ITEMS, on_numpy
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution.cuda import graphs, step_graph
from backprop_xp.execution.cuda.case_sums import CaseSums, source_of, with_case_sums
from backprop_xp.execution.cuda.replay import FusedRecording, FusedReplayer
from backprop_xp.execution.cuda.step_graph import COPIES, StepGraph
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, STEP_GRAPH
from backprop_xp.execution.plain_loop import loop
from backprop_xp.execution.unread import like
from backprop_xp.execution.tape import leaves, mapped
from backprop_xp.training.data import batches

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


@pytest.mark.parametrize("gathers", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_blocks_of_any_length_have_the_bits_of_the_kernels(name, gathers, folder):
    library = HostLibrary(folder)
    make_step, carry, blocks = blocks_of(name)
    steps = replayer(make_step, library)
    said = []
    for expected, (numbers, source, arrays) in zip(
        by_kernels(name, type(library)(folder, "forwards")), blocks, strict=True
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
