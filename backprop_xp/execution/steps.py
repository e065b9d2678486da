"""Steps over batches: a loop, a tape on a CPU, kernels on CuPy, or ``lax.scan`` on JAX."""

import warnings
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, TypeAlias

import array_api_compat

from backprop_xp.arrays.backend import Array, Namespace, compiles, is_on_cpu, namespace
from backprop_xp.execution.cuda.switches import (
    FUSED_KERNELS,
    ONE_KERNEL,
    STEP_GRAPH,
    is_asked_for,
    is_on,
)
from backprop_xp.execution.numpy_replay import Replayer
from backprop_xp.execution.plain_loop import Steps, later, loop

__all__ = [
    "compiled_over_batches",
    "gathers_rows",
    "one_kernel_over_batches",
    "over_batches",
    "takes_one_kernel",
    "warn_of_fallback",
]

MakeStep: TypeAlias = Callable[..., Callable[..., Any]]


def over_batches(
    make_step: MakeStep,
    xp: Namespace,
    *,
    pure: bool = False,
    lengths: Sequence[int] = (),
    planned: bool = False,
    rule: Hashable = None,
) -> Steps:
    """Return the function that runs a step once for each batch, one batch after another.

    Parameters
    ----------
    make_step : callable
        Returns a new function ``step(carry, numbers, *batch) -> (carry, out)``, whose `out` is a
        tuple of arrays or None. A step may keep arrays from call to call. Where `pure`, a step for
        NumPy is also made on CuPy and PyTorch, by ``make_step(theta)`` with a NumPy array like θ.
    xp : module
        The namespace of the arrays to come.
    pure : bool
        Whether the step is a function of arrays that never reads a number from one. NumPy replays a
        pure step (`numpy_replay`), as does PyTorch on a CPU (`torch_replay`). CuPy runs one kernel
        between two matrix products (`cuda`).
    lengths : sequence of int
        Lengths of W^1, b^1, … in the flat vector θ. JAX carries vectors in these pieces
        (`jax_layers`).
    planned : bool
        Whether NumPy's recording of a pure step leaves out repeated operations and works in less
        memory (`repeats`, `placement`). That takes as long as some steps on small arrays.
    rule : hashable, optional
        Equal rules have the same pure step: on CuPy they share recordings (`cuda.kept`).

    Returns
    -------
    callable
        ``steps(carry, numbers, source, *batches) -> (carry, outs)``, which consumes the arrays of
        the carry. `numbers` has one entry per step. The first axis of each array in `batches` and
        in `outs` counts the steps. Where `source` (..., m, n) is given, the first of the batches
        holds row numbers, and a step gathers these rows.
    """
    if compiles(xp):
        from backprop_xp.execution.jax_scan import scanned

        return scanned(make_step(), lengths)
    if pure and array_api_compat.is_numpy_namespace(xp):
        return Replayer(lambda _: make_step(), later(make_step, xp), planned=planned)
    if pure and array_api_compat.is_torch_namespace(xp):
        from backprop_xp.execution.torch_replay import TorchReplayer

        return TorchReplayer(make_step, later(make_step, xp))
    if pure and array_api_compat.is_cupy_namespace(xp):
        return _on_cupy(make_step, xp, rule)
    return loop(make_step(), xp)


def gathers_rows(source: Array) -> bool:
    """Tell whether each step gathers the rows of its own batch from `source`.

    JAX gathers in its compiled loop, and CuPy in the graph of a step (`cuda.step_graph`), where it
    is asked for. On a CPU each batch is gathered into the memory of the last batch, and is still in
    the cache when the step reads it. Elsewhere on a GPU one gather for many batches is faster than
    one gather for each.
    """
    xp = namespace(source)
    if array_api_compat.is_cupy_namespace(xp):
        return is_on(FUSED_KERNELS) and is_asked_for(STEP_GRAPH)
    in_cache = array_api_compat.is_numpy_namespace(xp) or array_api_compat.is_torch_namespace(xp)
    return compiles(xp) or (bool(in_cache) and is_on_cpu(source))


def compiled_over_batches(
    make_step: MakeStep,
    otherwise: Steps,
    programs: dict[Any, Any],
    *,
    by_cases: bool = False,
    what: str = "training",
) -> Steps:
    """Return `over_batches` for NumPy, with steps that numba compiles (`compiled`).

    Parameters
    ----------
    make_step : callable
        As `over_batches` takes it, with a pure step.
    otherwise : callable
        Runs steps that are not compiled; called as the result is.
    programs : dict
        Programs of the same step, which are kept for the next call.
    by_cases : bool
        Whether products lie in memory case by case: faster for many cases and few units.
    what : str
        What the steps do, for the warning where they are not compiled.
    """
    from backprop_xp.execution.compiled.replayer import Compiled

    tell = partial(warn_of_fallback, what=what)
    return Compiled(make_step, otherwise, programs, tell, by_cases)


def takes_one_kernel(xp: Namespace) -> bool:
    """Tell whether a block of steps is to be one kernel, which also gathers the rows of a batch."""
    return bool(array_api_compat.is_cupy_namespace(xp)) and is_asked_for(ONE_KERNEL)


def one_kernel_over_batches(make_step: MakeStep, otherwise: Steps, rule: Hashable) -> Steps:
    """Return `over_batches` for CuPy, with a block of steps as one kernel (`cuda.one_kernel`).

    Parameters
    ----------
    make_step : callable
        As `over_batches` takes it, with a pure step.
    otherwise : callable
        Runs steps that do not fit, on batches without row numbers; called as the result is.
    rule : hashable
        Equal rules have the same step, and share their kernels.
    """
    from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
    from backprop_xp.execution.cuda.one_kernel.launch import OneKernel

    return OneKernel(make_step, otherwise, CupyLibrary(), _warn_of_many_kernels, rule)


def _on_cupy(make_step: MakeStep, xp: Namespace, rule: Hashable) -> Steps:
    from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
    from backprop_xp.execution.cuda.replay import FusedReplayer

    steps: Steps = later(make_step, xp)
    return FusedReplayer(make_step, steps, CupyLibrary(), rule) if is_on(FUSED_KERNELS) else steps


def _warn_of_many_kernels(why: str) -> None:
    """Warn that steps which were to be one kernel run as without."""
    warnings.warn(f"training is not one kernel, and runs as without: {why}", stacklevel=2)


def warn_of_fallback(why: str, what: str = "training") -> None:
    """Warn that steps which were to be compiled are run as recorded."""
    warnings.warn(f"{what} is not compiled, and runs as without: {why}", stacklevel=2)
