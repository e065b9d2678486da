"""The end of an estimator's training: scikit-learn's rule, and Ctrl-C."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.progress import Progress

__all__ = ["Watch", "ctrl_c_raises"]


@contextmanager
def ctrl_c_raises() -> Iterator[None]:
    """Have the first Ctrl-C raise KeyboardInterrupt, where `train` would return a shorter run.

    A search that fits one estimator after another is to end, and no estimator is to be scored that
    was fitted in part. `training.interrupts` leaves Ctrl-C to a program's own handler, which this
    context sets. In other threads than the main one, and where there is such a handler already,
    nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.default_int_handler(number, frame)


class Watch:
    """A callback that stops training by scikit-learn's rule, and keeps the θ of the best score.

    An epoch has no gain where its score is not better than the best score before by `tol`; the
    score NaN is no gain. Training stops after more than `patience` epochs in a row without a gain.

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
    DIVERGED: ClassVar = "training diverged"  # the first words where the best θ outlives the run

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
        self._waited = 0 if score >= self.best + self._tol else self._waited + 1
        if score > self.best:
            self.best = score
            self.theta = None if self._score is None else theta
        if self._waited > self._patience:
            progress.stop(f"{self.REASON} of {self._tol} for {self._patience} epochs")
