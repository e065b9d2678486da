"""What every call returns: X and Y, to train on and to test on."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split", "Targets"]

Targets: TypeAlias = NDArray[np.int64] | NDArray[np.float32]


class Dataset(NamedTuple):
    """Training cases, a row each.

    Attributes
    ----------
    X : array (m, n_in) of float32
        The inputs.
    Y : array
        Class labels (m,) of int64, or targets (m, n_out) of float32.
    """

    X: NDArray[np.float32]
    Y: Targets


class Split(NamedTuple):
    """Cases to train on, and others to test on."""

    train: Dataset
    test: Dataset
