"""Train in a process of its own, and print what came of it: a digest of θ and of the history.

python trained_digest.py numpy|torch|jax quiet|watched
"""

import hashlib
import sys

import numpy as np
from libraries import open_library

import backprop_xp as bp


def digest(library, watched):
    """Return the digest; shuffles, dropout, momentum and products large enough for threads."""
    xp = open_library(library)
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((300, 96)), rng.integers(0, 4, 300)
    net = bp.Network([96, 128, 4], hidden="tanh")
    settings = {"validation": (xp.array(X[:200]), xp.array(Y[:200])), "progress": True}
    run = bp.train(
        net,
        xp.array(X),
        xp.array(Y),
        optimizer=bp.Adam(0.01),
        epochs=2,
        batch_size=128,
        dropout=0.25,
        l2=1e-3,
        seed=5,
        stack=2,
        **(settings if watched else {}),
    )
    found = hashlib.sha256(xp.host(run.theta).tobytes())
    for name in ("cost", "accuracy"):
        found.update(np.array(run.history[name]).tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest(sys.argv[1], watched=sys.argv[2] == "watched"))
