"""One kernel for many networks, proven without a GPU.

g++ runs the segments of the kernel with the thread as a loop variable: in any order of the threads
the bits are the same, and the numbers are those of NumPy. A shadow build sees races.
"""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from checks import on_recorder
from cupy_path import DeviceLibrary
from device_array import plain
from fused_on_host import NumpyLibrary, take_pure_steps
from needs import every, needs, some_of
from one_kernel_on_host import built, orders
from surface import CLASSES, ITEMS, on_numpy
from tape_cases import OPTIMIZERS
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution import steps
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.kept import forget
from backprop_xp.execution.cuda.one_kernel import launch, plan
from backprop_xp.execution.cuda.one_kernel.launch import OneKernel, steps_at_once
from backprop_xp.execution.cuda.one_kernel.source import NAME, source_of
from backprop_xp.execution.cuda.switches import ONE_KERNEL
from backprop_xp.execution.recordings import record

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


class HostLibrary(NumpyLibrary):
    """A `OneKernelLibrary` whose launches are loops over networks and threads."""

    def __init__(self, folder, *, most_bytes=227 * 1024, order="shuffled", watched=True):
        self.folder, self.most_bytes = folder, most_bytes
        self.order, self.watched = order, watched
        self.launches, self.races, self.given = 0, 0, None

    def limits(self):
        return self.most_bytes, 4

    def from_source(self, source, name, threads, shared_bytes):
        assert f" {name}(" in source

        def run(blocks, arguments):
            arrays = [x for x in arguments if isinstance(x, np.ndarray)]
            longs = [int(x) for x in arguments if not isinstance(x, np.ndarray)]
            assert all(x.flags.c_contiguous for x in arrays)
            assert longs[1] == blocks
            function = built(
                source, arrays, len(longs) - 3, shared_bytes, self.folder, watched=self.watched
            )
            self.races += function(arrays, longs, orders(threads)[self.order])
            self.launches += 1

        return run


def refused(*_):
    raise AssertionError("the step is not one kernel")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("one_kernel")


@pytest.fixture
def library(monkeypatch, folder):
    """Let `bp.train` on NumPy take its pure steps as one kernel."""
    found = HostLibrary(folder)
    take_pure_steps(monkeypatch, lambda make_step: OneKernel(make_step, refused, found))
    return found


@pytest.mark.parametrize("name", some_of(ITEMS, 40))
def test_the_kernel_is_the_step_and_has_no_race(name, library, monkeypatch):
    found = on_numpy(ITEMS[name], "float64")
    monkeypatch.undo()
    expected = on_numpy(ITEMS[name], "float64")
    assert library.launches or "own" in name
    assert library.races == 0
    for key, of in expected.items():
        np.testing.assert_allclose(found[key], of, rtol=1e-9, atol=1e-12, err_msg=key)


# ---------------------------------------------------------------------------------------------
# every optimiser of the tape cases

NET = bp.Network([3, 5, 2], "tanh", "softmax", "cross_entropy")
CASES = {f"{name} {n}": one for name, of in OPTIMIZERS.items() for n, one in enumerate(of)}


def block_of(optimizer, dtype, *, net=NET, stack=(3,), count=4, m=7):
    """Return the carry, numbers and arrays of a block of batches, with rows of a source."""
    rng = np.random.default_rng(0)
    theta = net.init(seed=0, stack=stack, dtype=dtype)
    numbers = numbers_of(optimizer, theta)
    source = rng.normal(size=(20, net.sizes[0])).astype(dtype)
    rows = rng.integers(0, 20, (count, m)).astype("int32")
    classes = rng.integers(0, net.sizes[-1], (count, m))
    y = np.ascontiguousarray(np.eye(net.sizes[-1], dtype=dtype)[classes].swapaxes(1, 2))
    w = np.full(count, 1 / m, dtype)
    carry = (theta, optimizer.init(theta))
    return carry, [numbers.next() for _ in range(count)], source, rows, y, w


def trained(library, optimizer, dtype, *, gathers):
    carry, numbers, source, rows, y, w = block_of(optimizer, dtype)
    run = OneKernel(lambda like: step_for(NET, optimizer, like, labelled=True), refused, library)
    if gathers:
        return run(carry, numbers, source, rows, y, w)
    return run(carry, numbers, None, source[rows], y, w)


def flat(found):
    (theta, state), outs = found
    return [theta, *state, *(x for x in outs if x is not None)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", some_of(CASES, 16))
def test_any_order_of_threads_gives_the_same_bits(name, dtype, folder, monkeypatch):
    monkeypatch.setattr(launch, "MOST_SECONDS", 1e-5)  # so that a block is several launches
    found = {
        (order, gathers): flat(
            trained(
                HostLibrary(folder, order=order, watched=False),
                CASES[name],
                dtype,
                gathers=gathers,
            )
        )
        for order in ("forwards", "backwards", "shuffled")
        for gathers in (False, True)
    }
    carry, numbers, source, rows, y, w = block_of(CASES[name], dtype)
    plain = steps.loop(step_for(NET, CASES[name], carry[0], labelled=True), np)
    expected = flat(plain(carry, numbers, source, rows, y, w))
    eps = np.finfo(dtype).eps
    for arrays in found.values():
        for x, y_, of in zip(arrays, found["forwards", False], expected, strict=True):
            np.testing.assert_array_equal(x, y_)
            np.testing.assert_allclose(x, of, rtol=2000 * eps, atol=200 * eps)


def test_a_block_is_split_into_short_launches(folder, monkeypatch):
    monkeypatch.setattr(launch, "MOST_SECONDS", 1e-9)
    library = HostLibrary(folder, watched=False)
    trained(library, bp.SGD(0.1), "float32", gathers=False)
    assert library.launches == 4


# ---------------------------------------------------------------------------------------------
# barriers


def plan_for(net, optimizer, m, dtype="float32", most_bytes=227 * 1024):
    theta = net.init(seed=0, dtype=dtype)
    X, y = np.full((m, net.sizes[0]), 0.5, dtype), np.full((net.sizes[-1], m), 0.5, dtype)
    batch = (X, y, np.array(1 / m, dtype))
    numbers, step = numbers_of(optimizer, theta).next(), step_for(net, optimizer, theta, True)
    recorded = record(step, (theta, optimizer.init(theta)), numbers, batch, runs_here=False)
    return plan.plan_of(recorded, most_bytes)


def races_without(made, number, folder):
    """Return the races of two steps where the barrier after a segment is missing."""
    text = source_of(made, {})
    if number is not None:
        text = text.replace(f"RUN(segment_{number}); BARRIER;", f"RUN(segment_{number});")
    arrays = [np.full(max(int(np.prod(one.view.shape)) * 2, 1), 0.5, one.view.dtype)
              for one in made.given]  # fmt: skip
    count = sum(one.of == "number" for one in made.given)
    function = built(text, arrays, count, made.shared_bytes, folder, watched=True)
    return function(arrays, [2, 1, 0, *[0] * count], orders(made.threads)["shuffled"])


@every
@pytest.mark.parametrize("optimizer", [bp.SGD(0.1), bp.Adam(0.1)], ids=["SGD", "Adam"])
def test_each_barrier_of_a_step_is_needed(optimizer, folder):
    made = plan_for(bp.Network([7, 9, 8, 5], "tanh", "softmax", "cross_entropy"), optimizer, 6)
    assert races_without(made, None, folder) == 0
    for number in range(len(made.segments) - 1):  # the last one is before the next step
        assert races_without(made, number, folder) > 0, number


# ---------------------------------------------------------------------------------------------
# limits, and the launch by CuPy


def test_a_step_that_does_not_fit_runs_otherwise_with_the_reason(folder):
    reasons, library = [], HostLibrary(folder, most_bytes=500)
    carry, numbers, source, rows, y, w = block_of(bp.SGD(0.1), "float32", net=CLASSES)
    step = step_for(CLASSES, bp.SGD(0.1), carry[0], labelled=True)
    run = OneKernel(lambda _: step, lambda *_: "otherwise", library, reasons.append)
    for _ in range(2):
        assert run(carry, numbers, None, source[rows], y, w) == "otherwise"
    assert len(reasons) == 1
    assert "bytes of shared memory, of 500" in reasons[0]


def test_the_step_of_the_issue_fits_into_48_kilobytes():
    made = plan_for(bp.Network([64, 32, 10], "tanh", "softmax", "cross_entropy"), bp.SGD(0.1), 32)
    assert made.shared_bytes <= 48 * 1024
    assert steps_at_once(made, 64, 132) > steps_at_once(made, 10_000, 132) >= 1


def test_half_precision_is_refused():
    with pytest.raises(plan.Unfit, match="float16"):
        plan_for(NET, bp.SGD(0.1), 4, "float16")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("architecture", [75, 80, 90])
def test_nvrtc_compiles_it_to_machine_code(dtype, architecture):
    cupy = needs("cupy")
    needs("nvidia")  # of the packages nvidia-cuda-nvrtc and nvidia-cuda-runtime
    net = bp.Network([64, 32, 10], "tanh", "softmax", "cross_entropy")
    text = source_of(plan_for(net, bp.Adam(0.1), 32, dtype), {})
    compiler = importlib.import_module("cupy.cuda.compiler")
    program = compiler._NVRTCProgram(text)
    code, _ = program.compile(("-std=c++17", f"-arch=sm_{architecture}"))
    assert NAME.encode() in (code if isinstance(code, bytes) else code.encode())
    assert cupy is not None


class FakeKernel:
    """A `cupy.RawKernel` that notes how it is made and launched."""

    made: list = []  # noqa: RUF012

    def __init__(self, source, name, options=()):
        self.source, self.name, self.options, self.launches = source, name, options, []
        self.max_dynamic_shared_size_bytes = 48 * 1024
        self.made.append(self)

    def __call__(self, grid, block, args, *, shared_mem):
        self.launches.append((grid, block, args, shared_mem))


@pytest.mark.parametrize("size", [1000, 100_000])
def test_how_cupy_is_asked(size):
    library = CupyLibrary.__new__(CupyLibrary)
    library._cupy = type("Cupy", (), {"RawKernel": FakeKernel})
    library.from_source("text", NAME, 64, size)(5, [1, 2])
    kernel = FakeKernel.made.pop()
    assert (kernel.source, kernel.name) == ("text", NAME)
    assert kernel.launches == [((5,), (64,), (1, 2), size)]
    assert kernel.max_dynamic_shared_size_bytes == max(size, 48 * 1024)


def test_cupy_takes_it_where_it_is_asked_for(monkeypatch):
    needs("cupy")
    xp = importlib.import_module("array_api_compat.cupy")

    def make_step(like=None):
        return lambda carry, _, x: (carry, (x,))

    assert not isinstance(steps.over_batches(make_step, xp, pure=True), OneKernel)
    monkeypatch.setenv(ONE_KERNEL, "1")
    assert isinstance(steps.over_batches(make_step, xp, pure=True), OneKernel)
    with pytest.warns(UserWarning, match="not one kernel"):
        steps._warn_of_many_kernels("of a test")


def test_the_attributes_of_the_device_have_their_names_in_cupy():
    runtime = needs("cupy").cuda.runtime
    assert runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin == 97
    assert runtime.cudaDevAttrMultiProcessorCount == 16
    assert Path(launch.__file__).exists()


@pytest.mark.parametrize("name", some_of(ITEMS, 40))
def test_the_way_of_cupy_gives_the_numbers_of_numpy(name, folder, monkeypatch):
    host = HostLibrary(folder, watched=False)

    def from_source(_, *kernel):
        run = host.from_source(*kernel)
        return lambda blocks, arguments: run(blocks, [plain(x) for x in arguments])

    monkeypatch.setenv(ONE_KERNEL, "1")
    monkeypatch.setattr(DeviceLibrary, "limits", lambda _: host.limits())
    monkeypatch.setattr(DeviceLibrary, "from_source", from_source)
    forget()  # a kernel that an equal rule of another test keeps would be launched there
    on_recorder(ITEMS[name], fused=True)  # which compares all with NumPy
    forget()
    assert host.launches > 0
