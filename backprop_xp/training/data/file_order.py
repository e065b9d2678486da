"""The order of cases in a file: rows are read in runs, and shuffled on two levels.

Single rows from all over a file are slow to read. So the shuffle has two steps:

1. The m rows are cut into runs of neighbouring rows, and the order of the runs is shuffled.
2. A group of about a hundred runs is read into memory, and the rows of the group are shuffled.

Each row occurs once an epoch. A file that fits into one group has the same order as an array in
memory. In a larger file, the rows of a run are always in the same group. So batches mix less where
the file is sorted by class. Let p be the share of a class in the file, b the rows of a batch, and k
the runs of a group. The share of the class in a batch then has a variance of at most
p (1 − p) (1/b + 1/k); with a full shuffle the variance is p (1 − p) / b.

The order follows from the seed, the epoch, m and the lengths of runs and groups, on any machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.memmaps import pages_of, read_ahead
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.rows import fill_rows, is_source

__all__ = ["Group", "Plan", "plan", "read_blocks", "shuffled_groups"]


RUN_BYTES = 256 * 1024  # shorter runs are slow to read from a cold disk, longer runs mix less
GROUP_BYTES = 32 * 1024**2  # 128 runs, which mix usual batches well; gathers from more are slower
LEAST_RUNS = 8  # runs of a group, for rows and chunks of any size: fewer would hardly mix
ORDER_BYTES = 8  # the number of a row, int64, which counts where rows are short


class Plan(NamedTuple):
    """The number of rows of a run, and the largest number of runs of a group."""

    run_rows: int
    runs_per_group: int


class Group(NamedTuple):
    """The rows that are in memory at a time.

    Attributes
    ----------
    runs : list of (start, stop)
        In the order of the file.
    order : ndarray of int64 (rows,)
        A permutation: row i of the shuffled group is row ``order[i]`` of the joined runs.
    """

    runs: list[tuple[int, int]]
    order: HostArray

    @property
    def numbers(self) -> HostArray:
        """The row numbers of the shuffled rows in the source, an ndarray of int64 (rows,)."""
        return np.concatenate([np.arange(*run) for run in self.runs])[self.order]


def plan(row_bytes: int, chunk: int | None = None) -> Plan:
    """Return the lengths of runs and groups for rows of `row_bytes`, in chunks of `chunk` rows.

    A run holds whole chunks, so that each chunk is read once an epoch. Where `LEAST_RUNS` chunks
    exceed `GROUP_BYTES`, a run is a part of a chunk, and each chunk is read several times.

    Examples
    --------
    >>> plan(784 * 4)
    Plan(run_rows=83, runs_per_group=128)
    >>> plan(784 * 4, chunk=1000), plan(784 * 4, chunk=60_000)
    (Plan(run_rows=1000, runs_per_group=10), Plan(run_rows=1334, runs_per_group=8))
    """
    each = row_bytes + ORDER_BYTES
    run_rows, most = (max(size // each, 1) for size in (RUN_BYTES, GROUP_BYTES // LEAST_RUNS))
    if chunk is not None:
        parts = -(-chunk // most)
        run_rows = max(round(run_rows / chunk), 1) * chunk if parts == 1 else -(-chunk // parts)
    return Plan(run_rows, max(GROUP_BYTES // (run_rows * each), LEAST_RUNS))


def shuffled_groups(
    m: int, run_rows: int, runs_per_group: int, seed: int, epoch: int, rank: int = 0
) -> Iterator[Group]:
    """Yield the groups of an epoch, in which each of m ≥ 1 rows occurs once.

    The groups have equal numbers of runs, or one run less, so that no small group at the end mixes
    badly. The memory holds the order of m / run_rows runs and of the rows of one group. Ranks with
    rows of their own have orders of their own.

    Examples
    --------
    >>> [group.runs for group in shuffled_groups(10, 3, 2, seed=0, epoch=0)]
    [[(3, 6), (6, 9)], [(0, 3), (9, 10)]]
    """
    random = generator(seed, "order", epoch, rank)
    count = -(-m // run_rows)
    groups = -(-count // runs_per_group)
    shuffled = np.arange(count) if groups == 1 else random.permutation(count)
    for chosen in np.array_split(shuffled, groups):
        starts = [int(run) * run_rows for run in np.sort(chosen)]
        runs = [(start, min(start + run_rows, m)) for start in starts]
        yield Group(runs, random.permutation(sum(stop - start for start, stop in runs)))


def read_blocks(
    sources: Sequence[Any], groups: Iterable[Group], rows: int
) -> Iterator[tuple[HostArray, ...]]:
    """Yield the same rows of several sources or ndarrays in shuffled order, block by block.

    The memory holds one group, whose buffers the next group uses again, and one block.

    Parameters
    ----------
    sources : sequence of sources or ndarrays (m, …)
    groups : iterable of Group
        From `shuffled_groups`.
    rows : int
        The number of rows of a block; the last block may be shorter.

    Yields
    ------
    tuple of ndarray (rows, …)
        New arrays, each of the dtype of its source.

    Raises
    ------
    ShapeError, DataError
        As `arrays.rows.read_rows`.
    """
    buffers: dict[int, HostArray] = {}
    block: list[HostArray] = []
    filled = 0
    for group in _announced(sources, groups):
        loaded = _loaded(sources, group, buffers)
        start = 0
        while start < len(group.order):
            if filled == 0:
                block = [np.empty((rows, *x.shape[1:]), x.dtype) for x, _ in loaded]
            stop = min(start + rows - filled, len(group.order))
            part = slice(filled, filled + stop - start)
            for x, (given, order) in zip(block, loaded, strict=True):
                np.take(given, order[start:stop], axis=0, out=x[part], mode="clip")
            start, filled = stop, part.stop % rows
            if filled == 0:
                yield tuple(block)
    if filled:
        yield tuple(x[:filled] for x in block)


def _loaded(
    sources: Sequence[Any], group: Group, buffers: dict[int, HostArray]
) -> list[tuple[HostArray, HostArray]]:
    """Return an array and its order for each source; rows of files are read into `buffers`."""
    count = len(group.order)
    loaded = []
    for number, x in enumerate(sources):
        if not is_source(x):
            loaded.append((x, group.numbers))
            continue
        if number not in buffers or len(buffers[number]) < count:
            buffers[number] = np.empty((count, *x.shape[1:]), np.dtype(x.dtype))
        buffer = buffers[number][:count]
        place = 0
        for start, stop in group.runs if buffer.size else ():
            fill_rows(buffer[place : place + stop - start], x, start, stop)
            place += stop - start
        loaded.append((buffer, group.order))
    return loaded


def _announced(sources: Sequence[Any], groups: Iterable[Group]) -> Iterator[Group]:
    """Yield the groups; the system reads ahead in memmaps by one group."""
    earlier = None
    for group in groups:
        for x in sources:
            for start, stop in group.runs if pages_of(x) is not None else ():
                read_ahead(x[start:stop])
        if earlier is not None:
            yield earlier
        earlier = group
    if earlier is not None:
        yield earlier
