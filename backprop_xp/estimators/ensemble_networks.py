"""The networks of an ensemble: a first layer that scales each feature, and its start."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.network.network import Network

__all__ = ["gain_of", "network_for", "start_of"]

GAIN: Final = 6.0  # the factor of inputs in training, and the divisor of the first layer's weights
MOST_WEIGHTS: Final = 2**22  # of the first layer, which is held densely


def gain_of(net: Network) -> float:
    """Return the factor of inputs in training: 1 for a network without a layer of features.

    Examples
    --------
    >>> gain_of(network_for(np.array([0, 1]), 2, [5], 1, 0)), gain_of(Network([2, 5, 1]))
    (6.0, 1.0)
    """
    return 1.0 if net.connections[0] is None else GAIN


def network_for(
    features: NDArray[np.int64], embedding: int, hidden: Sequence[int], units: int, classes: int
) -> Network:
    """Return a network whose first layer has units for each feature, connected to it alone.

    A feature of w columns has min(w, embedding) units. Where these are as many as its columns, each
    unit has one column: its learnt scale. In a wide table a feature has fewer units, so that the
    layer has at most 2²² weights; where one unit each is too many, there is no such layer.

    Parameters
    ----------
    features : array (n_in,) of int
        The feature of each column.
    embedding : int
    hidden : sequence of int
    units : int
        Output units.
    classes : int
        The number of classes; 0 for numbers.

    Examples
    --------
    >>> net = network_for(np.array([0, 1, 1, 1]), 2, [5], 1, 0)
    >>> net.sizes, np.asarray(net.connections[0], int).tolist()
    ((4, 3, 5, 1), [[1, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1]])
    """
    mask = _mask_of(features, embedding)
    output, loss = "identity", "squared_error"
    if classes:
        output = "softmax" if units > 1 else "sigmoid"
        loss = "cross_entropy" if units > 1 else "binary_cross_entropy"
    first: list[int] = [] if mask is None else [len(mask)]
    return Network(
        [len(features), *first, *hidden, units],
        [*["identity"] * len(first), *["relu"] * len(hidden)],
        output,
        loss,
        None if mask is None else [mask, *[None] * (len(hidden) + 1)],
    )


def _mask_of(features: NDArray[np.int64], embedding: int) -> HostArray | None:
    """Return the connections of the layer of features, or None where it would be too large."""
    groups = _columns_of(features)
    while embedding and len(features) * _units(groups, embedding) > MOST_WEIGHTS:
        embedding //= 2
    if not embedding:
        return None
    rows = []
    for columns in groups:
        each = np.zeros((min(len(columns), embedding), len(features)))
        if len(columns) <= embedding:
            each[np.arange(len(columns)), columns] = 1
        else:
            each[:, columns] = 1
        rows.append(each)
    return np.concatenate(rows)


def _units(groups: Sequence[NDArray[np.intp]], embedding: int) -> int:
    return sum(min(len(columns), embedding) for columns in groups)


def _columns_of(features: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return the columns of each feature, in the order in which the features appear."""
    return [np.flatnonzero(features == one) for one in dict.fromkeys(features.tolist())]


def start_of(
    net: Network, features: NDArray[np.int64], count: int, dtype: Any, random: np.random.RandomState
) -> HostArray:
    """Return θ (count, P) by He, with unit scales in the first layer for inputs times `GAIN`.

    Parameters
    ----------
    net : Network
        Of `network_for`.
    features : array (n_in,) of int
        The feature of each column.
    count : int
        The number of networks.
    dtype : str
    random : RandomState
    """
    theta = net.init(int(random.randint(2**31 - 1)), "he", dtype=dtype, stack=count)
    if net.connections[0] is None:
        return theta
    W = np.zeros((count, net.sizes[1], net.sizes[0]))
    mask, start = np.asarray(net.connections[0]), 0
    for columns in _columns_of(features):
        units = 1
        while start + units < len(mask) and mask[start + units, columns].any():
            units += 1
        block = np.ix_(np.arange(count), np.arange(start, start + units), columns)
        one_each = units == len(columns)
        W[block] = (
            np.eye(units)
            if one_each
            else random.standard_normal((count, units, len(columns))) / np.sqrt(len(columns))
        )
        start += units
    end = W[0].size
    theta[:, :end] = W.reshape(count, -1) / GAIN
    return theta
