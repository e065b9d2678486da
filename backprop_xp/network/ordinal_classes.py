"""Ordered classes 0 … K − 1 as K − 1 sigmoid outputs, where output k is P(y > k).

A network with K − 1 sigmoid outputs and binary cross-entropy learns all P(y > k) at once:

>>> import backprop_xp as bp
>>> net = bp.Network([5, 8, 3], output="sigmoid", loss="binary_cross_entropy")  # K = 4

`ordinal_targets` makes the targets of the network from labels. `ordinal_probabilities` turns the
outputs of the network, or the weighted inputs z of its output units, into the probabilities of the
K classes.

References
----------
Frank, Hall, "A simple approach to ordinal classification", ECML (2001). They train one classifier
for each k. Their P(y > k) may rise with k, which contradicts the rules of probability; P(y > k)
as computed here cannot rise.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, overload

from numpy.typing import NDArray

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays import requirements
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    Array,
    ArrayT,
    Namespace,
    context,
    device_of,
    ignore_overflow,
    is_array,
    namespace,
)
from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DataError, DTypeError, OptionError, ShapeError

__all__ = ["ordinal_probabilities", "ordinal_targets"]


@overload
def ordinal_targets(
    labels: NDArray[Any] | Sequence[Any], classes: int, dtype: Any = "float32"
) -> NDArray[Any]: ...
@overload
def ordinal_targets(labels: ArrayT, classes: int, dtype: Any = "float32") -> ArrayT: ...
@checks_keywords
def ordinal_targets(labels: Any, classes: int, dtype: Any = "float32") -> Array:
    """Return the targets (..., m, K − 1): y_k is 1 where the label is above k, else 0.

    Parameters
    ----------
    labels : array (..., m), or a list
        Integers from 0 to K − 1, in the order of the classes.
    classes : int
        K ≥ 2.
    dtype : str or dtype
        The float dtype of the targets.

    Returns
    -------
    array (..., m, K − 1)
        In the library and on the device of `labels`.

    Raises
    ------
    DataError
        A label is outside 0 … K − 1.
    DTypeError
        The labels are no integers, or `dtype` is no float dtype.
    OptionError
        K is no integer of at least 2.
    ShapeError
        There are no labels.

    Examples
    --------
    >>> ordinal_targets([0, 2, 3], classes=4)
    array([[0., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]], dtype=float32)
    """
    where = "ordinal_targets(labels)"
    K = check_count(classes, "ordinal_targets(classes)", least=2)
    name = float_name(dtype, "ordinal_targets(dtype)")
    if not is_array(labels):
        labels = requirements.real_host_array(labels, where)
    requirements.check_real(labels, where)
    xp = namespace(labels)
    if not xp.isdtype(labels.dtype, ("bool", "integral")):
        advice = "Convert labels held as floats with labels.astype(int)"
        raise DTypeError(where, f"dtype {labels.dtype}", "integers", advice)
    if labels.ndim == 0 or 0 in labels.shape:
        came = f"shape {tuple(labels.shape)}"
        raise ShapeError(where, came, "(m,), at least one label", "Pass a label for each case")
    with context(labels):
        if not xp.isdtype(labels.dtype, "bool"):
            low, high = int(xp.min(labels)), int(xp.max(labels))
            if low < 0 or high >= K:
                came, advice = f"labels from {low} to {high}", "Number the classes from 0 in order"
                raise DataError(where, came, f"labels from 0 to {K - 1}", advice)
        labels = xp.expand_dims(xp.astype(labels, xp.int32), axis=-1)
        steps = xp.arange(K - 1, dtype=xp.int32, device=device_of(labels))
        targets: Array = xp.astype(labels > steps, getattr(xp, name))
        return targets


@overload
def ordinal_probabilities(a_out: ArrayT) -> ArrayT: ...
@overload
def ordinal_probabilities(*, z: ArrayT) -> ArrayT: ...
@checks_keywords
@ignore_overflow
def ordinal_probabilities(a_out: Any = None, *, z: Any = None) -> Any:
    """Return the probability of each class, P(y = k) = P(y > k − 1) − P(y > k), (..., m, K).

    P(y > −1) is 1 and P(y > K − 1) is 0. An output above an earlier one counts as equal to it, so
    that no probability is negative. The probabilities of a case sum to 1.

    Outputs near 1 have lost the digits of a small 1 − a. The weighted inputs z of the output units,
    a = σ(z), keep them: a probability then has a relative error of a few roundings, down to the
    smallest normal number of the dtype.

    Parameters
    ----------
    a_out : array (..., m, K − 1)
        Outputs of the network: P(y > k) for k = 0 … K − 2, each from 0 to 1.
    z : array (..., m, K − 1)
        The weighted inputs of the output units, in place of `a_out`: the outputs of the same
        network with the output "identity".

    Returns
    -------
    array (..., m, K)
        In the library, in the dtype and on the device of the argument.

    Raises
    ------
    DTypeError
        The numbers are no floats.
    OptionError
        Both `a_out` and `z` are given, or neither.
    ShapeError
        There are no outputs.

    Notes
    -----
    With a = σ(z), P(y = 0) = σ(−z_0), P(y = K − 1) = σ(z_(K−2)), and between them
    σ(u) − σ(v) = σ(u) σ(−v) (1 − e^(v−u)).

    Examples
    --------
    >>> import numpy as np
    >>> ordinal_probabilities(np.array([[0.75, 0.5, 0.25], [0.5, 0.75, 0.25]]))
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.  , 0.25, 0.25]])
    >>> ordinal_probabilities(z=np.array([[50.0, 40.0]]))
    array([[1.92874985e-22, 4.24816138e-18, 1.00000000e+00]])
    """
    if (a_out is None) == (z is None):
        came = "neither a_out nor z" if z is None else "both a_out and z"
        advice = "Pass the outputs of net.forward, or z=, the outputs with output='identity'"
        raise OptionError("ordinal_probabilities(a_out)", came, "one of them", advice)
    if z is None:
        P, xp = _checked(a_out, "ordinal_probabilities(a_out)")
        with context(P):
            above = _falling(P, xp)
            between = [lower - upper for lower, upper in pairwise(above)]
            return xp.concat([1 - above[0], *between, above[-1]], axis=-1)
    z, xp = _checked(z, "ordinal_probabilities(z)")
    with context(z):
        inputs = _falling(z, xp)
        between = [_difference(lower, upper, xp) for lower, upper in pairwise(inputs)]
        return xp.concat([Sigmoid()(-inputs[0]), *between, Sigmoid()(inputs[-1])], axis=-1)


def _checked(x: Any, where: str) -> tuple[Any, Namespace]:
    """Return x (..., m, K − 1) as an array, and its namespace."""
    if not is_array(x):
        x = requirements.real_host_array(x, where)
    requirements.check_dense(x, where)
    xp, advice = namespace(x), "Pass the outputs of net.forward"
    if not xp.isdtype(x.dtype, "real floating"):
        raise DTypeError(where, f"dtype {x.dtype}", "floats", advice)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(where, f"shape {tuple(x.shape)}", "(m, K - 1)", advice)
    return x, xp


def _falling(x: Any, xp: Namespace) -> list[Any]:
    """Return the columns of x, each at most the column before it."""
    columns = [x[..., :1]]
    for k in range(1, x.shape[-1]):
        columns.append(xp.minimum(columns[-1], x[..., k : k + 1]))
    return columns


def _difference(u: Any, v: Any, xp: Namespace) -> Any:
    """Return σ(u) − σ(v) for u ≥ v, with all its digits: σ(u) σ(−v) (1 − e^(v−u))."""
    apart, zero = u > v, xp.zeros_like(u)
    gap = xp.where(apart, u, zero) - xp.where(apart, v, zero)  # 0 between equal infinities, too
    return Sigmoid()(u) * Sigmoid()(-v) * -xp.expm1(-gap)
