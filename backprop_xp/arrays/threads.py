"""Threads of matrix products on a CPU: as many as the size of the products is worth, at most.

A library hands a part of each product to each of its threads and waits for all of them. A small
product is done before its threads have started. Where another program holds a core, the product
waits until the system gives that core back, for some 10 to 20 milliseconds each time.

So the number of threads follows from the size of the largest product, the library and its cores,
and never from the load of the machine. It is never raised above the number that is set: the
variable OMP_NUM_THREADS, joblib and threadpoolctl have the last word.
"""

import importlib
import math
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import array_api_compat

from backprop_xp.arrays.backend import compiles, is_on_cpu, namespace

__all__ = ["FLOPS_PER_THREAD", "largest_product", "limited_threads", "threads_of"]

# Of the largest product of a step, for each thread. OpenBLAS 0.3.31, float32, two cores (AMD EPYC).
# Steps on an idle machine, time with two threads over time with one (benchmarks/RESULTS.md):
# [784, 30, 10], batch 10, 0.5 Mflop: 0.97; [784, 100, 10], 32, 5 Mflop: 2.3;
# [784, 256, 256, 10], 128, 51 Mflop: 0.78; [784, 1024, 1024, 10], 512, 1074 Mflop: 0.57.
# The same steps on a machine with a load of ten: 1.0, 16, 26 and 3.8. A product alone waits there:
# 0.2 ms become 23 ms at 51 Mflop, and 93 ms become 60 ms at 8.6 Gflop.
# No number that follows from sizes alone is the faster one at every load: from some 25 Mflop to
# 1 Gflop it is two on an idle machine, and one beside a program that computes on each core
# (`python -m benchmarks threads`). The rule favours the idle machine.
FLOPS_PER_THREAD = 25_000_000


def largest_product(sizes: Sequence[int], cases: int) -> int:
    """Return the floating-point operations of the largest product of a pass, 2 n_out n_in m.

    Examples
    --------
    >>> largest_product([784, 30, 10], 10)
    470400
    """
    return max(2 * n_in * n_out for n_in, n_out in pairwise(sizes)) * cases


def limited_threads(
    theta: Any, sizes: Sequence[int], cases: int, processes: int = 1
) -> AbstractContextManager[None]:
    """Return the context in which products take the threads that they are worth.

    The networks of a stack take one thread. JAX and devices other than a CPU are left alone.

    Parameters
    ----------
    theta : array (..., P)
        For its library, its device and its networks.
    sizes : sequence of int
        Units of each layer.
    cases : int
        Cases that pass through the layers at one time.
    processes : int
        The processes that train together on this machine, and share its cores.
    """
    xp = namespace(theta)
    if compiles(xp) or not is_on_cpu(theta):
        return nullcontext()
    threads = _TORCH if array_api_compat.is_torch_namespace(xp) else _BLAS
    is_stack = math.prod(theta.shape[:-1]) > 1
    worth = 1 if is_stack else max(largest_product(sizes, cases) // FLOPS_PER_THREAD, 1)
    share = worth if processes == 1 else max((os.cpu_count() or 1) // processes, 1)
    return threads.limited(min(worth, share))


def threads_of(theta: Any) -> int:
    """Return the threads that θ's library would now use for a product; 1 on JAX and on a GPU.

    Examples
    --------
    >>> import numpy as np
    >>> threads_of(np.zeros(3)) >= 1
    True
    """
    xp = namespace(theta)
    if compiles(xp) or not is_on_cpu(theta):
        return 1
    return (_TORCH if array_api_compat.is_torch_namespace(xp) else _BLAS).now()


@dataclass
class _Limit:
    """A limit that holds now, with the numbers of threads to restore after it."""

    most: int
    before: list[int]
    thread: int


class _Threads(ABC):
    """Numbers of threads of some libraries, which limits lower while they hold.

    Limits may overlap in any order, in several threads of the program: when one ends, the numbers
    are as if it had never been. After the last one they are as before the first.
    """

    by_thread = False  # whether each thread of the program has numbers of its own

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: list[_Limit] = []

    def look_up(self) -> None:  # noqa: B027  most libraries are known
        """Find the libraries, before the first limit."""

    def now(self) -> int:
        """Return the largest of the numbers, at least 1."""
        with self._lock:
            if not self._limits:
                self.look_up()
            return max([1, *self.numbers()])

    @abstractmethod
    def numbers(self) -> list[int]:
        """Return the number of threads of each library."""

    @abstractmethod
    def set_numbers(self, numbers: list[int]) -> None:
        """Set the number of threads of each library."""

    @contextmanager
    def limited(self, most: int) -> Iterator[None]:
        """Lower the numbers to `most` where they are larger."""
        limit = self._begin(most)
        try:
            yield
        finally:
            self._end(limit)

    def _begin(self, most: int) -> _Limit:
        with self._lock:
            if not self._limits:
                self.look_up()
            thread, before = threading.get_ident(), self.numbers()
            lowered = [min(n, most) for n in before]
            if lowered != before:
                self.set_numbers(lowered)
            if self.by_thread and self._limits and all(x.thread != thread for x in self._limits):
                before = self._limits[0].before  # a new thread begins with the limit of another
            limit = _Limit(most, before, thread)
            self._limits.append(limit)
        return limit

    def _end(self, limit: _Limit) -> None:
        with self._lock:
            at = next(at for at, one in enumerate(self._limits) if one is limit)
            del self._limits[at]
            numbers = limit.before
            for later in self._limits[at:]:
                if not self.by_thread or later.thread == limit.thread:
                    later.before = numbers
                    numbers = [min(n, later.most) for n in numbers]
            if numbers != self.numbers():
                self.set_numbers(numbers)


class _BlasThreads(_Threads):
    """The threads of each BLAS in the process, by threadpoolctl.

    A package such as SciPy may bring a BLAS of its own. So the libraries are looked up again where
    modules have been imported since, but not while a limit holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._libraries: list[Any] = []
        self._modules = 0

    def look_up(self) -> None:
        """Find the libraries in the process."""
        if self._modules != len(sys.modules):
            controller = importlib.import_module("threadpoolctl").ThreadpoolController()
            self._libraries = controller.select(user_api="blas").lib_controllers
            self._modules = len(sys.modules)

    def numbers(self) -> list[int]:
        return [one.get_num_threads() for one in self._libraries]

    def set_numbers(self, numbers: list[int]) -> None:
        for one, number in zip(self._libraries, numbers, strict=True):
            one.set_num_threads(number)


class _TorchThreads(_Threads):
    """The threads of PyTorch; a thread of the program begins with the number set last."""

    by_thread = True

    def numbers(self) -> list[int]:
        return [importlib.import_module("torch").get_num_threads()]

    def set_numbers(self, numbers: list[int]) -> None:
        importlib.import_module("torch").set_num_threads(*numbers)


_BLAS, _TORCH = _BlasThreads(), _TorchThreads()
