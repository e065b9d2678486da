"""Entries of the history that a callback watches: accuracies are to grow, all else is to fall."""

from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import (
    OptionError,
    nearest_name,
)

__all__ = ["check_metric", "entry_of", "is_better"]


def is_better(new: Any, old: Any, name: str, min_delta: float = 0.0) -> HostArray:
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


def entry_of(progress: Progress, name: str, where: str) -> HostArray:
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
