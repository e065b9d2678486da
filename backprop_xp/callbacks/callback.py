"""What a callback is: an object that training tells of the moments of a run."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import (
    DTypeError,
)

__all__ = ["Callback", "checked_callbacks", "is_built_in", "wants_batches"]

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
