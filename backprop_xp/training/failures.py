"""What training hands over where it cannot go on: an error with the last good parameters."""

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from backprop_xp.arrays.backend import Array, context, copied, dtype_name
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import DivergenceError, OutOfMemoryError
from backprop_xp.training.task import Task

__all__ = ["Edge", "diverged", "out_of_memory"]


@dataclass
class Edge:
    """The last edge between two epochs, up to which training has come.

    Attributes
    ----------
    theta : array (P,), or (K, P) for a stack
    epoch : int
        The number of the next epoch.
    history : dict of lists
        What was recorded of the epochs before.
    """

    theta: Array
    epoch: int = 0
    history: History = field(default_factory=dict)


def diverged(
    task: Task, epoch: int, batch: int, networks: list[int], theta: Array, history: History
) -> DivergenceError:
    """Return the error for costs that are not finite.

    Parameters
    ----------
    task : Task
    epoch, batch : int
        Where the first of them is.
    networks : list of int
        Whose costs they are, networks of all axes of the stack counted together.
    theta : array (P,), or (K, P) for a stack
        The last good parameters.
    history : dict of lists
    """
    places = [tuple(map(int, np.unravel_index(k, task.stack))) for k in networks]
    which = ", ".join(str(place[0] if len(place) == 1 else place) for place in places[:5] if place)
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    error = DivergenceError(
        f"train, epoch {epoch}, batch {batch} (counted from 0)"
        + (f", network {which}{more}" if which else ""),
        "a cost or parameters that are infinite or NaN",
        "finite ones",
        "Try a smaller learning rate or inputs of mean 0 and variance 1; the last good parameters "
        "are this error's .theta",
    )
    error.theta, error.epoch, error.batch = task.in_axes(theta), epoch, batch
    error.history, error.networks = history, places
    return error


def out_of_memory(task: Task, edge: Edge, lack: str) -> OutOfMemoryError:
    """Return the error for what the memory does not hold, with a copy of θ at the last edge.

    Parameters
    ----------
    task : Task
    edge : Edge
    lack : str
        What could not be had, such as "memory for 40 bytes".
    """
    less = ["a smaller batch_size"]
    less += ["fewer networks in the stack"] if task.stack else []
    less += ["dtype='float32'"] if dtype_name(edge.theta.dtype) == "float64" else []
    error = OutOfMemoryError(
        f"train, epoch {edge.epoch} (counted from 0)",
        f"no {lack}",
        "room for the arrays of a step",
        f"Try {' or '.join(less)}; the parameters before this epoch are this error's .theta",
    )
    error.epoch, error.history = edge.epoch, edge.history
    with context(edge.theta):
        error.theta = task.in_axes(edge.theta)
    with suppress(MemoryError, RuntimeError):  # rather what training itself had than nothing
        error.theta = copied(error.theta)
    return error
