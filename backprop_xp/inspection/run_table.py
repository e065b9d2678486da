"""A run of training as a small table in HTML, as notebooks show it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.display.html_table import Markup, table
from backprop_xp.display.sparkline import sparkline

__all__ = ["run_table"]

_HEAD = ("", "by epoch", "first", "last")


def run_table(run: Any) -> str:
    """Return the history of a run as a table in HTML, with a curve for each name.

    The numbers of a stack are medians over the networks. Entries of callbacks that hold no numbers
    are left out.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
        ASCII, with every text escaped.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> run = bp.train(bp.Network([2, 1], output="sigmoid", loss="huber"), *bp.datasets.xor())
    >>> run_table(run).count("<svg")
    1
    """
    rows = []
    for name, entries in run.history.items():
        values = _medians(entries)
        if values:
            first, last = (f"{values[at]:.4g}" for at in (0, -1))
            label = f"{name} by epoch, from {first} to {last}"
            rows.append((name, Markup(sparkline(values, label)), first, last))
    return table(_HEAD, rows, caption=_caption(run), texts=(0, 1))


def _medians(entries: Sequence[Any]) -> list[float]:
    """Return the median over the networks for each epoch; nothing where entries hold no numbers."""
    found = [np.asarray(entry) for entry in entries]
    if not all(one.dtype.kind in "biuf" and one.size for one in found):
        return []
    return [float(np.median(one)) for one in found]


def _caption(run: Any) -> str:
    sizes = " → ".join(map(str, run.network.sizes))
    stack = tuple(run.theta.shape[:-1])
    epochs = max(map(len, run.history.values()), default=0)
    of = f"Run of Network {sizes}, {epochs} epoch{'s' * (epochs != 1)}"
    of += f", median of a stack {stack}" if stack else ""
    if run.epoch is not None and np.ndim(run.epoch) == 0 and run.epoch != epochs:
        of += f", θ of epoch {int(run.epoch)}"
    return of + (f"; stopped: {run.stopped}" if run.stopped else "")
