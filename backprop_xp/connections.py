"""Which connections exist: a mask for each layer, 0 where a connection is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from backprop_xp import inputs
from backprop_xp.backend import Array, device_of, dtype_name, from_host, namespace
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.parameters import Layer

__all__ = ["Mask", "Masks", "checked_connections", "masks_like", "without_removed"]


@dataclass(frozen=True)
class Mask:
    """The connections of a layer: a hashable matrix of booleans.

    Attributes
    ----------
    shape : (n_out, n_in)
    bits : bytes
        One byte for each connection, by rows. ``np.asarray(mask)`` is the matrix.
    """

    shape: tuple[int, int]
    bits: bytes

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        matrix = np.frombuffer(self.bits, dtype=np.bool_).reshape(self.shape)
        return np.array(matrix, dtype=dtype or np.bool_, copy=copy)

    def __repr__(self) -> str:
        return f"Mask({self.shape}, {sum(self.bits)} connections)"


Masks: TypeAlias = tuple[Array | None, ...]


def masks_like(connections: Sequence[Mask | None], theta: Array) -> Masks:
    """Return the masks as arrays of 0 and 1 in θ's library, device and dtype."""
    xp, device, dtype = namespace(theta), device_of(theta), dtype_name(theta.dtype)
    return tuple(
        None if mask is None else from_host(np.asarray(mask), xp, device, dtype)
        for mask in connections
    )


def without_removed(layers: Sequence[Layer], masks: Masks) -> tuple[Layer, ...]:
    """Return the layers with 0 in W where a connection is removed."""
    return tuple(
        layer if mask is None else Layer(layer.W * mask, layer.b)
        for layer, mask in zip(layers, masks, strict=True)
    )


def checked_connections(
    connections: Sequence[Any] | None, shapes: Sequence[tuple[int, int]]
) -> tuple[Mask | None, ...]:
    """Return a `Mask`, or None for all connections, for each layer.

    Raises
    ------
    ShapeError, OptionError, DTypeError
        The message names the layer.
    """
    if connections is None:
        return (None,) * len(shapes)
    if not isinstance(connections, (list, tuple)) or len(connections) != len(shapes):
        kind = type(connections).__name__
        raise ShapeError(
            "Network(connections)",
            f"{len(connections)} masks" if isinstance(connections, (list, tuple)) else kind,
            f"{len(shapes)}, one for each layer",
            "Pass None for a layer that has all its connections",
        )
    return tuple(
        None if mask is None else _checked_mask(mask, shape, number)
        for number, (mask, shape) in enumerate(zip(connections, shapes, strict=True), start=1)
    )


def _checked_mask(mask: Any, shape: tuple[int, int], number: int) -> Mask:
    where = f"Network(connections), layer {number}"
    matrix = inputs.real_host_array(mask, where)
    if matrix.shape != shape:
        raise ShapeError(
            where, f"shape {matrix.shape}", f"{shape}, (n_out, n_in)", "Rows are the units above"
        )
    if not np.isin(matrix, (0, 1)).all():
        raise OptionError(
            where, "other values than 0 and 1", "0 (removed) and 1", "Weights belong in theta"
        )
    return Mask(shape, matrix.astype(np.bool_).tobytes())
