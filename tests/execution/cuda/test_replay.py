"""Steps as kernels and products: what a GPU is given, proven without one.

The same program runs on NumPy's arrays by the calls of NumPy, to the bit, and by the kernels'
bodies as g++ compiles them, to rounding; NVRTC compiles the sources that CuPy makes of them.
"""

import importlib
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import program_cases
import pytest
from fused_on_host import (
    NumpyLibrary,
    compiled,
    loop_in_c,
    no_thread_reads_what_another_writes,
    replayer,
    take_pure_steps,
)
from hypothesis import given
from hypothesis import strategies as st
from needs import needs, some_of
from surface import ITEMS, on_numpy
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.execution import steps
from backprop_xp.execution.cuda import replay
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.kernel import COMPARISONS, OPERATORS, REDUCTIONS, Kernel, Node
from backprop_xp.execution.cuda.replay import FusedRecording, FusedReplayer
from backprop_xp.execution.cuda.switches import FUSED_KERNELS
from backprop_xp.execution.tape import NotReplayable


class Collecting(NumpyLibrary):
    """A library that keeps the kernels that it is asked for."""

    def __init__(self):
        self.kernels = []

    def kernel(self, kernel):
        self.kernels.append(kernel)
        return super().kernel(kernel)


@pytest.fixture
def fusing(monkeypatch):
    """Let `bp.train` on NumPy take its pure steps as a program; return where kernels are kept."""
    library = Collecting()
    take_pure_steps(monkeypatch, lambda make_step: replayer(make_step, library))
    return library


@pytest.mark.parametrize("name", ITEMS)
def test_the_program_is_the_step(name, fusing, monkeypatch):
    # to the bit, but for a stack's sums over units: a product with ones sums in another order
    found = on_numpy(ITEMS[name], "float64")
    monkeypatch.undo()
    expected = on_numpy(ITEMS[name], "float64")
    assert fusing.kernels or "own" in name
    for key, of in expected.items():
        if ITEMS[name].stack:
            np.testing.assert_allclose(found[key], of, rtol=1e-11, atol=1e-14, err_msg=key)
        else:
            np.testing.assert_array_equal(found[key], of, err_msg=key)


# ---------------------------------------------------------------------------------------------
# launches


def recording(net, optimizer, m, **chosen):
    """Return the recorded step of a network whose targets are classes."""
    theta = net.init(seed=0, stack=chosen.pop("stack", ()))
    numbers = numbers_of(optimizer, theta, **chosen).next()
    X, y = np.ones((m, net.sizes[0]), "float32"), np.ones((net.sizes[-1], m), "float32")
    noise = [np.ones((n, m), "float32") for n in net.sizes[1:-1] if chosen.get("dropout")]
    step = step_for(net, optimizer, theta, labelled=True)
    batch = (X, y, np.array(1 / m, "float32"), *noise)
    return FusedRecording(step, (theta, optimizer.init(theta)), numbers, batch, NumpyLibrary())


PLAIN, MOMENTUM, NESTEROV = bp.SGD(0.1), bp.SGD(0.1, 0.9), bp.SGD(0.1, 0.9, nesterov=True)


@pytest.mark.parametrize(
    ("optimizer", "stack", "launches"),
    [
        *[(one, stack, 11) for one in (PLAIN, MOMENTUM, NESTEROV) for stack in ((), (5,))],
        (bp.Adam(0.1), (), 12),
        (bp.Adam(0.1), (5,), 16),
    ],
)
def test_launches_of_a_small_step(optimizer, stack, launches):
    # seven products; bias and activation, twice, the second with the output's error; the error
    # below; the optimiser (Adam has a few numbers of each network beside it)
    net = bp.Network([784, 30, 10], hidden="relu")
    program = recording(net, optimizer, 10, stack=stack).program
    assert program.launches == launches
    assert sum(not isinstance(entry, Kernel) for entry in program.entries) == 7


def test_sums_over_many_units_are_calls_of_their_own():
    net = bp.Network([4, 5, 100], hidden="relu")
    program = recording(net, bp.SGD(0.1), 3).program
    calls = [entry.function.__name__ for entry in program.entries if not isinstance(entry, Kernel)]
    assert sorted(set(calls)) == ["add", "matmul", "maximum"]


# ---------------------------------------------------------------------------------------------
# any operations


@given(operations=program_cases.OPERATIONS, count=st.integers(1, 3))
def test_any_operations_one_after_another(operations, count):
    """A random program of matrices (2, 2), in place or not, on views and on their bases."""
    step, (carry, numbers, X) = program_cases.step_of(operations), program_cases.arguments(count)
    expected, outs = program_cases.expected(step, carry, numbers, X)
    with np.errstate(all="ignore"):
        steps = replayer(lambda _: step, NumpyLibrary())
        found, (found_outs, none) = steps(tuple(x.copy() for x in carry), numbers, None, X)
    assert none is None
    for one in steps.recordings.values():
        entries = one.recording.program.entries
        assert all(map(no_thread_reads_what_another_writes, entries))
    for one, other in zip((*found, found_outs), (*expected, outs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_no_tape_holds_is_done_otherwise():
    calls = []

    def otherwise(*given):
        calls.append(given)
        return "carry", "outs"

    def looks(carry, numbers, x):
        return carry + float(x[0]), (x,)

    def returns_a_part(carry, numbers, x):
        return carry + x, ((x * 2)[:1],)

    for step in (looks, returns_a_part):
        steps = FusedReplayer(lambda _, step=step: step, otherwise, NumpyLibrary())
        given = np.zeros(2), [np.array(1.0)], None, np.ones((1, 2))
        assert steps(*given) == ("carry", "outs")
        assert calls.pop() == given
    with pytest.raises(NotReplayable):
        FusedRecording(returns_a_part, np.zeros(2), np.array(1.0), (np.ones(2),), NumpyLibrary())


# ---------------------------------------------------------------------------------------------
# the bodies of kernels in C++


def kernels_of_all(fusing, dtype):
    """Return every kernel of the surface once, by its body and its arguments."""
    refused = OptionError if dtype == "float16" else ()  # such as a number that rounds to 0
    with np.errstate(all="ignore"):
        for item in ITEMS.values():
            with suppress(refused):
                on_numpy(replace(item, settings={**item.settings, "epochs": 1}), dtype)
    distinct = {}
    for kernel in fusing.kernels:
        shapes = tuple((place.shape, place.dtype) for place in kernel.places)
        distinct.setdefault((kernel.body(), kernel.shape, shapes), kernel)
    return list(distinct.values())


EXTREMES = [0.0, -0.0, 1.0, -1.0, 1e-30, -1e30, 1e30, np.inf, -np.inf, np.nan, 1e4, -1e4, 88, -104]


def arguments(kernel, rng, extreme):
    """Return an array for each place of a kernel."""
    found = []
    for place in kernel.places:
        values = rng.normal(size=place.shape) * 2
        if extreme:
            values = np.where(
                rng.random(place.shape) < 0.5, rng.choice(EXTREMES, place.shape), values
            )
        found.append(np.array(values, place.dtype, order="C"))
    return found


@pytest.mark.parametrize("dtype", some_of(["float32", "float64"], 2))
def test_the_bodies_agree_with_numpy(dtype, fusing, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    kernels = kernels_of_all(fusing, dtype)
    assert len(kernels) > 100
    library = compiled([loop_in_c(one, f"k{n}") for n, one in enumerate(kernels)], tmp_path)
    rng, host = np.random.default_rng(0), NumpyLibrary()
    eps = np.finfo(dtype).eps
    for number, kernel in enumerate(kernels):
        for extreme in (False, True, True):
            given = arguments(kernel, rng, extreme)
            expected, found = ([x.copy() for x in given] for _ in range(2))
            with np.errstate(all="ignore"):
                host.kernel(kernel)(*expected)
            pointers = [np.ctypeslib.as_ctypes(x.reshape(-1)) for x in found]
            getattr(library, f"k{number}")(*pointers)
            for one, other in zip(found, expected, strict=True):
                # exp, log and tanh of two libraries differ by a few ε; where they are close to 1,
                # what is taken from 1 keeps that as an absolute difference
                np.testing.assert_allclose(
                    one, other, rtol=200 * eps, atol=20 * eps, err_msg=kernel.body()
                )


def of_one_operation(name, reduces, dtype):
    """Return the kernel of an operation of NumPy on arrays (4, 6), or (4, 1) for the second."""
    count = {"where": 3, "convert": 1}.get(name) or (1 if reduces else getattr(np, name).nin)
    memories, shape = replay.Memories(), (4, 6)
    shapes = [shape, (4, 1), shape][:count]
    kinds = [np.bool_ if name == "where" and not n else dtype for n in range(count)]
    places = [memories.view(np.empty(*one)) for one in zip(shapes, kinds, strict=True)]
    nodes = [Node("load", (), np.dtype(place.dtype), place.shape, place) for place in places]
    result = np.bool_ if name in COMPARISONS else dtype
    made = (1, 6) if reduces else shape
    nodes.append(Node(name, tuple(range(count)), np.dtype(result), made, None, reduces))
    writes = {memories.view(np.empty(made, result)): count}
    return Kernel.of(name, nodes, shape, reduces, writes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_operation_has_the_digits_of_numpy(dtype, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    names = [(name, False) for name in (*OPERATORS, *COMPARISONS)]
    kernels = [of_one_operation(*of, dtype) for of in (*names, *[(r, True) for r in REDUCTIONS])]
    library = compiled([loop_in_c(one, f"k{n}") for n, one in enumerate(kernels)], tmp_path)
    rng, host = np.random.default_rng(0), NumpyLibrary()
    for number, kernel in enumerate(kernels):
        for size in (1e-20, 1e-3, 1.0, 30.0):
            given = [
                np.array(rng.normal(size=place.shape) * size, place.dtype)
                for place in kernel.places
            ]
            expected, found = ([x.copy() for x in given] for _ in range(2))
            with np.errstate(all="ignore"):
                host.kernel(kernel)(*expected)
            pointers = [np.ctypeslib.as_ctypes(x.reshape(-1)) for x in found]
            getattr(library, f"k{number}")(*pointers)
            # an exp, log or tanh of any library is good to a few roundings, at any size
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(
                found[-1], expected[-1], rtol=8 * eps, atol=0, err_msg=kernel.body()
            )


# ---------------------------------------------------------------------------------------------
# CuPy


def source_of(kernel, name):
    """Return the source that CuPy makes of a kernel for arrays row after row."""
    cupy = importlib.import_module("cupy")
    core, carray = (importlib.import_module(f"cupy._core.{n}") for n in ("_kernel", "_carray"))
    elementwise = CupyLibrary().elementwise(kernel)
    infos = [
        core._ArgInfo(1, cupy.ndarray, place.dtype, max(len(place.shape), 1), True, True)
        for place in kernel.places
    ]
    infos.append(core._ArgInfo(2, carray.Indexer, None, 1, True, True))
    given = elementwise.params, elementwise.operation, name, elementwise.preamble
    return core._get_elementwise_kernel_code(tuple(infos), core._TypeMap(()), *given)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nvrtc_compiles_every_kernel(dtype, fusing):
    cupy = needs("cupy")
    nvidia = needs("nvidia")  # of the packages nvidia-cuda-nvrtc and nvidia-cuda-runtime
    kernels = kernels_of_all(fusing, dtype)
    assert any(kernel.by_columns for kernel in kernels)
    sources = "\n".join(source_of(kernel, f"k{n}") for n, kernel in enumerate(kernels))
    folders = [Path(cupy.__file__).parent / "_core" / "include"]
    folders += [at for root in nvidia.__path__ for at in Path(root).glob("*/include")]
    compiler = importlib.import_module("cupy.cuda.compiler")
    for architecture in (75, 80, 90):
        program = compiler._NVRTCProgram("#include <cupy/carray.cuh>\n" + sources)
        options = ["-std=c++17", f"-arch=compute_{architecture}"]
        code, _ = program.compile((*options, *(f"-I{folder}" for folder in folders)))
        text = code.decode() if isinstance(code, bytes) else code
        assert text.count(".entry") == len(kernels)


def unowned(cupy, x):
    """Return an array of CuPy over the memory of one of NumPy; nothing can be computed with it."""
    memory = cupy.cuda.UnownedMemory(x.ctypes.data, x.nbytes, x, 0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(x.shape, x.dtype, memptr=pointer, strides=x.strides)


def test_views_of_cupys_memory():
    cupy = needs("cupy")
    host = np.arange(24, dtype="float32").reshape(2, 12)
    base, memories = unowned(cupy, host), replay.Memories()
    memories.view(np.zeros(1))
    for part in (host, host[1, 2:], host[:, 4:8].mT, host[1, 3:9].reshape(2, 3).mT):
        view = memories.view(part)
        found = CupyLibrary().view(base, view.offset, view)
        assert isinstance(found, cupy.ndarray)
        assert found.data.ptr == part.ctypes.data
        assert (found.shape, found.strides, found.dtype) == (part.shape, part.strides, part.dtype)


def test_cupy_takes_the_program_and_no_other_library(monkeypatch):
    needs("cupy")
    xp = importlib.import_module("array_api_compat.cupy")

    def make_step(like=None):
        return lambda carry, _, x: (carry, (x,))

    fused_steps = steps.over_batches(make_step, xp, pure=True)
    assert isinstance(fused_steps, FusedReplayer)
    assert not isinstance(steps.over_batches(make_step, xp), FusedReplayer)
    assert not isinstance(steps.over_batches(make_step, np, pure=True), FusedReplayer)
    monkeypatch.setenv(FUSED_KERNELS, "0")
    assert not isinstance(steps.over_batches(make_step, xp, pure=True), FusedReplayer)
