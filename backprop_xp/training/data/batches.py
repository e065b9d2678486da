"""Batches: the cases of an epoch in shuffled order, block by block.

A block holds whole batches of one size. The last cases of an epoch, fewer than a batch, are a block
of one smaller batch. A block gathers some thousand shuffled rows at once, which is much faster than
a gather for each batch; or the step gathers its rows itself (`execution.steps.gathers_rows`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    Namespace,
    compiled,
    compiles,
    from_host_like,
    is_array,
    is_on_cpu,
    namespace,
    to_host,
)
from backprop_xp.distributed.ranks import Share
from backprop_xp.errors import OptionError
from backprop_xp.execution.steps import gathers_rows, takes_one_kernel
from backprop_xp.network.columns import one_hot
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.data.networks import Networks, rows_of_networks

__all__ = [
    "BLOCK_BYTES",
    "OUTPUT_BYTES",
    "Block",
    "block_of",
    "block_rows",
    "checked_order",
    "epochs_of_blocks",
    "for_products",
    "most_of_block",
    "spans",
    "whole_block",
]

BLOCK_ROWS = 8192
BLOCK_BYTES = 2**24  # inputs and noise: the C library maps larger memory anew for every block
# Outputs of all networks of a group. The costs of a block are computed from them at once, so they
# should fit into the caches of a CPU. The fixed cost of a block is larger where its steps are
# compiled, and largest on GPUs, which therefore take larger blocks.
OUTPUT_BYTES = 2**19
COMPILED_OUTPUT_BYTES = 2**22
DEVICE_OUTPUT_BYTES = 2**25
ONE_KERNEL_OUTPUT_BYTES = 2**29  # which it scores, and does not keep
COMPILED_BLOCK_ROWS = 2**16  # more rows than BLOCK_ROWS, since compiled steps gather their own


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


def block_rows(
    batch_size: int,
    row_bytes: int,
    output_bytes: int,
    most_output_bytes: int = OUTPUT_BYTES,
    most_rows: int | None = None,
) -> int:
    """Return the number of rows of a block: whole batches, at least one.

    Parameters
    ----------
    batch_size : int
    row_bytes : int
        Bytes of inputs and noise per case.
    output_bytes : int
        Bytes of outputs per case, over all networks of a group.
    most_output_bytes : int
        The most bytes of outputs of a block.
    most_rows : int, optional
        The most rows of a block, by default `BLOCK_ROWS`.

    Examples
    --------
    >>> block_rows(100, row_bytes=256, output_bytes=40)
    8100
    >>> block_rows(100, row_bytes=16_384, output_bytes=40), block_rows(100, 256, 64 * 40)
    (1000, 200)
    """
    of_inputs, of_outputs = max(row_bytes, 1), max(output_bytes, 1)
    most = min(most_rows or BLOCK_ROWS, BLOCK_BYTES // of_inputs, most_output_bytes // of_outputs)
    return max(most // batch_size, 1) * batch_size


def spans(m: int, batch_size: int, rows: int) -> list[tuple[int, int, int]]:
    """Return (start, stop, size of a batch) of each block of `rows` cases of an epoch.

    Examples
    --------
    >>> spans(20_000, 100, 8100)
    [(0, 8100, 100), (8100, 16200, 100), (16200, 20000, 100)]
    >>> spans(250, 100, 8100)
    [(0, 200, 100), (200, 250, 50)]
    """
    whole = m - m % batch_size
    found = [(start, min(start + rows, whole), batch_size) for start in range(0, whole, rows)]
    return found + ([(whole, m, m - whole)] if whole < m else [])


def epochs_of_blocks(
    cases: Cases | FileCases,
    batch_size: int,
    seed: int,
    output_bytes: int = 4,
    *,
    noise_bytes: int = 0,
    one_by_one: bool = False,
    epochs: int = 0,
    order: Callable[[int], Any] | None = None,
) -> Callable[[int], Iterable[Block]]:
    """Return the function from the number of an epoch to the blocks of the epoch.

    The order of the cases follows from `seed` and the epoch alone, unless `order` gives it. A full
    batch is shuffled by `order` alone. The order of the next epoch is made at the end of an epoch,
    while a device still works on the last block; `order` is called at the start of its epoch.

    Parameters
    ----------
    cases : Cases or FileCases
    batch_size : int
    seed : int
    output_bytes : int
        Bytes of outputs per case, over all networks of a group.
    noise_bytes : int
        Bytes of dropout's random numbers per case.
    one_by_one : bool
        Whether each block is a single batch, for callbacks with ``on_batch_end``.
    epochs : int
        The number of epochs; no order is made beyond the last.
    order : callable, optional
        From the number of an epoch to a permutation of the cases.

    Raises
    ------
    OptionError
        When an epoch begins: `order` returns no permutation.
    """
    given = None if order is None else partial(checked_order, order, cases.count)
    if batch_size >= cases.count and given is None:
        all_cases = cases.rows(0, cases.count)
        whole = whole_block(replace(all_cases, X=for_products(all_cases.X)))
        return lambda _: [whole]
    if isinstance(cases, FileCases):
        rows = block_rows(batch_size, cases.row_bytes + noise_bytes, output_bytes)
        at_once = batch_size if one_by_one else rows
        return lambda epoch: _blocks_of_file(
            cases.shuffled(rows, seed, epoch)
            if given is None
            else cases.ordered(rows, given(epoch)),
            batch_size,
            at_once,
        )
    row_bytes = noise_bytes + (0 if gathers_rows(cases.X) else cases.row_bytes)
    rows = block_rows(batch_size, row_bytes, output_bytes, *most_of_block(cases.X))
    rows = batch_size if one_by_one else rows
    if given is not None:
        return lambda epoch: _shuffled_blocks(
            cases, batch_size, rows, *_on_device(given(epoch), cases)
        )
    order_of = lru_cache(maxsize=1)(partial(_order, cases, seed))

    def blocks(epoch: int) -> Iterator[Block]:
        yield from _shuffled_blocks(cases, batch_size, rows, *order_of(epoch))
        if epoch + 1 < epochs:
            order_of(epoch + 1)

    return blocks


def most_of_block(X: Array) -> tuple[int, int]:
    """Return the most bytes of outputs and the most rows of a block of rows of X in memory."""
    most_bytes, most_rows = OUTPUT_BYTES, BLOCK_ROWS
    if compiles(namespace(X)):
        most_bytes, most_rows = COMPILED_OUTPUT_BYTES, COMPILED_BLOCK_ROWS
    if not is_on_cpu(X):
        of_one_kernel = takes_one_kernel(namespace(X))
        most_bytes = ONE_KERNEL_OUTPUT_BYTES if of_one_kernel else DEVICE_OUTPUT_BYTES
    return most_bytes, most_rows


def for_products(X: Array) -> Array:
    """Return X, or a copy of a NumPy array whose strides BLAS does not accept.

    BLAS accepts neither rows nor columns with gaps or in reverse order. Their products would be
    slow, and would differ in the last bit from the products of a replay, which works on a copy.
    """
    if not isinstance(X, np.ndarray):
        return X
    strides, unit = X.strides[-2:], X.itemsize
    return X if unit in strides and min(strides) >= unit else np.array(X, order="K")


def whole_block(cases: Cases) -> Block:
    """Return all cases as a block of one batch, in their own order."""
    return block_of(cases, None, cases.count, cases.weights)


def _blocks_of_file(parts: Iterable[Cases], batch_size: int, at_once: int) -> Iterator[Block]:
    for part in parts:
        for start, stop, size in spans(part.count, batch_size, at_once):
            batches = part.rows(start, stop)
            yield block_of(batches, None, size, batches.weights)


def _order(cases: Cases, seed: int, epoch: int) -> tuple[HostArray, Array]:
    """Return the row numbers in the order of an epoch, on the host and on the device of X."""
    (order,) = cases.order(seed, epoch)
    return _on_device(order, cases)


def _on_device(order: HostArray, cases: Cases) -> tuple[HostArray, Array]:
    order = order.astype(np.int32)
    return order, from_host_like(order, cases.X, "int32")


def checked_order(order: Callable[[int], Any], m: int, epoch: int) -> HostArray:
    """Return the permutation (m,) that a user's function returns for an epoch.

    Raises
    ------
    OptionError
        It is no permutation of 0 … m − 1.
    """
    given = order(epoch)
    rows = to_host(given) if is_array(given) else np.asarray(given)
    whole = rows.shape == (m,) and rows.dtype.kind in "iu"
    if not whole or not np.array_equal(np.sort(rows), np.arange(m)):
        came = f"{rows.dtype} {rows.shape}" + (", some rows not once" if whole else "")
        expected = f"integers ({m},), each of 0 ... {m - 1} once"
        advice = "Such as np.random.default_rng(epoch).permutation(len(X))"
        raise OptionError(f"train(order), order({epoch})", came, expected, advice)
    return rows


def _shuffled_blocks(
    cases: Cases, batch_size: int, rows: int, order: HostArray, on_device: Array
) -> Iterator[Block]:
    weights = None if cases.weights is None else cases.weights[..., order]
    for start, stop, size in spans(cases.count, batch_size, rows):
        part = None if weights is None else weights[..., start:stop]
        rows_of_block = on_device if stop - start == cases.count else on_device[start:stop]
        in_kernel = takes_one_kernel(namespace(cases.X))
        yield block_of(cases, rows_of_block, size, part, in_kernel=in_kernel)


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
