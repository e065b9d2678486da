"""Where training stands, as callbacks see it."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from backprop_xp.arrays.backend import Array
from backprop_xp.network.network import Network

__all__ = ["History", "Progress"]

History: TypeAlias = dict[str, list[Any]]


class Progress(Protocol):
    """Where training stands.

    Attributes
    ----------
    network : Network
        The network that is trained.
    epochs : int
        How many were asked for.
    epoch : int
        How many are complete, those before a resumed run among them.
    batch : int
        How many batches of the next epoch are done.
    state : tuple of arrays
        The optimiser's, for θ as training holds it, (K, P) for the networks of any stack. Copy
        what is to be kept.
    history : dict of lists
        As that of the run, one entry for each complete epoch. A callback may add lists of its own.
    stopped : str
        Why training ends before its last epoch; empty while it goes on.
    of_settings : mapping
        What schedules that follow the history remember, as JSON holds it.
    """

    epochs: int
    epoch: int
    batch: int
    state: tuple[Array, ...]
    history: History
    stopped: str
    of_settings: Mapping[str, Any]

    @property
    def network(self) -> Network:
        """The network that is trained."""

    @property
    def theta(self) -> Array:
        """A copy of θ, (*stack, P), which a callback may keep."""

    def take(self, theta: Array, epoch: Any = None) -> None:
        """Go on from these parameters (*stack, P), in place of those that there are.

        `epoch` says after which epoch they were there, of a stack one for each network.

        Raises
        ------
        ShapeError
            They are not of θ's shape, dtype and library.
        """

    def stop(self, why: str) -> None:
        """End training after this epoch; `why` is what the run says of it."""
