"""Blocks of steps as one launch: what a graph reads and writes, on arrays of NumPy."""

import gc
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fused_on_host import NumpyLibrary

from backprop_xp.execution.cuda import graphs
from backprop_xp.execution.cuda.graphs import MOST_STEPS, Graphed
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, is_on


class Counting(NumpyLibrary):
    """A library that counts captures, and refuses the first ones."""

    def __init__(self, *, refuses=0):
        self.captures = 0
        self.launches = []
        self._refuses = refuses

    def capture(self, work):
        self.captures += 1
        assert not gc.isenabled()
        if self.captures <= self._refuses:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated")
        launch, result = super().capture(work)
        number = self.captures

        def counted():
            self.launches.append(number)
            launch()

        return counted, result


class Descending:
    """θ ← θ − rate · x for each batch, with θ before it as what is returned beside it."""

    def __init__(self, library):
        self._subtract = library.deferring(self._descend)
        self.taken = []  # how many steps each call took, one by one or noted

    @staticmethod
    def _descend(theta, rate, x, out):
        out[...] = theta
        theta -= rate * x

    def run(self, carry, numbers, batches):
        self.taken.append(len(numbers))
        outs = np.full((len(numbers), *carry[0].shape), np.nan)
        for k, each in enumerate(numbers):
            self._subtract(carry[0], each["rate"], batches[k], outs[k])
        return carry, (outs, None)


def graphed(*, refuses=0):
    library = Counting(refuses=refuses)
    descending = Descending(library)
    return Graphed(descending.run, library), library, descending


def expected(theta, rates, batches):
    thetas = [theta]
    for rate, x in zip(rates, batches, strict=True):
        thetas.append(thetas[-1] - rate * x)
    return thetas[-1], np.array(thetas[:-1])


def rates(values):
    """Return the numbers of each step, one tree for all where they are the same."""
    if len(set(values)) == 1:
        return [{"rate": np.array(values[0]), "none": None}] * len(values)
    return [{"rate": np.array(value), "none": None} for value in values]


def blocks(count, length, seed=0):
    return list(np.random.default_rng(seed).integers(-9, 9, (count, length, 2)).astype(float))


@pytest.mark.parametrize("varied", [False, True])
def test_a_graph_is_the_steps_to_the_bit(varied):
    steps, library, descending = graphed()
    theta = np.array([1.0, 2.0])
    carry = (theta.copy(), None)
    for number, block in enumerate(blocks(5, 4)):
        values = [number + 1 + (k if varied else 0) for k in range(4)]
        carry, (outs, none) = steps.run(carry, rates(values), block)
        theta, before = expected(theta, values, block)
        np.testing.assert_array_equal(carry[0], theta)
        np.testing.assert_array_equal(outs, before)
        assert none is None
    # the first is taken as it is, the second captured and launched, the others launched
    assert (library.captures, library.launches) == (1, [1] * 4)
    assert descending.taken == [4, 4]


def test_a_block_that_comes_once_is_not_captured():
    steps, library, _ = graphed()
    for length in (4, 3, 2):
        steps.run((np.zeros(2), None), rates([1] * length), blocks(1, length)[0])
    assert library.captures == 0


def test_each_length_has_its_graph_and_so_have_numbers_that_change():
    steps, library, _ = graphed()
    for length in (4, 3, 4, 3, 4, 3):
        steps.run((np.zeros(2), None), rates([1] * length), blocks(1, length)[0])
    assert library.launches == [1, 2, 1, 2]
    for _ in range(3):
        steps.run((np.zeros(2), None), rates([1, 2, 3, 4]), blocks(1, 4)[0])
    assert library.launches == [1, 2, 1, 2, 3, 3]


def test_long_blocks_are_launched_in_parts():
    steps, library, descending = graphed()
    length = 2 * MOST_STEPS + 5
    (block,), values = blocks(1, length), list(range(length))
    theta = np.array([1.0, 2.0])
    carry = (theta.copy(), None)
    for _ in range(3):
        carry, (outs, none) = steps.run(carry, rates(values), block)
        theta, before = expected(theta, values, block)
        np.testing.assert_array_equal(carry[0], theta)
        np.testing.assert_array_equal(outs, before)
        assert none is None
    assert max(descending.taken) == MOST_STEPS
    # two parts of the most steps and one of 5: the second part is the first that is captured
    assert library.launches == [1, 1, 1, 2, 1, 1, 2]


def test_a_graph_neither_keeps_nor_gives_away_arrays():
    steps, library, _ = graphed()
    given, returned = [], []
    for block in blocks(4, 3):
        carry = (np.array([1.0, 1.0]), None)
        numbers = rates([2.0] * 3)
        after, (outs, _) = steps.run(carry, numbers, block)
        assert after[0] is carry[0]  # written, as by the steps themselves
        returned.append((after[0], after[0].copy(), outs, outs.copy()))
        given += [numbers[0]["rate"], block]
        for x in given:
            x[...] = np.nan  # no graph may read them again
    assert library.launches == [1, 1, 1]
    for theta, theta_then, outs, outs_then in returned:
        np.testing.assert_array_equal(theta, theta_then)
        np.testing.assert_array_equal(outs, outs_then)
        assert np.isfinite(outs).all()


def taken(steps, times):
    """Take two steps so many times; return the warnings and the reasons why there was no graph."""
    reasons = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            after, _ = steps.run((np.array([1.0, 2.0]), None), rates([1, 1]), np.ones((2, 2)))
            np.testing.assert_array_equal(after[0], [-1.0, 0.0])
            reasons.append(steps.without)
    return [str(one.message) for one in caught], reasons


def test_what_cannot_be_captured_is_taken_step_by_step_with_a_warning():
    steps, library, descending = graphed(refuses=2)
    (text,), reasons = taken(steps, 4)
    assert "launched one by one" in text
    assert "RuntimeError: cudaErrorStreamCaptureInvalidated" in text
    assert reasons[0] == "no block came a second time"
    assert set(reasons[1:]) == {
        "a capture failed (RuntimeError: cudaErrorStreamCaptureInvalidated)"
    }
    assert library.captures == 2  # it is tried once more, and never again
    assert descending.taken == [2] * 4
    assert library.launches == []
    assert gc.isenabled()


def test_a_capture_that_is_spoilt_once_is_tried_again():
    steps, library, _ = graphed(refuses=1)
    texts, reasons = taken(steps, 3)
    assert texts == []
    assert reasons == ["no block came a second time", "", ""]
    assert (library.captures, library.launches) == (2, [2, 2])


def test_one_thread_captures_at_a_time(monkeypatch):
    together, most = [], []
    plain = Counting.capture

    def noted(self, work):
        together.append(1)
        most.append(len(together))
        for _ in range(3):
            time.sleep(0.001)
        together.pop()
        return plain(self, work)

    monkeypatch.setattr(Counting, "capture", noted)
    found = [graphed() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: taken(one[0], 2), found))
    assert most == [1] * 4
    assert gc.isenabled()


def test_large_blocks_are_taken_step_by_step(monkeypatch):
    monkeypatch.setattr(graphs, "MOST_BYTES", 2 * 2 * 8)
    steps, library, _ = graphed()
    for length in (2, 2, 3, 3, 3):
        steps.run((np.zeros(2), None), rates([1] * length), blocks(1, length)[0])
    assert library.launches == [1]


def test_where_there_is_no_room_for_copies_there_is_no_graph(monkeypatch):
    steps, library, _ = graphed()

    def copy(x):
        raise MemoryError(x.shape)

    monkeypatch.setattr(library, "copy", copy)
    (text,), reasons = taken(steps, 3)
    assert "MemoryError" in text
    assert "MemoryError" in reasons[-1]
    assert library.captures == 0


def test_the_variable_turns_it_off(monkeypatch):
    assert is_on(CUDA_GRAPHS)
    monkeypatch.setenv(CUDA_GRAPHS, "0")
    assert not is_on(CUDA_GRAPHS)
