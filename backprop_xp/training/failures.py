"""The errors of a training that cannot continue; each holds the last good parameters."""

from contextlib import ExitStack, suppress
from traceback import clear_frames
from types import TracebackType
from typing import Self

import numpy as np

from backprop_xp.arrays.backend import Array, context, copied, dtype_name, without_derivatives
from backprop_xp.arrays.memory_errors import lack_of_memory
from backprop_xp.arrays.threads import limited_threads, threads_of
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import DivergenceError, OutOfMemoryError
from backprop_xp.execution.cuda.kept import forget
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.task import Task

__all__ = ["Guarded", "diverged", "out_of_memory"]

_UNRECORDED = "does not require grad"  # from PyTorch, where an own part differentiates
_RECORD = (
    "train: PyTorch records no derivatives in a step. Differentiate within torch.enable_grad(), "
    "and return tensors without a graph."
)


class Guarded(ExitStack):
    """The context of a training: device, threads, no warnings, errors with the last θ.

    The driver calls `reached` between two epochs. Where memory runs out, the `OutOfMemoryError`
    holds θ of the last call.

    Parameters
    ----------
    task : Task
    built_in : bool
        Whether no part of the steps is a user's own, which may differentiate by PyTorch.

    Attributes
    ----------
    theta : array (P,), or (K, P) for a stack
        θ of the last call of `reached`.
    epoch : int
        The number of the next epoch.
    history : dict of lists
        The entries of the complete epochs.
    threads : int
        The threads that the array library would use for a product.

    Raises
    ------
    DivergenceError
        Raised inside the context; it leaves with a copy of θ.
    OutOfMemoryError
        A step found no memory.
    """

    def __init__(self, task: Task, *, built_in: bool) -> None:
        super().__init__()
        self._built_in = built_in
        self.task, self.theta, self.epoch = task, task.theta, 0
        self.history, self.threads = History(), 1

    def __enter__(self) -> Self:
        self.enter_context(context(self.theta))
        task = self.task
        self.threads = threads_of(self.theta)
        together = 1 if task.ranks is None else task.ranks.on_machine
        sizes = task.net.sizes, task.batch_size
        self.enter_context(limited_threads(self.theta, *sizes, together))
        self.enter_context(without_derivatives(self.theta, allowed=not self._built_in))
        self.enter_context(np.errstate(all="ignore"))  # the cost is checked after each epoch
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave all inner contexts, and complete an error.

        A lack of memory gets the last good θ; the θ that a divergence has is copied.
        """
        super().__exit__(kind, error, trace)
        if isinstance(error, DivergenceError):
            error.theta = copied(error.theta)
        elif isinstance(error, RuntimeError) and _UNRECORDED in str(error):
            error.add_note(_RECORD)
        elif isinstance(error, MemoryError | RuntimeError):
            lack = lack_of_memory(error)
            if lack is not None:
                clear_frames(trace)  # the traceback would keep the arrays of the step
                forget()
                raise out_of_memory(self, lack) from error

    def reached(self, theta: Array, epoch: int) -> None:
        """Keep θ between two epochs, and the number of the next epoch."""
        self.theta, self.epoch = theta, epoch


def diverged(
    progress: TrainingProgress, batch: int, networks: list[int], theta: Array, epoch: int
) -> DivergenceError:
    """Return the error for costs or parameters that are not finite.

    Parameters
    ----------
    progress : TrainingProgress
    batch : int
        The first batch of the epoch with such a cost.
    networks : list of int
        The networks with such a cost, numbered row by row over the stack.
    theta : array (P,), or (K, P) for a stack
        The last good parameters.
    epoch : int
    """
    task, history = progress.task, progress.history
    places = [tuple(map(int, np.unravel_index(k, task.stack))) for k in networks]
    which = ", ".join(str(place[0] if len(place) == 1 else place) for place in places[:5] if place)
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    error = DivergenceError(
        f"train, epoch {epoch}, batch {batch} (counted from 0)"
        + (f", network {which}{more}" if which else ""),
        "a cost or parameters that are infinite or NaN",
        "finite costs and parameters",
        "Try a smaller learning rate or inputs of mean 0 and variance 1; the last good parameters "
        "are this error's .theta",
    )
    error.theta, error.epoch, error.batch = task.in_axes(theta), epoch, batch
    error.history, error.networks = history, places
    return error


def out_of_memory(guard: Guarded, lack: str) -> OutOfMemoryError:
    """Return the error for memory that ran out, with a copy of θ before the current epoch.

    Parameters
    ----------
    guard : Guarded
    lack : str
        The memory that was not free, such as "memory for 40 bytes".
    """
    task, theta = guard.task, guard.theta
    less = ["a smaller batch_size"]
    less += ["fewer networks in the stack"] if task.stack else []
    less += ["dtype='float32'"] if dtype_name(theta.dtype) == "float64" else []
    error = OutOfMemoryError(
        f"train, epoch {guard.epoch} (counted from 0)",
        f"no {lack}",
        "room for the arrays of a step",
        f"Try {' or '.join(less)}; the parameters before this epoch are this error's .theta",
    )
    error.epoch, error.history = guard.epoch, guard.history
    with context(theta):
        error.theta = task.in_axes(theta)
    with suppress(
        MemoryError, RuntimeError
    ):  # without memory for a copy, the error holds the original
        error.theta = copied(error.theta)
    return error
