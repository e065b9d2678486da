"""Cases: a data set in memory on its device, or in a file."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, item_bytes
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.rows import chunk_rows, is_source, read_rows, rows_at
from backprop_xp.training.data.file_order import Group, plan, read_blocks, shuffled_groups
from backprop_xp.training.data.networks import Networks, rows_of_networks

__all__ = ["Cases", "FileCases", "Total", "of_mean_one"]

Total: TypeAlias = Callable[[HostArray], HostArray]  # the sum of an array over several processes


@dataclass(frozen=True)
class Cases:
    """A data set in memory, on the device of training.

    Attributes
    ----------
    X : array (m, n_in), or (K, m, n_in) with inputs for each of K networks
    Y : array (m, n_out), or class labels (m,) of dtype int32; or (K, ...) for each network
    n_out : int
        Units of the output layer.
    labelled : bool
        Whether Y holds labels.
    weights : ndarray (m,) or (K, m), or None
        Weights of the cases, of mean 1, on the host; None where all are equal.
    """

    X: Array
    Y: Array
    n_out: int
    labelled: bool
    weights: HostArray | None = None

    @property
    def count(self) -> int:
        """The number of cases, m."""
        return self.X.shape[-2]

    @property
    def row_bytes(self) -> int:
        """The bytes of the inputs of a case, over all networks."""
        return math.prod(self.X.shape) // self.count * item_bytes(self.X)

    def rows(self, start: int, stop: int) -> "Cases":
        """Return the cases from `start` to `stop`, as views where the library has views."""
        Y = self.Y[..., start:stop] if self.labelled else self.Y[..., start:stop, :]
        weights = None if self.weights is None else self.weights[..., start:stop]
        return Cases(self.X[..., start:stop, :], Y, self.n_out, self.labelled, weights)

    def order(self, seed: int, epoch: int, rank: int = 0) -> Iterator[HostArray]:
        """Yield the row numbers in the order of an epoch, all at once.

        Ranks with rows of their own have orders of their own.
        """
        yield generator(seed, "order", epoch, rank).permutation(self.count)

    def part(self, group: Networks) -> "Cases":
        """Return the cases of a group of the stack's networks."""
        X = rows_of_networks(self.X, group) if self.X.ndim > 2 else self.X
        Y = rows_of_networks(self.Y, group) if self.Y.ndim > 2 - self.labelled else self.Y
        w = self.weights
        return Cases(X, Y, self.n_out, self.labelled, w if w is None or w.ndim == 1 else w[group])

    def moved(self, move: Callable[[Array], Array]) -> "Cases":
        """Return the cases with X and Y on the device of `move`."""
        return replace(self, X=move(self.X), Y=move(self.Y))


@dataclass(frozen=True)
class FileCases:
    """A data set in a file, whose rows are read a block at a time.

    Attributes
    ----------
    X : source (m, n_in)
    Y : source or ndarray, (m, n_out) or class labels (m,)
    labelled : bool
        Whether Y holds labels.
    load : callable
        ``load(X, Y, weights, numbers) -> Cases`` checks rows in memory and moves them to the
        device. `numbers` are the row numbers in the file.
    weights : ndarray (..., m) or None
        Weights of the cases, of mean 1; None where all are equal.
    """

    X: Any
    Y: Any
    labelled: bool
    load: Callable[..., Cases]
    weights: HostArray | None = None

    @property
    def count(self) -> int:
        """The number of cases, m."""
        return int(self.X.shape[0])

    @property
    def row_bytes(self) -> int:
        """The bytes of the inputs of a case."""
        return _row_bytes(self.X)

    def rows(self, start: int, stop: int) -> Cases:
        """Return the cases from `start` to `stop`, in memory."""
        parts = self.X, self.Y
        X, Y = (read_rows(x, start, stop) if is_source(x) else x[start:stop] for x in parts)
        weights = None if self.weights is None else self.weights[..., start:stop]
        return self.load(X, Y, weights, np.arange(start, start + len(X)))

    def part(self, group: Networks) -> "FileCases":
        """Return the cases of a group of the stack's networks."""
        if self.weights is None or self.weights.ndim == 1:
            return self
        return replace(self, weights=self.weights[group])

    def moved(self, move: Callable[[Array], Array]) -> "FileCases":
        """Return the cases, whose rows go to the device of `move` when they are read."""
        return replace(self, load=lambda *given: self.load(*given).moved(move))

    def shuffled(self, rows: int, seed: int, epoch: int) -> Iterator[Cases]:
        """Yield all cases in the order of an epoch (`file_order`), `rows` at a time."""
        parts = [self.X, self.Y, _RowNumbers(self.count)]
        if self.weights is not None:
            parts.append(np.moveaxis(self.weights, -1, 0))
        for X, Y, numbers, *w in read_blocks(parts, self._groups(seed, epoch), rows):
            yield self.load(X, Y, np.moveaxis(w[0], 0, -1) if w else None, numbers)

    def order(self, seed: int, epoch: int, rank: int = 0) -> Iterator[HostArray]:
        """Yield the row numbers in the order of an epoch, some at a time.

        Ranks with rows of their own have orders of their own.
        """
        return (group.numbers for group in self._groups(seed, epoch, rank))

    def _groups(self, seed: int, epoch: int, rank: int = 0) -> Iterator[Group]:
        row_bytes = sum(_row_bytes(x) for x in (self.X, self.Y) if is_source(x))
        lengths = plan(row_bytes, chunk_rows(self.X))
        return shuffled_groups(self.count, *lengths, seed=seed, epoch=epoch, rank=rank)

    def ordered(self, rows: int, order: HostArray) -> Iterator[Cases]:
        """Yield the cases with the row numbers `order`, in its order, `rows` at a time."""
        for start in range(0, len(order), rows):
            numbers = order[start : start + rows]
            X, Y = (rows_at(x, numbers) if is_source(x) else x[numbers] for x in (self.X, self.Y))
            weights = None if self.weights is None else self.weights[..., numbers]
            yield self.load(X, Y, weights, numbers)


def of_mean_one(weights: HostArray, total: Total | None = None) -> HostArray:
    """Return weights (..., m) divided by their mean, which is above 0.

    Equal weights become exactly 1. Where the weights are those of one rank, `total` adds numbers up
    over all ranks.

    Examples
    --------
    >>> of_mean_one(np.array([[1, 1, 3, 3], [7, 7, 7, 7]]))
    array([[0.5, 0.5, 1.5, 1.5],
           [1. , 1. , 1. , 1. ]])
    """
    if total is not None:
        of_ranks: HostArray = weights / (
            total(weights.sum(axis=-1, keepdims=True)) / total(np.array(weights.shape[-1]))
        )
        return of_ranks
    up_to_one = weights / weights.max(axis=-1, keepdims=True)
    relative: HostArray = up_to_one / up_to_one.mean(axis=-1, keepdims=True)
    return relative


class _RowNumbers:
    """A source whose row i is the number i."""

    dtype = np.dtype(np.int64)

    def __init__(self, m: int) -> None:
        self.shape = (m,)

    def __getitem__(self, rows: slice) -> HostArray:
        return np.arange(rows.start, rows.stop)


def _row_bytes(x: Any) -> int:
    return int(math.prod(x.shape[1:])) * item_bytes(x)
