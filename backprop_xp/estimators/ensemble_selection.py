"""Greedy selection of an ensemble from the outputs of its candidates on held-out rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray

__all__ = ["Chosen", "greedy", "losses"]

_LEAST = 1e-7  # of a probability in the logarithm


class Chosen(NamedTuple):
    """A selection.

    Attributes
    ----------
    weights : array (K,)
        The share of each candidate; they add up to 1.
    loss : float
        The loss of the ensemble on the held-out rows.
    """

    weights: NDArray[np.float64]
    loss: float


def losses(outputs: Any, y: HostArray, w: HostArray, *, classes: bool) -> NDArray[np.float64]:
    """Return the mean loss of outputs (..., m, n): log loss of classes, squared error of numbers.

    Parameters
    ----------
    outputs : array (..., m, n)
        Numbers, or the probabilities of n classes; one column is the probability of the second of
        two classes.
    y : array (m,) of int, or (m, n)
        Labels, or numbers.
    w : array (m,)
        The weights of the rows.
    classes : bool

    Examples
    --------
    >>> losses(np.array([[[1.0], [3.0]]]), np.array([[1.0], [1.0]]), np.ones(2), classes=False)
    array([2.])
    """
    if classes:
        if outputs.shape[-1] == 1:
            p = np.where(y == 1, outputs[..., 0], 1 - outputs[..., 0])
        else:
            p = np.take_along_axis(
                outputs, np.broadcast_to(y[:, None], (*outputs.shape[:-1], 1)), -1
            )[..., 0]
        each = -np.log(np.maximum(p, _LEAST))
    else:
        each = np.mean((outputs - y) ** 2, axis=-1)
    found: NDArray[np.float64] = each @ w / w.sum()
    return found


def greedy(outputs: Any, y: HostArray, w: HostArray, *, classes: bool, most: int = 32) -> Chosen:
    """Return the shares of candidates in an ensemble that grows by the best candidate each time.

    A candidate may come again. The ensemble of the lowest loss is taken, of at most `most` places.

    Parameters
    ----------
    outputs : array (K, m, n)
        As `losses` takes them.
    y, w, classes
        As `losses` takes them.
    most : int

    References
    ----------
    Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models", ICML
    (2004).

    Examples
    --------
    >>> outputs = np.array([[[0.0]], [[3.0]], [[9.0]]])
    >>> greedy(outputs, np.array([[2.0]]), np.ones(1), classes=False)
    Chosen(weights=array([0.33333333, 0.66666667, 0.        ]), loss=0.0)
    """
    total, picks = np.zeros(outputs.shape[1:]), []
    best, kept = np.inf, 1
    for size in range(1, most + 1):
        tried = np.array([losses((total + a) / size, y, w, classes=classes) for a in outputs])
        pick = int(np.argmin(np.where(np.isnan(tried), np.inf, tried)))
        picks.append(pick)
        total = total + outputs[pick]
        if tried[pick] < best:
            best, kept = float(tried[pick]), size
    counts = np.bincount(picks[:kept], minlength=len(outputs))
    return Chosen(counts / kept, best)
