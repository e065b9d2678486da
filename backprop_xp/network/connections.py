"""Masks of connections, one for each layer: 0 where a connection is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import Array, HostArray, from_host_like
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.network.parameters import Layer, pack

__all__ = ["Mask", "checked_connections", "existing"]


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

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> HostArray:
        matrix = np.frombuffer(self.bits, dtype=np.bool_).reshape(self.shape)
        return np.array(matrix, dtype=dtype or np.bool_, copy=copy)

    def __repr__(self) -> str:
        return f"Mask({self.shape}, {sum(self.bits)} connections)"


def existing(
    connections: Sequence[Mask | None], shapes: Sequence[tuple[int, int]], theta: Array
) -> Array | None:
    """Return the mask of θ, (P,): 0 for each removed connection, else 1; None if all exist."""
    if all(mask is None for mask in connections):
        return None
    layers = [
        Layer(np.ones(shape) if mask is None else np.asarray(mask, float), np.ones((shape[0], 1)))
        for mask, shape in zip(connections, shapes, strict=True)
    ]
    return from_host_like(pack(layers), theta)


def checked_connections(
    connections: Sequence[Any] | None, shapes: Sequence[tuple[int, int]]
) -> tuple[Mask | None, ...]:
    """Return one `Mask` for each layer, or None where a layer has all its connections.

    Raises
    ------
    ShapeError, OptionError, DTypeError
        The message names the layer.
    """
    if connections is None:
        return (None,) * len(shapes)
    if not isinstance(connections, (list, tuple)) or len(connections) != len(shapes):
        listed = isinstance(connections, (list, tuple))
        raise ShapeError(
            "Network(connections)",
            f"{len(connections)} masks" if listed else type(connections).__name__,
            f"{len(shapes)}, one for each layer",
            "Pass None for a layer that has all its connections",
        )
    return tuple(
        None if mask is None else _checked_mask(mask, shape, number)
        for number, (mask, shape) in enumerate(zip(connections, shapes, strict=True), start=1)
    )


def _checked_mask(mask: Any, shape: tuple[int, int], number: int) -> Mask:
    where = f"Network(connections), layer {number}"
    matrix = requirements.real_host_array(mask, where)
    if matrix.shape != shape:
        raise ShapeError(
            where,
            f"shape {matrix.shape}",
            f"{shape}, (n_out, n_in)",
            "Pass one row for each unit of the layer, one column for each unit before it",
        )
    if not ((matrix == 0) | (matrix == 1)).all():
        raise OptionError(
            where, "other values than 0 and 1", "0 (removed) and 1", "Put weights into theta"
        )
    return Mask(shape, matrix.astype(np.bool_).tobytes())
