"""From trained candidates to the members of an ensemble: selection, shares and a table of all."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import OptionError
from backprop_xp.estimators.ensemble_best_epochs import HeldOut
from backprop_xp.estimators.ensemble_selection import greedy, losses
from backprop_xp.estimators.ensemble_targets import Targets
from backprop_xp.estimators.ensemble_training import Trained
from backprop_xp.files.ensemble_model import Member

__all__ = ["Selection", "described", "member_of", "selected"]


class Selection(NamedTuple):
    """The candidates of all stacks that predict together.

    Attributes
    ----------
    shares : list of array (C,)
        For each stack the share of each candidate; all shares add up to 1.
    loss : float
        The loss of the ensemble on the held-out rows, in the user's units.
    """

    shares: list[NDArray[np.float64]]
    loss: float


def selected(
    stacks: Sequence[Trained], held: Sequence[HeldOut], targets: Targets, *, most: int
) -> Selection:
    """Return the greedy selection among the candidates whose training was finite in every fold.

    Parameters
    ----------
    stacks : sequence of Trained
    held : sequence of HeldOut
        One for each fold.
    targets : Targets
    most : int
        The most places in the ensemble.

    Raises
    ------
    OptionError
        Every candidate diverged.
    """
    outputs = np.concatenate([np.concatenate(one.outputs, axis=1) for one in stacks])
    y, w = (np.concatenate([getattr(one, name) for one in held]) for name in ("y", "w"))
    finite = [np.isfinite(one.scores.reshape(len(held), -1)).all(axis=0) for one in stacks]
    usable = np.flatnonzero(np.concatenate(finite))
    if not len(usable):
        came, advice = "a training that diverged for every network", "Lower learning_rate"
        raise OptionError("fit(learning_rate)", came, "finite costs", advice)
    chosen = greedy(outputs[usable], y, w, classes=targets.classes is not None, most=most)
    shares, loss = np.zeros(len(outputs)), chosen.loss
    shares[usable] = chosen.weights
    if targets.classes is None:
        mean = np.tensordot(chosen.weights, outputs[usable], axes=1)
        loss = float(losses(mean * targets.spread, y * targets.unit, w, classes=False))
    ends = np.cumsum([len(one.plan.learning_rate) for one in stacks])
    return Selection(np.split(shares, ends[:-1]), loss)


def member_of(stack: Trained, shares: NDArray[np.float64], targets: Targets) -> Member | None:
    """Return the networks of a stack whose share is above 0; None without any.

    A candidate's share is divided evenly among its networks, one for each fold. Outputs are in the
    user's units.
    """
    folds = len(stack.outputs)
    weights = np.tile(shares, folds) / folds
    kept = np.flatnonzero(weights > 0)
    if not len(kept):
        return None
    architecture, theta = stack.architecture, stack.theta[kept]
    if targets.classes is None:
        theta = targets.in_units(architecture.in_training, theta)
    return Member(architecture.network, architecture.trained(theta), weights[kept])


def described(
    stack: Trained, shares: NDArray[np.float64], held: Sequence[HeldOut], targets: Targets
) -> list[dict[str, Any]]:
    """Return a dict for each candidate of a stack: its numbers, means over folds, its share.

    The score is the loss on held-out rows in the user's units, infinite after a divergence.
    """
    folds, plan = len(stack.outputs), stack.plan
    each = stack.scores.reshape(folds, -1)
    if targets.classes is None:
        found = [
            losses(outputs * targets.spread, one.y * targets.unit, one.w, classes=False)
            for outputs, one in zip(stack.outputs, held, strict=True)
        ]
        each = np.where(np.isfinite(each), found, np.inf)
    scores, epochs = each.mean(axis=0), stack.epochs.reshape(folds, -1).mean(axis=0)
    return [
        {
            "embedding_size": plan.embedding,
            "hidden_layer_sizes": plan.hidden,
            "learning_rate": float(plan.learning_rate[k]),
            "weight_decay": float(plan.weight_decay[k]),
            "dropout": float(plan.dropout[k]),
            "score": float(scores[k]),
            "epoch": float(epochs[k]),
            "weight": float(shares[k]),
        }
        for k in range(len(shares))
    ]
