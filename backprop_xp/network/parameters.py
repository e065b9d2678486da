"""θ: all parameters of a network in one flat vector, W^1 by rows, b^1, W^2 by rows, and so on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeAlias

from backprop_xp.arrays.backend import ArrayT, ArrayT_co, namespace
from backprop_xp.errors import ShapeError
from backprop_xp.network.block_layer import BlockLayer

__all__ = [
    "AnyLayer",
    "Layer",
    "check_layers",
    "layer_shapes",
    "pack",
    "piece_lengths",
    "unpack",
]


class Layer(NamedTuple, Generic[ArrayT_co]):
    """The parameters of one layer, or their gradients.

    Attributes
    ----------
    W : array (..., n_out, n_in)
    b : array (..., n_out, 1)

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net = bp.Network([4, 3, 2])
    >>> [(W.shape, b.shape) for W, b in net.unpack(net.init())]
    [((3, 4), (3, 1)), ((2, 3), (2, 1))]
    """

    W: ArrayT_co
    b: ArrayT_co


AnyLayer: TypeAlias = Layer[Any] | BlockLayer[Any]


def layer_shapes(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the shape (n_out, n_in) of each layer's W.

    Examples
    --------
    >>> layer_shapes([784, 100, 10])
    [(100, 784), (10, 100)]
    """
    return [(n_out, n_in) for n_in, n_out in pairwise(sizes)]


def piece_lengths(sizes: Sequence[int]) -> list[int]:
    """Return the number of parameters in W^1, b^1, W^2, b^2 and so on, one for each.

    Examples
    --------
    >>> piece_lengths([784, 100, 10])
    [78400, 100, 1000, 10]
    """
    return [n for n_out, n_in in layer_shapes(sizes) for n in (n_out * n_in, n_out)]


def unpack(sizes: Sequence[int], theta: ArrayT) -> tuple[Layer[ArrayT], ...]:
    """Return the layers in θ (..., P), as views where the library has views."""
    xp, lead = namespace(theta), tuple(theta.shape[:-1])
    layers, start = [], 0
    for n_out, n_in in layer_shapes(sizes):
        middle = start + n_out * n_in
        end = middle + n_out
        W = xp.reshape(theta[..., start:middle], (*lead, n_out, n_in))
        b = xp.reshape(theta[..., middle:end], (*lead, n_out, 1))
        layers.append(Layer(W, b))
        start = end
    return tuple(layers)


def pack(layers: Sequence[Layer[ArrayT] | BlockLayer[ArrayT]]) -> ArrayT:
    """Return θ (..., P), the inverse of `unpack`; of a layer in blocks, array after array."""
    xp, lead = namespace(layers[0].b), tuple(layers[0].b.shape[:-2])
    pieces = [part for W, b in layers for part in ((*W, b) if isinstance(W, tuple) else (W, b))]
    parts = [xp.reshape(part, (*lead, -1)) for part in pieces]
    theta: ArrayT = xp.concat(parts, axis=-1)
    return theta


def check_layers(sizes: Sequence[int], layers: Sequence[Layer]) -> None:
    """Refuse layers that do not fit the sizes; the error says which layer.

    Raises
    ------
    ShapeError
    """
    shapes = layer_shapes(sizes)
    if len(layers) != len(shapes):
        raise ShapeError(
            "pack(layers)",
            f"{len(layers)} layers",
            f"{len(shapes)}",
            "Pass one (W, b) for each layer",
        )
    lead = tuple(layers[0][0].shape[:-2])
    for number, ((W, b), (n_out, n_in)) in enumerate(zip(layers, shapes, strict=True), start=1):
        if tuple(W.shape) != (*lead, n_out, n_in) or tuple(b.shape) != (*lead, n_out, 1):
            raise ShapeError(
                f"pack(layers), layer {number}",
                f"W {tuple(W.shape)}, b {tuple(b.shape)}",
                f"W {(*lead, n_out, n_in)}, b {(*lead, n_out, 1)}",
                "Biases are columns; leading axes are networks, the same for every layer",
            )
