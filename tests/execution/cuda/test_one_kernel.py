"""One kernel for many networks, proven without a GPU.

g++ runs the segments of the kernel with the thread as a loop variable: in any order of the threads
the bits are the same, and the numbers are those of NumPy. A shadow build sees races.
"""

import importlib
import shutil
from itertools import islice

import numpy as np
import pytest
from checks import on_recorder
from cupy_path import DeviceLibrary
from device_array import plain
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import every, needs, some_of
from one_kernel_on_host import HostLibrary, built, orders, plan_for, refused
from surface import CLASSES, ITEMS, on_numpy
from tape_cases import OPTIMIZERS
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution import steps
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.kept import forget
from backprop_xp.execution.cuda.one_kernel import pieces, plan
from backprop_xp.execution.cuda.one_kernel.banks import turns_of
from backprop_xp.execution.cuda.one_kernel.launch import OneKernel
from backprop_xp.execution.cuda.one_kernel.phases import Elementwise
from backprop_xp.execution.cuda.one_kernel.source import NAME, source_of
from backprop_xp.execution.cuda.switches import ONE_KERNEL
from backprop_xp.training.step import compiled, scored

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


FLOATS = ("float32", "float64")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("one_kernel")


def use(monkeypatch, library, *, otherwise=None):
    """Let `bp.train` on NumPy take its pure steps as one kernel, which gathers and scores."""

    def one_kernel(make_step, of_scored, rule):
        return OneKernel(make_step, otherwise or of_scored, library)

    monkeypatch.setattr(scored, "one_kernel_over_batches", one_kernel)
    monkeypatch.setattr(compiled, "takes_one_kernel", lambda _: True)


@pytest.mark.parametrize(
    "case", some_of([f"{name}; {dtype}" for name in ITEMS for dtype in FLOATS], 141)
)
def test_the_kernel_is_the_step_and_has_no_race(case, folder, monkeypatch):
    name, dtype = case.split("; ")
    library = HostLibrary(folder)
    use(monkeypatch, library, otherwise=refused)
    found = on_numpy(ITEMS[name], dtype)
    monkeypatch.undo()
    expected = on_numpy(ITEMS[name], dtype)
    assert library.launches
    assert library.races == 0
    eps = np.finfo(dtype).eps
    for key, of in expected.items():
        np.testing.assert_allclose(found[key], of, 2000 * eps, 200 * eps, err_msg=key)


@pytest.mark.parametrize("lead", [(), (3,)], ids=["shared", "own"])
def test_a_step_that_does_not_fit_is_trained_as_without(lead, folder, monkeypatch):
    def train():
        X = np.random.default_rng(0).normal(size=(*lead, 10, 3))
        y = np.arange(10) % 3
        return bp.train(CLASSES, X, y, epochs=2, batch_size=4, stack=3, seed=1)

    expected, library = train(), HostLibrary(folder, most_bytes=500)
    use(monkeypatch, library)
    found = train()
    assert library.launches == 0
    assert found.execution.startswith("recorded; not one kernel, because a network takes ")
    np.testing.assert_array_equal(found.theta, expected.theta)
    assert np.array_equal(found.history["cost"], expected.history["cost"])
    assert np.array_equal(found.history["accuracy"], expected.history["accuracy"])


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


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", some_of(CASES, 16))
def test_any_order_of_threads_gives_the_same_bits(name, dtype, folder, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_SECONDS", 1e-5)  # so that a block is several launches
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
    monkeypatch.setattr(pieces, "MOST_SECONDS", 1e-9)
    library = HostLibrary(folder, watched=False)
    trained(library, bp.SGD(0.1), "float32", gathers=False)
    assert library.launches == 4  # of a step each, for 3 networks on 4 multiprocessors


# ---------------------------------------------------------------------------------------------
# barriers


def races_without(made, number, folder):
    """Return the races of two steps where the barrier after a segment is missing."""
    text = source_of(made, {})
    if number is not None:
        text = text.replace(f"RUN(segment_{number}); BARRIER;", f"RUN(segment_{number});")
    arrays = [np.full(max(int(np.prod(one.view.shape)) * 2, 1), 0.5, one.view.dtype)
              for one in made.given]  # fmt: skip
    count = sum(one.of == "number" for one in made.given)
    (function,) = built([(text, arrays, count, made.shared_bytes)], folder, watched=True)
    return function(1, arrays, [2, 1, 0, 0, *[0] * count], orders(made.threads)["shuffled"])


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


def test_the_step_of_the_issue_has_few_barriers_and_no_conflict_of_banks():
    net = bp.Network([64, 32, 10], "tanh", "softmax", "cross_entropy")
    made = plan_for(net, bp.SGD(0.1), 32, gathers=True)
    assert made.shared_bytes <= 48 * 1024
    assert len(made.segments) <= 13
    assert made.cycles < 12_000
    assert turns(made) <= 2
    without_room = plan_for(net, bp.SGD(0.1), 32, gathers=True, most_bytes=made.shared_bytes - 1)
    assert without_room.shared_bytes < made.shared_bytes
    assert turns(without_room) == 32


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_scores_share_the_exponentials_of_the_step(dtype):
    made = plan_for(CLASSES, bp.SGD(0.1), 6, dtype)
    kernels = [
        phase.kernel
        for segment in made.segments
        for phase in segment
        if isinstance(phase, Elementwise)
    ]
    names = [node.name for kernel in kernels for node in kernel.nodes]
    assert (names.count("exp"), names.count("log"), names.count("tanh")) == (1, 1, 1)


def turns(made):
    phases = [phase for segment in made.segments for phase in segment]
    return max(each for phase in phases for each in turns_of(phase).values())


@given(
    cycles=st.integers(0, 10**9),
    steps=st.integers(1, 10**4),
    networks=st.integers(1, 10**5),
    processors=st.integers(1, 200),
)
@settings(max_examples=50)
def test_launches_are_short_and_do_every_step_of_every_network_in_order(
    cycles, steps, networks, processors
):
    cut = list(islice(pieces.pieces(cycles, steps, networks, processors), 100))
    done = {}
    for of_steps, group in cut:
        key = (group.start, group.stop)
        assert of_steps.start == done.get(key, 0)
        done[key] = of_steps.stop
        rounds = -(-(group.stop - group.start) // processors)
        count = of_steps.stop - of_steps.start
        seconds = rounds * count * cycles / pieces.CLOCK
        assert seconds <= pieces.MOST_SECONDS or rounds == count == 1
    if len(cut) < 100:
        groups = sorted(done)
        assert [stop for _, stop in groups] == [*(start for start, _ in groups[1:]), networks]
        assert groups[0][0] == 0
        assert set(done.values()) == {steps}


def test_half_precision_is_refused():
    with pytest.raises(plan.Unfit, match="float16"):
        plan_for(NET, bp.SGD(0.1), 4, "float16")


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

    assert not steps.takes_one_kernel(xp)
    monkeypatch.setenv(ONE_KERNEL, "1")
    assert steps.takes_one_kernel(xp)
    assert not steps.takes_one_kernel(np)
    assert isinstance(steps.one_kernel_over_batches(make_step, refused, "a rule"), OneKernel)
    with pytest.warns(UserWarning, match="not one kernel"):
        steps._warn_of_many_kernels("of a test")


def test_the_attributes_of_the_device_have_their_names_in_cupy():
    runtime = needs("cupy").cuda.runtime
    assert runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin == 97
    assert runtime.cudaDevAttrMultiProcessorCount == 16


@pytest.mark.parametrize("name", some_of(ITEMS, 71))
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
