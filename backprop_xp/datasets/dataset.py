"""`Dataset`, inputs X and targets Y, and `Split`, a data set to train on and one to test on."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split", "Targets"]

Targets: TypeAlias = NDArray[Any]  # int64 labels or float32 targets


class Dataset(NamedTuple):
    """Cases, a row each; ``X, Y = dataset`` takes it apart.

    Attributes
    ----------
    X : array (m, n_in) of float32
        The inputs.
    Y : array
        Class labels (m,) of int64, or targets (m, n_out) of float32.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> dataset = bp.datasets.xor()
    >>> dataset.X.shape, dataset.Y.shape
    ((4, 2), (4, 1))
    """

    X: NDArray[np.float32]
    Y: Targets


class Split(NamedTuple):
    """Cases to train on and other cases to test on.

    Attributes
    ----------
    train, test : Dataset

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> split = Split(train=Dataset(X[:3], Y[:3]), test=Dataset(X[3:], Y[3:]))
    >>> len(split.train.X), len(split.test.X)
    (3, 1)
    """

    train: Dataset
    test: Dataset
