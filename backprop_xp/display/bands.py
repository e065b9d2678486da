"""The curves of a stack by epoch: the median of its networks, and their middle half."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_network", "middle_half"]

_QUARTILES: Final = (25, 50, 75)  # percentiles


def by_network(entries: Any) -> NDArray[np.float64]:
    """Return entries by epoch as (epochs, networks); a single network is one column.

    Examples
    --------
    >>> by_network([0.5, 0.25]).shape, by_network([np.ones((2, 3))]).shape
    ((2, 1), (1, 6))
    """
    return np.asarray(entries, dtype=np.float64).reshape(len(entries), -1)


def middle_half(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lower quartile, the median and the upper quartile, (3, epochs).

    Parameters
    ----------
    values : array (epochs, networks)

    Examples
    --------
    >>> middle_half(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    array([[2.],
           [3.],
           [4.]])
    """
    if values.shape[1] == 1:
        return np.repeat(values.T, 3, axis=0)
    return np.asarray(np.percentile(values, _QUARTILES, axis=1))
