"""The history of training as a data frame of pandas, tidy: a row for each epoch and network."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop_xp.arrays.advice import needs_extra
from backprop_xp.errors import ShapeError

__all__ = ["history_frame"]


def history_frame(history: Mapping[str, Sequence[Any]], stack: Sequence[int] = ()) -> Any:
    """Return the history as a data frame, with a column for each name.

    Parameters
    ----------
    history : dict of lists
        As `Run.history`: the k-th entry of a name belongs to the k-th epoch. A shorter list, such
        as of a callback, ends in missing values.
    stack : sequence of int
        The leading axes of θ, () for a single network.

    Returns
    -------
    pandas.DataFrame
        The rows go by epoch, then by network. The columns are "epoch", counted from 1; "network",
        counted from 0, for a stack of one axis, or "network_0", "network_1" and so on for a stack
        of several axes; and the names of the history. Numbers are float64.

    Raises
    ------
    MissingExtraError
        pandas is not installed.
    ShapeError
        An entry is no number, and no array over the stack.

    Examples
    --------
    >>> history_frame({"cost": [0.7, 0.3], "accuracy": [0.5, 1.0]})  # doctest: +SKIP
       epoch  cost  accuracy
    0      1   0.7       0.5
    1      2   0.3       1.0
    """
    with needs_extra("pandas", "to_frame()", "no pandas", "the package pandas"):
        frame = importlib.import_module("pandas").DataFrame
    lead, epochs = tuple(stack), max(map(len, history.values()), default=0)
    epoch, *networks = np.indices((epochs, *lead)).reshape(1 + len(lead), -1)
    names = ["network"] if len(lead) == 1 else [f"network_{axis}" for axis in range(len(lead))]
    columns = {"epoch": epoch + 1, **dict(zip(names, networks, strict=True))}
    for name, entries in history.items():
        columns.setdefault(name, _column(name, entries, lead, epochs))
    return frame(columns)


def _column(name: str, entries: Sequence[Any], lead: tuple[int, ...], epochs: int) -> Any:
    """Return the entries of a name, and missing values for the epochs after the last entry."""
    found = [np.asarray(entry) for entry in entries]
    numbers = all(one.dtype.kind in "biuf" for one in found)
    column: Any = np.full(
        (epochs, *lead), np.nan if numbers else None, float if numbers else object
    )
    for at, one in enumerate(found):
        if one.shape not in ((), lead):
            expected = f"numbers, or arrays {lead} over the stack" if lead else "numbers"
            came, advice = f"an entry of shape {one.shape}", "Use run.history for such entries"
            raise ShapeError(f"to_frame(), history[{name!r}]", came, expected, advice)
        column[at] = one
    return column.reshape(-1)
