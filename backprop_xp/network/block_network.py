"""A network whose first layer is in blocks, and its equal with a mask of connections.

A mask (n_out, n_in) of blocks has n_out · n_in places for weights, of which most are 0 where there
are many blocks. The network in blocks has no others than those that exist, so that its products,
its θ and an optimiser's memory are smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import ArrayT, context, namespace
from backprop_xp.network import parameters
from backprop_xp.network.block_layer import BlockLayer
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer

__all__ = ["BlockNetwork", "Blocks", "InBlocks", "in_blocks"]

NARROWEST: Final = 0.75  # the inputs of a block, as a share of those of the widest in its array


class Blocks(NamedTuple):
    """Blocks of one shape.

    Attributes
    ----------
    number, n_out, n_in : int
        The number of blocks, and the units and inputs of each.
    """

    number: int
    n_out: int
    n_in: int


@dataclass(frozen=True, init=False)
class BlockNetwork(Network):
    """A network whose first layer is in blocks; else as `Network`.

    `train` and `predict` take it, without ``max_norm``. θ begins with the weights of the blocks.

    Parameters
    ----------
    blocks : sequence of Blocks
        The first take the first inputs.
    net : Network
        The network without blocks: its sizes above the first layer, its activations and loss.

    Examples
    --------
    >>> net = BlockNetwork([Blocks(2, 1, 1), Blocks(1, 2, 3)], Network([9, 9, 1], "identity"))
    >>> net.sizes, net.piece_lengths
    ((5, 4, 1), [8, 4, 4, 1])
    """

    blocks: tuple[Blocks, ...]

    def __init__(self, blocks: Sequence[Blocks], net: Network) -> None:
        n_in, n_out = (sum(x.number * x[axis] for x in blocks) for axis in (2, 1))
        sizes = [n_in, n_out, *net.sizes[2:]]
        super().__init__(sizes, net.hidden, net.output, net.loss)
        object.__setattr__(self, "blocks", tuple(blocks))  # a frozen dataclass has no other way

    @cached_property
    def piece_lengths(self) -> list[int]:
        """The number of parameters in the blocks, b^1, W^2, b^2 and so on, one for each."""
        above = parameters.piece_lengths(self.sizes[1:])
        return [sum(x.number * x.n_out * x.n_in for x in self.blocks), self.sizes[1], *above]

    def views(self, theta: ArrayT) -> tuple[Any, ...]:
        """Return the layers in θ (..., P): a BlockLayer, then Layer for each layer above."""
        xp, lead, W, start = namespace(theta), tuple(theta.shape[:-1]), [], 0
        for shape in self.blocks:
            stop = start + shape.number * shape.n_out * shape.n_in
            W.append(xp.reshape(theta[..., start:stop], (*lead, *shape)))
            start = stop
        stop = start + self.sizes[1]
        b = xp.reshape(theta[..., start:stop], (*lead, -1, 1))
        return BlockLayer(tuple(W), b), *parameters.unpack(self.sizes[1:], theta[..., stop:])

    def _drawn(self, draw: Callable[..., Any], rng: np.random.Generator) -> list[Any]:
        """Return the initial layers of one network: a block is drawn as a layer of its size."""
        W, b = list[Any](), list[Any]()
        for number, n_out, n_in in self.blocks:
            weights, biases = zip(*(draw(rng, n_in, n_out) for _ in range(number)), strict=True)
            W.append(np.stack(weights))
            b.extend(biases)
        above = (Layer(*draw(rng, n_in, n_out)) for n_in, n_out in pairwise(self.sizes[1:]))
        return [BlockLayer(tuple(W), np.concatenate(b)), *above]

    def pack(self, layers: Sequence[Any]) -> Any:
        """Return θ (..., P), the inverse of `views`."""
        with context(layers[0].b):
            return parameters.pack(layers)


class InBlocks(NamedTuple):
    """A network with a mask of blocks, in blocks.

    Attributes
    ----------
    network : BlockNetwork
    masked : Network
    units : tuple of array (blocks, n_out) of int
        For each array of blocks the units of the masked network's first layer.
    inputs : tuple of array (blocks, n_in) of int
        For each array of blocks the inputs of the masked network; −1 where a block is narrower than
        its array, and an input of 0 fills the place.
    """

    network: BlockNetwork
    masked: Network
    units: tuple[NDArray[np.int64], ...]
    inputs: tuple[NDArray[np.int64], ...]

    @property
    def columns(self) -> NDArray[np.int64]:
        """The masked network's input at each input in blocks, (n_in,); −1 for an input of 0."""
        return np.concatenate([x.reshape(-1) for x in self.inputs])

    def with_mask(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return θ (..., P) of the masked network for θ of the network in blocks, on the host."""
        first, *above = self.network.views(theta)
        lead = theta.shape[:-1]
        W = np.zeros((*lead, *reversed(self.masked.sizes[:2])), theta.dtype)
        for of_blocks, units, inputs in zip(first.W, self.units, self.inputs, strict=True):
            block, rows, columns = _places(units, inputs)
            W[..., rows, columns] = of_blocks[..., *block]
        order = np.argsort(self.order)
        second = above[0]._replace(W=above[0].W[..., order])
        return parameters.pack([Layer(W, first.b[..., order, :]), second, *above[1:]])

    def without_mask(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return θ (..., P) of the network in blocks for θ of the masked network, on the host."""
        (W, b), second, *above = self.masked.views(theta)
        parts = []
        for shape, units, inputs in zip(self.network.blocks, self.units, self.inputs, strict=True):
            block, rows, columns = _places(units, inputs)
            part = np.zeros((*theta.shape[:-1], *shape), theta.dtype)
            part[..., *block] = W[..., rows, columns]
            parts.append(part)
        first = BlockLayer(tuple(parts), b[..., self.order, :])
        return parameters.pack([first, second._replace(W=second.W[..., self.order]), *above])

    @property
    def order(self) -> NDArray[np.int64]:
        """The masked network's unit at each unit in blocks, (n_out,)."""
        return np.concatenate([x.reshape(-1) for x in self.units])


def in_blocks(net: Network) -> InBlocks | None:
    """Return a network in blocks; None where the connections of its first layer form no blocks.

    Units with the same inputs are a block, and an input belongs to one block. Blocks of a similar
    width share an array, as long as the widest.

    Parameters
    ----------
    net : Network
        With at least one hidden layer, and all connections above the first layer.

    Examples
    --------
    >>> found = in_blocks(Network([3, 3, 1], connections=[[[1, 0, 0], [0, 1, 1], [0, 1, 1]], None]))
    >>> found.network.blocks
    (Blocks(number=1, n_out=1, n_in=1), Blocks(number=1, n_out=2, n_in=2))
    >>> found.with_mask(np.arange(1.0, 13.0))
    array([ 1.,  0.,  0.,  0.,  2.,  3.,  0.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12.])
    """
    first, *above = net.connections
    if first is None or not above or any(mask is not None for mask in above):
        return None
    matrix, of_inputs = np.asarray(first), dict[bytes, list[int]]()
    for unit, row in enumerate(matrix):
        of_inputs.setdefault(row.tobytes(), []).append(unit)
    blocks = [(units, np.flatnonzero(matrix[units[0]])) for units in of_inputs.values()]
    if sorted(np.concatenate([inputs for _, inputs in blocks])) != list(range(matrix.shape[1])):
        return None
    arrays: list[list[tuple[list[int], NDArray[np.intp]]]] = []
    for block in sorted(blocks, key=lambda one: (len(one[0]), -len(one[1]))):
        widest = arrays[-1][0] if arrays else ([], np.zeros(0))
        alike = len(widest[0]) == len(block[0])
        if alike and len(block[1]) >= NARROWEST * len(widest[1]):
            arrays[-1].append(block)
        else:
            arrays.append([block])
    units = tuple(np.array([one[0] for one in each]) for each in arrays)
    inputs = tuple(np.array([_padded(one[1], len(each[0][1])) for one in each]) for each in arrays)
    pairs = zip(units, inputs, strict=True)
    shapes = [Blocks(len(x), x.shape[1], places.shape[1]) for x, places in pairs]
    return InBlocks(BlockNetwork(shapes, net), net, units, inputs)


def _padded(inputs: NDArray[np.intp], width: int) -> NDArray[np.intp]:
    return np.concatenate([inputs, np.full(width - len(inputs), -1)])


def _places(units: NDArray[np.int64], inputs: NDArray[np.int64]) -> tuple[Any, Any, Any]:
    """Return the indices of the weights in an array of blocks, and their rows and columns in W."""
    exists = np.broadcast_to((inputs >= 0)[:, None, :], (*units.shape, inputs.shape[1]))
    block, row, column = np.nonzero(exists)
    return (block, row, column), units[block, row], inputs[block, column]
