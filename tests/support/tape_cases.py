"""What steps on a tape are tried with: every optimiser, and operations of one and of two arrays."""

import numpy as np

import backprop_xp as bp

BATCHES, M, N_IN = 5, 4, 3


def falling(step):
    return 0.1 / (1 + step)


# an optimiser that is added is to be named here, or the test of the names fails
OPTIMIZERS = {
    "SGD": [
        bp.SGD(0.1),
        bp.SGD(0.1, 0.9),
        bp.SGD(0.1, 0.9, nesterov=True),
        bp.SGD(falling, falling),
    ],
    "Adam": [bp.Adam(0.1), bp.Adam(falling), bp.Adam(0.1, beta1=lambda step: 0.9 - falling(step))],
    "AdamW": [bp.AdamW(0.1), bp.AdamW(0.1, weight_decay=falling)],
    "NAdam": [bp.NAdam(0.1), bp.NAdam(0.1, momentum_decay=falling)],
    "RMSprop": [
        bp.RMSprop(0.1),
        bp.RMSprop(0.1, 0.9, momentum=0.5, centered=True),
        bp.RMSprop(falling, momentum=falling),
    ],
    "Adagrad": [bp.Adagrad(0.1), bp.Adagrad(falling)],
    "Rprop": [bp.Rprop(0.1), bp.Rprop(0.1, decrease=falling)],
}

UNARY = [np.negative, np.abs, np.tanh, lambda x: x.mT, lambda x: x - np.sum(x, -1, keepdims=True)]
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.maximum,
    lambda x, y: np.where(x > y, x, y),
    lambda x, y: (x > y).astype(x.dtype),
    lambda x, y: np.concatenate([x[1:, :], y[:1, :]], axis=0),
    lambda x, y: x @ y,
    lambda x, y: np.ones_like(x) - y,
]
