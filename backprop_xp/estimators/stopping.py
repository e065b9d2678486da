"""The end of an estimator's training by scikit-learn's rule."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.progress import Progress

__all__ = ["Watch"]


class Watch:
    """A callback that stops training by scikit-learn's rule, and keeps the θ of the best score.

    An epoch has no gain where its score is not better than the best score before by `tol`. Training
    stops after more than `patience` epochs in a row without a gain.

    Parameters
    ----------
    tol, patience : float
    score : callable or None
        From θ (P,) to the score of the cases held out. None: the score is minus the mean cost of
        the epoch.

    Attributes
    ----------
    best : float
        The best score.
    theta : array (P,) or None
        The θ of the best score; None where no cases are held out.
    scores : list of float
        The score of each epoch.
    """

    built_in: ClassVar[bool] = True
    REASON: ClassVar = "no gain"  # the first words of `Run.stopped` after this callback

    def __init__(
        self, tol: float, patience: float, score: Callable[[HostArray], float] | None
    ) -> None:
        self._tol, self._patience, self._score = tol, patience, score
        self._waited = 0
        self.best = -np.inf
        self.theta: HostArray | None = None
        self.scores: list[float] = []

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare the score of the epoch with the best score before."""
        if self._score is None:
            score = -progress.history["cost"][-1]
        else:
            theta = to_host(progress.theta)  # a copy
            score = self._score(theta)
        self.scores.append(score)
        self._waited = self._waited + 1 if score < self.best + self._tol else 0
        if score > self.best:
            self.best = score
            self.theta = None if self._score is None else theta
        if self._waited > self._patience:
            progress.stop(f"{self.REASON} of {self._tol} for {self._patience} epochs")
