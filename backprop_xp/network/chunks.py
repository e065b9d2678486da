"""Chunks of cases, small enough that z and a of a layer stay in the cache.

A matrix product needs some hundred columns to be fast. An activation needs its array in the cache:
beyond the cache it waits for memory longer than it computes. So the cases pass through a network in
chunks, and z and a of the hidden layers never exist for all cases at once.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from backprop_xp.arrays.backend import Array, ArrayT, is_on_cpu, item_bytes, namespace

__all__ = ["cases_at_once", "halves", "joined", "pieces"]

CPU_BYTES = 2 * 1024**2  # of one array (..., n, cases); the C library maps each larger one anew
# Compiled outputs keep their memory. 10,000 cases, ms with 2, 4 and 8 MB (AMD EPYC, one thread):
# [784, 256, 256, 10]: 26.9, 26.3, 26.4; [784, 1024, 1024, 10]: 172, 167, 166.
COMPILED_BYTES = 8 * 1024**2
COMPILED_CASES = 4096
DEVICE_BYTES = 64 * 1024**2  # larger products and fewer launches; not yet measured on a GPU
LEAST_CASES = 128  # fewer make the products of a large stack slow


def cases_at_once(sizes: Sequence[int], theta: Array, *, compiled: bool = False) -> int:
    """Return the number of cases in a chunk, for which z of the widest layer stays small.

    z of all networks together takes at most `CPU_BYTES` on the CPU, `COMPILED_BYTES` where it is
    compiled there, and `DEVICE_BYTES` elsewhere. A chunk has at least `LEAST_CASES` cases, whatever
    z takes.

    Parameters
    ----------
    sizes : sequence of int
        The units of each layer.
    theta : array (..., P)
        An example of θ: its dtype, its device and its leading axes.
    compiled : bool
        Whether numba compiles the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> cases_at_once([784, 1024, 10], np.zeros(814_090, dtype="float32"))
    512
    >>> cases_at_once([784, 1024, 10], np.zeros((100, 814_090), dtype="float32"))
    128
    """
    case_bytes = math.prod(theta.shape[:-1]) * max(sizes) * item_bytes(theta)
    on_cpu = COMPILED_BYTES if compiled else CPU_BYTES
    most = on_cpu if is_on_cpu(theta) else DEVICE_BYTES
    cases = int(most // case_bytes)
    return max(min(cases, COMPILED_CASES) if compiled else cases, LEAST_CASES)


def pieces(rows: Any, length: int) -> Iterator[Any]:
    """Yield `rows` (..., m, n) in pieces of `length` rows, as views where the library has views.

    The last piece may be shorter. No rows give one empty piece.

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


def halves(m: int, length: int) -> list[int]:
    """Return lengths that add up to m: `length`, its half, its quarter, …, and a short rest.

    All but the rest are at least `LEAST_CASES`, so that few lengths occur, whatever m is.

    Examples
    --------
    >>> halves(5000, 2048), halves(100, 2048)
    ([2048, 2048, 512, 256, 128, 8], [100])
    """
    found = []
    while m:
        if m >= length:
            found.append(length)
            m -= length
        elif length // 2 >= LEAST_CASES:
            length //= 2
        else:
            found.append(m)
            m = 0
    return found


def joined(parts: Sequence[ArrayT]) -> ArrayT:
    """Return the parts (..., rows, n) joined along the rows, the inverse of `pieces`."""
    if len(parts) == 1:
        return parts[0]
    whole: ArrayT = namespace(parts[0]).concat(parts, axis=-2)
    return whole
