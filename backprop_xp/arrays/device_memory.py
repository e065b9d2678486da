"""The memory of a CUDA device that CuPy's pool holds."""

import importlib
from typing import Any

import array_api_compat

from backprop_xp.arrays.backend import context

__all__ = ["device_bytes"]


def device_bytes(x: Any) -> int | None:
    """Return the bytes that CuPy's pool holds on the device of `x`.

    A pool keeps what it has taken from the device, so that it holds what was in use at the peak,
    until it is told to free it. The result is None for an array of another library, and where CuPy
    allocates from a pool of the user's.

    Examples
    --------
    >>> import numpy as np
    >>> print(device_bytes(np.zeros(3)))
    None
    """
    if not array_api_compat.is_cupy_array(x):
        return None
    cupy = importlib.import_module("cupy")
    with context(x):
        pool = cupy.get_default_memory_pool()
        return int(pool.total_bytes()) if cupy.cuda.get_allocator() == pool.malloc else None
