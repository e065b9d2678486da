"""The random numbers of a fit, drawn in the order in which scikit-learn draws them.

The start, the cases held out and the order of the cases come from one stream of random numbers. So
a fit has the weights of scikit-learn's own fit, epoch by epoch.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backprop_xp.activations import Activation, Sigmoid
from backprop_xp.arrays.backend import HostArray

__all__ = ["Shuffle", "first_parameters"]


def first_parameters(
    sizes: Sequence[int], hidden: Sequence[Activation], dtype: Any, random: np.random.RandomState
) -> tuple[list[HostArray], list[HostArray]]:
    """Return the weights (n_in, n_out) and the biases (n_out,) of each layer before training.

    All numbers of a layer are uniform within ±√(6 / (n_in + n_out)), or ±√(2 / (n_in + n_out))
    where the activation is the sigmoid. The output layer has the bound of the last hidden layer's
    activation.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer.
    hidden : sequence of Activation
        The activation of each hidden layer; for a network without any, the activation that hidden
        layers would have had.
    dtype : dtype
    random : RandomState

    References
    ----------
    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS (2010), for the bound with 6.

    Examples
    --------
    >>> (W,), (b,) = first_parameters([2, 1], [Sigmoid()], "float64", np.random.RandomState(0))
    >>> W.shape, b.shape, bool(abs(W).max() < math.sqrt(2 / 3))
    ((2, 1), (1,), True)
    """
    coefs, intercepts = [], []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        activation = hidden[min(layer, len(hidden) - 1)]
        bound = math.sqrt((2 if isinstance(activation, Sigmoid) else 6) / (n_in + n_out))
        coefs.append(random.uniform(-bound, bound, (n_in, n_out)).astype(dtype))
        intercepts.append(random.uniform(-bound, bound, n_out).astype(dtype))
    return coefs, intercepts


class Shuffle:
    """The order of the cases, for ``train(order=)``: each epoch shuffles the order of the last one.

    Parameters
    ----------
    m : int
        The number of cases.
    random : RandomState

    Examples
    --------
    >>> order = Shuffle(4, np.random.RandomState(0))
    >>> order(0), order(1)
    (array([2, 3, 1, 0]), array([2, 1, 3, 0]))
    """

    def __init__(self, m: int, random: np.random.RandomState) -> None:
        self._rows, self._random = np.arange(m), random

    def __call__(self, epoch: int) -> HostArray:  # noqa: ARG002  it is called once an epoch
        """Return the order (m,) of the next epoch, whatever its number."""
        moved = np.arange(len(self._rows))
        self._random.shuffle(moved)
        self._rows = self._rows[moved]
        return self._rows
