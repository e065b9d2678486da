"""The scores of epochs: arrays on the device, until the host reads them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, Namespace, compiled, namespace, to_host
from backprop_xp.arrays.native import sum_of_squares
from backprop_xp.callbacks.progress import History
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.training.scoring import Scores

__all__ = [
    "BatchCosts",
    "EpochRecord",
    "EpochScores",
    "append",
    "extend",
    "not_finite",
    "of_validation",
    "repeated",
]


class BatchCosts(NamedTuple):
    """The costs of an epoch's batches.

    Attributes
    ----------
    mean : ndarray (...)
        The weighted mean over the epoch's cases: a batch of s of m cases counts s / m.
    first_bad : int or None
        The first batch with a cost that is not finite. The last batch counts as bad where θ after
        it is not finite.
    bad_networks : list of int
        The networks with a cost or a θ that is not finite, numbered row by row over the stack.
    good_start : bool
        Whether the first batch had a finite cost in each network.
    batches : int
        The number of batches.
    """

    mean: HostArray
    first_bad: int | None
    bad_networks: list[int]
    good_start: bool
    batches: int


class EpochScores(NamedTuple):
    """The scores of some epochs, on the host.

    Attributes
    ----------
    cost : ndarray (epochs, ...)
        The mean over the cases of each epoch, as in `BatchCosts`.
    accuracy : ndarray (epochs, ...) or None
        The share of correct cases; None without labels.
    finite : bool
        Whether all costs are finite, and θ too.
    """

    cost: HostArray
    accuracy: HostArray | None
    finite: bool


@dataclass
class EpochRecord:
    """The scores of the blocks of an epoch, as arrays on the device.

    Attributes
    ----------
    by_batch : bool
        Whether each batch is an epoch of its own, so that the record is of several epochs.
    joined : int
        The number of epochs, one behind the other, whose batches the record has.
    left : ndarray (K,) of bool, or None
        The networks that have left training, whose costs count as 0.
    ranks : Ranks or None
        The processes that share each batch, whose scores are added up when they are read.
    """

    by_batch: bool = False
    joined: int = 1
    left: HostArray | None = None
    ranks: Ranks | None = None
    _scores: list[Scores] = field(default_factory=list)
    _penalties: list[Array] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)  # of each batch
    _bad_theta: Array | None = None  # of each network

    def add(self, scores: Scores, penalties: Array | None, size: int) -> None:
        """Add a block's scores, its penalties (batches, ...) or None, and the size of a batch.

        Where ranks share a batch, the scores are those of a share, and the size is that of all.
        """
        self._scores.append(scores)
        self._penalties += [] if penalties is None else [penalties]
        self._sizes += [size] * scores.cost.shape[0]

    def end(self, theta: Array) -> None:
        """Note on the device in which networks θ, after the last update, is not finite."""
        if isinstance(theta, np.ndarray) and math.isfinite(sum_of_squares(theta)):
            self._bad_theta = np.zeros(theta.shape[:-1], dtype=bool)
        else:
            self._bad_theta = _marks(namespace(theta))(theta)

    def keep(self, epochs: int, batches: int) -> None:
        """Forget all batches but those of the first epochs: so many batches, in whole blocks."""
        while len(self._sizes) > batches:
            del self._sizes[-self._scores.pop().cost.shape[0] :]
        del self._penalties[len(self._scores) :]
        self.joined = epochs

    def epochs(self) -> EpochScores:
        """Return the scores of each epoch, read on the host. The record must have an end."""
        if self.joined > 1:
            return self._of_joined()
        if not self.by_batch:
            costs, share = self.batch_costs(), self.accuracy()
            return EpochScores(
                costs.mean[None], None if share is None else share[None], costs.first_bad is None
            )
        costs_of_epochs = self._costs()
        mean = np.average(costs_of_epochs[:, None], axis=1, weights=self._sizes[:1])
        finite = bool(np.isfinite(costs_of_epochs).all() and not to_host(self._bad_theta).any())
        found = [scores.correct for scores in self._scores if scores.correct is not None]
        correct = _host64(_joined(found)) / self._sizes[0] if found else None
        return EpochScores(mean, correct, finite)

    def _of_joined(self) -> EpochScores:
        epochs, costs = self.joined, self._costs()
        sizes = self._sizes[: len(costs) // epochs]
        each = costs.reshape(epochs, len(sizes), *costs.shape[1:])
        mean = np.stack([np.average(one, axis=0, weights=sizes) for one in each])
        finite = bool(np.isfinite(costs).all() and not to_host(self._bad_theta).any())
        found = [_host64(scores.correct) for scores in self._scores if scores.correct is not None]
        blocks = len(found) // epochs
        parts = [found[start : start + blocks] for start in range(0, len(found), blocks or 1)]
        counts = [np.stack(part, axis=-1).sum(axis=-1) for part in parts]
        return EpochScores(mean, np.stack(counts) / sum(sizes) if found else None, finite)

    def _costs(self) -> HostArray:
        """Return the cost of each batch with its penalty, (batches, ...), read on the host."""
        costs = self._summed(_host64(_joined([scores.cost for scores in self._scores])))
        if self._penalties:
            costs = costs + _host64(_joined(self._penalties))
        if self.left is not None:
            costs[:, self.left] = 0
        return costs

    def batch_costs(self, theta: Array | None = None) -> BatchCosts:
        """Return the costs, read on the host.

        `theta`, after the last update, is checked too; it may be left out after `end`.
        """
        if theta is not None:
            self.end(theta)
        costs = self._costs()
        finite = np.isfinite(costs)
        bad = ~finite.reshape(len(costs), -1)
        bad[-1] |= to_host(self._bad_theta).reshape(-1)
        batches = bad.any(axis=1)
        first_bad = int(np.argmax(batches)) if batches.any() else None
        networks = np.flatnonzero(bad.any(axis=0)).tolist()
        mean = np.average(costs, axis=0, weights=self._sizes)
        return BatchCosts(mean, first_bad, networks, bool(finite[0].all()), len(costs))

    def accuracy(self) -> HostArray | None:
        """Return the share of correct cases, on the host; None without labels."""
        found = [scores.correct for scores in self._scores if scores.correct is not None]
        if not found:
            return None
        if len(found) == 1:
            total = _host64(found[0])
        else:
            total = _host64(namespace(found[0]).stack(found, axis=-1)).sum(axis=-1)
        share: HostArray = self._summed(total) / sum(self._sizes)
        return share

    def _summed(self, scores: HostArray) -> HostArray:
        """Return the sum of some scores over all ranks."""
        return scores if self.ranks is None else self.ranks.total(scores)


@lru_cache(maxsize=16)
def _marks(xp: Namespace) -> Callable[[Array], Array]:
    """Return the function that tells whether θ (..., P) of each network holds NaN or infinity."""

    def marks(theta: Array) -> Array:
        mark: Array = xp.isnan(xp.sum(theta * 0, axis=-1))  # ∞ · 0 is NaN
        return mark

    return compiled(marks, xp)


def _joined(parts: list[Array]) -> Array:
    """Return the arrays of all blocks, joined along the first axis."""
    whole: Array = parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=0)
    return whole


def not_finite(costs: Array) -> list[int]:
    """Return the numbers of the networks whose cost is infinite or NaN."""
    return np.flatnonzero(~np.isfinite(_host64(costs))).tolist()


def of_validation(scores: Scores, count: int) -> dict[str, HostArray | None]:
    """Return the validation entries of the history from the scores of `count` cases."""
    correct = None if scores.correct is None else _host64(scores.correct) / count
    return {"validation_cost": _host64(scores.cost), "validation_accuracy": correct}


def repeated(
    entries: dict[str, HostArray | None], history: History, left: HostArray
) -> dict[str, HostArray | None]:
    """Return the entries (K,) of an epoch, where those of networks that have left are as before."""
    return {
        name: None if x is None else np.where(left, np.reshape(history[name][-1], -1), x)
        for name, x in entries.items()
    }


def append(history: History, entries: dict[str, HostArray | None], stack: tuple[int, ...]) -> None:
    """Append each entry that is not None to its list in the history.

    An entry is a float for a single network, an array (*stack) for a stack.
    """
    extend(history, {n: None if x is None else x[None] for n, x in entries.items()}, stack)


def extend(history: History, entries: dict[str, HostArray | None], stack: tuple[int, ...]) -> None:
    """Append the entries (epochs, ...) of some epochs to their lists in the history."""
    for name, entry in entries.items():
        if entry is not None:
            shaped = entry.reshape(-1, *stack)
            history.setdefault(name, []).extend(shaped if stack else shaped.tolist())


def _host64(x: Any) -> HostArray:
    return np.array(to_host(x), dtype=np.float64)
