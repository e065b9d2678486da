"""The candidates of an ensemble: sampled numbers, and one stack of networks for an architecture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import DivergenceError
from backprop_xp.estimators.ensemble_selection import losses
from backprop_xp.estimators.stopping import ctrl_c_raises
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict
from backprop_xp.optimizers.adam import AdamW
from backprop_xp.training.train import train

__all__ = ["Cases", "HeldOut", "Plan", "Trained", "network_for", "sampled", "trained"]

GAIN = 6.0  # the factor of inputs in training, and the divisor of the first layer's weights
LAST_RATE = 0.01  # the share of the learning rate that is left at the end


class Plan(NamedTuple):
    """The numbers of an architecture's candidates.

    Attributes
    ----------
    embedding : int
        The most units of the first layer for one feature.
    hidden : tuple of int
    learning_rate, weight_decay, dropout : array (C,)
        A number for each candidate.
    """

    embedding: int
    hidden: tuple[int, ...]
    learning_rate: NDArray[np.float64]
    weight_decay: NDArray[np.float64]
    dropout: NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Rows on which some networks are scored.

    Attributes
    ----------
    networks : slice
        The networks of a stack that have not seen these rows.
    X : array (m, n_in)
    y : array (m,) or (m, n_out)
    w : array (m,)
    """

    networks: slice
    X: HostArray
    y: HostArray
    w: HostArray


@dataclass(frozen=True)
class Cases:
    """The rows to train on.

    Attributes
    ----------
    X : array (m, n_in)
    Y : array (m,) of int, or (m, n_out)
    w : array (m,), or (folds, m) with 0 where a fold is held out; None where all rows are equal
    classes : int
        The number of classes; 0 for numbers.
    """

    X: HostArray
    Y: HostArray
    w: HostArray | None
    classes: int


class Trained(NamedTuple):
    """The networks of a stack after their best epochs.

    Attributes
    ----------
    network : Network
    theta : array (K, P)
        On the host. K is the number of candidates, times the number of folds: fold by fold.
    scores : array (K,)
        The lowest loss on the held-out rows; infinite where training diverged before any epoch.
    epochs : array (K,) of int
        The epoch of the lowest loss.
    outputs : list of array
        For each `HeldOut` the outputs of its networks (C, m, n) at their best epochs.
    """

    network: Network
    theta: HostArray
    scores: NDArray[np.float64]
    epochs: NDArray[np.int64]
    outputs: list[HostArray]


def sampled(
    count: int,
    embedding: int,
    hidden: Sequence[int],
    ranges: Sequence[tuple[float, float]],
    random: np.random.RandomState,
) -> Plan:
    """Return the numbers of `count` candidates: rate and decay log-uniform, dropout uniform.

    Parameters
    ----------
    count, embedding, hidden
        As `Plan` has them.
    ranges : sequence of three pairs
        The least and the greatest learning rate, weight decay and dropout.
    random : RandomState
    """
    rate, decay, dropout = ranges
    rates, decays = (
        np.exp(random.uniform(np.log(low), np.log(high), count))
        if low > 0
        else random.uniform(low, high, count)
        for low, high in (rate, decay)
    )
    return Plan(embedding, tuple(hidden), rates, decays, random.uniform(*dropout, count))


def network_for(
    features: NDArray[np.int64], embedding: int, hidden: Sequence[int], units: int, classes: int
) -> Network:
    """Return a network whose first layer has units for each feature, connected to it alone.

    A feature of w columns has min(w, embedding) units. Where these are as many as its columns, each
    unit has one column: its learnt scale.

    Parameters
    ----------
    features : array (n_in,) of int
        The feature of each column.
    embedding : int
    hidden : sequence of int
    units : int
        Output units.
    classes : int
        The number of classes; 0 for numbers.

    Examples
    --------
    >>> net = network_for(np.array([0, 1, 1, 1]), 2, [5], 1, 0)
    >>> net.sizes, np.asarray(net.connections[0], int).tolist()
    ((4, 3, 5, 1), [[1, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1]])
    """
    rows = []
    for columns in _columns_of(features):
        each = np.zeros((min(len(columns), embedding), len(features)))
        if len(columns) <= embedding:
            each[np.arange(len(columns)), columns] = 1
        else:
            each[:, columns] = 1
        rows.append(each)
    mask = np.concatenate(rows)
    output, loss = "identity", "squared_error"
    if classes:
        output = "softmax" if units > 1 else "sigmoid"
        loss = "cross_entropy" if units > 1 else "binary_cross_entropy"
    return Network(
        [len(features), len(mask), *hidden, units],
        ["identity", *["relu"] * len(hidden)],
        output,
        loss,
        [mask, *[None] * (len(hidden) + 1)],
    )


def _columns_of(features: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return the columns of each feature, in the order in which the features appear."""
    return [np.flatnonzero(features == one) for one in dict.fromkeys(features.tolist())]


def _start(
    net: Network, features: NDArray[np.int64], count: int, dtype: Any, random: np.random.RandomState
) -> HostArray:
    """Return θ (count, P): He's, with unit scales in the first layer for inputs times `GAIN`."""
    theta = net.init(int(random.randint(2**31 - 1)), "he", dtype=dtype, stack=count)
    W = np.zeros((count, net.sizes[1], net.sizes[0]))
    mask, start = np.asarray(net.connections[0]), 0
    for columns in _columns_of(features):
        units = 1
        while start + units < len(mask) and mask[start + units, columns].any():
            units += 1
        block = np.ix_(np.arange(count), np.arange(start, start + units), columns)
        one_each = units == len(columns)
        W[block] = (
            np.eye(units)
            if one_each
            else random.standard_normal((count, units, len(columns))) / np.sqrt(len(columns))
        )
        start += units
    end = W[0].size
    theta[:, :end] = W.reshape(count, -1) / GAIN
    theta[:, end : end + net.sizes[1]] = 0
    return theta


def trained(
    plan: Plan,
    cases: Cases,
    held: Sequence[HeldOut],
    features: NDArray[np.int64],
    random: np.random.RandomState,
    *,
    epochs: int,
    batch_size: int,
    patience: int,
    device: Any,
    dtype: str,
) -> Trained:
    """Return the stack of a plan's candidates after the best epoch of each.

    Rates fall by a cosine to 1 %. Training ends early where no network has had a lower loss for
    `patience` epochs. A network that diverges is left out, and the others start again.

    Parameters
    ----------
    plan : Plan
    cases : Cases
    held : sequence of HeldOut
        Slices over all networks, in their order: one for each fold.
    features : array (n_in,) of int
    random : RandomState
    epochs, batch_size, patience : int
    device : Device
    dtype : str
    """
    units = cases.Y.shape[1] if not cases.classes else cases.classes if cases.classes > 2 else 1
    net = network_for(features, plan.embedding, plan.hidden, units, cases.classes)
    folds, each = len(held), len(plan.learning_rate)
    count = folds * each
    theta = _start(net, features, count, dtype, random)
    seed = int(random.randint(2**31 - 1))
    steps = epochs * -(-len(cases.X) // batch_size)
    watch = _Best(net, held, count, patience, classes=bool(cases.classes))
    of_each = [np.tile(x, folds) for x in plan[2:]]
    w = cases.w if cases.w is None or cases.w.ndim == 1 else np.repeat(cases.w, each, axis=0)
    X = (cases.X * GAIN).astype(dtype)
    alive = np.arange(count)
    while len(alive):
        rate, decay, dropout = (x[alive] for x in of_each)
        watch.alive = alive
        try:
            with ctrl_c_raises():
                train(
                    net,
                    X,
                    cases.Y,
                    theta[alive],
                    optimizer=AdamW(_Falling(rate, steps), weight_decay=decay),
                    epochs=epochs,
                    batch_size=batch_size,
                    case_weights=w if w is None or w.ndim == 1 else w[alive],
                    dropout=dropout if dropout.any() else 0.0,
                    seed=seed,
                    callbacks=[watch],
                    device=device,
                )
        except DivergenceError as error:
            bad = {int(k) for (k,) in error.networks}
            alive = np.array([n for k, n in enumerate(alive) if k not in bad], dtype=np.int64)
            continue
        break
    end = net.sizes[0] * net.sizes[1]
    watch.theta[:, :end] *= GAIN
    return Trained(net, watch.theta, watch.scores, watch.epochs, watch.outputs)


@dataclass(frozen=True)
class _Falling:
    """Half a cosine wave from each network's rate to 1 % of it."""

    rates: NDArray[np.float64]
    steps: int

    def __call__(self, step: int) -> NDArray[np.float64]:
        wave = 0.5 * (1 + np.cos(np.pi * min(step / self.steps, 1.0)))
        found: NDArray[np.float64] = self.rates * (LAST_RATE + (1 - LAST_RATE) * wave)
        return found


class _Best:
    """A callback that keeps θ and the outputs on held-out rows of each network's best epoch.

    Attributes
    ----------
    alive : array of int
        The numbers of the networks that are in training.
    """

    built_in: ClassVar[bool] = True

    def __init__(
        self, net: Network, held: Sequence[HeldOut], count: int, patience: int, *, classes: bool
    ) -> None:
        self._held = [replace(one, X=one.X * GAIN) for one in held]
        self._patience, self._classes = patience, classes
        units = net.sizes[-1]
        self.alive = np.arange(count)
        self.theta = np.zeros((count, net.parameter_count))
        self.scores = np.full(count, np.inf)
        self.epochs = np.zeros(count, dtype=np.int64)
        self.outputs = [
            np.zeros((one.networks.stop - one.networks.start, len(one.X), units)) for one in held
        ]

    def on_epoch_end(self, progress: Progress) -> None:
        """Score the networks; keep the better ones."""
        theta = progress.theta
        self.theta = self.theta.astype(to_host(theta[:1, :1]).dtype, copy=False)
        better = np.zeros(len(self.alive), dtype=bool)
        for one, best in zip(self._held, self.outputs, strict=True):
            mine = (self.alive >= one.networks.start) & (self.alive < one.networks.stop)
            at = np.flatnonzero(mine)
            if not len(at):
                continue
            part = theta[int(at[0]) : int(at[-1]) + 1, ...]
            outputs = to_host(predict(progress.network, part, one.X)).astype(np.float64)
            numbers = self.alive[at]
            scores = losses(outputs, one.y, one.w, classes=self._classes)
            gained = scores < self.scores[numbers]
            self.scores[numbers] = np.where(gained, scores, self.scores[numbers])
            best[numbers[gained] - one.networks.start] = outputs[gained]
            better[at] = gained
        if better.any():
            self.epochs[self.alive[better]] = progress.epoch
            self.theta[self.alive[better]] = to_host(theta)[better]
        if progress.epoch - self.epochs[self.alive].max() >= self._patience:
            progress.stop(f"no network has had a lower loss for {self._patience} epochs")
