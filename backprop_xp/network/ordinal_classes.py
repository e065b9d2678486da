"""Ordered classes 0 … K − 1 as K − 1 sigmoid outputs, of which output k is P(y > k).

A network with K − 1 sigmoid outputs and binary cross-entropy learns all of them at once:

>>> import backprop_xp as bp
>>> net = bp.Network([5, 8, 3], output="sigmoid", loss="binary_cross_entropy")  # K = 4

`ordinal_targets` makes its targets from labels. `ordinal_probabilities` turns its outputs into the
probabilities of the K classes.

References
----------
Frank, Hall, "A simple approach to ordinal classification", ECML (2001). They train one classifier
for each k, and their P(y > k) may rise with k, which no probability does. Here it cannot.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, overload

import array_api_compat
from numpy.typing import NDArray

from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import Array, ArrayT, context, device_of, namespace
from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DataError, DTypeError, ShapeError

__all__ = ["ordinal_probabilities", "ordinal_targets"]


@overload
def ordinal_targets(
    labels: NDArray[Any] | Sequence[Any], classes: int, dtype: Any = "float32"
) -> NDArray[Any]: ...
@overload
def ordinal_targets(labels: ArrayT, classes: int, dtype: Any = "float32") -> ArrayT: ...
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
    if not array_api_compat.is_array_api_obj(labels):
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


def ordinal_probabilities(a_out: ArrayT) -> ArrayT:
    """Return the probability of each class, P(y = k) = P(y > k − 1) − P(y > k), (..., m, K).

    P(y > −1) is 1 and P(y > K − 1) is 0. An output above an earlier one counts as equal to it, so
    that no probability is negative. The probabilities of a case sum to 1.

    Parameters
    ----------
    a_out : array (..., m, K − 1)
        Outputs of the network: P(y > k) for k = 0 … K − 2, each from 0 to 1.

    Returns
    -------
    array (..., m, K)
        In the library, in the dtype and on the device of `a_out`.

    Raises
    ------
    DTypeError
        The outputs are no floats.
    ShapeError
        There are no outputs.

    Examples
    --------
    >>> import numpy as np
    >>> ordinal_probabilities(np.array([[0.75, 0.5, 0.25], [0.5, 0.75, 0.25]]))
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.  , 0.25, 0.25]])
    """
    where = "ordinal_probabilities(a_out)"
    is_array = array_api_compat.is_array_api_obj(a_out)
    P: Any = a_out if is_array else requirements.real_host_array(a_out, where)
    requirements.check_dense(P, where)
    xp = namespace(P)
    if not xp.isdtype(P.dtype, "real floating"):
        came = f"dtype {P.dtype}"
        raise DTypeError(where, came, "floats", "Pass the outputs of net.forward")
    if P.ndim == 0 or P.shape[-1] == 0:
        came = f"shape {tuple(P.shape)}"
        raise ShapeError(where, came, "(m, K - 1)", "Pass the outputs of net.forward")
    with context(P):
        above = [P[..., :1]]
        for k in range(1, P.shape[-1]):
            above.append(xp.minimum(above[-1], P[..., k : k + 1]))
        lowest, highest = 1 - above[0], above[-1]
        between = [lower - upper for lower, upper in pairwise(above)]
        probabilities: ArrayT = xp.concat([lowest, *between, highest], axis=-1)
        return probabilities
