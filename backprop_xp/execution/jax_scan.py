"""Steps on JAX: a block of batches as one ``lax.scan``, compiled once."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from backprop_xp.arrays.backend import Array
from backprop_xp.execution.jax_layers import by_pieces, joined, split
from backprop_xp.execution.plain_loop import Steps, with_rows

__all__ = ["scanned"]


def scanned(step: Callable[..., Any], lengths: Sequence[int]) -> Steps:
    """Return the compiled loop over batches, as `steps.over_batches` does."""
    jax, step = importlib.import_module("jax"), with_rows(step)

    def scan(body: Callable[..., Any], carry: Any, batches: Any) -> Any:
        if not lengths or jax.config.jax_disable_jit:  # without jit, numbers can be seen
            return jax.lax.scan(body, carry, batches)
        arrays, form = jax.tree.flatten(carry)

        def on_arrays(arrays: Any, batch: Any) -> Any:
            carry, out = body(jax.tree.unflatten(form, arrays), batch)
            return jax.tree.leaves(carry), out

        values = [split(x, lengths) for x in arrays]
        values, outs = jax.lax.scan(by_pieces(on_arrays, lengths), values, batches)
        return jax.tree.unflatten(form, map(joined, values)), outs

    def constant(carry: Any, numbers: Any, source: Any, *batches: Array) -> Any:
        def body(carry: Any, batch: Any) -> Any:
            return step(carry, numbers, source, *batch)

        return scan(body, carry, batches)

    def varied(carry: Any, numbers: Any, source: Any, *batches: Array) -> Any:
        def body(carry: Any, batch: Any) -> Any:
            return step(carry, batch[0], source, *batch[1:])

        return scan(body, carry, (numbers, *batches))

    fast_constant, fast_varied = jax.jit(constant), jax.jit(varied)

    def steps(carry: Any, numbers: Sequence[Any], source: Any, *batches: Array) -> Any:
        if len(set(map(id, numbers))) == 1:
            return fast_constant(carry, numbers[0], source, *batches)
        stacked = jax.tree.map(lambda *of_steps: jax.numpy.stack(of_steps), *numbers)
        return fast_varied(carry, stacked, source, *batches)

    return steps
