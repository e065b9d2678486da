"""The cases of each batch that a rank takes, where several processes train one network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, from_host_like, namespace
from backprop_xp.distributed.ranks import Ranks, Share
from backprop_xp.training.data.batches import BlockLimits, checked_order, spans
from backprop_xp.training.data.blocks import Block, block_of, for_products
from backprop_xp.training.data.cases import Cases, FileCases

__all__ = ["epochs_of_shares"]


class _Span(NamedTuple):
    """Some batches of one size, from `start` to `stop` in the order of the rows to share."""

    start: int
    stop: int
    batches: int
    share: Share

    def rows(self, order: HostArray, *, own: bool) -> HostArray:
        """Return the row numbers (batches, cases) of this rank; of one row where it has none."""
        if not self.share.cases:
            return np.zeros((self.batches, 1), order.dtype)
        rows = order.reshape(self.batches, -1)
        return rows if own else rows[:, self.share.start : self.share.stop]


def epochs_of_shares(
    cases: Cases | FileCases,
    batch_size: int,
    seed: int,
    ranks: Ranks,
    limits: BlockLimits = BlockLimits(),  # noqa: B008  it is unchangeable
    *,
    order: Callable[[int], Any] | None = None,
) -> Callable[[int], Iterable[Block]]:
    """Return the function from the number of an epoch to the blocks of this rank.

    Each batch is shared among the ranks. Where they have the same rows, the order of the cases is
    that of `batches.epochs_of_blocks`. Where each has rows of its own, a batch holds the next cases
    of each rank, in an order of its own; a rank whose cases are through has no more of them in the
    epoch.

    Parameters
    ----------
    cases : Cases or FileCases
        All cases, or this rank's own.
    batch_size : int
        Cases in a batch, over all ranks.
    seed, limits, order
        As `batches.epochs_of_blocks` takes them.
    ranks : Ranks

    Raises
    ------
    OptionError
        When an epoch begins: `order` returns no permutation.
    """
    own, counts = ranks.rows == "own", ranks.counts(cases.count)
    rows = limits.rows(cases, batch_size)
    if own:
        found = _own_spans(counts, ranks.rank, batch_size, rows)
    else:
        found = [
            _Span(start, stop, (stop - start) // size, Share.of(size, ranks.rank, ranks.size))
            for start, stop, size in spans(cases.count, batch_size, rows)
        ]
    of_rows: Callable[..., Block] = _block_of_file if isinstance(cases, FileCases) else _block
    block = partial(of_rows, cases)
    if batch_size >= sum(counts) and order is None:
        whole = _whole_block(cases, found[0].share, own=own)
        return lambda _: [whole]
    given = None if order is None else partial(checked_order, order, cases.count)
    rank = ranks.rank if own else 0

    def blocks(epoch: int) -> Iterator[Block]:
        numbers = _Numbers(cases.order(seed, epoch, rank) if given is None else [given(epoch)])
        for span in found:
            taken = numbers.next(span.stop - span.start)
            yield block(span.rows(taken, own=own), span.share)

    return blocks


def _own_spans(counts: Sequence[int], rank: int, batch_size: int, rows: int) -> list[_Span]:
    """Return the batches of a rank that has `counts[rank]` cases of its own.

    Each rank takes the same number of cases of each batch, until it has no more.
    """
    ranks = len(counts)
    if batch_size >= sum(counts):
        each = list(counts)
    else:
        each = [max(Share.of(batch_size, one, ranks).cases, 1) for one in range(ranks)]
    steps = max(-(-count // size) for count, size in zip(counts, each, strict=True))

    def taken(step: int) -> tuple[int, ...]:
        both = zip(counts, each, strict=True)
        return tuple(min(max(count - step * size, 0), size) for count, size in both)

    found, start = [], 0
    most = max(rows // batch_size, 1)
    for sizes, equal in groupby(range(steps), taken):
        left = len(list(equal))
        before, mine = sum(sizes[:rank]), sizes[rank]
        share = Share(before, before + mine, sum(sizes))
        while left:
            batches = min(left, most)
            found.append(_Span(start, start + batches * mine, batches, share))
            start, left = start + batches * mine, left - batches
    return found


class _Numbers:
    """The numbers of rows of an epoch, taken some at a time."""

    def __init__(self, parts: Iterable[HostArray]) -> None:
        self._parts, self._left = iter(parts), np.empty(0, np.int64)

    def next(self, count: int) -> HostArray:
        """Return the next numbers (count,)."""
        while len(self._left) < count:
            self._left = np.concatenate([self._left, next(self._parts)])
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def _block(cases: Cases, rows: HostArray, share: Share) -> Block:
    """Return the block of these rows (batches, cases) of cases in memory."""
    on_device = from_host_like(rows.reshape(-1).astype(np.int32), cases.X, "int32")
    weights = None if cases.weights is None else cases.weights[..., rows.reshape(-1)]
    return _shared(block_of(cases, on_device, rows.shape[1], None), weights, share)


def _whole_block(cases: Cases | FileCases, share: Share, *, own: bool) -> Block:
    """Return this rank's share of the batch of all cases, in their own order."""
    start = share.start if share.cases and not own else 0
    part = cases.rows(start, start + max(share.cases, 1))
    block = block_of(replace(part, X=for_products(part.X)), None, part.count, None)
    return _shared(block, part.weights, share)


def _block_of_file(cases: FileCases, rows: HostArray, share: Share) -> Block:
    (part,) = cases.ordered(rows.size, rows.reshape(-1))
    return _shared(block_of(part, None, rows.shape[1], None), part.weights, share)


def _shared(block: Block, weights: HostArray | None, share: Share) -> Block:
    """Return the block with weights of its share; a case of an empty share has the weight 0."""
    w: Array
    if weights is not None:
        host = np.moveaxis(weights.reshape(*weights.shape[:-1], -1, block.size), -2, 0)
        w = from_host_like(host[..., None, :] / share.size * (share.cases > 0), block.y)
    elif share.cases:
        w = namespace(block.w).full_like(block.w, 1 / share.size)
    else:
        w = from_host_like(np.zeros((block.batches, 1, block.size)), block.y)
    return block._replace(w=w, share=share)
