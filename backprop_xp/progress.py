"""Where training stands, as callbacks see it."""

from dataclasses import dataclass, field
from typing import Any

from backprop_xp.backend import Array, context, copied, namespace
from backprop_xp.network import Network
from backprop_xp.optimizers import State
from backprop_xp.preparation import Task
from backprop_xp.recording import History

__all__ = ["Progress"]


@dataclass
class Progress:
    """Where training stands.

    Attributes
    ----------
    network : Network
    epochs : int
        How many were asked for.
    epoch : int
        How many are complete, those before a resumed run among them.
    batch : int
        How many batches of the next epoch are done.
    history : dict of lists
        As that of the run, one entry for each complete epoch. A callback may add lists of its own.
    stopped : str
        Why training ends before its last epoch; empty while it goes on.
    """

    task: Task = field(repr=False)
    epochs: int
    weights: Array = field(repr=False)  # θ as training holds it, (P,) or (K, P)
    state: State = field(default=(), repr=False)
    epoch: int = 0
    batch: int = 0
    history: History = field(default_factory=dict, repr=False)
    stopped: str = ""
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

    def take(self, theta: Array) -> None:
        """Go on from these parameters (*stack, P), in place of those that there are."""
        with context(self.weights):
            flat = theta if theta.ndim == self.weights.ndim else _flat(theta)
            self.weights = copied(flat)

    def stop(self, why: str) -> None:
        """End training after this epoch; `why` is what the run says of it."""
        self.stopped = self.stopped or why


def _flat(theta: Array) -> Array:
    flat: Array = namespace(theta).reshape(theta, (-1, theta.shape[-1]))
    return flat
