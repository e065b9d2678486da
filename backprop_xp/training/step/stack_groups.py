"""Groups of networks: a large stack takes the batches of a block one group after another.

A group holds as many networks as leave their working arrays, θ, ∂E/∂θ and four of the size of all
a for a batch, within `CPU_BYTES` on a CPU, the size of its caches, or `DEVICE_BYTES` elsewhere, and
one at least. So the memory of a step does not grow with the stack; that of θ and of the optimiser's
state does.
"""

from backprop_xp.arrays.backend import Array, is_on_cpu, item_bytes

__all__ = ["CPU_BYTES", "DEVICE_BYTES", "groups_of"]

CPU_BYTES = 4 * 2**20
DEVICE_BYTES = 2**30


def groups_of(theta: Array, sizes: tuple[int, ...], batch_size: int) -> list[slice]:
    """Return the groups of the networks in θ (K, P), of equal sizes or one less.

    Examples
    --------
    >>> import numpy as np
    >>> groups_of(np.zeros((256, 2410), "float32"), (64, 32, 10), batch_size=32)
    [slice(0, 86, None), slice(86, 172, None), slice(172, 256, None)]
    """
    numbers = 2 * theta.shape[-1] + 4 * sum(sizes[1:]) * batch_size
    limit = CPU_BYTES if is_on_cpu(theta) else DEVICE_BYTES
    count, most = theta.shape[0], max(limit // (numbers * item_bytes(theta)), 1)
    size = -(-count // -(-count // most))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
