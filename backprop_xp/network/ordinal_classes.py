"""Ordered classes: K of them as K − 1 questions, each of which has one sigmoid output.

Of a grade from 0 to K − 1 output k says with which probability it is above k. A network with
K − 1 sigmoid outputs and binary cross-entropy learns them all at once:

>>> import backprop_xp as bp
>>> net = bp.Network([5, 8, 3], output="sigmoid", loss="binary_cross_entropy")  # K = 4

Its targets are those of `ordinal_targets`, and `ordinal_probabilities` makes the probabilities of
the K classes of what it puts out.

References
----------
Frank, Hall, "A simple approach to ordinal classification", ECML (2001), which trains a classifier
for each question. There P(y > k) may rise with k, which no probability does; here it may not.
"""

from itertools import pairwise
from typing import Any

import array_api_compat

from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import Array, context, device_of, namespace
from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DataError, DTypeError, ShapeError

__all__ = ["ordinal_probabilities", "ordinal_targets"]


def ordinal_targets(labels: Any, classes: int, dtype: Any = "float32") -> Array:
    """Return the targets y_k = 1 where the label is above k, else 0, (..., m, K − 1).

    Parameters
    ----------
    labels : array (..., m), or a list
        Integers from 0 to K − 1, in the order of the classes.
    classes : int
        K ≥ 2.
    dtype : str or dtype
        A float dtype, of the targets.

    Returns
    -------
    array (..., m, K − 1)
        Of the library and on the device of `labels`.

    Raises
    ------
    DataError, DTypeError, OptionError, ShapeError

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
        raise ShapeError(where, came, "(m,), one label at least", "Pass a label for each case")
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


def ordinal_probabilities(a_out: Array) -> Array:
    """Return the probability of each class, P(y = k) = P(y > k − 1) − P(y > k), (..., m, K).

    P(y > −1) is 1 and P(y > K − 1) is 0. An output that is above one before it is taken down to it,
    so that no probability is negative; those of a case sum to 1.

    Parameters
    ----------
    a_out : array (..., m, K − 1)
        P(y > k) for k = 0 … K − 2, from 0 to 1: what the network puts out.

    Raises
    ------
    DTypeError, ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> ordinal_probabilities(np.array([[0.75, 0.5, 0.25], [0.5, 0.75, 0.25]]))
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.  , 0.25, 0.25]])
    """
    where = "ordinal_probabilities(a_out)"
    if not array_api_compat.is_array_api_obj(a_out):
        a_out = requirements.real_host_array(a_out, where)
    requirements.check_dense(a_out, where)
    xp = namespace(a_out)
    if not xp.isdtype(a_out.dtype, "real floating"):
        came = f"dtype {a_out.dtype}"
        raise DTypeError(where, came, "floats", "Pass what net.forward returned")
    if a_out.ndim == 0 or a_out.shape[-1] == 0:
        came = f"shape {tuple(a_out.shape)}"
        raise ShapeError(where, came, "(m, K - 1)", "Pass what net.forward returned")
    with context(a_out):
        above = [a_out[..., :1]]
        for k in range(1, a_out.shape[-1]):
            above.append(xp.minimum(above[-1], a_out[..., k : k + 1]))
        first = 1 - above[0]
        between = [one - other for one, other in pairwise(above)]
        probabilities: Array = xp.concat([first, *between, above[-1]], axis=-1)
        return probabilities
