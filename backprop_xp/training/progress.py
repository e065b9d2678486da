"""Where training stands, and how it goes on from other parameters."""

from dataclasses import dataclass, field
from typing import Any

from backprop_xp.arrays.backend import Array, context, copied, detached, namespace
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import ShapeError
from backprop_xp.network.network import Network
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.task import Task

__all__ = ["TrainingProgress"]


@dataclass
class TrainingProgress:
    """Where training stands: a `callbacks.progress.Progress`, with what training itself holds.

    Attributes
    ----------
    task : Task
    weights : array (P,), or (K, P) for a stack
        θ as training holds it.
    taken : int, ndarray of int or None
        The epoch whose parameters `take` has put in place, of a stack one for each network.
    """

    task: Task = field(repr=False)
    epochs: int
    weights: Array = field(repr=False)
    state: State = field(default=(), repr=False)
    epoch: int = 0
    batch: int = 0
    history: History = field(default_factory=dict, repr=False)
    stopped: str = ""
    taken: Any = None
    of_settings: dict[str, Any] = field(default_factory=dict, repr=False)

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
        """Go on from these parameters (*stack, P), in place of those that there are.

        `epoch` says after which epoch they were there, of a stack one for each network.

        Raises
        ------
        ShapeError
            They are not of θ's shape, dtype and library.
        """
        if type(theta) is not type(self.weights) or (theta.shape, theta.dtype) != (
            (*self.task.stack, self.weights.shape[-1]),
            self.weights.dtype,
        ):
            came = f"{type(theta).__name__} {getattr(theta, 'shape', '')}"
            advice = "Pass what progress.theta was, or an array like it"
            raise ShapeError("progress.take(theta)", came, "an array like progress.theta", advice)
        with context(self.weights):
            flat = namespace(theta).reshape(detached(theta), self.weights.shape)
            self.weights, self.taken = copied(flat), epoch

    def stop(self, why: str) -> None:
        """End training after this epoch; `why` is what the run says of it."""
        self.stopped = self.stopped or str(why) or "stopped by a callback"
