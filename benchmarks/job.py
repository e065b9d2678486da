"""The job of all peers: one network, its data and the order of its cases."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator

LEARNING_RATES = {"sgd": 0.01, "adam": 0.001}


@dataclass(frozen=True)
class Job:
    """A piece of work to time, in float32.

    Attributes
    ----------
    task : {"train", "fit", "search", "stack", "starts", "threads", "machines", "predict"}
    sizes : list of int
    batch_size, cases, threads : int
        `cases` is a multiple of `batch_size`, so that all peers make the same number of steps.
    device : str
        The name of a device of backprop_xp.
    optimizer : {"sgd", "adam"}
    hidden : {"relu", "sigmoid"}
    stack : int
        The number of networks; 0 means one network without a leading axis.
    file : str
        The path of a file with X, float32, row by row; empty for data in memory.
    """

    task: str
    sizes: list[int]
    batch_size: int
    cases: int
    threads: int = 1
    device: str = "cpu"
    optimizer: str = "sgd"
    hidden: str = "relu"
    stack: int = 0
    file: str = ""

    @property
    def batches(self) -> int:
        """The number of steps of an epoch."""
        return self.cases // self.batch_size

    @property
    def networks(self) -> int:
        """The number of networks, at least 1."""
        return max(self.stack, 1)

    @property
    def parameters(self) -> int:
        """The number of weights and biases of one network."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def learning_rate(self) -> float:
        """The learning rate of the optimiser."""
        return LEARNING_RATES[self.optimizer]

    @property
    def cuda_index(self) -> int | None:
        """The number of the CUDA device, None for other devices."""
        index = self.device.rpartition(":")[2]
        return (int(index) if index.isdigit() else 0) if "cuda" in self.device else None

    def data(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return X (cases, n_in) float32 in 0 … 1, four fifths of it 0, and labels int32.

        Every class appears if there are enough cases.
        """
        rng = np.random.default_rng(0)
        shape = (self.cases, self.sizes[0])
        Y = rng.permutation(np.arange(self.cases, dtype=np.int32) % self.sizes[-1])
        if self.file:
            return np.memmap(self.file, dtype=np.float32, mode="r", shape=shape), Y
        return random_inputs(rng, shape), Y

    def network(self) -> bp.Network:
        """Return the network, with softmax output and cross-entropy."""
        return bp.Network(self.sizes, hidden=self.hidden)

    def layers(self) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Return the initial W (n_out, n_in) and b (n_out,), with the stack's axis in front."""
        net = self.network()
        layers = net.unpack(net.init(seed=0, stack=self.stack or ()))
        return [(np.array(W), np.array(b)[..., 0]) for W, b in layers]

    def order(self, epoch: int) -> np.ndarray[Any, Any]:
        """Return the order of the cases in an epoch, (cases,) int64."""
        return generator(0, "order", epoch).permutation(self.cases)

    def flops(self) -> float:
        """Return the floating-point operations of an epoch's matrix products.

        Each product has 2 n_in n_out operations a case. A layer has three: W a, ∂E/∂W and ∂E/∂a.
        The first layer has no ∂E/∂a, and prediction has W a alone.
        """
        products = [2.0 * n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        each = sum(products) if self.task == "predict" else 3 * sum(products) - products[0]
        return self.cases * self.networks * each

    def bytes_of_a_step(self) -> int:
        """Return the bytes that a training step must hold: θ, ∂E/∂θ, the batch, each a and δ."""
        units = sum(self.sizes[1:])
        of_networks = self.networks * (2 * self.parameters + 2 * units * self.batch_size)
        return 4 * (of_networks + self.sizes[0] * self.batch_size)


def random_inputs(
    rng: np.random.Generator, shape: tuple[int, int]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return X of this shape, float32 in 0 … 1, four fifths of it 0, as in images of digits."""
    X = rng.random(shape, dtype=np.float32)
    X *= rng.random(shape, dtype=np.float32) > 0.8
    return X
