"""Ranks in threads of one process: the sums of a real run, without MPI."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from backprop_xp.arrays.backend import from_host_like, to_host
from backprop_xp.distributed.ranks import Ranks


class _World:
    """Values of threads that meet, each with its number."""

    def __init__(self, size):
        self.size, self.barrier = size, threading.Barrier(size, timeout=60)
        self.values = [None] * size

    def exchange(self, rank, value):
        self.values[rank] = value
        self.barrier.wait()
        found = list(self.values)
        self.barrier.wait()
        return found


class ThreadRanks(Ranks):
    """A rank in a thread, which meets the others at each sum."""

    def __init__(self, world, rank, **options):
        super().__init__(**options)
        self._world, self.rank, self.size = world, rank, world.size
        self.sums = 0

    def sum(self, x):
        self.sums += 1
        parts = self._world.exchange(self.rank, np.array(to_host(x)))
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total if isinstance(x, np.ndarray) else from_host_like(total, x)

    def gathered(self, value):
        return self._world.exchange(self.rank, value)


def on_ranks(size, work, **options):
    """Return the results of ``work(ranks)`` on each of `size` ranks; raise the first error."""
    world = _World(size)

    def one(rank):
        try:
            return work(ThreadRanks(world, rank, **options))
        except BaseException:
            world.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(one, rank) for rank in range(size)]
    errors = [e for e in (f.exception() for f in futures) if e is not None]
    real = [e for e in errors if not isinstance(e, threading.BrokenBarrierError)]
    if errors:
        raise (real or errors)[0]
    return [f.result() for f in futures]
