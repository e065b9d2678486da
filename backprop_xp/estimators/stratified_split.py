"""A split of rows in which each class has its share on both sides."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sides", "stratified"]


class Sides(NamedTuple):
    """The indices of the rows of both sides, (m,) of int64, in a random order."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


def stratified(labels: NDArray[np.integer[Any]], count: int, seed: int) -> Sides | None:
    """Return a split by scikit-learn's `StratifiedShuffleSplit`; None where there is none.

    The only row of a class is on the side of training.

    Parameters
    ----------
    labels : array (m,) of int
        The class of each row, ≥ 0.
    count : int
        The number of rows to hold out.
    seed : int
        Chooses the rows.

    Returns
    -------
    Sides or None
        None where a side has fewer rows than there are classes of two rows or more.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    >>> sides = stratified(labels, 4, seed=0)
    >>> np.bincount(labels[sides.train]), np.bincount(labels[sides.held_out])
    (array([2, 2, 1]), array([2, 2]))
    """
    from sklearn.model_selection import StratifiedShuffleSplit

    counts = np.bincount(labels)
    alone = counts[labels] == 1
    rest, classes = np.flatnonzero(~alone), int((counts > 1).sum())
    if not classes or min(count, len(rest) - count) < classes:
        return None
    kind = StratifiedShuffleSplit(n_splits=1, test_size=count, random_state=seed)
    train, held_out = next(kind.split(rest, labels[rest]))
    return Sides(np.concatenate([rest[train], np.flatnonzero(alone)]), rest[held_out])
