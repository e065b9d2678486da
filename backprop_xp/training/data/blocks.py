"""A block: some batches of one size, gathered from the cases.

A block gathers some thousand shuffled rows at once, which is much faster than a gather for each
batch; or the step gathers its rows itself (`execution.steps.gathers_rows`).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    Namespace,
    compiled,
    from_host_like,
    namespace,
)
from backprop_xp.distributed.ranks import Share
from backprop_xp.execution.steps import gathers_rows
from backprop_xp.network.columns import one_hot
from backprop_xp.training.data.cases import Cases
from backprop_xp.training.data.networks import Networks, rows_of_networks

__all__ = ["Block", "block_of", "for_products", "whole_block"]


class Block(NamedTuple):
    """Some batches of one size, one after another.

    Attributes
    ----------
    X : array (batches, size, n_in)
        Inputs in rows; or (batches, size), their row numbers in `source`.
    y : array (batches, n_out, size)
        Targets in columns.
    w : array (batches, 1, size), or (batches,) where all cases have equal weights
        Weights of the cases, w_c / (s w̄), where w̄ is the mean weight of all training cases.
    labels : array (batches, size) or None
        Class labels; None where Y holds targets.
    source : array (m, n_in) or None
        The inputs that a step gathers by the row numbers in X; None where X holds inputs.
    share : Share or None
        The part of each batch that the block holds, where several ranks share it; w is then
        w_c / (s w̄) for the s cases of the whole batch.

    Where the networks of a stack have different data, the second axis is that of the networks.
    """

    X: Array
    y: Array
    w: Array
    labels: Array | None
    source: Array | None = None
    share: Share | None = None

    @property
    def batches(self) -> int:
        """The number of batches."""
        return self.y.shape[0]

    @property
    def size(self) -> int:
        """The number of cases of a batch; of its share where ranks share it."""
        return self.y.shape[-1]

    @property
    def whole_size(self) -> int:
        """The number of cases of a batch, over all ranks."""
        return self.size if self.share is None else self.share.size

    def repeated(self, count: int) -> "Block":
        """Return a block of the only batch `count` times, without copies of its arrays."""
        xp = namespace(self.y)

        def many(x: Array) -> Array:
            repeated: Array = xp.broadcast_to(x, (count, *x.shape[1:]))
            return repeated

        labels = None if self.labels is None else many(self.labels)
        return Block(many(self.X), many(self.y), many(self.w), labels, self.source, self.share)

    def part(self, group: Networks) -> "Block":
        """Return the block of a group of the stack's networks."""
        axes = {"X": 3, "y": 3, "w": 3, "labels": 2}
        parts = {name: getattr(self, name) for name in axes}
        own: dict[str, Any] = {
            name: rows_of_networks(x, group, axis=1)
            for name, x in parts.items()
            if x is not None and x.ndim > axes[name]
        }
        if self.source is not None and self.source.ndim > 2:
            own["source"] = rows_of_networks(self.source, group)
        return self._replace(**own)


def whole_block(cases: Cases) -> Block:
    """Return all cases as a block of one batch, in their own order."""
    return block_of(cases, None, cases.count, cases.weights)


def block_of(
    cases: Cases,
    rows: Array | None,
    size: int,
    weights: HostArray | None,
    *,
    in_kernel: bool = False,
) -> Block:
    """Return the block of the cases with these row numbers, in batches of `size`.

    `rows` is None for all cases. `weights` are those of the cases of the block; None where all are
    equal. With `in_kernel` the steps gather their rows, also where they would not by themselves.
    """
    xp = namespace(cases.X)
    in_steps = in_kernel or gathers_rows(cases.X)
    source = cases.X if rows is not None and in_steps else None
    gather = _gatherer(xp, size, cases.n_out, cases.labelled, source is None)
    X, y, w, labels = gather(cases.X, cases.Y, rows)
    if weights is not None:
        w = _weights(cases.X, size, weights)
    return Block(X, y, w, labels, source)


@lru_cache(maxsize=64)
def _gatherer(
    xp: Namespace, size: int, n_out: int, labelled: bool, of_inputs: bool
) -> Callable[..., Any]:
    """Return the function (X, Y, rows) -> (X, y, w, labels) that gathers a block.

    `rows` are the row numbers to gather, None for all rows. w are the weights of equal cases, 1/s.
    Without `of_inputs`, row numbers are returned in place of X.
    """

    def gather(X: Array, Y: Array, rows: Array | None) -> tuple[Array, Array, Array, Array | None]:
        def batches(x: Array, axis: int) -> Array:
            return _in_batches(x if rows is None else xp.take(x, rows, axis=axis), size, axis)

        labels = batches(Y, -1) if labelled else None
        y = batches(Y, -2).mT if labels is None else one_hot(labels, X, n_out)
        w = xp.full_like(y[(slice(None), *(0,) * (y.ndim - 1))], 1 / size)
        X = batches(X, -2) if of_inputs else xp.reshape(rows, (-1, size))
        return X, y, w, labels

    return compiled(gather, xp)


def _in_batches(x: Array, size: int, axis: int) -> Array:
    """Return x cut into batches along `axis`, -2 or -1: (batches, ..., size, n)."""
    xp, at = namespace(x), x.ndim + axis
    shape = (*x.shape[:at], x.shape[at] // size, size, *x.shape[at + 1 :])
    batches: Array = xp.moveaxis(xp.reshape(x, shape), at, 0)
    return batches


def _weights(like: Array, size: int, weights: HostArray) -> Array:
    """Return w = weights / s, (batches, ..., 1, size), for weights (..., m) of mean 1."""
    batches = np.moveaxis(weights.reshape(*weights.shape[:-1], -1, size), -2, 0)
    w = batches[..., None, :] / size
    return from_host_like(w, like)


def for_products(X: Array) -> Array:
    """Return X, or a copy of a NumPy array whose strides BLAS does not accept.

    BLAS accepts neither rows nor columns with gaps or in reverse order. Their products would be
    slow, and would differ in the last bit from the products of a replay, which works on a copy.
    """
    if not isinstance(X, np.ndarray):
        return X
    strides, unit = X.strides[-2:], X.itemsize
    return X if unit in strides and min(strides) >= unit else np.array(X, order="K")
