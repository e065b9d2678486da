"""The networks of an ensemble: a first layer that scales each feature, and its start."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.random_streams import generator
from backprop_xp.initializers import find_initializer
from backprop_xp.network.block_network import InBlocks, in_blocks
from backprop_xp.network.network import Network

__all__ = ["Architecture", "network_for", "start_of"]

GAIN: Final = 6.0  # the factor of inputs in training, and the divisor of the first layer's weights
MOST_WEIGHTS: Final = 2**22  # of the first layer, which is held densely


class Architecture(NamedTuple):
    """A network of an ensemble, and the form in which it is trained.

    In training the layer of features is in blocks, which saves the products with its zeros, and its
    inputs are times `gain`.

    Attributes
    ----------
    network : Network
        As `network_for` returns it.
    blocks : InBlocks or None
        None without a layer of features.
    """

    network: Network
    blocks: InBlocks | None

    @classmethod
    def of(cls, network: Network) -> Self:
        """Return the architecture of a network."""
        return cls(network, in_blocks(network))

    @property
    def in_training(self) -> Network:
        """The network that is trained."""
        return self.network if self.blocks is None else self.blocks.network

    @property
    def columns(self) -> NDArray[np.int64]:
        """The input at each input in training, (n_in,); −1 for an input of 0."""
        return np.arange(self.network.sizes[0]) if self.blocks is None else self.blocks.columns

    @property
    def gain(self) -> float:
        """The factor of inputs in training: 1 without a layer of features."""
        return 1.0 if self.blocks is None else GAIN

    def trained(self, theta: HostArray) -> HostArray:
        """Return θ (..., P) of `network` for θ of the network that was trained."""
        if self.blocks is None:
            return theta
        theta = theta.copy()
        theta[..., : self.in_training.piece_lengths[0]] *= GAIN
        return self.blocks.with_mask(theta)


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
    architecture: Architecture,
    features: NDArray[np.int64],
    count: int,
    dtype: Any,
    random: np.random.RandomState,
) -> HostArray:
    """Return θ (count, P) in training, by He, with unit scales in the layer of features.

    Parameters
    ----------
    architecture : Architecture
    features : array (n_in,) of int
        The feature of each column.
    count : int
        The number of networks.
    dtype : str
    random : RandomState
    """
    net, blocks, seed = architecture.network, architecture.blocks, int(random.randint(2**31 - 1))
    if blocks is None:
        return net.init(seed, "he", dtype=dtype, stack=count)
    theta = np.zeros((count, blocks.network.parameter_count), dtype)
    (W, _), *above = blocks.network.views(theta)
    random_of_layers, he = generator(seed, "parameters"), find_initializer("he")
    for k in range(count):  # the numbers of ``net.init``, whose first layer is not kept
        drawn = [he(random_of_layers, n_in, n_out) for n_in, n_out in pairwise(net.sizes)]
        for layer, (of_one, _) in zip(above, drawn[1:], strict=True):
            layer.W[k] = of_one
        above[0].W[k] = drawn[1][0][:, blocks.order]
    place = {
        int(row[0]): (array, block)
        for array, inputs in enumerate(blocks.inputs)
        for block, row in enumerate(inputs)
    }
    for columns in _columns_of(features):
        array, block = place[int(columns[0])]
        if W[array].shape[-1] == 1:  # each column has a unit of its own
            continue
        width = len(columns)
        codes = random.standard_normal((count, W[array].shape[-2], width)) / np.sqrt(width)
        W[array][:, block, :, :width] = codes / GAIN
    for scales in (each for each in W if each.shape[-1] == 1):
        scales[:] = 1 / GAIN
    return theta
