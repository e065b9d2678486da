"""A small network with its θ, its data, and a check of refusals."""

import numpy as np
import pytest

import backprop_xp as bp

# Tests that run on every library share these sizes: JAX compiles each function for each shape.
SIZES, P, M = (3, 4, 2), 4 * 3 + 4 + 2 * 4 + 2, 5
NET = bp.Network(SIZES, hidden="tanh")
THETA = np.random.default_rng(1).normal(size=P)
X = np.random.default_rng(2).normal(size=(M, 3))
LABELS = np.array([0, 1, 1, 0, 1])
ONE_HOT = np.eye(2)[LABELS]
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 0.25])


def refused(error, says, function, *arguments, **options):
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    for part in [says] if isinstance(says, str) else says:
        assert part in message
    return message
