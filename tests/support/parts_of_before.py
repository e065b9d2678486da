"""Settings of a user's own, and numbers of NumPy, that checkpoints of before describe.

The files under ``tests/data`` were written by version 0.1.0, with these settings, before it had
rooms. It wrote the module and the name of a class or function, so both stay as they are.
"""

import math

import numpy as np

import backprop_xp as bp

MODULE = "parts_of_before"
X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [0, 1, 1, 0]


class Squash:
    """An activation with a number of its own."""

    name = "squash"

    def __init__(self, width):
        self.width = width

    def __call__(self, z):
        return self.width * z / (1 + abs(z))

    def da_dz(self, z, a):  # noqa: ARG002  the signature of an activation
        return self.width / (1 + abs(z)) ** 2


class Falling:
    """A schedule that is an object."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / (1 + step)


def falling(step):
    """Return a rate by arithmetic alone."""
    return 0.5 / (1 + step)


def decaying(step):
    """Return a rate by a function of a module."""
    return 0.5 * math.exp(-step / 9)


def settings(kind):
    """Return keywords of `train` by kind."""
    X_here, Y_here = np.asarray(X), np.asarray(Y)
    net = bp.Network([2, 4, 2], Squash(1.5) if kind == "objects" else "tanh")
    given = {"net": net, "X": X_here, "Y": Y_here, "seed": 3, "batch_size": 2}
    rates = {"objects": Falling(0.5), "falling": falling, "decaying": decaying}
    if kind == "numbers":
        narrow = {"l2": np.float32(0.01), "dropout": np.float16(0.1)}
        weights = {1: np.float32(1.1), 0: 1.0}
        return {**given, **narrow, "class_weights": weights, "optimizer": bp.SGD(np.float32(0.3))}
    return {**given, "optimizer": bp.SGD(rates[kind])}


KINDS = ("numbers", "objects", "falling", "decaying")
