"""The state of an optimiser after a run, from which another run goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backprop_xp.arrays.backend import Array, copied, device_of, dtype_name, namespace
from backprop_xp.arrays.moves import move
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.protocol import State

__all__ = ["OptimizerState"]


@dataclass(frozen=True)
class OptimizerState:
    """The state of an optimiser after a run: `Run.state`, which ``train(state=)`` takes.

    A run that goes on from the θ and the state of an earlier run, with the same arguments, is
    bit-identical to a single run of all the epochs: the steps of schedules, the order of the cases
    and dropout go on as well.

    Attributes
    ----------
    arrays : tuple of array (..., P)
        The state that the optimiser's `update` returned, such as the velocity. For a stack each
        array has one leading axis for all networks.
    epoch : int
        The number of epochs so far, in this run and in the runs before it.
    memory : dict
        The number of steps so far, and the memory of schedules that follow the history.
    optimizer : str
        The class of the optimiser, such as "Adam"; empty where it is not known.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> whole, part = bp.train(net, X, Y, epochs=5), bp.train(net, X, Y, epochs=2)
    >>> rest = bp.train(net, X, Y, part.theta, state=part.state, epochs=3)
    >>> bool((rest.theta == whole.theta).all()), rest.state.epoch
    (True, 5)
    """

    arrays: State = field(repr=False)
    epoch: int = 0
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)
    optimizer: str = ""

    def like(self, state: State, optimizer: str) -> State:
        """Return copies of the arrays in the library, on the device of an initial `state`.

        Parameters
        ----------
        state : tuple of array (..., P)
        optimizer : str
            The class of the optimiser that goes on.

        Raises
        ------
        OptionError
            The state is of another optimiser, network, stack or dtype.
        """
        advice = "Pass the state of a run with the same optimizer, network, stack and dtype"
        if self.optimizer not in ("", optimizer):
            came, expected = f"the state of {self.optimizer}", f"a state of {optimizer}"
            raise OptionError("train(state)", came, expected, advice)
        came, expected = _forms(self.arrays), _forms(state)
        if came != expected:
            raise OptionError("train(state)", f"arrays {came}", f"arrays {expected}", advice)
        return tuple(map(_moved, self.arrays, state))


def _moved(x: Array, like: Array) -> Array:
    return copied(move(x, namespace(like), device_of(like), dtype_name(like.dtype)))


def _forms(state: State) -> str:
    return ", ".join(f"{tuple(x.shape)} {dtype_name(x.dtype)}" for x in state) or "none"
