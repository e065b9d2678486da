"""From outputs to classes, labels or numbers, and to the probabilities of classes."""

from typing import TypeAlias

import numpy as np

from backprop_xp.activations import Activation, Sigmoid, Softmax
from backprop_xp.arrays.backend import Array, HostArray

__all__ = ["decided", "log_probabilities", "probabilities"]

Classes: TypeAlias = HostArray | None


def decided(outputs: HostArray, classes: Classes, flat: bool) -> HostArray:
    """Return the predictions for outputs: classes, labels of 0 and 1, or numbers.

    Parameters
    ----------
    outputs : array (..., m, units)
        One sigmoid unit for one or two classes, else a unit for each class, label or number.
    classes : array (n_classes,) or None
        The classes, or the numbers of the labels; None where the outputs are numbers.
    flat : bool
        Whether a case has one class or number, not several.

    Returns
    -------
    array (..., m), or (..., m, units) where a case has several labels or numbers

    Examples
    --------
    >>> decided(np.array([[0.2], [0.9]]), np.array(["no", "yes"]), True)
    array(['no', 'yes'], dtype='<U3')
    >>> decided(np.array([[0.2, 0.7]]), np.array([0, 1]), False)
    array([[0, 1]])
    """
    if classes is None:
        return outputs[..., 0] if flat else outputs
    if not flat:
        return (outputs > 0.5).astype(int)
    if len(classes) == 1:
        return np.full(outputs.shape[:-1], classes[0], dtype=classes.dtype)
    one = outputs.shape[-1] == 1
    labels = (outputs[..., 0] > 0.5).astype(int) if one else outputs.argmax(axis=-1)
    predicted: HostArray = classes[labels]
    return predicted


def probabilities(z: HostArray, output: Activation, classes: Classes, flat: bool) -> HostArray:
    """Return the probability of each class or label, (..., m, n_classes).

    Parameters
    ----------
    z : array (..., m, units)
        The weighted inputs z^L of the output layer, as rows.
    output : Activation
        The activation of the outputs, softmax or sigmoid.
    classes, flat
        As `decided` takes them. A single class has the probability 1.

    Examples
    --------
    >>> probabilities(np.array([[0.0], [40.0]]), Sigmoid(), np.arange(2), True).round(3)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    if _is_certain(classes, flat):
        return np.ones_like(z)
    return _rows(output(_of_classes(z, flat)))


def log_probabilities(z: HostArray, output: Activation, classes: Classes, flat: bool) -> HostArray:
    """Return the logarithms of `probabilities`, finite where a probability rounds to 0.

    For a label above ½ it is the logarithm of the rounded probability, as in scikit-learn: the
    labels of a case then have the same order by both, also where probabilities round to 1.

    Examples
    --------
    >>> log_probabilities(np.array([[800.0]]), Sigmoid(), np.arange(2), True)
    array([[-800.,   -0.]])
    """
    if _is_certain(classes, flat):
        return np.zeros_like(z)
    log = Softmax().log if isinstance(output, Softmax) else Sigmoid().log
    logarithms = _rows(log(_of_classes(z, flat)))
    if flat:
        return logarithms
    p = probabilities(z, output, classes, flat)
    return np.where(p > 0.5, np.log(np.maximum(p, 0.5)), logarithms)


def _is_certain(classes: Classes, flat: bool) -> bool:
    """Tell whether there is a single class, which every case has."""
    return flat and classes is not None and len(classes) == 1


def _of_classes(z: HostArray, flat: bool) -> HostArray:
    """Return z with a row for each class, (..., n_classes, m).

    One sigmoid unit is two classes. The first has the probability 1 − σ(z) = σ(−z), from which
    σ(−z) loses no digit.
    """
    two = flat and z.shape[-1] == 1
    return np.concatenate([-z, z], axis=-1).mT if two else z.mT


def _rows(a: Array) -> HostArray:
    return np.asarray(a).mT
