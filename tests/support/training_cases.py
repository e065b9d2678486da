"""Small networks and data to train on, and a plain loop over batches to compare with."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator

CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
BINARY = bp.Network([3, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")

_rng = np.random.default_rng(0)
M = 10
X = _rng.standard_normal((M, 3))
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2))
BITS = LABELS % 2
WEIGHTS = _rng.uniform(0.1, 2, M)
X_VAL, LABELS_VAL, Y_VAL = X[::-1] + 0.1, LABELS, Y * 2
for _array in (X, LABELS, Y, BITS, WEIGHTS, X_VAL, LABELS_VAL, Y_VAL):
    _array.flags.writeable = False

# Where two ways of computing the same are compared: they sum in other orders, each number is
# rounded some hundred times in a run of a few epochs, and float64 rounds by 1e-16, float32 by 6e-8.
CLOSE = {"float64": {"rtol": 1e-11, "atol": 1e-13}, "float32": {"rtol": 1e-4, "atol": 1e-5}}

# JAX compiles for each shape anew, which takes seconds; where another test of this file covers the
# same lines on JAX, these libraries are enough
WITHOUT_JAX = pytest.mark.parametrize(
    "xp",
    [
        "numpy-readonly",
        "strict-device1",
        "strict-no_x64",
        "strict-flags-off",
        "torch",
        pytest.param("cupy", marks=pytest.mark.gpu),
    ],
    indirect=True,
)


def train_plainly(
    net,
    X,
    Y,
    theta,
    *,
    epochs,
    batch_size,
    rate,
    momentum=0.0,
    nesterov=False,
    l2=0.0,
    weights=None,
    seed=0,
):
    """Train one network by a loop over batches; return θ and the mean cost of each epoch."""
    theta, velocity, m, costs = theta.copy(), np.zeros_like(theta), len(X), []
    is_weight = net.pack([(np.ones_like(W), np.zeros_like(b)) for W, b in net.unpack(theta)])
    for epoch in range(epochs):
        full = batch_size is None or batch_size >= m
        order = np.arange(m) if full else generator(seed, "order", epoch).permutation(m)
        of_batches = []
        for start in range(0, m, batch_size or m):
            rows = order[start : start + (batch_size or m)]
            w = np.ones(len(rows)) if weights is None else weights[rows]
            mean = 1 if weights is None else weights.mean()
            E, g = net.gradient(theta, X[rows], Y[rows], w / (len(rows) * mean))
            E = E + 0.5 * l2 * ((is_weight * theta) ** 2).sum()
            of_batches.append(E * len(rows) / m)
            g = g + l2 * is_weight * theta
            velocity = momentum * velocity - rate * g
            theta = theta + (momentum * velocity - rate * g if nesterov else velocity)
        costs.append(sum(of_batches))
    return theta, costs


LINEAR = bp.Network([1, 1], output="identity", loss="squared_error")
