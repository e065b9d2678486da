"""A plain loop over batches, for array libraries without a faster way."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from backprop_xp.arrays.backend import Array, HostArray, Namespace
from backprop_xp.arrays.native import rows

__all__ = ["Steps", "execution_of", "is_repeated", "later", "loop", "with_rows"]

# steps(carry, numbers, source, *batches) -> (carry, outs), as `steps.over_batches` describes it
Steps: TypeAlias = Callable[..., tuple[Any, tuple[Array | None, ...]]]


def execution_of(steps: Any) -> str:
    """Return in a few words how the last steps were run; "plain" for a loop over their calls.

    Examples
    --------
    >>> import numpy as np
    >>> execution_of(loop(lambda *_: None, np))
    'plain'
    """
    return getattr(steps, "execution", "plain")


def is_repeated(batches: HostArray) -> bool:
    """Tell whether an array of batches holds one batch, seen at each step: its first stride is 0.

    Examples
    --------
    >>> import numpy as np
    >>> is_repeated(np.broadcast_to(np.ones((1, 4)), (3, 4))), is_repeated(np.ones((3, 4)))
    (True, False)
    """
    return len(batches) == 1 or not batches.strides[0]


def with_rows(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``step(carry, numbers, source, *batch)``, which gathers its rows of the source."""

    def gathering(carry: Any, numbers: Any, source: Any, first: Any, *others: Any) -> Any:
        X = first if source is None else rows(source, first)
        return step(carry, numbers, X, *others)

    return gathering


def loop(step: Callable[..., Any], xp: Namespace) -> Steps:
    """Return the function that calls the step for each batch, as `steps.over_batches` does."""
    step = with_rows(step)

    def steps(
        carry: Any, numbers: Sequence[Any], source: Any, *batches: Array
    ) -> tuple[Any, tuple[Any, ...]]:
        outs = []
        for each, *batch in zip(numbers, *(xp.unstack(x) for x in batches), strict=True):
            carry, out = step(carry, each, source, *batch)
            outs.append(out)
        stacked = (None if x[0] is None else xp.stack(x) for x in zip(*outs, strict=True))
        return carry, tuple(stacked)

    return steps


def later(make_step: Callable[[], Callable[..., Any]], xp: Namespace) -> Steps:
    """Return the `loop` over a step that is made when it is first called."""
    made: list[Steps] = []

    def steps(carry: Any, numbers: Sequence[Any], source: Any, *batches: Array) -> Any:
        if not made:
            made.append(loop(make_step(), xp))
        return made[0](carry, numbers, source, *batches)

    return steps
