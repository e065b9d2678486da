"""Random numbers: NumPy generators on the host, one stream for each purpose.

The standard of array functions has no random numbers, and the same seed shall give the same network
on every device; so all are drawn here and moved.
"""

from typing import Literal

import numpy as np

from backprop_xp.errors import OptionError

__all__ = ["Purpose", "generator"]

Purpose = Literal["parameters", "order", "split", "dropout", "input dropout"]
_STREAMS: dict[Purpose, int] = {
    "parameters": 0,
    "order": 1,
    "split": 2,
    "dropout": 3,
    "input dropout": 4,
}


def generator(seed: int, purpose: Purpose, index: int = 0) -> "np.random.Generator":
    """Return the generator of one purpose, such as the order of the cases in epoch `index`.

    Streams differ by NumPy's ``spawn_key``: the entropies (seed,) and (seed, 0) would be one.

    Raises
    ------
    OptionError
        `seed` is not an integer ≥ 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise OptionError("seed", repr(seed), "an integer >= 0", "Use seed=0")
    key = (_STREAMS[purpose], index)
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=key))
