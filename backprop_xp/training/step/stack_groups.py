"""Groups of networks: a large stack trains on the batches of a block one group after another.

A group has at least one network, and as many as fit into `CPU_BYTES` on a CPU, about the size of
its caches, or into `DEVICE_BYTES` on other devices. Compiled steps have little work between two
calls, so that their groups fit into `COMPILED_BYTES`, the second-level cache of a core. The size of
a group counts the working arrays of a step: θ, ∂E/∂θ, and four arrays of the size of all a of a
batch. So the working memory of a step does not grow with the stack. The memory of θ and of the
optimiser's state grows with it.
"""

from backprop_xp.arrays.backend import Array, is_on_cpu, item_bytes

__all__ = ["COMPILED_BYTES", "CPU_BYTES", "DEVICE_BYTES", "groups_of", "most_at_once"]

# µs per network and step, recorded, one thread of a core with 1 MB of cache (AMD EPYC):
# 64 networks of [64, 32, 10], batch 32, in 5, 3, 2 groups and one: 6.1, 5.7, 5.6, 5.1;
# 256 of them in 12, 7, 4, 3 groups and one: 5.4, 5.3, 4.9, 5.0, 5.3;
# 1,000 networks of [6, 2, 1], 64 cases, in 6, 4, 2 groups and one: 0.61, 0.57, 0.52, 0.51;
# 50 networks of [784, 30, 10], batch 50, in 13, 8, 5, 3 groups and one: 67, 64, 62, 67, 73.
CPU_BYTES = 2_700_000
# Compiled: 64 networks as above, in 16, 8, 6, 4, 3, 2 groups and one: 3.06, 2.74, 2.69, 2.61, 2.62,
# 2.63, 2.68; 50 networks as above, in 50, 25, 17, 13, 9 and 5 groups: 51, 49, 48, 48, 48, 47.
COMPILED_BYTES = 700_000
DEVICE_BYTES = 2**30


def groups_of(
    theta: Array, sizes: tuple[int, ...], batch_size: int, *, compiled: bool = False, least: int = 1
) -> list[slice]:
    """Return the groups of the networks in θ (K, P), as equal slices but for a shorter last one.

    Their number is a multiple of `least`, so that as many workers have equal work; there are as
    many groups as networks where there are fewer networks.

    Examples
    --------
    >>> import numpy as np
    >>> groups_of(np.zeros((96, 2410), "float32"), (64, 32, 10), batch_size=32)
    [slice(0, 48, None), slice(48, 96, None)]
    """
    count, most = theta.shape[0], most_at_once(theta, sizes, batch_size, compiled=compiled)
    rounds = -(-count // (most * least))
    size = -(-count // min(rounds * least, count))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def most_at_once(
    theta: Array, sizes: tuple[int, ...], batch_size: int, *, compiled: bool = False
) -> int:
    """Return the most networks of a group, at least one, for θ (..., P).

    Examples
    --------
    >>> import numpy as np
    >>> most_at_once(np.zeros(2410, "float32"), (64, 32, 10), batch_size=32)
    66
    """
    numbers = 2 * theta.shape[-1] + 4 * sum(sizes[1:]) * batch_size
    on_cpu = COMPILED_BYTES if compiled else CPU_BYTES
    limit = on_cpu if is_on_cpu(theta) else DEVICE_BYTES
    return max(limit // (numbers * item_bytes(theta)), 1)
