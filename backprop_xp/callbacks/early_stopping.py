"""Early stopping: the end of a run whose validation no longer improves, and its best θ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import from_host_like, to_host
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.callbacks.metrics import check_metric, entry_of, is_better
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import OptionError

__all__ = ["EarlyStopping"]


@checks_keywords
@dataclass
class EarlyStopping:
    """Stops a run whose metric has not improved for some epochs, and restores the best θ.

    In a stack each network has its own best θ, and stops by itself: it leaves training when its
    metric has not improved for `patience` epochs, and the others train on with the same bits. Its
    entries in the history repeat. The run stops when every network has stopped.

    Parameters
    ----------
    metric : str
        A name in the history. An accuracy improves by growing, any other metric by falling.
    patience : int
        ≥ 1, the number of epochs in a row without an improvement, after which the run stops. A
        stopped run that is resumed with a larger patience goes on.
    min_delta : float
        ≥ 0, the change of the metric that an improvement must exceed.
    restore_best : bool
        Whether the run returns the best θ in place of the last one.

    Raises
    ------
    OptionError
        A number is out of range, or, in training, the history has no such metric.

    References
    ----------
    Prechelt, "Early stopping - but when?", in "Neural Networks: Tricks of the Trade" (1998).

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> stop = EarlyStopping("cost", patience=2, min_delta=1.0)
    >>> run = bp.train(net, X, Y, epochs=100, callbacks=[stop])
    >>> len(run.history["cost"]), run.stopped
    (3, 'cost has not improved for 2 epochs')
    """

    built_in: ClassVar[bool] = True

    metric: str = "validation_cost"
    patience: int = 10
    min_delta: float = 0.0
    restore_best: bool = True
    _best: Any = field(default=None, init=False, repr=False)
    _waited: Any = field(default=None, init=False, repr=False)
    _theta: Any = field(default=None, init=False, repr=False)
    _epoch: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_metric(self.metric, "EarlyStopping(metric)")
        check_count(self.patience, "EarlyStopping(patience)", least=1)
        if finite_number(self.min_delta, "EarlyStopping(min_delta)") < 0:
            raise OptionError("EarlyStopping(min_delta)", repr(self.min_delta), ">= 0", "Use 0.0")

    def on_train_start(self, progress: Progress) -> None:
        """Forget an earlier run, unless this run resumes it.

        A resumed run that a smaller `patience` had stopped goes on, unless `patience` is over for
        another `EarlyStopping`.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> stop = bp.EarlyStopping("cost", patience=2, min_delta=1.0)
        >>> runs = [bp.train(net, *bp.datasets.xor(), callbacks=[stop]) for _ in range(2)]
        >>> [len(run.history["cost"]) for run in runs]
        [3, 3]
        """
        if progress.epoch == 0:
            self._best = self._waited = self._theta = self._epoch = None
        elif self._stalled:
            progress.stop(self._reason)
        else:
            if progress.stopped_by is self:
                progress.stopped = ""
            self._let_go(progress)

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare the epoch with the best one; stop the run when `patience` is over.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> stop = bp.EarlyStopping("cost", patience=5, min_delta=1.0)
        >>> bp.train(net, *bp.datasets.xor(), epochs=100, callbacks=[stop]).stopped
        'cost has not improved for 5 epochs'
        """
        entry = entry_of(progress, self.metric, "EarlyStopping")
        if self._best is None:
            better = np.ones(entry.shape, dtype=bool)
            self._best, self._waited = entry.copy(), np.zeros(entry.shape, dtype=np.int64)
        else:
            better = is_better(entry, self._best, self.metric, self.min_delta)
            better &= self._waited < self.patience  # a network that has stopped
            self._waited = np.where(better, 0, self._waited + 1)
            self._best = np.where(better, entry, self._best)
        if self.restore_best and better.any():
            now = to_host(progress.theta)  # a copy
            self._theta = now if better.all() else np.where(better[..., None], now, self._theta)
            self._epoch = np.where(better, progress.epoch, 0 if better.all() else self._epoch)
        if self._stalled:
            progress.stop(self._reason)
        else:
            self._let_go(progress)

    def _let_go(self, progress: Progress) -> None:
        """Let the networks of a stack that have stalled leave training."""
        if self._waited is not None and self._waited.ndim and (self._waited >= self.patience).any():
            over = self._waited - self.patience  # the epochs since the network stopped
            progress.leave(over >= 0, progress.epoch - over)

    def on_train_end(self, progress: Progress) -> None:
        """Restore the best θ.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> stop = bp.EarlyStopping("cost", patience=5, min_delta=1.0)
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=100, callbacks=[stop])
        >>> len(run.history["cost"]), int(run.epoch)  # the best θ is of the first epoch
        (6, 1)
        """
        if self.restore_best and self._theta is not None:
            progress.take(from_host_like(self._theta, progress.theta), self._epoch)

    @property
    def _stalled(self) -> bool:
        """Whether `patience` is over for every network."""
        return self._waited is not None and bool((self._waited >= self.patience).all())

    @property
    def _reason(self) -> str:
        """The reason for a stop now."""
        waited = 0 if self._waited is None else int(self._waited.min())
        return f"{self.metric} has not improved for {waited} epochs"

    def state(self) -> Mapping[str, Any]:
        """Return the best entry and its θ so far, and the epochs since then.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> stop = bp.EarlyStopping("cost", patience=5, min_delta=1.0)
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=4, callbacks=[stop])
        >>> int(stop.state()["epoch"]), int(stop.state()["waited"])
        (1, 3)
        """
        names = ("best", "waited", "theta", "epoch")
        found = {name: getattr(self, f"_{name}") for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a memory that `state` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            `state` is no such memory.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> stop, other = bp.EarlyStopping("cost"), bp.EarlyStopping("cost")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=4, callbacks=[stop])
        >>> other.restore(stop.state())
        >>> bool(other.state()["best"] == min(run.history["cost"]))
        True
        """
        self._best = self._waited = self._theta = self._epoch = None
        if state:
            self._best = np.array(state["best"], dtype=np.float64)
            self._waited = np.array(state["waited"], dtype=np.int64)
            if self._best.shape != self._waited.shape:
                raise ValueError("the arrays of EarlyStopping do not fit each other")
        if "theta" in state:
            self._theta = np.array(state["theta"])
            self._epoch = np.array(state["epoch"], dtype=np.int64)
            fits = self._theta.ndim == self._best.ndim + 1
            if not fits or self._theta.shape[:-1] != self._best.shape:
                raise ValueError(
                    "the best theta of EarlyStopping has another stack than its metric"
                )
