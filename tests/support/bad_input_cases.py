"""Data and a training for the tests of bad input."""

import numpy as np
import pytest

import backprop_xp as bp

NET = bp.Network([3, 4, 2], "tanh")
X = np.random.default_rng(0).standard_normal((6, 3))
Y = np.array([0, 1, 1, 0, 1, 0])


def train(X=X, Y=Y, net=NET, **settings):
    return bp.train(net, X, Y, **{"epochs": 2, "batch_size": 2, **settings})


def bfloat16(x):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    return torch.asarray(x).to(torch.bfloat16)


def on_torch(x):
    return pytest.importorskip("torch", reason="torch is not installed").asarray(x)
