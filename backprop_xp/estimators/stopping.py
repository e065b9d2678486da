"""When an estimator's training stops: scikit-learn's rule."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.progress import Progress

__all__ = ["Watch"]


class Watch:
    """Stops by scikit-learn's rule, and keeps the best θ where cases are held out.

    An epoch counts that is not better than the best so far by `tol` at least; training stops when
    more than `patience` in a row count.

    Parameters
    ----------
    tol, patience : float
    score : callable or None
        From θ (P,) to the score on cases that were held out, which is to grow; None for the mean
        cost of the epoch, which is to fall.

    Attributes
    ----------
    best : float
        The best score, or minus the least cost.
    theta : array (P,) or None
        The θ of the best score.
    scores : list of float
        Of each epoch.
    """

    built_in: ClassVar[bool] = True
    WHY: ClassVar = "no gain"  # how the reason begins for which training stops

    def __init__(
        self, tol: float, patience: float, score: Callable[[HostArray], float] | None
    ) -> None:
        self._tol, self._patience, self._score = tol, patience, score
        self._waited = 0
        self.best = -np.inf
        self.theta: HostArray | None = None
        self.scores: list[float] = []

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare the epoch with the best so far."""
        if self._score is None:
            now = -progress.history["cost"][-1]
        else:
            theta = to_host(progress.theta)  # a copy
            now = self._score(theta)
        self.scores.append(now)
        self._waited = self._waited + 1 if now < self.best + self._tol else 0
        if now > self.best:
            self.best = now
            self.theta = None if self._score is None else theta
        if self._waited > self._patience:
            progress.stop(f"{self.WHY} of {self._tol} for {self._patience} epochs")
