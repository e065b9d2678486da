"""Permutation importance: the loss that a model gains when the values of a column are mixed up.

References
----------
Breiman, "Random forests", Machine Learning 45 (2001); Fisher, Rudin, Dominici, "All models are
wrong, but many are useful", JMLR 20 (2019).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["permutation_importance"]


def permutation_importance(
    loss: Callable[[Any], float],
    rows: Any,
    groups: Mapping[str, Sequence[int]],
    *,
    repeats: int = 3,
    seed: int = 0,
) -> dict[str, float]:
    """Return the importance of each group of columns, the largest first.

    Columns of a group, such as the parts of a date, are mixed up together.

    Parameters
    ----------
    loss : callable
        ``loss(rows)`` is the loss of the model for rows.
    rows : array (m, n)
        It is not changed.
    groups : mapping
        The columns of each group, by its name.
    repeats : int
        ≥ 1. The importance is the mean over so many orders.
    seed : int

    Examples
    --------
    >>> rows = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0], [3.0, 8.0]])
    >>> def loss(x):  # of a model that reads the first column alone
    ...     return float(((x[:, 0] - rows[:, 0]) ** 2).mean())
    >>> found = permutation_importance(loss, rows, {"a": [0], "b": [1]})
    >>> found["a"] > 0, found["b"]
    (True, 0.0)
    """
    rng, before = np.random.default_rng(seed), loss(rows)
    found = {}
    for name, columns in groups.items():
        gains = []
        for _ in range(repeats):
            mixed = rows.copy()
            mixed[:, columns] = rows[rng.permutation(len(rows))][:, columns]
            gains.append(loss(mixed) - before)
        found[name] = float(np.mean(gains))
    return dict(sorted(found.items(), key=lambda each: -each[1]))
