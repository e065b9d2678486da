"""Networks with targets for traces: canonical pairs, softmax anywhere, removed connections."""

import numpy as np

import backprop_xp as bp
from backprop_xp.activations import Softmax

TARGETS = np.array([[0.2, 0.9], [0.5, 0.1], [0.0, 1.0]])
NETWORKS = {
    "softmax and labels": (bp.Network([3, 4, 2], hidden="tanh"), [0, 1, 1]),
    "softmax and any targets": (bp.Network([3, 4, 2], hidden="gelu"), TARGETS),
    "targets that sum to 1": (bp.Network([3, 4, 3], hidden="tanh"), [[0.7, 0.2, 0.1]] * 3),
    "no pair": (bp.Network([3, 4, 5, 2], "sigmoid", "tanh", "squared_error"), TARGETS),
    "softmax alone": (bp.Network([3, 4, 2], "relu", "softmax", "squared_error"), TARGETS),
    "softmax within": (bp.Network([3, 4, 2], Softmax(), "exp", "poisson"), TARGETS),
    "removed": (
        bp.Network([3, 2], output="sigmoid", loss="huber", connections=[np.eye(2, 3)]),
        TARGETS,
    ),
}
