"""The rows of a table that are held out: by chance, by group, or the last ones."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.cli.training_data import SMALL
from backprop_xp.datasets.mixed import MixedTable
from backprop_xp.errors import DataError, OptionError
from backprop_xp.estimators.stratified_split import stratified

__all__ = ["Rows", "rows_of_split"]


class Rows(NamedTuple):
    """The rows to train on, and the rows held out, (m,) of int; in order where they have one."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


def rows_of_split(
    table: MixedTable,
    share: float | None,
    seed: int,
    *,
    groups: NDArray[Any] | None = None,
    order: NDArray[Any] | None = None,
) -> Rows:
    """Return the rows of a split.

    Parameters
    ----------
    table : MixedTable
        With a target.
    share : float or None
        Of the rows, or of the groups, to hold out. None: a fifth, or nothing from fewer than 50
        rows.
    seed : int
        Chooses the rows.
    groups : array (m,), optional
        A group is held out as a whole.
    order : array (m,), optional
        The last rows in this order are held out.

    Raises
    ------
    OptionError
        The share leaves no row on one side.
    DataError
        The rows to train on have one class alone.
    """
    m = len(table)
    if share is None:
        share = 0.2 if m >= SMALL else 0.0
    rows = np.arange(m) if order is None else np.argsort(order, kind="stable")
    if not share:
        split = Rows(rows, rows[:0])
    else:
        units = m if groups is None else len(np.unique(groups))
        count = round(units * share)
        if not 1 <= count < units:
            word = "rows" if groups is None else "groups"
            came = f"{share:g} of {units} {word}, which is {count}"
            advice = "Use another share, or 0 to train on all of them"
            expected = "at least one to train on and one held out"
            raise OptionError("--held-out", came, expected, advice)
        split = _split(table, rows, count, seed, groups, ordered=order is not None)
    if table.task == "classes" and len(np.unique(_labels(table)[split.train])) < 2:
        came, expected = "rows of one class alone to train on", "rows of two classes"
        raise DataError("--held-out", came, expected, "Check --target, --group and --order")
    return split


def _split(
    table: MixedTable,
    rows: NDArray[np.int64],
    count: int,
    seed: int,
    groups: NDArray[Any] | None,
    *,
    ordered: bool,
) -> Rows:
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    if ordered:
        return Rows(rows[:-count], rows[-count:])
    if groups is None and table.task == "classes":
        sides = stratified(_labels(table), count, seed)
        if sides is not None:
            return Rows(np.sort(sides.train), np.sort(sides.held_out))
    kind: Any = ShuffleSplit if groups is None else GroupShuffleSplit
    splits = kind(n_splits=1, test_size=count, random_state=seed).split(rows, None, groups)
    train, held_out = next(splits)
    return Rows(np.sort(train), np.sort(held_out))


def _labels(table: MixedTable) -> NDArray[np.int64]:
    labels: NDArray[np.int64] = np.asarray(table.Y)
    return labels
