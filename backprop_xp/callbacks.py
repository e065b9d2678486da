"""What may happen beside training: what callbacks are told, and early stopping.

A callback is an object with some of the methods of `Callback`. It is told where training stands; it
may keep copies of θ, add entries to the history, and stop the run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from backprop_xp.arrays.backend import Array, device_of, dtype_name, from_host, namespace, to_host
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import (
    DTypeError,
    OptionError,
    nearest_name,
)
from backprop_xp.progress import Progress

__all__ = [
    "Callback",
    "EarlyStopping",
    "check_metric",
    "checked_callbacks",
    "entry_of",
    "is_better",
    "is_built_in",
    "wants_batches",
]

MOMENTS = ("on_train_start", "on_epoch_start", "on_batch_end", "on_epoch_end", "on_train_end")


class Callback(Protocol):
    """What training tells of; a callback has those methods that it needs.

    One that has no ``on_batch_end`` costs a step nothing. One that has it lets batches go one by
    one. A callback whose past matters to a resumed run has `state` and `restore` too.
    """

    def on_train_start(self, progress: Progress) -> None:
        """Before the first epoch of a run, a resumed one too."""

    def on_epoch_start(self, progress: Progress) -> None:
        """Before each epoch."""

    def on_batch_end(self, progress: Progress) -> None:
        """After each batch."""

    def on_epoch_end(self, progress: Progress) -> None:
        """After each epoch, when its entries are in the history."""

    def on_train_end(self, progress: Progress) -> None:
        """After the last epoch."""

    def state(self) -> Mapping[str, Any]:
        """Return numbers, texts and arrays by name, from which `restore` goes on."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list.

    Raises
    ------
    DTypeError
        One of them is no callback.
    """
    given = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for one in given:
        if isinstance(one, type) or not any(callable(getattr(one, name, None)) for name in MOMENTS):
            advice = "Pass a list of objects such as bp.EarlyStopping()"
            expected = f"an object with one of {', '.join(MOMENTS)}"
            raise DTypeError("train(callbacks)", repr(one), expected, advice)
    return given


def is_built_in(callback: Any) -> bool:
    """Tell whether the class of a callback, not one that it derives from, is this library's."""
    return "built_in" in vars(type(callback))


def wants_batches(callback: Any) -> bool:
    """Tell whether a callback is to be told of each batch."""
    method = getattr(type(callback), "on_batch_end", None)
    return callable(method) and method is not Callback.on_batch_end


def is_better(new: Any, old: Any, name: str, min_delta: float = 0.0) -> np.ndarray[Any, Any]:
    """Tell where an entry of a history improves on another; accuracies grow, all else falls."""
    sign, (now, before) = 1 if name.endswith("accuracy") else -1, map(np.asarray, (new, old))
    number_at_last = np.isnan(before) & ~np.isnan(now)  # NaN is never the best
    return np.asarray((sign * (now - before) > min_delta) | number_at_last)


def check_metric(metric: Any, where: str) -> None:
    """Refuse what can be no name in a history.

    Raises
    ------
    OptionError
    """
    if not isinstance(metric, str):
        advice = "Such as 'validation_cost'"
        raise OptionError(where, repr(metric), "the name of an entry of the history", advice)


def entry_of(progress: Progress, name: str, where: str) -> np.ndarray[Any, Any]:
    """Return the last entry of a history.

    Raises
    ------
    OptionError
        There is none.
    """
    entries = progress.history.get(name)
    if not entries:
        missing = name in ("validation_cost", "validation_accuracy")
        advice = "Train with validation=" if missing else nearest_name(name, progress.history)
        known = f"one of {', '.join(progress.history)}"
        raise OptionError(f"{where}(metric)", repr(name), known, advice)
    return np.asarray(entries[-1], dtype=np.float64)


@dataclass
class EarlyStopping:
    """Stops when a metric has not improved for some epochs, and goes back to the best θ.

    Of a stack each network has its own best; the run stops when all of them have stalled.

    Parameters
    ----------
    metric : str
        A name in the history. Accuracies are to grow, everything else to fall.
    patience : int
        ≥ 1, how many epochs in a row may pass without an improvement.
    min_delta : float
        ≥ 0, by how much an improvement must exceed the best.
    restore_best : bool
        Whether the run returns the best θ in place of the last one.

    Raises
    ------
    OptionError
        A number is out of range, or, in training, the history has no such entries.

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
        """Forget a run before, unless this one goes on from it."""
        if progress.epoch == 0:
            self._best = self._waited = self._theta = self._epoch = None

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare the epoch with the best so far."""
        entry = entry_of(progress, self.metric, "EarlyStopping")
        if self._best is None:
            better = np.ones(entry.shape, dtype=bool)
            self._best, self._waited = entry.copy(), np.zeros(entry.shape, dtype=np.int64)
        else:
            better = is_better(entry, self._best, self.metric, self.min_delta)
            self._waited = np.where(better, 0, self._waited + 1)
            self._best = np.where(better, entry, self._best)
        if self.restore_best and better.any():
            now = to_host(progress.theta)
            chosen = better[..., None]
            self._theta = now.copy() if better.all() else np.where(chosen, now, self._theta)
            self._epoch = np.where(better, progress.epoch, 0 if better.all() else self._epoch)
        if (self._waited >= self.patience).all():
            progress.stop(f"{self.metric} has not improved for {self.patience} epochs")

    def on_train_end(self, progress: Progress) -> None:
        """Go back to the best θ."""
        if self.restore_best and self._theta is not None:
            progress.take(_like(self._theta, progress.weights), self._epoch)

    def state(self) -> Mapping[str, Any]:
        """Return the best entry and θ so far, and how long ago that was."""
        found = {"best": self._best, "waited": self._waited, "theta": self._theta}
        found |= {"epoch": self._epoch}
        return {name: value for name, value in found.items() if value is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        TypeError, ValueError
            It is no such state.
        """
        self._best = self._waited = self._theta = self._epoch = None
        if state:
            self._best = np.array(state["best"], dtype=np.float64)
            self._waited = np.array(state["waited"], dtype=np.int64)
            if self._best.shape != self._waited.shape:
                raise ValueError("EarlyStopping remembers arrays that do not fit each other")
        if "theta" in state:
            self._theta = np.array(state["theta"])
            self._epoch = np.array(state["epoch"], dtype=np.int64)
            fits = self._theta.ndim == self._best.ndim + 1
            if not fits or self._theta.shape[:-1] != self._best.shape:
                raise ValueError("EarlyStopping remembers parameters that are none")


def _like(x: np.ndarray[Any, Any], like: Array) -> Array:
    return from_host(x, namespace(like), device_of(like), dtype_name(like.dtype))
