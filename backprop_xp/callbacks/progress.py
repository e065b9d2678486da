"""The state of training, as callbacks see it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from backprop_xp.arrays.advice import metric_advice
from backprop_xp.errors import MissingEntryError, MissingMethodError
from backprop_xp.network.network import Network

__all__ = ["History", "Progress"]

_ELSEWHERE = {
    "epoch": 'Use len(run.history["cost"]), or run.epoch',
    "history": 'The history is a dict: run.history["cost"]',
    "params": "Use run.network",
    "to_list": "Call run.to_frame(), a row for each epoch",
}


class History(dict[str, list[Any]]):
    """The history of training: a dict of lists, with one entry of each name for an epoch.

    Entries of unknown names raise an error with the name here.

    Raises
    ------
    MissingEntryError
        There are no entries of this name. The error is a KeyError too.

    Examples
    --------
    >>> history = History(cost=[0.7, 0.3])
    >>> history["cost"][-1]
    0.3
    >>> history["val_loss"]
    Traceback (most recent call last):
    backprop_xp.errors.MissingEntryError: history['val_loss']: got no such entries; expected one of
        cost. Its name here is 'validation_cost'; train with validation=(X_val, Y_val).
    """

    def __getitem__(self, name: str) -> list[Any]:
        if isinstance(name, str):
            return super().__getitem__(name)
        came, advice = "no name", 'Use history["cost"][-1] for the cost of the last epoch'
        raise MissingEntryError(f"history[{name!r:.60}]", came, self._names(), advice)

    def __missing__(self, name: str) -> list[Any]:
        advice = metric_advice(name, self)
        where = f"history[{name!r:.60}]"
        raise MissingEntryError(where, "no such entries", self._names(), advice)

    if not TYPE_CHECKING:  # a type checker shall still find misspelt attributes

        def __getattr__(self, name: str) -> Any:
            if name not in _ELSEWHERE:
                message = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(message, name=name, obj=self)
            came, advice = "no such attribute", _ELSEWHERE[name]
            raise MissingMethodError(f"history.{name}", came, self._names(), advice)

    def _names(self) -> str:
        return f"one of {', '.join(self) or 'the entries of an epoch'}"


class Progress(Protocol):
    """The state of training, as callbacks see it.

    Attributes
    ----------
    network : Network
        The network that is trained.
    theta : array (*stack, P)
        A copy of θ.
    epochs : int
        The number of epochs that ``train(epochs=...)`` asked for.
    epoch : int
        The number of complete epochs, with the epochs before a resumed run.
    batch : int
        The number of batches done in the next epoch, 0 between epochs.
    state : tuple of arrays
        The optimiser's state, for θ as training holds it: (K, P) for a stack of K networks of any
        shape. A callback that keeps it must copy it.
    history : dict of lists
        As `Run.history`, one entry for each complete epoch. A callback may add lists of its own.
    stopped : str
        Why training ends before its last epoch; empty while it goes on.
    stopped_by : object or None
        The callback that ends training; None where no callback does.
    schedule_memory : mapping
        The number of steps so far, and the memory of schedules that follow the history, as JSON
        holds them.

    Examples
    --------
    A callback that adds the norm of θ to the history:

    >>> import backprop_xp as bp
    >>> class Norm:
    ...     def on_epoch_end(self, progress):
    ...         norm = float((progress.theta**2).sum()) ** 0.5
    ...         progress.history.setdefault("norm", []).append(norm)
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> len(bp.train(net, X, Y, epochs=3, callbacks=[Norm()]).history["norm"])
    3
    """

    epochs: int
    epoch: int
    batch: int
    state: tuple[Any, ...]
    history: History
    stopped: str
    stopped_by: Any
    schedule_memory: Mapping[str, Any]

    @property
    def network(self) -> Network:
        """The network that is trained.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Announce:
        ...     def on_train_start(self, progress):
        ...         print(progress.network.sizes)
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[Announce()])
        (2, 1)
        """

    @property
    def theta(self) -> Any:
        """A copy of θ, (*stack, P), which a callback may keep.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Keep:
        ...     def on_train_start(self, progress):
        ...         self.first = progress.theta
        >>> net, keep = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy"), Keep()
        >>> run = bp.train(net, *bp.datasets.xor(), seed=1, callbacks=[keep])
        >>> bool((keep.first == net.init(seed=1)).all())
        True
        """

    def take(self, theta: Any, epoch: Any = None) -> None:
        """Replace θ by `theta`, (*stack, P).

        `epoch` is the epoch after which θ was `theta`: in a stack, a number for each network. It
        becomes `Run.epoch`.

        Raises
        ------
        ShapeError
            `theta` has another shape, dtype or library than θ.
        OptionError
            L-BFGS is between two iterations, whose θ is SciPy's.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Clip:
        ...     def on_epoch_end(self, progress):
        ...         progress.take(progress.theta.clip(-0.1, 0.1))
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[Clip()])
        >>> bool((abs(run.theta) <= 0.1).all())
        True
        """

    def leave(self, networks: Any, epoch: Any = None) -> None:
        """Let networks of a stack leave training after this epoch.

        A network that has left keeps its θ, and its entries in the history repeat. The others train
        on, with the same bits, and sooner. Training ends when every network has left. A callback of
        a run that is resumed must tell again which networks have left.

        Parameters
        ----------
        networks : array (*stack) of bool
        epoch : int, or array (*stack) of int, optional
            The epoch after which these networks had their θ, by default this one.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> class Odd:
        ...     def on_epoch_end(self, progress):
        ...         progress.leave([False, True, False, True])
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), stack=4, epochs=3, callbacks=[Odd()])
        >>> run.epoch
        array([3, 1, 3, 1])
        """

    def stop(self, why: str) -> None:
        """End training after this epoch; `why`, a text, becomes `Run.stopped`.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Patience:
        ...     def on_epoch_end(self, progress):
        ...         if progress.epoch == 3:
        ...             progress.stop("three epochs are enough")
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=100, callbacks=[Patience()])
        >>> run.epoch, run.stopped
        (3, 'three epochs are enough')
        """
