"""Steps one after another: a loop over batches, or one compiled ``lax.scan`` on JAX."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat

from backprop_xp.backend import Array, Namespace

__all__ = ["compiles", "over_batches"]


def compiles(xp: Namespace) -> bool:
    """Tell whether steps are compiled, which takes seconds."""
    return bool(array_api_compat.is_jax_namespace(xp))


def over_batches(step: Callable[..., Any], xp: Namespace) -> Callable[..., Any]:
    """Return the function that takes one step after another: a loop, on JAX a `lax.scan`.

    Parameters
    ----------
    step : callable
        ``step(carry, numbers, shared, *batch) -> (carry, out)`` with a tuple of arrays or None as
        `out`.
    xp : module
        The namespace of the arrays to come.

    Returns
    -------
    callable
        ``steps(carry, numbers, shared, *batches) -> (carry, outs)``: `numbers` has one entry for
        each step, `shared` is for all of them, the first axis of each array in `batches` is the
        steps, as is that of each array in `outs`.
    """
    if compiles(xp):
        return _scanned(step)

    def steps(
        carry: Any, numbers: Sequence[Any], shared: Any, *batches: Array
    ) -> tuple[Any, tuple[Any, ...]]:
        outs = []
        for each, *batch in zip(numbers, *(xp.unstack(x) for x in batches), strict=True):
            carry, out = step(carry, each, shared, *batch)
            outs.append(out)
        stacked = (None if x[0] is None else xp.stack(x) for x in zip(*outs, strict=True))
        return carry, tuple(stacked)

    return steps


def _scanned(step: Callable[..., Any]) -> Callable[..., Any]:
    jax = importlib.import_module("jax")

    def constant(carry: Any, numbers: Any, shared: Any, *batches: Array) -> Any:
        def body(carry: Any, batch: Any) -> Any:
            return step(carry, numbers, shared, *batch)

        return jax.lax.scan(body, carry, batches)

    def varied(carry: Any, numbers: Any, shared: Any, *batches: Array) -> Any:
        def body(carry: Any, batch: Any) -> Any:
            return step(carry, batch[0], shared, *batch[1:])

        return jax.lax.scan(body, carry, (numbers, *batches))

    fast_constant, fast_varied = jax.jit(constant), jax.jit(varied)

    def steps(carry: Any, numbers: Sequence[Any], shared: Any, *batches: Array) -> Any:
        if all(each is numbers[0] for each in numbers):
            return fast_constant(carry, numbers[0], shared, *batches)
        stacked = jax.tree.map(lambda *of_steps: jax.numpy.stack(of_steps), *numbers)
        return fast_varied(carry, stacked, shared, *batches)

    return steps
