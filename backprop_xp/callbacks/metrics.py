"""Metrics: entries of the history that a callback watches. Accuracies should grow, others fall."""

from typing import Any

import numpy as np

from backprop_xp.arrays.advice import metric_advice
from backprop_xp.arrays.backend import HostArray
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import OptionError

__all__ = ["check_metric", "entry_of", "is_better"]


def is_better(new: Any, old: Any, name: str, min_delta: float = 0.0) -> HostArray:
    """Tell, for each network, whether the entry `new` of the metric `name` improves on `old`.

    An accuracy must grow, any other metric fall, by more than `min_delta`. Any number improves on
    NaN.

    Examples
    --------
    >>> is_better([0.5, 0.9], [0.6, 0.8], "cost")
    array([ True, False])
    """
    sign, (now, before) = 1 if name.endswith("accuracy") else -1, map(np.asarray, (new, old))
    first_number = np.isnan(before) & ~np.isnan(now)
    return np.asarray((sign * (now - before) > min_delta) | first_number)


def check_metric(metric: Any, where: str) -> None:
    """Refuse a metric that is no text: the names in a history are texts.

    Raises
    ------
    OptionError
    """
    if not isinstance(metric, str):
        advice = "Such as 'validation_cost'"
        raise OptionError(where, repr(metric), "the name of an entry of the history", advice)


def entry_of(progress: Progress, name: str, where: str) -> HostArray:
    """Return the last entry of the metric `name` in the history, a number for each network.

    Raises
    ------
    OptionError
        The history has no such metric.
    """
    entries = progress.history.get(name)
    if not entries:
        known = f"one of {', '.join(progress.history)}"
        advice = metric_advice(name, progress.history)
        raise OptionError(f"{where}(metric)", repr(name), known, advice)
    return np.asarray(entries[-1], dtype=np.float64)
