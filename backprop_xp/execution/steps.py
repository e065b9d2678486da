"""Which way steps are taken: a loop, a tape on a CPU, kernels on CuPy, or ``lax.scan`` on JAX."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import array_api_compat

from backprop_xp.arrays.backend import Namespace, compiles
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.replay import FusedReplayer
from backprop_xp.execution.cuda.switches import FUSED_KERNELS, is_on
from backprop_xp.execution.jax_scan import scanned
from backprop_xp.execution.numpy_replay import Replayer
from backprop_xp.execution.plain_loop import Steps, loop
from backprop_xp.execution.torch_replay import TorchReplayer

__all__ = ["over_batches"]

MakeStep: TypeAlias = Callable[..., Callable[..., Any]]


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
        return scanned(make_step(), lengths)
    if pure and array_api_compat.is_numpy_namespace(xp):
        return Replayer(lambda _: make_step(), loop(make_step(), xp))
    if pure and array_api_compat.is_torch_namespace(xp):
        return TorchReplayer(make_step, loop(make_step(), xp))
    if pure and array_api_compat.is_cupy_namespace(xp) and is_on(FUSED_KERNELS):
        return FusedReplayer(make_step, loop(make_step(), xp), CupyLibrary())
    return loop(make_step(), xp)
