"""Who is timed: each peer trains the same network on the same data, one process for each.

A peer is a function from a `Job` to a function that runs a number of epochs. All train with plain
stochastic gradient descent, ReLU units, softmax and cross-entropy, in float32, with a new order of
the cases in each epoch.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Job:
    """What is timed.

    Attributes
    ----------
    sizes : list of int
    batch_size, cases, threads : int
    device : str
        A device of backprop_xp.
    """

    sizes: list[int]
    batch_size: int
    cases: int
    threads: int
    device: str = "cpu"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return X (cases, n_in) float32 in 0 … 1, four fifths of it 0 as in MNIST, and labels."""
        rng = np.random.default_rng(0)
        X = rng.random((self.cases, self.sizes[0]), dtype=np.float32)
        X *= rng.random(X.shape, dtype=np.float32) > 0.8
        return X, rng.integers(0, self.sizes[-1], self.cases)

    def flops(self) -> float:
        """Return the floating-point operations of an epoch's matrix products.

        Forward, ∂E/∂W, and, in all layers but the first, ∂E/∂a: 2 n_in n_out each for a case.
        """
        products = [2.0 * n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return self.cases * (3 * sum(products) - products[0])


def backprop_xp(job: Job) -> Callable[[int], Any]:
    """Train with this library."""
    import backprop_xp as bp

    X, Y = job.data()
    net = bp.Network(job.sizes, hidden="relu")
    theta = net.init(seed=0)

    def run(epochs: int) -> Any:
        return bp.train(
            net,
            X,
            Y,
            theta,
            optimizer=bp.SGD(LEARNING_RATE),
            epochs=epochs,
            batch_size=job.batch_size,
            device=job.device,
        )

    return run


def sklearn(job: Job) -> Callable[[int], Any]:
    """Train scikit-learn's MLPClassifier."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    X, Y = job.data()
    warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs never converge

    def run(epochs: int) -> Any:
        return MLPClassifier(
            job.sizes[1:-1],
            solver="sgd",
            alpha=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            learning_rate_init=LEARNING_RATE,
            batch_size=job.batch_size,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
            random_state=0,
        ).fit(X, Y)

    return run


def torch(job: Job) -> Callable[[int], Any]:
    """Train with PyTorch's modules, automatic derivative and optimiser, eagerly, on the CPU."""
    import torch as pt

    pt.set_num_threads(job.threads)
    X, Y = (pt.from_numpy(x) for x in job.data())
    layers: list[Any] = []
    for n_in, n_out in pairwise(job.sizes):
        layers += [pt.nn.Linear(n_in, n_out), pt.nn.ReLU()]
    model = pt.nn.Sequential(*layers[:-1])
    optimizer = pt.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    cost = pt.nn.CrossEntropyLoss()

    def run(epochs: int) -> Any:
        for _ in range(epochs):
            for rows in pt.randperm(job.cases).split(job.batch_size):
                optimizer.zero_grad()
                cost(model(X[rows]), Y[rows]).backward()
                optimizer.step()

    return run


def floor(job: Job) -> Callable[[int], Any]:
    """Do nothing but the matrix products of the steps, into memory that is there: the limit."""
    rng = np.random.default_rng(0)

    def matrix(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    m = job.batch_size
    W = [matrix(n_out, n_in) for n_in, n_out in pairwise(job.sizes)]
    a = [matrix(m, job.sizes[0]).T, *(matrix(n, m) for n in job.sizes[1:])]
    delta = [matrix(n, m) for n in job.sizes[1:]]
    z, dE_da = [np.empty_like(x) for x in delta], [np.empty_like(x) for x in a]
    dE_dW = [np.empty_like(x) for x in W]

    def run(epochs: int) -> Any:
        for _ in range(epochs * math.ceil(job.cases / m)):
            for layer, weights in enumerate(W):
                np.matmul(weights, a[layer], out=z[layer])
            for layer in reversed(range(len(W))):
                np.matmul(delta[layer], a[layer].T, out=dE_dW[layer])
                if layer:
                    np.matmul(W[layer].T, delta[layer], out=dE_da[layer])

    return run


PEERS: dict[str, Callable[[Job], Callable[[int], Any]]] = {
    "backprop_xp": backprop_xp,
    "sklearn": sklearn,
    "torch": torch,
    "floor": floor,
}
NEEDS = {"backprop_xp": "numpy", "sklearn": "sklearn", "torch": "torch", "floor": "numpy"}
