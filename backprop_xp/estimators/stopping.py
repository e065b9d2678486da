"""The curves of a fit and its end: scikit-learn's rule, its learning rates, and Ctrl-C."""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import ClassVar

import numpy as np

from backprop_xp.arrays.backend import Array, copied
from backprop_xp.callbacks.progress import Progress

__all__ = ["Curves", "Rate", "Watch", "ctrl_c_raises"]


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


@dataclass
class Curves:
    """What a fit has measured so far; a warm start and a partial fit go on with it.

    Attributes
    ----------
    losses : list of float
        The mean cost of each epoch.
    scores : list of float or None
        The score of the cases held out after each epoch; None where none are held out.
    best_loss, best_score : float
        The lowest cost and the highest score.
    waited : int
        The number of epochs in a row without a gain.
    cases : int
        The number of cases that training has seen, over all epochs.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] | None = None
    best_loss: float = np.inf
    best_score: float = -np.inf
    waited: int = 0
    cases: int = 0


@dataclass
class Rate:
    """The learning rate of the solver "sgd", a schedule that follows the fit.

    Attributes
    ----------
    kind : {"constant", "invscaling", "adaptive"}
        "invscaling": ε = ε₀ / (n + 1)^power for the n cases that training has seen at the end of
        an epoch. "adaptive": ε is divided by 5 where the fit would end, until it is at most 10⁻⁶.
    initial, power : float
        ε₀ > 0 and the power ≥ 0.
    value : float
        ε.

    Examples
    --------
    >>> rate = Rate("invscaling", 0.1, 0.5)
    >>> rate.after_epoch(cases=3)
    >>> rate(0)
    0.05
    """

    kind: str
    initial: float
    power: float = 0.5
    value: float = field(init=False)

    def __post_init__(self) -> None:
        self.value = float(self.initial)

    def __call__(self, step: int) -> float:  # noqa: ARG002  it changes between epochs
        """Return ε for the steps of the current epoch."""
        return self.value

    def after_epoch(self, cases: int) -> None:
        """Set ε for the next epoch."""
        if self.kind == "invscaling":
            self.value = float(self.initial) / (cases + 1) ** self.power

    def lowered(self) -> bool:
        """Tell whether ε could be lowered in place of ending the fit."""
        if self.kind != "adaptive" or self.value <= 1e-6:
            return False
        self.value /= 5
        return True


@dataclass
class Watch:
    """A callback that stops training by scikit-learn's rule, and keeps the θ of the best score.

    An epoch has no gain where its score is not better than the best score before by `tol`; the
    score NaN is no gain. Training stops after more than `patience` epochs in a row without a gain,
    unless `rate` can be lowered.

    Attributes
    ----------
    tol, patience : float
    curves : Curves
        The measurements of earlier fits, to which this fit adds its own.
    score : callable or None
        From θ (P,) to the score of the cases held out.
    decides : bool
        Whether the score decides; otherwise minus the mean cost of the epoch does.
    rate : Rate or None
    cases : int
        The number of cases of an epoch.
    offset : float
        A constant that the costs of scikit-learn have, and those of training do not.
    tells : bool
        Whether a line about each epoch is printed.
    theta : array (P,) or None
        The θ of the best score in this fit; None where no score decides.
    epochs : int
        The number of epochs of this fit.
    """

    tol: float
    patience: float
    curves: Curves = field(default_factory=Curves)
    score: Callable[[Array], float] | None = None
    decides: bool = False
    rate: Rate | None = None
    cases: int = 0
    offset: float = 0.0
    tells: bool = False
    theta: Array | None = None
    epochs: int = 0

    built_in: ClassVar[bool] = True
    REASON: ClassVar[str] = "no gain"  # the first words of `Run.stopped` after this callback
    DIVERGED: ClassVar[str] = "training diverged"  # where the best θ outlives the run

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare the score of the epoch with the best score before."""
        curves, self.epochs = self.curves, self.epochs + 1
        loss = np.float64(progress.history["cost"][-1] + self.offset)
        curves.losses.append(loss)
        curves.cases += self.cases
        self._say(f"Iteration {self.epochs}, loss = {loss:.8f}")
        if self.score is not None:
            self._look(progress)
        decisive: float = -loss
        best = -curves.best_loss
        if self.decides and curves.scores is not None:
            decisive, best = curves.scores[-1], curves.best_score
        curves.waited = 0 if decisive >= best + self.tol else curves.waited + 1
        curves.best_loss = min(curves.best_loss, loss)
        if self.decides and decisive > best:
            curves.best_score, self.theta = decisive, copied(progress.theta)
        if self.rate is not None:
            self.rate.after_epoch(curves.cases)
        if curves.waited > self.patience:
            self._end(progress)

    def diverged(self) -> None:
        """Note an epoch whose cost is not finite, for which there is no call."""
        self.curves.losses.append(np.float64(np.nan))
        self.epochs += 1
        if self.curves.scores is not None:
            self.curves.scores.append(math.nan)

    def _look(self, progress: Progress) -> None:
        """Add the score of the epoch to the curve."""
        assert self.score is not None  # noqa: S101  for the type checker
        scores = self.curves.scores = self.curves.scores or []
        scores.append(self.score(progress.theta))
        self._say(f"Validation score: {scores[-1]:.6f}")

    def _end(self, progress: Progress) -> None:
        name = "score" if self.decides else "loss"
        why = f"{self.REASON} of the {name} by {self.tol} for {self.patience} epochs"
        if self.rate is not None and self.rate.lowered():
            self.curves.waited = 0
            self._say(f"{why}: learning rate {self.rate.value:.6g}")
            return
        progress.stop(why)
        self._say(f"{why}: the end")

    def _say(self, line: str) -> None:
        if self.tells:
            print(line)
