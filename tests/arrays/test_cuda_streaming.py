"""Blocks that move to a device while it computes, in every order that its streams allow.

A device is acted here by two queues, of which either may be ahead of the other as far as the events
between them allow; what a copy moves and what a step reads is what lies there when it is its turn.
"""

import importlib
import sys
from collections import deque
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays import cuda_streaming
from backprop_xp.arrays.cuda_streaming import HostRows, Mover, fits, mover
from backprop_xp.network import prediction
from backprop_xp.training.data import loading


class Event:
    """Happens when its last record is passed; before the first record it counts as happened."""

    def __init__(self, acted):
        self._acted = acted
        self.due = self.done = 0

    def record(self, stream):
        self.due += 1
        stream.add(lambda due=self.due: setattr(self, "done", max(self.done, due)))

    def synchronize(self):
        due = self.due
        while self.done < due:
            self._acted.advance()


class Stream:
    """A queue of pieces of work, some of which wait for an event."""

    def __init__(self, acted):
        self._queue = deque()
        acted.streams.append(self)

    def add(self, work, ready=lambda: True):
        self._queue.append((work, ready))

    def wait_event(self, event):
        due = event.due
        self.add(lambda: None, lambda: event.done >= due)

    @property
    def is_ready(self):
        return bool(self._queue) and self._queue[0][1]()

    def advance(self):
        self._queue.popleft()[0]()


class DeviceArray:
    """Memory of the device, written when its stream comes to it."""

    def __init__(self, memory, dtype, shape):
        self.data, self._shape, self._dtype = memory, shape, dtype

    def now(self):
        count = int(np.prod(self._shape)) * np.dtype(self._dtype).itemsize
        return self.data[:count].view(self._dtype).reshape(self._shape).copy()

    def set(self, pinned, stream):
        raw = pinned.reshape(-1).view(np.uint8)

        def copy():
            self.data[: raw.size] = raw

        stream.add(copy)


class ActedCupy:
    """What `transfers` asks of CuPy, with work that is done in an order of chance."""

    def __init__(self, choose):
        self.streams, self._choose, self.order = [], choose, []
        self.main = Stream(self)
        self.cuda = self
        self.uint8 = np.uint8
        self._pool = []  # memory that was given back; its bytes stay

    def Stream(self, non_blocking):
        assert non_blocking
        return Stream(self)

    def Event(self, disable_timing):
        assert disable_timing
        return Event(self)

    def get_current_stream(self):
        return self.main

    def alloc_pinned_memory(self, nbytes):
        return np.full(nbytes, 255, np.uint8)

    def give_back(self, memory):
        self._pool.append(memory)

    def empty(self, nbytes, dtype):
        large = [memory for memory in self._pool if memory.size >= nbytes]
        memory = large[0] if large else np.full(nbytes, 255, np.uint8)
        self._pool = [one for one in self._pool if one is not memory]
        return DeviceArray(memory, dtype, (nbytes,))

    def ndarray(self, shape, dtype, memptr):
        return DeviceArray(memptr, dtype, shape)

    def advance(self):
        ready = [stream for stream in self.streams if stream.is_ready]
        assert ready, "the streams wait for each other"
        ready[self._choose(len(ready))].advance()

    def finish(self):
        while any(stream.is_ready for stream in self.streams):
            self.advance()
        assert not any(stream._queue for stream in self.streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def move_and_read(blocks, choose, between=0):
    """Return what steps read of each block, when they come to it."""
    cupy, read = ActedCupy(choose), []
    moving = Mover(cupy, cupy)
    for block in blocks:
        moved = moving(block, "float32")
        for _ in range(2):  # two steps on each block
            cupy.main.add(lambda moved=moved: read.append(moved.now()))
        for _ in range(between):
            if any(stream.is_ready for stream in cupy.streams):
                cupy.advance()
    cupy.finish()
    return read[::2], read[1::2]


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1), between=st.integers(0, 5))
def test_steps_read_their_block_in_any_order_of_the_streams(sizes, seed, between):
    rng = np.random.default_rng(seed)
    blocks = [np.full((size, 3), number, "float64") for number, size in enumerate(sizes)]
    for read in move_and_read(blocks, rng.integers, between):
        assert len(read) == len(blocks)
        for found, block in zip(read, blocks, strict=True):
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, block)


WAITS = {
    "for the steps": (Stream, "wait_event", "side"),
    "for the copy": (Stream, "wait_event", "main"),
    "for pinned memory": (Event, "synchronize", None),
}


@pytest.mark.parametrize("wait", WAITS)
def test_without_any_of_the_waits_it_would_be_wrong(wait, monkeypatch):
    kind, name, which = WAITS[wait]
    real = getattr(kind, name)

    def forgotten(self, *given):
        is_main = isinstance(self, Stream) and self is self_main[0]
        if which is None or is_main == (which == "main"):
            return
        real(self, *given)

    self_main, wrong = [None], 0
    init = ActedCupy.__init__

    def noting(self, choose):
        init(self, choose)
        self_main[0] = self.main

    monkeypatch.setattr(ActedCupy, "__init__", noting)
    monkeypatch.setattr(kind, name, forgotten)
    blocks = [np.full((4, 3), number, "float64") for number in range(8)]
    for seed in range(50):
        first, second = move_and_read(blocks, np.random.default_rng(seed).integers)
        wrong += any(
            not np.array_equal(found, block)
            for read in (first, second)
            for found, block in zip(read, blocks, strict=True)
        )
    assert wrong > 10


def test_a_copy_may_be_ahead_of_the_steps():
    # the second stream fills a slot before a step on the other is through
    cupy, events = ActedCupy(lambda _: 0), []
    moving = Mover(cupy, cupy)
    moving(np.zeros((2, 2)), "float32")
    cupy.finish()
    cupy.main.add(lambda: events.append("step"))
    moved = moving(np.ones((2, 2)), "float32")
    side = cupy.streams[1]
    while side.is_ready:
        side.advance()
    while not moved.now().all():  # waits for what used the slot alone, not for the step
        cupy.main.advance()
        side.advance()
    assert events in ([], ["step"])


# ---------------------------------------------------------------------------------------------
# which data, which devices


def test_other_libraries_move_as_ever(xp):
    if xp.name == "cupy":
        pytest.skip("CuPy has a mover")
    assert mover(xp.xp, xp.device) is None
    assert fits(np.zeros((2, 2)), xp.xp, xp.device, "float32")
    moved = cuda_streaming.moved_by(None, np.ones((2, 2)), xp.xp, xp.device, "float32")
    np.testing.assert_array_equal(xp.host(moved), np.ones((2, 2)))


@pytest.mark.parametrize(
    ("free", "pooled", "whole"), [(31, 0, False), (32, 0, True), (0, 32, True)]
)
def test_what_does_not_fit_is_moved_by_rows(free, pooled, whole, monkeypatch):
    cupy = needs("cupy")
    xp = importlib.import_module("array_api_compat.cupy")

    class Device:
        """A device with so many free bytes."""

        mem_info = (free, 1000)

    class Pool:
        """Bytes that CuPy has and does not use."""

        malloc = cupy.cuda.get_allocator()

        @staticmethod
        def free_bytes():
            return pooled

    monkeypatch.setattr(cupy, "get_default_memory_pool", Pool)
    assert fits(np.zeros((2, 2)), xp, Device, "float32") == whole  # 16 bytes
    assert fits([[1.0]], xp, Device, "float32")
    with cupy.cuda.using_allocator(lambda _: None):  # of a pool that is not CuPy's own
        assert fits(np.zeros((2, 2)), xp, Device, "float32")


def test_rows_are_a_source():
    rows = HostRows(np.arange(6).reshape(3, 2))
    assert (rows.shape, rows.dtype) == ((3, 2), np.arange(1).dtype)
    np.testing.assert_array_equal(rows[1:], [[2, 3], [4, 5]])


@pytest.mark.parametrize("labels", [True, False])
def test_what_is_streamed_trains_as_what_was_moved_whole(labels, monkeypatch):
    # one group: in the order of an array, so to the bit
    rng = np.random.default_rng(0)
    X, X_others = rng.normal(size=(2, 50, 3)).astype("float32")
    Y = rng.integers(0, 3, 50) if labels else rng.random((50, 3)).astype("float32")
    net, chosen = bp.Network([3, 4, 3]), {"epochs": 3, "validation": (X_others, Y), "seed": 2}
    whole = bp.train(net, X, Y, **chosen)
    moves = []

    class Moving:
        """Notes what it moves, and between how many arrays it takes turns."""

        def __init__(self):
            self.count = 0
            moves.append(self)

        def __call__(self, x, dtype):
            self.count += 1
            return np.array(x, dtype)

    monkeypatch.setattr(loading, "fits", lambda *_: False)
    monkeypatch.setattr(loading, "mover", lambda *_: Moving())
    streamed = bp.train(net, X, Y, **chosen)
    np.testing.assert_array_equal(streamed.theta, whole.theta)
    assert streamed.history == whole.history
    # X and Y, to be trained on and to be validated with, each by a mover of its own; 3 epochs
    assert [one.count for one in moves] == [3, 3, 3, 3]


def test_what_turns_out_not_to_fit_is_streamed(monkeypatch):
    # with a pool of the user's the copy is tried; the validation set fits
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 3)).astype("float32"), rng.integers(0, 3, 50)
    net, chosen, moved = bp.Network([3, 4, 3]), {"epochs": 2, "validation": (X[:20], Y[:20])}, []
    whole = bp.train(net, X, Y, **chosen)
    move = loading.moved_by

    def moving(by, x, *place):
        moved.append((x.shape, by))
        if by is None and x.shape == X.shape:
            raise MemoryError("no room for all of it")
        return move(None, x, *place)

    monkeypatch.setattr(loading, "moved_by", moving)
    with pytest.raises(bp.OutOfMemoryError):  # NumPy has no other memory to stream to
        bp.train(net, X, Y, **chosen)
    monkeypatch.setattr(loading, "mover", lambda *_: "mover")
    monkeypatch.setattr(loading, "is_cupy_namespace", lambda _: True)
    moved.clear()
    streamed = bp.train(net, X, Y, **chosen)
    np.testing.assert_array_equal(streamed.theta, whole.theta)
    assert streamed.history == whole.history
    assert moved.count((X.shape, "mover")) == chosen["epochs"]
    assert ((20, 3), None) in moved


def test_predictions_are_moved_block_after_block(monkeypatch):
    X = np.random.default_rng(0).normal(size=(500, 3)).astype("float32")
    net = bp.Network([3, 4, 3])
    theta, moved = net.init(), []
    expected = bp.predict(net, theta, X)

    def moving(x, dtype):
        moved.append(x.shape)
        return np.array(x, dtype)

    monkeypatch.setattr(prediction, "mover", lambda *_: moving)
    monkeypatch.setattr(prediction, "_block_length", lambda *_: 128)
    np.testing.assert_allclose(bp.predict(net, theta, X), expected, rtol=1e-5)
    assert moved == [(128, 3)] * 3 + [(116, 3)]


def test_memory_from_the_pool_is_filled_after_the_steps_that_read_it():
    # a step's array is given back to the pool as soon as the host is done with it, before the step
    for seed in range(50):
        cupy = ActedCupy(np.random.default_rng(seed).integers)
        read = []
        moving = Mover(cupy, cupy)
        for number, size in enumerate((2, 2, 5, 7)):  # the third and fourth are larger than before
            of_step = np.full(10 * 12, number, np.uint8)
            cupy.main.add(lambda x=of_step, read=read: read.append(x.copy()))
            cupy.give_back(of_step)
            moving(np.full((size, 3), 99.0), "float32")
        cupy.finish()
        assert [set(x.tolist()) for x in read] == [{0}, {1}, {2}, {3}]


@pytest.mark.parametrize("given", ["float16", "float32", "float64", "int8", "int64", "bool"])
@pytest.mark.parametrize(("dtype", "nbytes"), [("float32", 400), ("float64", 800)])
def test_data_take_the_memory_of_thetas_dtype(given, dtype, nbytes, monkeypatch):
    # of a CuPy that is acted here too; half of the free memory must hold the data
    x = np.zeros((20, 5), given)
    pool = SimpleNamespace(free_bytes=lambda: 100, malloc="malloc")
    cuda = SimpleNamespace(get_allocator=lambda: "malloc")
    acted = SimpleNamespace(get_default_memory_pool=lambda: pool, cuda=cuda)
    monkeypatch.setitem(sys.modules, "cupy", acted)
    xp = ModuleType("cupy")
    for free, whole in ((2 * nbytes - 100, True), (2 * nbytes - 101, False)):
        device = SimpleNamespace(mem_info=(free, 10**9))
        assert fits(x, xp, device, dtype) == whole
        assert fits([[1.0]], xp, device, dtype)
