"""Steps one after another: a loop, a tape on a CPU, kernels on CuPy, or ``lax.scan`` on JAX."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import array_api_compat

from backprop_xp.arrays.backend import Array, Namespace, is_on_cpu, namespace
from backprop_xp.arrays.native import rows
from backprop_xp.cupy_library import CupyLibrary
from backprop_xp.fused import FusedReplayer, is_wanted
from backprop_xp.layerwise import by_pieces, joined, split
from backprop_xp.replay import Replayer
from backprop_xp.torch_replay import TorchReplayer

__all__ = ["compiles", "gathers_rows", "over_batches"]

Steps: TypeAlias = Callable[..., tuple[Any, tuple[Array | None, ...]]]
MakeStep: TypeAlias = Callable[..., Callable[..., Any]]


def compiles(xp: Namespace) -> bool:
    """Tell whether steps are compiled, which takes seconds."""
    return bool(array_api_compat.is_jax_namespace(xp))


def gathers_rows(source: Array) -> bool:
    """Tell whether steps gather their rows of `source` themselves.

    JAX does it in its loop. On a CPU a batch that was just gathered is still in the cache, in the
    memory of the batch before. Elsewhere a call for each batch costs more than one for many.
    """
    xp = namespace(source)
    in_cache = array_api_compat.is_numpy_namespace(xp) or array_api_compat.is_torch_namespace(xp)
    return compiles(xp) or (bool(in_cache) and is_on_cpu(source))


def over_batches(
    make_step: MakeStep, xp: Namespace, *, pure: bool = False, lengths: Sequence[int] = ()
) -> Steps:
    """Return the function that takes one step after another.

    Parameters
    ----------
    make_step : callable
        Returns a new function ``step(carry, numbers, *batch) -> (carry, out)``, with a tuple of
        arrays or None as `out`; it may keep arrays from call to call. On CuPy and PyTorch a pure
        one may be asked for with an array of NumPy, like θ, for which its step is to be.
    xp : module
        The namespace of the arrays to come.
    pure : bool
        Whether the step is known to be a function of arrays, which never looks at a number: then
        NumPy replays it (`replay`), as does PyTorch on a CPU (`torch_replay`), and CuPy takes one
        kernel between two products (`fused`).
    lengths : sequence of int
        Those of W^1, b^1, … in a flat vector: JAX carries vectors in these pieces (`layerwise`).

    Returns
    -------
    callable
        ``steps(carry, numbers, source, *batches) -> (carry, outs)``, which consumes the arrays of
        the carry: `numbers` has one entry for each step; the first axis of each array in `batches`
        is the steps, as is that of each array in `outs`. Where `source` (..., m, n) is given, the
        first of the batches says which of its rows a step takes.
    """
    if compiles(xp):
        return _scanned(make_step(), lengths)
    if pure and array_api_compat.is_numpy_namespace(xp):
        return Replayer(lambda _: make_step(), _loop(make_step(), xp))
    if pure and array_api_compat.is_torch_namespace(xp):
        return TorchReplayer(make_step, _loop(make_step(), xp))
    if pure and array_api_compat.is_cupy_namespace(xp) and is_wanted():
        return FusedReplayer(make_step, _loop(make_step(), xp), CupyLibrary())
    return _loop(make_step(), xp)


def _with_rows(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return the step that takes the source after the numbers, and gathers its rows."""

    def gathering(carry: Any, numbers: Any, source: Any, first: Any, *others: Any) -> Any:
        X = first if source is None else rows(source, first)
        return step(carry, numbers, X, *others)

    return gathering


def _loop(step: Callable[..., Any], xp: Namespace) -> Steps:
    step = _with_rows(step)

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


def _scanned(step: Callable[..., Any], lengths: Sequence[int]) -> Steps:
    jax, step = importlib.import_module("jax"), _with_rows(step)

    def scan(body: Callable[..., Any], carry: Any, batches: Any) -> Any:
        if not lengths or jax.config.jax_disable_jit:  # who disables it looks at numbers
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
