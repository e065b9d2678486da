"""The networks of an ensemble: a first layer that scales each feature, and its start."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.network.network import Network

__all__ = ["GAIN", "network_for", "start_of"]

GAIN: Final = 6.0  # the factor of inputs in training, and the divisor of the first layer's weights


def network_for(
    features: NDArray[np.int64], embedding: int, hidden: Sequence[int], units: int, classes: int
) -> Network:
    """Return a network whose first layer has units for each feature, connected to it alone.

    A feature of w columns has min(w, embedding) units. Where these are as many as its columns, each
    unit has one column: its learnt scale.

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
    rows = []
    for columns in _columns_of(features):
        each = np.zeros((min(len(columns), embedding), len(features)))
        if len(columns) <= embedding:
            each[np.arange(len(columns)), columns] = 1
        else:
            each[:, columns] = 1
        rows.append(each)
    mask = np.concatenate(rows)
    output, loss = "identity", "squared_error"
    if classes:
        output = "softmax" if units > 1 else "sigmoid"
        loss = "cross_entropy" if units > 1 else "binary_cross_entropy"
    return Network(
        [len(features), len(mask), *hidden, units],
        ["identity", *["relu"] * len(hidden)],
        output,
        loss,
        [mask, *[None] * (len(hidden) + 1)],
    )


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
    theta[:, end : end + net.sizes[1]] = 0
    return theta
