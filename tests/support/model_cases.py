"""Two networks to save, a plain one and one with settings and masks."""

import numpy as np

import backprop_xp as bp

MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
PLAIN = bp.Network([3, 4, 2])
RICH = bp.Network(
    [3, 4, 2, 1],
    hidden=[bp.activations.LeakyReLU(0.2), "tanh"],
    output="identity",
    loss=bp.losses.Huber(2.0),
    connections=[MASK, None, [[0, 1]]],
)

THETA = PLAIN.init(seed=1)
