"""A fit that is ready to train: its cases, its callback, and its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.errors import DivergenceError, OutOfMemoryError
from backprop_xp.estimators.cases import Cases
from backprop_xp.estimators.parameters import Chosen
from backprop_xp.estimators.stopping import Watch, ctrl_c_raises
from backprop_xp.estimators.user_arrays import brought, place_of
from backprop_xp.training.run import Run
from backprop_xp.training.train import train

__all__ = ["Fit", "trained"]


@dataclass
class Fit:
    """A fit after its checks and before its training.

    Attributes
    ----------
    chosen : Chosen
        The optimiser and the callbacks.
    cases : Cases
        The cases to train on.
    others : Cases or None
        The cases held out, or those of `eval_set`.
    watch : Watch
        The callback that measures each epoch and ends the fit.
    random : RandomState
        Draws the order of the cases; it has drawn the start and the cases held out.
    """

    chosen: Chosen
    cases: Cases
    others: Cases | None
    watch: Watch
    random: np.random.RandomState


def trained(arguments: Mapping[str, Any], watch: Watch) -> Run:
    """Return the run of `train` with these arguments; where it diverges, with the best θ.

    The θ of an error is where X is.

    Raises
    ------
    DivergenceError
        Training diverged, and no score of cases held out was known.
    """
    try:
        with ctrl_c_raises():
            return train(**arguments)
    except (DivergenceError, OutOfMemoryError) as error:
        if error.theta is not None:
            error.theta = brought(error.theta, place_of(arguments["X"]))
        if watch.theta is None or isinstance(error, OutOfMemoryError):
            raise
        watch.diverged()
        why = f"{Watch.DIVERGED} in epoch {error.epoch} (counted from 0)"
        return Run(watch.theta, error.history, arguments["net"], why)
