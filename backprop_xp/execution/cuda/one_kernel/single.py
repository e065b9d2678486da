"""The step of a single network, recorded from the arrays of a stack.

A stack is trained by what a single network is trained by: the step is recorded for θ (P,). An array
has an axis for the networks where it has one more than for a single network: matrices in a batch,
numbers without axes.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.one_kernel.forms import in_one_form
from backprop_xp.execution.cuda.one_kernel.order import outputs_early
from backprop_xp.execution.cuda.one_kernel.plan import Unfit
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.recordings import RecordedStep, record
from backprop_xp.execution.repeats import without_repeats
from backprop_xp.execution.tape import leaves, mapped
from backprop_xp.execution.unread import unread

__all__ = ["Own", "own_axes", "recorded_network", "tidied"]

Own: TypeAlias = dict[tuple[str, int], bool]  # has it an axis for the networks? by tree and number


def recorded_network(
    make_step: Callable[[HostArray], Callable[..., Any]],
    own: Own,
    carry: Any,
    numbers: Any,
    source: Any,
    batch: Sequence[Any],
) -> RecordedStep:
    """Return the step of one network.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step for NumPy, where θ is a NumPy array of one network.
    own : Own
        As `own_axes` returns it.
    carry, numbers : tree of array
        Arrays of the stack.
    source : array (..., m, n) or None
    batch : sequence of array
        The first holds row numbers, where there is a source.

    Raises
    ------
    NotReplayable
        The step does something that a tape cannot hold.
    """
    stacked = leaves(carry)[0].ndim > 1
    gathered = () if source is None else (*batch[0].shape, source.shape[-1])
    single = [
        mapped(lambda x: unread(x.shape[1:] if stacked else x.shape, x.dtype), carry),
        mapped(lambda x: unread((), x.dtype), numbers),
        tuple(
            unread(gathered, source.dtype)
            if gathered and not number
            else unread(x.shape[1:] if own["batch", number] else x.shape, x.dtype)
            for number, x in enumerate(batch)
        ),
    ]
    step = make_step(leaves(single[0])[0])
    return tidied(record(step, *single, runs_here=False))


def tidied(recorded: RecordedStep) -> RecordedStep:
    """Return the step with each result computed once, in an order that makes few phases."""
    recorded, memories = in_one_form(recorded), Memories()
    return outputs_early(without_repeats(recorded, memories), memories)


def own_axes(carry: Any, numbers: Any, source: Any, batch: Sequence[Any]) -> Own:
    """Return whether each array has an axis for the networks, by its tree and number.

    Raises
    ------
    Unfit
        An array has another number of axes than one network, or a stack of one axis, gives it.
    """
    theta, *state = leaves(carry)
    if theta.ndim > 2 or any(x.shape[: theta.ndim - 1] != theta.shape[:-1] for x in state):
        raise Unfit(f"the stack has the shape {theta.shape[:-1]}")
    networks = theta.shape[0] if theta.ndim == 2 else 0
    own: Own = {}
    for number, x in enumerate(leaves(numbers)):
        if x is not None:
            own["number", number] = x.ndim > 0
            if x.shape not in ((), (networks, 1)):
                raise Unfit(f"a number has the shape {x.shape}")
    for number, x in enumerate(batch):
        rows_of_source = source is not None and not number
        labels = x.dtype.kind != "f"
        axes = 1 if labels else 2
        own["batch", number] = x.ndim > axes and not rows_of_source
        if x.ndim > axes + 1 or (own["batch", number] and x.shape[0] != networks):
            raise Unfit(f"an array of the batch has the shape {x.shape}")
    if source is not None:
        own["source", 0] = source.ndim > 2
    return own
