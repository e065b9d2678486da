"""How many threads products take: by sizes, under limits of others, and as before afterwards."""

import ast
import itertools
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, nullcontext

import numpy as np
import pytest
import threadpoolctl

import backprop_xp as bp
from backprop_xp.arrays import threads
from backprop_xp.arrays.threads import FLOPS_PER_THREAD, _Threads, largest_product, limited_threads

pytest.importorskip("scipy.optimize")  # whose BLAS is another one than NumPy's
SMALL, LARGE = [10, 64, 64, 2], [1024, 1024, 4]
BATCH = 100  # with which the largest product of LARGE is worth 8 threads


class OneNumber(_Threads):
    """A library with one number of threads, or one for each thread of the program."""

    def __init__(self, number, by_thread=False):
        super().__init__()
        self.by_thread, self.last, self.own = by_thread, number, threading.local()

    @property
    def number(self):
        if not self.by_thread:
            return self.last
        if not hasattr(self.own, "number"):  # as PyTorch: a thread begins with the last number
            self.own.number = self.last
        return self.own.number

    def numbers(self):
        return [self.number]

    def set_numbers(self, numbers):
        (self.last,) = numbers
        self.own.number = self.last


def blas_threads():
    return {
        one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"
    }


class Counting:
    """Notes the threads of the libraries at the end of each epoch."""

    def __init__(self, count):
        self.count, self.found = count, []

    def on_epoch_end(self, progress):  # noqa: ARG002  every callback takes it
        self.found.append(self.count())


@pytest.fixture
def four():
    """Four threads, whatever the machine and its variables say."""
    with threadpoolctl.threadpool_limits(4, user_api="blas"):
        if blas_threads() != {4}:
            pytest.skip("no BLAS here whose threads threadpoolctl sets")
        yield


# ---------------------------------------------------------------------------------------------
# the rule


def test_the_largest_product_by_hand():
    assert largest_product([2, 3, 5], 7) == 2 * 3 * 5 * 7
    assert largest_product([784, 100, 10], 32) == 2 * 784 * 100 * 32


@pytest.mark.parametrize(
    ("sizes", "cases", "stack", "expected"),
    [
        ([784, 30, 10], 10, (), 1),
        ([784, 100, 10], 32, (), 1),
        ([784, 256, 256, 10], 128, (), 2),
        ([784, 1024, 1024, 10], 512, (), 42),
        (SMALL, 200, (), 1),
        ([1000, 1000], FLOPS_PER_THREAD // 10**6 - 1, (), 1),
        ([1000, 1000], FLOPS_PER_THREAD // 10**6, (), 2),
        ([784, 1024, 1024, 10], 512, (3,), 1),
        ([784, 1024, 1024, 10], 512, (2, 2), 1),
        ([784, 1024, 1024, 10], 512, (1,), 42),
    ],
)
def test_threads_by_size(sizes, cases, stack, expected, monkeypatch):
    library = OneNumber(64)
    monkeypatch.setattr(threads, "_BLAS", library)
    with limited_threads(np.zeros((*stack, 1)), sizes, cases):
        assert library.number == expected
    assert library.number == 64


def test_the_number_is_never_raised(monkeypatch):
    library = OneNumber(3)
    monkeypatch.setattr(threads, "_BLAS", library)
    with limited_threads(np.zeros(1), [784, 1024, 1024, 10], 512):
        assert library.number == 3
    assert library.number == 3


def test_jax_is_left_alone():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    assert isinstance(limited_threads(jax.numpy.zeros(1), SMALL, 10), nullcontext)


# ---------------------------------------------------------------------------------------------
# limits that overlap


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_limits_may_end_in_any_order(order):
    library, most = OneNumber(8), (4, 6, 2, 9)
    limits = [ExitStack() for _ in most]
    for limit, of in zip(limits, most, strict=True):
        limit.enter_context(library.limited(of))
    left = dict(enumerate(most))
    for at in order:
        limits[at].close()
        del left[at]
        assert library.number == min([8, *left.values()])


def test_a_limit_of_others_within_a_limit_is_kept():
    library = OneNumber(8)
    with library.limited(4):
        library.set_numbers([1])
        with library.limited(6):
            assert library.number == 1
        assert library.number == 1
        library.set_numbers([4])
    assert library.number == 8


def test_an_error_ends_a_limit():
    library = OneNumber(8)
    with pytest.raises(ValueError, match="some"), library.limited(1):
        raise ValueError("some")
    assert library.number == 8


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_a_number_for_each_thread_of_the_program(first_ends_first):
    library, found = OneNumber(4, by_thread=True), []
    begun, go_on = threading.Event(), threading.Event()

    def other():
        with library.limited(1):
            found.append(library.number)
            begun.set()
            go_on.wait(60)
        found.append(library.number)

    thread = threading.Thread(target=other)
    with library.limited(2):
        thread.start()
        begun.wait(60)
        assert library.number == 2
        if not first_ends_first:
            go_on.set()
            thread.join(60)
            assert library.number == 2
    assert library.number == 4
    go_on.set()
    thread.join(60)
    assert found == [1, 4]
    assert (library.number, library.last) == (4, 4)


# ---------------------------------------------------------------------------------------------
# training and prediction


def trained(sizes, count, array=np.asarray, **chosen):
    rng = np.random.default_rng(0)
    X = array(rng.random((BATCH, sizes[0]), dtype="float32"))
    Y = array(rng.integers(0, sizes[-1], BATCH))
    counting = Counting(count)
    bp.train(bp.Network(sizes), X, Y, epochs=2, callbacks=[counting], **chosen)
    return counting.found


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("sizes", "chosen", "expected"),
    [
        (SMALL, {"batch_size": BATCH}, 1),
        (SMALL, {"batch_size": 10}, 1),
        (LARGE, {"batch_size": BATCH}, 4),
        (LARGE, {"batch_size": None}, 4),
        (LARGE, {"batch_size": 10}, 1),
        (LARGE, {"batch_size": BATCH, "stack": 2}, 1),
        (SMALL, {"batch_size": None, "optimizer": bp.LBFGS()}, 1),
    ],
)
def test_threads_of_training(sizes, chosen, expected):
    assert trained(sizes, blas_threads, **chosen) == [{expected}] * 2
    assert blas_threads() == {4}


@pytest.mark.usefixtures("four")
def test_threadpoolctl_has_the_last_word():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert trained(LARGE, blas_threads, batch_size=BATCH) == [{2}] * 2
        assert blas_threads() == {2}


@pytest.mark.usefixtures("four")
def test_a_divergence_restores_the_number():
    net = bp.Network([3, 3], output="identity", loss="squared_error")
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(bp.DivergenceError):
        bp.train(net, X, X, optimizer=bp.SGD(1e300), epochs=5)
    assert blas_threads() == {4}


@pytest.mark.usefixtures("four")
def test_a_prediction_within_a_training_leaves_the_number_as_it_is():
    def predict():
        net = bp.Network(SMALL)
        bp.predict(net, net.init(), np.zeros((1, SMALL[0])))
        return blas_threads()

    assert trained(LARGE, predict, batch_size=BATCH) == [{4}] * 2


def test_a_blas_that_comes_later_is_limited_too():
    code = """
import numpy as np, threadpoolctl
import backprop_xp as bp

net, seen = bp.Network([4, 3]), []

class Look:
    def on_epoch_end(self, progress):
        blas = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
        seen.append([one["num_threads"] for one in blas])

for _ in range(2):
    bp.train(net, np.zeros((6, 4)), np.zeros(6, int), epochs=1, callbacks=[Look()])
    import scipy.linalg
print(seen)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = ast.literal_eval(run.stdout)
    assert set(before) <= {1}
    assert set(after) <= {1}
    assert len(after) >= len(before)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("cases", "stack", "expected"), [(1, (), {1}), (BATCH, (), {4}), (BATCH, 2, {1})]
)
def test_threads_of_prediction(cases, stack, expected):
    found = []

    class Noting(type(bp.Network(LARGE).output)):
        name = "noting"

        def __call__(self, z):
            found.append(blas_threads())
            return super().__call__(z)

    net = bp.Network(LARGE, output=Noting())
    bp.predict(net, net.init(stack=stack), np.zeros((cases, LARGE[0]), "float32"))
    assert found == [expected]
    assert blas_threads() == {4}


@pytest.mark.parametrize(
    ("sizes", "stack", "expected"), [(SMALL, (), 1), (LARGE, (), 4), (LARGE, 2, 1)]
)
def test_threads_of_training_on_pytorch(sizes, stack, expected):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        chosen = {"batch_size": BATCH, "stack": stack}
        assert trained(sizes, torch.get_num_threads, torch.asarray, **chosen) == [expected] * 2
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
