"""Many starts of one network, each trained until all its outputs are right.

A start is one initial θ. `follow` trains all starts as one stack, in rounds. Finished starts leave
the stack at the end of a round, so that the slow ones go on in a smaller stack. A round changes
nothing else: a start begins it with the θ and the Δθ of its last update.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import backprop_xp as bp

__all__ = ["ContinuedSGD", "Outcome", "all_right", "follow", "in_sweeps", "quantile"]

ROUND = 250  # sweeps


@dataclass(frozen=True)
class ContinuedSGD(bp.SGD):
    """The rule of 1986, Δθ(t) = α Δθ(t−1) − ε ∂E/∂θ, continued from a given Δθ.

    Attributes
    ----------
    velocity : array (K, P)
        Δθ of the last update, 0 before the first.
    trained : array (P,) or 1
        1 for parameters that are trained, 0 for parameters that stay fixed.
    """

    velocity: Any = None
    trained: Any = 1

    def init(self, theta: Any) -> tuple[Any]:
        """Return (Δθ,), a copy, because an update overwrites the state."""
        return (np.array(self.velocity, dtype=theta.dtype),)

    def update(self, theta: Any, state: Any, dE_dtheta: Any, **settings: Any) -> tuple[Any, Any]:
        """Return the next θ and (Δθ,)."""
        return super().update(theta, state, dE_dtheta * self.trained, **settings)


@dataclass
class Outcome:
    """The results of K starts.

    Attributes
    ----------
    needed : array (K,) of int
        The first sweep after which every output was on the right side of 0.5; -1 if there was none.
    at_stop, later : array (K, P)
        θ after that sweep, and θ `further` sweeps later; NaN if training did not get so far.
    fell_back : array (K,) of bool
        Whether an output was on the wrong side again between these two sweeps.
    """

    needed: Any
    at_stop: Any
    later: Any
    fell_back: Any

    @property
    def solved(self) -> Any:
        """Whether each start was right after any sweep, (K,)."""
        return self.needed >= 0


def all_right(net: bp.Network, theta: Any, X: Any, Y: Any) -> Any:
    """Tell for each network whether every output of every case is on the right side of 0.5."""
    return np.all((net.forward(theta, X) > 0.5) == (Y > 0.5), axis=(-2, -1))


class _Watch:
    """The callback of one round, which writes the results of its starts into the outcome."""

    def __init__(self, outcome: Outcome, numbers: Any, before: int, further: int, data: Any):
        self.outcome, self.numbers, self.before, self.further = outcome, numbers, before, further
        self.X, self.Y = data
        self.done = np.zeros(len(numbers), dtype=bool)
        self.velocity: Any = None

    def on_epoch_end(self, progress: Any) -> None:
        """Look at all starts after a sweep."""
        of, theta, sweep = self.outcome, progress.theta, self.before + progress.epoch
        right = all_right(progress.network, theta, self.X, self.Y)
        first = self.numbers[right & ~of.solved[self.numbers]]
        if first.size:
            of.needed[first] = sweep
            of.at_stop[first] = theta[np.isin(self.numbers, first)]
        age = np.where(of.solved[self.numbers], sweep - of.needed[self.numbers], -1)
        of.fell_back[self.numbers[~right & (age >= 0) & (age <= self.further)]] = True
        last = age == self.further
        if last.any():
            of.later[self.numbers[last]] = theta[last]
        self.done |= age >= self.further
        if self.done.all():
            progress.stop("every start of the round is finished")

    def on_train_end(self, progress: Any) -> None:
        """Keep the Δθ with which the next round begins."""
        (self.velocity,) = progress.state


def follow(
    net: bp.Network,
    data: Any,
    theta: Any,
    *,
    epsilon: float,
    alpha: float,
    sweeps: int,
    further: int = 0,
    trained: Any = 1,
) -> Outcome:
    """Return the outcome of training starts by the rule of 1986.

    Parameters
    ----------
    net : Network
        A network with outputs between 0 and 1.
    data : (X, Y)
        The cases; a sweep is one update on all of them.
    theta : array (K, P)
        The starts.
    epsilon, alpha : float
        The learning rate ε, for a cost that is the sum over the cases, and the momentum α.
    sweeps : int
        A start that is not right after so many sweeps is given up.
    further : int
        A start that is right is trained for so many sweeps more.
    trained : array (P,) or 1
        1 for parameters that are trained, 0 for parameters that stay fixed.
    """
    X, Y = data
    theta, velocity = theta.copy(), np.zeros_like(theta)
    count = len(theta)
    outcome = Outcome(
        np.full(count, -1), *np.full((2, *theta.shape), np.nan), np.zeros(count, dtype=bool)
    )
    numbers, before = np.arange(count), 0  # the starts in the stack, and the sweeps so far
    while numbers.size and before < sweeps + further:
        end = sweeps if before < sweeps else sweeps + further
        watch = _Watch(outcome, numbers, before, further, data)
        run = bp.train(
            net,
            X,
            Y,
            theta[numbers],
            # ε is for the sum over the cases, `train` minimises their mean
            optimizer=ContinuedSGD(
                epsilon * len(X), alpha, velocity=velocity[numbers], trained=trained
            ),
            epochs=min(ROUND, end - before),
            batch_size=None,
            callbacks=[watch],
        )
        before += len(run.history["cost"])
        theta[numbers], velocity[numbers] = run.theta, watch.velocity
        stay = ~watch.done & (outcome.solved[numbers] | (before < sweeps))
        numbers = numbers[stay]
    return outcome


def quantile(needed: Any, share: float) -> float:
    """Return the sweeps after which this share of all starts is right, ∞ if it never is.

    Examples
    --------
    >>> quantile(np.array([30, -1, 10, 20]), 0.5), quantile(np.array([30, -1]), 0.75)
    (20.0, inf)
    """
    waited = np.where(needed < 0, np.inf, needed)
    return float(np.quantile(waited, share, method="inverted_cdf"))


def in_sweeps(needed: float | None, limit: int) -> str:
    """Return a number of sweeps as text: above the limit if it is ∞, a dash if it is None.

    Examples
    --------
    >>> in_sweeps(1425, 6000), in_sweeps(np.inf, 6000), in_sweeps(None, 6000)
    ('1,425', '> 6,000', '–')
    """
    if needed is None:
        return "–"
    return f"{needed:,.0f}" if np.isfinite(needed) else f"> {limit:,}"
