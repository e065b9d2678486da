"""The rows that an ensemble trains on, and the rows that it holds out: once, or by folds."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.data_frames import refuse_missing
from backprop_xp.errors import DataError
from backprop_xp.estimators.stratified_split import stratified

__all__ = ["Split", "splits_of"]


@dataclass(frozen=True)
class Split:
    """A split of a table.

    Attributes
    ----------
    rows : array (m,) of int
        The rows that come into training, with those of all folds.
    held : sequence of array of int
        The rows that are held out, for each fold.
    by_folds : bool
        Whether each row held out is trained on in the other folds.
    """

    rows: NDArray[np.int64]
    held: Sequence[NDArray[np.int64]]
    by_folds: bool

    def case_weights(self, w: HostArray) -> HostArray | None:
        """Return the weights of `rows` in training, (m,) or (folds, m); None where all are equal.

        Examples
        --------
        >>> split = Split(np.arange(3), [np.array([0]), np.array([1, 2])], True)
        >>> split.case_weights(np.ones(3))
        array([[0., 1., 1.],
               [1., 0., 0.]])
        """
        mine = w[self.rows]
        if not self.by_folds:
            return None if (mine == mine[0]).all() else mine
        weights = np.tile(w, (len(self.held), 1))
        for fold, out in zip(weights, self.held, strict=True):
            fold[out] = 0
        return weights[:, self.rows]


def splits_of(
    given: Any, targets: Any, w: HostArray, groups: Any, eval_set: Any, random: Any
) -> Split:
    """Return the split of a fit.

    Parameters
    ----------
    given : estimator
        With `small_table`, `folds` and `validation_fraction`.
    targets : object
        With `Y` and `classes`.
    w : array (m,)
        Rows of weight 0 are left out.
    groups : array (m,) or None
    eval_set : object
        Where it is given, no row is held out.
    random : RandomState

    Raises
    ------
    DataError
        There are too few rows or groups.
    """
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    rows = np.flatnonzero(w > 0)
    if eval_set is not None:
        if groups is not None:
            advice = "Leave groups out, or eval_set"
            raise DataError("fit(groups)", "groups beside eval_set", "one of the two", advice)
        return Split(rows, [np.zeros(0, np.int64)], by_folds=False)
    Y = targets.Y[rows]
    of = None
    if groups is not None:
        of = np.asarray(groups)
        refuse_missing(of.astype(object) if of.dtype.kind == "f" else of, "fit(groups)")
        if of.shape != (len(w),):
            came, expected = f"groups of shape {of.shape}", f"({len(w)},)"
            raise DataError("fit(groups)", came, expected, "Pass one group for each row")
        of = of[rows]
    count = len(rows) if of is None else len(np.unique(of))
    if count < 2:
        came = f"{count} row (n_samples=1)" if of is None else f"{count} group"
        advice = "Pass more, or eval_set=(X, y)"
        raise DataError("fit(X)", came, "at least 2, of which one is held out", advice)
    seed = int(random.randint(2**31 - 1))
    if len(rows) < given.small_table:
        stratify = targets.classes is not None
        held = [rows[out] for out in _folds(min(given.folds, count), Y, of, seed, stratify)]
        return Split(rows, held, by_folds=True)
    count = math.ceil(given.validation_fraction * len(rows))
    if of is None and targets.classes is not None:
        sides = stratified(Y, count, seed)
        if sides is not None:
            return Split(rows[sides.train], [rows[sides.held_out]], by_folds=False)
    share = {"test_size": given.validation_fraction, "random_state": seed}
    once: Any = ShuffleSplit if of is None else GroupShuffleSplit
    kept, out = next(once(n_splits=1, **share).split(Y, Y, of))
    return Split(rows[kept], [rows[out]], by_folds=False)


def _folds(
    count: int, Y: HostArray, groups: HostArray | None, seed: int, stratify: bool
) -> list[NDArray[np.int64]]:
    """Return the rows of each fold; `Y` has labels where `stratify`."""
    from sklearn import model_selection as splitters

    mixed = {"n_splits": count, "shuffle": True, "random_state": seed}
    if groups is not None:
        kind: Any = splitters.GroupKFold(n_splits=count)
    elif stratify and np.bincount(Y).max() >= count:
        kind = splitters.StratifiedKFold(**mixed)
    else:
        kind = splitters.KFold(**mixed)
    with warnings.catch_warnings():  # of a class with fewer rows than folds, each in another fold
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [out for _, out in kind.split(Y, Y, groups)]
