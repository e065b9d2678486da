"""Elementwise updates in place, one piece of θ after another.

An optimiser sweeps several times through arrays as long as θ. Where a piece fits into a CPU's
second-level cache, every sweep but the first is several times faster.
"""

from collections.abc import Callable

from backprop_xp.arrays.backend import Array, is_on_cpu, namespace
from backprop_xp.arrays.native import writes_products

__all__ = ["PIECE", "piecewise"]

PIECE = 2**15  # numbers


def piecewise(update: Callable[..., tuple[Array, ...]], *arrays: Array) -> tuple[Array, ...]:
    """Return ``update(*arrays)``, computed piece by piece where that is faster.

    Parameters
    ----------
    update : callable
        An elementwise function that changes its first arguments in place and returns them.
    *arrays : array (..., P), or of one number, for all of θ
        The first has P numbers.
    """
    first = arrays[0]
    if not writes_products(namespace(first)) or not is_on_cpu(first):
        return update(*arrays)
    if first.ndim > 1 or first.shape[0] <= PIECE:
        return update(*arrays)
    count = 0
    for start in range(0, first.shape[0], PIECE):
        count = len(update(*(_from(x, start, first.shape) for x in arrays)))
    return arrays[:count]


def _from(x: Array, start: int, shape: tuple[int, ...]) -> Array:
    """Return the piece of x from `start`, or x itself where it holds one number."""
    return x[start : start + PIECE] if x.shape == shape else x
