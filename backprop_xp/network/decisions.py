"""From outputs to classes, labels or numbers, and to the probabilities of classes."""

from typing import Any, TypeAlias

import array_api_compat
import numpy as np

from backprop_xp.activations import Activation, Sigmoid, Softmax
from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context,
    device_of,
    from_host_like,
    namespace,
    to_host,
)

__all__ = ["decided", "log_probabilities", "probabilities"]

Classes: TypeAlias = HostArray | None


def decided(outputs: Array, classes: Classes, flat: bool) -> Any:
    """Return the predictions for outputs: classes, labels of 0 and 1, or numbers.

    The predictions are in the library of the outputs and on their device. Where the library has no
    dtype for the classes, such as texts, they are a NumPy array.

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
    with context(outputs):
        if flat and outputs.shape[-1] > 1:
            return _classes_of(namespace(outputs).argmax(outputs, axis=-1), classes)
        labels = namespace(outputs).astype(outputs > 0.5, _dtypes(outputs)["labels"])
        if not flat:
            return labels
        several = len(classes) - 1  # 0 where there is a single class
        return _classes_of(labels[..., 0] * several, classes)


def _dtypes(x: Array) -> dict[str, Any]:
    """Return the dtypes of the library of `x` by name, and the dtype of "labels".

    Labels are of int64, or of int32 where there is no int64.
    """
    known = namespace(x).__array_namespace_info__().dtypes(device=device_of(x))
    return {**known, "labels": known.get("int64", known["int32"])}


def _classes_of(labels: Any, classes: HostArray) -> Any:
    """Return the class of each label (..., m); of NumPy where the library has no such classes."""
    if array_api_compat.is_numpy_array(labels):
        return classes[labels]
    known, numbers = _dtypes(labels), classes.dtype.kind in "biuf"
    for name in (classes.dtype.name, "int64", "int32", "float32") if numbers else ():
        if name in known and np.array_equal(classes.astype(name), classes):
            xp, there = namespace(labels), from_host_like(classes, labels, name)
            return xp.reshape(xp.take(there, xp.reshape(labels, (-1,)), axis=0), labels.shape)
    return classes[to_host(labels)]


def probabilities(z: Array, output: Activation, classes: Classes, flat: bool) -> Any:
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
    with context(z):
        if _is_certain(classes, flat):
            return namespace(z).ones_like(z)
        return output(_of_classes(z, flat)).mT


def log_probabilities(z: Array, output: Activation, classes: Classes, flat: bool) -> Any:
    """Return the logarithms of `probabilities`, finite where a probability rounds to 0.

    For a label above ½ it is the logarithm of the rounded probability, as in scikit-learn: the
    labels of a case then have the same order by both, also where probabilities round to 1.

    Examples
    --------
    >>> log_probabilities(np.array([[800.0]]), Sigmoid(), np.arange(2), True)
    array([[-800.,   -0.]])
    """
    xp = namespace(z)
    with context(z):
        if _is_certain(classes, flat):
            return xp.zeros_like(z)
        log = Softmax().log if isinstance(output, Softmax) else Sigmoid().log
        logarithms = log(_of_classes(z, flat)).mT
        if flat:
            return logarithms
        p = probabilities(z, output, classes, flat)
        return xp.where(p > 0.5, xp.log(xp.maximum(p, 0.5)), logarithms)


def _is_certain(classes: Classes, flat: bool) -> bool:
    """Tell whether there is a single class, which every case has."""
    return flat and classes is not None and len(classes) == 1


def _of_classes(z: Any, flat: bool) -> Any:
    """Return z with a row for each class, (..., n_classes, m).

    One sigmoid unit is two classes. The first has the probability 1 − σ(z) = σ(−z), from which
    σ(−z) loses no digit.
    """
    two = flat and z.shape[-1] == 1
    return namespace(z).concat([-z, z], axis=-1).mT if two else z.mT
