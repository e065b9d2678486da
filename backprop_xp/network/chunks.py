"""How many cases go through the layers at once, so that the arrays in between stay small.

Products need some hundred columns to be fast, and the activations between them need arrays that the
cache still holds: beyond it they wait for memory longer than they compute. So the cases go through
a network in chunks, and z and a of the hidden layers never exist for all of them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from backprop_xp.arrays.backend import Array, is_on_cpu, item_bytes, namespace

__all__ = ["cases_at_once", "joined", "pieces"]

CPU_BYTES = 2 * 1024**2  # of an array (..., n, cases): beyond, the C library maps each anew
DEVICE_BYTES = 64 * 1024**2  # larger products and fewer launches; not yet measured on a GPU
LEAST_CASES = 128  # fewer make the products of a large stack slow


def cases_at_once(sizes: Sequence[int], theta: Array) -> int:
    """Return the number of cases for which z of the widest layer, in all networks, stays small.

    `CPU_BYTES` on the CPU, `DEVICE_BYTES` elsewhere, and `LEAST_CASES` at least.

    Parameters
    ----------
    sizes : sequence of int
        The units of each layer.
    theta : array (..., P)
        For its dtype, its device and its leading axes, the networks.

    Examples
    --------
    >>> import numpy as np
    >>> cases_at_once([784, 1024, 10], np.zeros(814_090, dtype="float32"))
    512
    >>> cases_at_once([784, 1024, 10], np.zeros((100, 814_090), dtype="float32"))
    128
    """
    case_bytes = math.prod(theta.shape[:-1]) * max(sizes) * item_bytes(theta)
    most = CPU_BYTES if is_on_cpu(theta) else DEVICE_BYTES
    return max(int(most // case_bytes), LEAST_CASES)


def pieces(rows: Any, length: int) -> Iterator[Any]:
    """Yield `rows` (..., m, n) by `length` rows, views where the library has views.

    One piece at least, also of no rows.

    Examples
    --------
    >>> import numpy as np
    >>> [piece.shape for piece in pieces(np.ones((2, 5, 3)), 2)]
    [(2, 2, 3), (2, 2, 3), (2, 1, 3)]
    """
    m = rows.shape[-2]
    if m <= length:
        yield rows
        return
    for start in range(0, m, length):
        yield rows[..., start : min(start + length, m), :]


def joined(parts: Sequence[Array]) -> Array:
    """Return parts (..., rows, n) below one another, the inverse of `pieces`."""
    if len(parts) == 1:
        return parts[0]
    whole: Array = namespace(parts[0]).concat(parts, axis=-2)
    return whole
