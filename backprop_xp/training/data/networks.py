"""The rows of some networks of a stack."""

from typing import TypeAlias

from backprop_xp.arrays.backend import Array, HostArray, context, from_host_like, namespace

__all__ = ["Networks", "rows_of_networks"]

Networks: TypeAlias = slice | HostArray
"""A slice of the networks, or the numbers of some."""


def rows_of_networks(x: Array, networks: Networks, axis: int = 0) -> Array:
    """Return the rows of some networks along an axis; for a slice a view, if there are views.

    Examples
    --------
    >>> import numpy as np
    >>> rows_of_networks(np.array([[5, 6, 7]]), np.array([0, 2]), axis=1)
    array([[5, 7]])
    """
    if isinstance(networks, slice):
        cut: Array = x[(*(slice(None),) * axis, networks, ...)]
        return cut
    with context(x):
        numbers = from_host_like(networks, x, "int32")
        taken: Array = namespace(x).take(x, numbers, axis=axis)
    return taken
