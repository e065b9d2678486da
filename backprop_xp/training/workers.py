"""Workers: each trains some groups of a stack, by functions of its own, in a thread of its own.

On a CPU a worker takes the next group that is left, whichever that is. NumPy and PyTorch let other
threads work while they compute. On several devices each worker has a device, and an equal share of
the groups; θ, the state and the scores come back to the first device.
"""

import importlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    compiles,
    context_of,
    device_of,
    is_on_cpu,
    namespace,
    without_derivatives,
)
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.execution.tape import mapped
from backprop_xp.training.parallel import GivenUp, Threads
from backprop_xp.training.step.compiled import Functions, functions_of, is_built_in
from backprop_xp.training.step.update import UpdateRule

__all__ = ["Worker", "Workers", "jobs_of"]

T = TypeVar("T")


class Worker:
    """The functions of one worker, and its device.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ on the first device.
    device : object or None
        The worker's device, of θ's library; None for the device of `theta`.
    ranks : Ranks, optional
        The processes that share each batch.
    """

    def __init__(
        self, rule: UpdateRule, theta: Array, device: Any = None, ranks: Ranks | None = None
    ) -> None:
        self._xp, self._home = namespace(theta), device_of(theta)
        self._device = None if device == self._home else device
        self._built_in = is_built_in(rule.net, rule.optimizer)
        self._before: dict[int, tuple[Array, Array]] = {}
        self._now: dict[int, tuple[Array, Array]] = {}
        self._like = theta
        if self._device is not None:
            self._like = array_api_compat.to_device(theta, device)
        with context_of(self._xp, device_of(self._like)):
            self.functions: Functions = functions_of(rule, self._like, ranks)

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Return the context of work in another thread than the main one."""
        allowed = not self._built_in
        with (
            context_of(self._xp, device_of(self._like)),
            without_derivatives(self._like, allowed=allowed),
        ):
            yield

    def settle(self) -> None:
        """Wait for the work of this thread on the worker's device, before another one reads it.

        PyTorch and JAX wait by themselves where an array moves.
        """
        if array_api_compat.is_cupy_array(self._like):
            importlib.import_module("cupy").cuda.get_current_stream().synchronize()

    def here(self, tree: Any, *, again: bool = True) -> Any:
        """Return a tree of arrays on the worker's device; `again` where they may come again."""
        if self._device is None:
            return tree
        return mapped(self._kept if again else self._moved, tree)

    def here_each(self, trees: list[Any]) -> list[Any]:
        """Return trees on the worker's device; the same tree is moved once."""
        if self._device is None:
            return trees
        moved = {at: self.here(one) for at, one in {id(one): one for one in trees}.items()}
        return [moved[id(one)] for one in trees]

    def home(self, tree: Any) -> Any:
        """Return a tree of arrays on the first device, where no thread works."""
        return tree if self._device is None else mapped(self._moved_home, tree)

    def forget(self) -> None:
        """Forget the moved arrays that did not come again since the last call."""
        self._before, self._now = self._now, {}

    def _kept(self, x: Array) -> Array:
        found = self._now.get(id(x), self._before.get(id(x)))
        if found is None:  # the original is kept too, so that no other array takes its id
            found = x, self._moved(x)
        self._now[id(x)] = found
        return found[1]

    def _moved(self, x: Array) -> Array:
        moved: Array = array_api_compat.to_device(x, self._device)
        return moved

    def _moved_home(self, x: Array) -> Array:
        with context_of(self._xp, self._home):
            moved: Array = array_api_compat.to_device(x, self._home)
        return moved


class Workers:
    """The workers of a training.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (P,), or (K, P) for a stack
        An example of θ on the first device.
    jobs : int
        Workers on one device, each in a thread; as many threads work on several devices.
    devices : sequence of object
        The devices of θ's library, the first one included; empty for the device of `theta`.
    ranks : Ranks, optional
        The processes that share each batch: they have one worker each.

    Attributes
    ----------
    first : Functions
        The functions of the worker in the main thread.
    least : int
        The least number of groups that gives work to each device, or to each job on NumPy. NumPy's
        numbers have the same bits whatever the networks of a group.
    said : str
        The workers of the last work, such as "2 jobs"; empty for one.
    """

    def __init__(
        self,
        rule: UpdateRule,
        theta: Array,
        jobs: int = 1,
        devices: Sequence[Any] = (),
        ranks: Ranks | None = None,
    ) -> None:
        self._rule, self._theta = rule, theta
        self._devices = devices if len(devices) > 1 else ()
        self._threads = Threads(jobs)
        self._workers = [Worker(rule, theta, ranks=ranks)]
        self.first = self._workers[0].functions
        splits = isinstance(theta, np.ndarray)
        self.least, self.said = max(len(devices), jobs if splits else 1), ""

    def each(self, count: int, task: Callable[[Worker, int, GivenUp], T]) -> list[T]:
        """Return the results of ``task(worker, group, given_up)`` for each of so many groups.

        They are trees of arrays, and come back to the first device.

        Raises
        ------
        Exception
            The error of the lowest group that failed.
        """
        if self._devices:
            of_each = -(-count // len(self._devices))
            starts = range(0, count, of_each)
            queues = [deque(range(start, min(start + of_each, count))) for start in starts]
        else:
            queues = [deque(range(count))] * min(self._threads.count, count)
        while len(self._workers) < len(queues):
            device = self._devices[len(self._workers)] if self._devices else None
            self._workers.append(Worker(self._rule, self._theta, device))
        self.said = f"{len(queues)} {'devices' if self._devices else 'jobs'}"
        self.said = self.said if len(queues) > 1 else ""

        def work(group: int, number: int, given_up: GivenUp) -> tuple[Worker, T]:
            worker = self._workers[number]
            if not number:
                return worker, task(worker, group, given_up)
            with worker.in_thread():
                result = task(worker, group, given_up)
                worker.settle()
            return worker, result

        if self._devices:
            self._workers[0].settle()
        results = self._threads.run(queues, work)
        for worker in self._workers:
            worker.forget()
        return [worker.home(result) for worker, result in results.values()]

    def close(self) -> None:
        """End the threads."""
        self._threads.close()


def jobs_of(rule: UpdateRule, theta: Array, asked: int | None, threads: int, devices: int) -> int:
    """Return the number of threads for the groups of a stack.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (P,), or (K, P) for a stack
    asked : int or None
        As the user asks for; None for as many as `threads` where steps are compiled. Recorded steps
        hold Python's lock between two calls, so that two threads on two cores took as long as one
        for 64 networks of [64, 32, 10] (benchmarks/RESULTS.md, ``machines``).
    threads : int
        The threads that the array library uses for a product.
    devices : int
        The number of devices, each of which has a thread.
    """
    if theta.ndim < 2:
        return 1
    why = ""
    if not is_built_in(rule.net, rule.optimizer):
        why = "a part of your own may not be made for several threads"
    elif devices > 1:
        return devices
    elif compiles(namespace(theta)):
        why = "JAX has threads of its own in each step"
    elif not is_on_cpu(theta):
        why = "a GPU does one group after another; name several in device="
    if why and (asked or 1) > 1:
        warnings.warn(f"train(jobs): {asked} jobs run as one: {why}", stacklevel=2)
    return 1 if why else asked or (threads if rule.compiled else 1)
