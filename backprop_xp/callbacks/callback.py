"""The protocol of callbacks: the methods that training calls at fixed moments of a run."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import DTypeError

__all__ = ["Callback", "checked_callbacks", "is_built_in", "wants_batches", "writes"]

MOMENTS = ("on_train_start", "on_epoch_start", "on_batch_end", "on_epoch_end", "on_train_end")


class Callback(Protocol):
    """The methods that training calls; a callback defines the methods that it needs.

    A callback with ``on_batch_end`` forces blocks of one batch, which is slower. A callback without
    it costs a step nothing. A callback with a memory, for resumed runs, defines `state` and
    `restore` too. A class need not inherit from `Callback`. A subclass of `Callback` inherits the
    methods that it does not define; they do nothing.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> class Print:
    ...     def on_epoch_end(self, progress):
    ...         print(progress.epoch, len(progress.history["cost"]))
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, epochs=2, callbacks=[Print()])
    1 1
    2 2
    """

    def on_train_start(self, progress: Progress) -> None:
        """Act before the first epoch of a run, new or resumed.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Announce:
        ...     def on_train_start(self, progress):
        ...         print(progress.network.parameter_count, "parameters")
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[Announce()])
        3 parameters
        """
        return

    def on_epoch_start(self, progress: Progress) -> None:
        """Act before each epoch.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Announce:
        ...     def on_epoch_start(self, progress):
        ...         print("after", progress.epoch, "epochs")
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[Announce()])
        after 0 epochs
        after 1 epochs
        """
        return

    def on_batch_end(self, progress: Progress) -> None:
        """Act after each batch.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Announce:
        ...     def on_batch_end(self, progress):
        ...         print("epoch", progress.epoch + 1, "batch", progress.batch)
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=1, batch_size=2, callbacks=[Announce()])
        epoch 1 batch 1
        epoch 1 batch 2
        """
        return

    def on_epoch_end(self, progress: Progress) -> None:
        """Act after each epoch, when its entries are in the history.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Stop:
        ...     def on_epoch_end(self, progress):
        ...         if progress.history["cost"][-1] < 0.75:
        ...             progress.stop("a cost below 0.75")
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=1000, callbacks=[Stop()])
        >>> run.epoch, run.stopped
        (6, 'a cost below 0.75')
        """
        return

    def on_train_end(self, progress: Progress) -> None:
        """Act after the last epoch.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Announce:
        ...     def on_train_end(self, progress):
        ...         print("the last cost is", round(progress.history["cost"][-1], 2))
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[Announce()])
        the last cost is 0.79
        """
        return

    def state(self) -> Mapping[str, Any]:
        """Return the callback's memory by name, for a checkpoint.

        The memory holds numbers, texts and arrays, and dicts, lists and tuples of these.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> class Count:
        ...     epochs = 0
        ...     def on_epoch_end(self, progress):
        ...         self.epochs += 1
        ...     def state(self):
        ...         return {"epochs": self.epochs}
        >>> net, count = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy"), Count()
        >>> run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[count])
        >>> count.state()
        {'epochs': 2}
        """
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a memory that `state` returned, before a resumed run.

        Examples
        --------
        >>> class Count:
        ...     epochs = 0
        ...     def restore(self, state):
        ...         self.epochs = int(state["epochs"])
        >>> count = Count()
        >>> count.restore({"epochs": 2})
        >>> count.epochs
        2
        """
        return


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


def writes(callback: Any) -> bool:
    """Tell whether a callback is built-in, or of a subclass, and writes to files or to the screen.

    Of several processes that train one network, only the first calls such a callback.
    """
    return any("writes" in vars(one) and "built_in" in vars(one) for one in type(callback).__mro__)


def is_built_in(callback: Any) -> bool:
    """Tell whether the class of a callback is this library's; a user's subclass of it is not."""
    return "built_in" in vars(type(callback))


def wants_batches(callback: Any) -> bool:
    """Tell whether a callback or its class defines `on_batch_end`."""
    method = getattr(callback, "on_batch_end", None)
    return callable(method) and getattr(method, "__func__", method) is not Callback.on_batch_end
