"""Batches: the cases of an epoch in shuffled order, block by block (`blocks`).

A block holds whole batches of one size. The last cases of an epoch, fewer than a batch, are a block
of one smaller batch.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    compiles,
    from_host_like,
    is_array,
    is_on_cpu,
    namespace,
    to_host,
)
from backprop_xp.errors import OptionError
from backprop_xp.execution.steps import gathers_rows, takes_one_kernel
from backprop_xp.training.data.blocks import Block, block_of, for_products, whole_block
from backprop_xp.training.data.cases import Cases, FileCases

__all__ = [
    "BLOCK_BYTES",
    "OUTPUT_BYTES",
    "BlockLimits",
    "block_rows",
    "checked_order",
    "epochs_of_blocks",
    "spans",
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
BLOCK_ROWS_OF_NUMBA = 2**14  # Ctrl-C waits for a block


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


class BlockLimits(NamedTuple):
    """The bytes of a case, and all else that limits the rows of a block.

    Attributes
    ----------
    output_bytes : int
        Bytes of outputs per case, over all networks of a group.
    noise_bytes : int
        Bytes of dropout's random numbers per case.
    one_by_one : bool
        Whether each block is a single batch, for callbacks with ``on_batch_end``.
    compiled : bool
        Whether numba compiles the steps.
    """

    output_bytes: int = 4
    noise_bytes: int = 0
    one_by_one: bool = False
    compiled: bool = False

    def rows(self, cases: Cases | FileCases, batch_size: int) -> int:
        """Return the number of rows of a block: whole batches, at least one."""
        if self.one_by_one:
            return batch_size
        gathered = isinstance(cases, Cases) and gathers_rows(cases.X)
        row_bytes = self.noise_bytes + (0 if gathered else cases.row_bytes)
        most = self._most(cases.X) if isinstance(cases, Cases) else ()
        return block_rows(batch_size, row_bytes, self.output_bytes, *most)

    def _most(self, X: Array) -> tuple[int, int]:
        """Return the most bytes of outputs and the most rows of a block of rows of X in memory."""
        most_bytes, most_rows = OUTPUT_BYTES, BLOCK_ROWS
        if self.compiled:
            most_bytes, most_rows = COMPILED_OUTPUT_BYTES, BLOCK_ROWS_OF_NUMBA
        if compiles(namespace(X)):
            most_bytes, most_rows = COMPILED_OUTPUT_BYTES, COMPILED_BLOCK_ROWS
        if not is_on_cpu(X):
            of_one_kernel = takes_one_kernel(namespace(X))
            most_bytes = ONE_KERNEL_OUTPUT_BYTES if of_one_kernel else DEVICE_OUTPUT_BYTES
        return most_bytes, most_rows


def epochs_of_blocks(
    cases: Cases | FileCases,
    batch_size: int,
    seed: int,
    limits: BlockLimits = BlockLimits(),  # noqa: B008  it is unchangeable
    *,
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
    limits : BlockLimits, optional
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
    at_once = limits.rows(cases, batch_size)
    if isinstance(cases, FileCases):
        rows = limits._replace(one_by_one=False).rows(cases, batch_size)
        return lambda epoch: _blocks_of_file(
            cases.shuffled(rows, seed, epoch)
            if given is None
            else cases.ordered(rows, given(epoch)),
            batch_size,
            at_once,
        )
    if given is not None:
        return lambda epoch: _shuffled_blocks(
            cases, batch_size, at_once, *_on_device(given(epoch), cases)
        )
    order_of = lru_cache(maxsize=1)(partial(_order, cases, seed))

    def blocks(epoch: int) -> Iterator[Block]:
        yield from _shuffled_blocks(cases, batch_size, at_once, *order_of(epoch))
        if epoch + 1 < epochs:
            order_of(epoch + 1)

    return blocks


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
