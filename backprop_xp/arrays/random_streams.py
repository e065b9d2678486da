"""Random numbers: NumPy generators on the host, one stream for each purpose.

The Array API standard has no random numbers, and a seed shall give the same network on every
device. All random numbers are therefore drawn on the host, and moved to the device.
"""

from typing import Literal

import numpy as np

from backprop_xp.errors import OptionError

__all__ = ["Purpose", "generator"]

Purpose = Literal["parameters", "order", "split", "dropout", "input dropout", "directions"]
_STREAMS: dict[Purpose, int] = {
    "parameters": 0,
    "order": 1,
    "split": 2,
    "dropout": 3,
    "input dropout": 4,
    "directions": 5,
}


def generator(
    seed: int, purpose: Purpose, index: int = 0, network: int = 0
) -> "np.random.Generator":
    """Return the generator of one purpose, such as the order of the cases in epoch `index`.

    `network` is the number of a network of a stack that has random numbers of its own. The stream
    of network 0 is the stream that networks share otherwise.

    Streams differ in NumPy's ``spawn_key``. Entropies would not do: (seed,) and (seed, 0) give one
    stream.

    Raises
    ------
    OptionError
        `seed` is not an integer ≥ 0.

    Examples
    --------
    >>> generator(0, "order", index=1).permutation(4).tolist()
    [2, 3, 1, 0]
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise OptionError("seed", repr(seed), "an integer >= 0", "Use seed=0")
    key = (_STREAMS[purpose], index, *([network] if network else []))
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=key))
