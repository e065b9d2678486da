"""The candidates of an ensemble: sampled numbers, and a stack of networks for each architecture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.devices import Device
from backprop_xp.errors import DivergenceError
from backprop_xp.estimators.encoded_rows import EncodedRows
from backprop_xp.estimators.ensemble_best_epochs import BestEpochs, HeldOut
from backprop_xp.estimators.ensemble_networks import Architecture, network_for, start_of
from backprop_xp.estimators.stopping import ctrl_c_raises
from backprop_xp.optimizers.adam import AdamW
from backprop_xp.training.train import train

__all__ = ["Cases", "Plan", "Start", "Trained", "Training", "sampled", "started", "trained"]

LAST_RATE: Final = 0.01  # the share of the learning rate that is left at the end


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


class Start(NamedTuple):
    """A stack before its training.

    Attributes
    ----------
    plan : Plan
    architecture : Architecture
    theta : array (K, P)
        Of the network in training.
    seed : int
        Of the order of the cases, and of dropout.
    """

    plan: Plan
    architecture: Architecture
    theta: HostArray
    seed: int


@dataclass(frozen=True)
class Cases:
    """The rows to train on.

    Attributes
    ----------
    X : EncodedRows
        m rows.
    Y : array (m,) of int, or (m, n_out)
    w : array (m,), or (folds, m) with 0 where a fold is held out; None where all rows are equal
    classes : int
        The number of classes; 0 for numbers.
    features : array (n_in,) of int
        The feature of each column.
    """

    X: EncodedRows
    Y: HostArray
    w: HostArray | None
    classes: int
    features: NDArray[np.int64]

    @property
    def units(self) -> int:
        """Output units of a network: one for two classes, or for each of more; or for a number."""
        if self.classes:
            return self.classes if self.classes > 2 else 1
        return int(self.Y.shape[1])


@dataclass(frozen=True)
class Training:
    """Settings that all stacks of a fit share.

    Attributes
    ----------
    epochs, batch_size, patience : int
    device : Device
    dtype : str
    progress : bool
        As `train` takes it.
    """

    epochs: int
    batch_size: int
    patience: int
    device: Device
    dtype: str
    progress: bool = False


class Trained(NamedTuple):
    """The networks of a stack after their best epochs.

    Attributes
    ----------
    plan : Plan
    architecture : Architecture
    theta : array (K, P)
        Of the network in training, on the host. K is the number of candidates, times the number of
        folds: fold by fold.
    scores : array (K,)
        The lowest loss on the held-out rows; infinite where training diverged before any epoch.
    epochs : array (K,) of int
        The epoch of the lowest loss.
    outputs : list of array
        For each fold the outputs of its networks (C, m, n) at their best epochs.
    """

    plan: Plan
    architecture: Architecture
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
    count : int
        C, the number of candidates.
    embedding, hidden
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


def started(
    plan: Plan, cases: Cases, folds: int, dtype: str, random: np.random.RandomState
) -> Start:
    """Return the start of a plan's stack, with all random numbers that its training takes."""
    net = network_for(cases.features, plan.embedding, plan.hidden, cases.units, cases.classes)
    architecture, count = Architecture.of(net), folds * len(plan.learning_rate)
    theta = start_of(architecture, cases.features, count, dtype, random)
    return Start(plan, architecture, theta, int(random.randint(2**31 - 1)))


def trained(start: Start, cases: Cases, held: Sequence[HeldOut], training: Training) -> Trained:
    """Return the stack of a plan's candidates after the best epoch of each.

    Rates fall by a cosine to 1 %. Training ends early where no network has had a lower loss for
    `patience` epochs. A network that diverges is left out, and the others start again.

    Parameters
    ----------
    start : Start
    cases : Cases
    held : sequence of HeldOut
        One for each fold.
    training : Training
    """
    plan, architecture, theta, seed = start
    folds, each = len(held), len(plan.learning_rate)
    steps = training.epochs * -(-len(cases.X) // training.batch_size)
    of_each = [np.tile(x, folds) for x in (plan.learning_rate, plan.weight_decay, plan.dropout)]
    w: Any = cases.w
    by_folds = w is not None and w.ndim == 2
    if by_folds:
        w = np.repeat(w, each, axis=0)
    X = cases.X.inputs(architecture.gain, training.dtype, architecture.columns)
    best = BestEpochs(
        architecture, held, each, training.patience, training.dtype, classes=bool(cases.classes)
    )
    while len(best.alive):
        rate, decay, dropout = (x[best.alive] for x in of_each)
        try:
            with ctrl_c_raises():
                train(
                    architecture.in_training,
                    X,
                    cases.Y,
                    theta[best.alive],
                    optimizer=AdamW(_Falling(rate, steps), weight_decay=decay),
                    epochs=training.epochs,
                    batch_size=training.batch_size,
                    case_weights=w[best.alive] if by_folds else w,
                    dropout=dropout if dropout.any() else 0.0,
                    seed=seed,
                    callbacks=[best],
                    device=training.device,
                    progress=training.progress,
                )
        except DivergenceError as error:
            best.alive = np.delete(best.alive, [k for (k,) in error.networks])
        else:
            break
    return Trained(plan, architecture, best.theta, best.scores, best.epochs, best.outputs)


@dataclass(frozen=True)
class _Falling:
    """Half a cosine wave from each network's rate to 1 % of it."""

    rates: NDArray[np.float64]
    steps: int

    def __call__(self, step: int) -> NDArray[np.float64]:
        wave = 0.5 * (1 + np.cos(np.pi * min(step / self.steps, 1.0)))
        found: NDArray[np.float64] = self.rates * (LAST_RATE + (1 - LAST_RATE) * wave)
        return found
