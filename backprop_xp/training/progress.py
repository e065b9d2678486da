"""The state of training: the implementation of `callbacks.progress.Progress`."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, context, copied, detached, namespace
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import ShapeError
from backprop_xp.network.network import Network
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.task import Task

__all__ = ["TrainingProgress"]


@dataclass
class TrainingProgress:
    """The state of training: a `callbacks.progress.Progress` with attributes of training itself.

    Attributes
    ----------
    task : Task
        The network, its initial θ and its cases.
    weights : array (P,), or (K, P) for a stack
        θ in the shape of training, without a copy.
    left : ndarray (K,) of int
        The epoch after which each network left training; 0 for a network in training.
    taken : int, ndarray of int or None
        The epoch of the parameters that `take` received, in a stack an epoch for each network. None
        before any call of `take`.
    """

    task: Task = field(repr=False)
    epochs: int
    weights: Array = field(repr=False)
    state: State = field(default=(), repr=False)
    epoch: int = 0
    batch: int = 0
    history: History = field(default_factory=History, repr=False)
    stopped: str = ""
    stopped_by: Any = field(default=None, repr=False)
    taken: Any = None
    schedule_memory: dict[str, Any] = field(default_factory=dict, repr=False)
    left: HostArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.left = np.zeros(math.prod(self.task.stack), dtype=np.int64)

    @property
    def network(self) -> Network:
        """The network that is trained."""
        return self.task.net

    @property
    def theta(self) -> Array:
        """A copy of θ, (*stack, P), which a callback may keep."""
        with context(self.weights):
            return self.task.in_axes(copied(self.weights))

    def take(self, theta: Array, epoch: Any = None) -> None:
        """Replace θ by a copy of `theta`, (*stack, P).

        `epoch` is the epoch after which θ was `theta`: in a stack, a number for each network.

        Raises
        ------
        ShapeError
            `theta` has another shape, dtype or library than θ.
        OptionError
            L-BFGS is between two iterations, whose θ is SciPy's.
        """
        if type(theta) is not type(self.weights) or (theta.shape, theta.dtype) != (
            (*self.task.stack, self.weights.shape[-1]),
            self.weights.dtype,
        ):
            dtype, shape = (getattr(theta, name, "") for name in ("dtype", "shape"))
            came = f"{type(theta).__name__} {dtype} {shape}".rstrip()
            advice = "Pass an earlier progress.theta, or an array like it"
            raise ShapeError("progress.take(theta)", came, "an array like progress.theta", advice)
        with context(self.weights):
            flat = namespace(theta).reshape(detached(theta), self.weights.shape)
            self.weights, self.taken = copied(flat), epoch

    def leave(self, networks: Any, epoch: Any = None) -> None:
        """Let networks leave training after this epoch; `networks` is a truth value for each.

        `epoch` is the epoch after which they had their θ, by default this one.
        """
        stack = self.task.stack
        now = np.broadcast_to(np.asarray(networks, dtype=bool), stack).reshape(-1)
        at = np.broadcast_to(self.epoch if epoch is None else epoch, stack).reshape(-1)
        self.left = np.where(now & (self.left == 0), np.maximum(at, 1), self.left)
        if (self.left > 0).all():
            self.stop("every network has left training")

    def stop(self, why: str) -> None:
        """End training after this epoch; `why`, a text, becomes `Run.stopped`."""
        self.stopped = self.stopped or str(why) or "stopped by a callback"
