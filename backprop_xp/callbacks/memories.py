"""The state of a run with the memories of its callbacks, and the labels of callbacks in files."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.callback import is_built_in
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import OptionError
from backprop_xp.files.training_state import Snapshot

__all__ = ["is_of", "label_of", "snapshot_of"]


def snapshot_of(
    progress: Progress, settings: Mapping[str, str], callbacks: Sequence[Any]
) -> Snapshot:
    """Return the state of training; it shares no memory with the run.

    Parameters
    ----------
    progress : Progress
    settings : mapping of str to str
        The arguments of `train` as texts.
    callbacks : sequence of Callback

    Raises
    ------
    OptionError
        The history holds entries that are no numbers.
    """
    memories = [(label_of(one), one.state()) for one in callbacks if hasattr(one, "state")]
    return Snapshot(
        to_host(progress.theta),  # a copy
        tuple(np.array(to_host(x)) for x in progress.state),
        progress.epoch,
        {name: _entries(name, of) for name, of in progress.history.items()},
        settings,
        progress.schedule_memory,
        memories,
        progress.stopped,
        "" if progress.stopped_by is None else label_of(progress.stopped_by),
    )


def _entries(name: str, entries: Sequence[Any]) -> HostArray:
    """Return the entries of a history as an array.

    Raises
    ------
    OptionError
    """
    try:
        return np.asarray(entries, dtype=np.float64)
    except (TypeError, ValueError) as error:
        came, expected = f"entries that are no numbers ({error})", "numbers of one shape"
        where = f"Checkpoint, history[{name!r}]"
        raise OptionError(where, came, expected, "Keep them in a list of your own") from error


def _kind(callback: Any) -> str:
    """Return the class of a callback as files name it; a built-in one may move between modules."""
    kind = type(callback)
    return kind.__qualname__ if is_built_in(callback) else f"{kind.__module__}.{kind.__qualname__}"


def label_of(callback: Any) -> str:
    """Return the class of a callback, with the metric of a built-in one, as files name it."""
    metric = getattr(callback, "metric", None) if is_built_in(callback) else None
    return _kind(callback) if metric is None else f"{_kind(callback)}[{metric}]"


def is_of(label: str, callback: Any) -> bool:
    """Tell whether a label in a file is of a callback.

    Older files name no metric, and a built-in callback with its module.
    """
    old = label.rpartition(".")[2] if label.startswith("backprop_xp.") else label
    return label == label_of(callback) or old == _kind(callback)
