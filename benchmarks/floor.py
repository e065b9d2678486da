"""The floor: nothing but the matrix products of a step, in the memory layout that is fastest.

No training step on a CPU is faster than its products. So the floor's share of a peer's time is the
share of arithmetic that no peer can avoid. On a GPU launches take longer than small products, so
that the floor is a bound from measured rates: see `bound`. Beside it the same products are launched
as a CUDA graph.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from benchmarks.bound import bound
from benchmarks.job import Job
from benchmarks.meters import Meter, meter_for
from benchmarks.peers import LeftOut, Peer
from benchmarks.products import Plan, best_plan, operands, places_of, products_of

TRIAL_SECONDS = 0.004  # a candidate is repeated for so long
LONG_SECONDS = 0.1  # work that takes longer needs no second run

Calls: TypeAlias = Sequence[Callable[[], Any]]
Launched: TypeAlias = Callable[[Calls], Callable[[], None]]
Multiply = Callable[[Any, Any, Any], Callable[[], Any]]
ToDevice = Callable[[np.ndarray[Any, Any]], Any]


def arrays_for(
    plan: Plan, to_device: ToDevice, arrays: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the operands of the products: an array for each matrix and layout in the plan.

    Arrays that `arrays` holds already are kept, the missing ones added.
    """
    rng, arrays = np.random.default_rng(0), {} if arrays is None else arrays
    for product, orders in plan:
        for place in places_of(product, orders):
            if place.key not in arrays:
                numbers = rng.standard_normal(place.shape, dtype=np.float32)
                numbers /= np.float32(math.sqrt(place.shape[-1]))
                arrays[place.key] = to_device(numbers)
    return arrays


def floor(job: Job) -> Peer:
    """Return the floor as a peer: products on a CPU, a bound on a GPU."""
    if job.cuda_index is not None:
        return bound(job)
    if job.device.startswith("jax"):
        from benchmarks.peers_jax import floor as floor_of_jax

        return floor_of_jax(job)
    return multiplied(job, *_library(job), one_by_one)


def graph(job: Job) -> Peer:
    """Return the peer that launches the products of a step as one CUDA graph."""
    if job.cuda_index is None:
        raise LeftOut("CUDA graphs need a CUDA device")
    if job.device.startswith("torch"):
        return multiplied(job, *_library(job), _graph_of_torch)
    if job.device.startswith("jax"):
        raise LeftOut("JAX has no products into given memory, which a graph holds")
    to_device, _, meter = _library(job)
    return multiplied(job, to_device, _by_cublas, meter, _graph_of_cupy)


def one_by_one(calls: Calls) -> Callable[[], None]:
    """Return the function that makes all calls."""

    def launch() -> None:
        for call in calls:
            call()

    return launch


def multiplied(
    job: Job, to_device: ToDevice, multiply: Multiply, meter: Meter, launched: Launched
) -> Peer:
    """Return the peer that multiplies the matrices of the job's steps.

    Parameters
    ----------
    job : Job
    to_device, multiply : callable
        They move an array, and return the call that multiplies into a given array.
    meter : Meter
    launched : callable
        Returns the launch of some calls, such as `one_by_one`.
    """
    products = products_of(job)
    tried: dict[str, Any] = {}

    def work_of(plan: Plan, arrays: dict[str, Any]) -> Callable[[int], None]:
        arrays = arrays_for(plan, to_device, arrays)
        calls = [multiply(*operands(product, orders, arrays)) for product, orders in plan]
        launch = launched(calls)

        def run(times: int) -> None:
            for _ in range(times):
                launch()

        return run

    plan = best_plan(products, lambda plan: trial(meter, work_of(plan, tried)))
    tried.clear()
    work, per_time = work_of(plan, {}), 1 if job.task == "predict" else job.batches
    return Peer(lambda times: work(times * per_time), meter)


def trial(meter: Meter, work: Callable[[int], Any]) -> float:
    """Return the seconds of one repetition of `work`, the mean over a trial."""
    first, _ = meter.seconds(lambda: work(1))
    if first > LONG_SECONDS:
        return first
    once, _ = meter.seconds(lambda: work(1))
    times = max(1, min(1000, int(TRIAL_SECONDS / max(once, 1e-7))))
    return meter.seconds(lambda: work(times))[0] / times


def _library(job: Job) -> tuple[ToDevice, Multiply, Meter]:
    """Return functions that move an array and that multiply into a given array, and the meter."""
    index = job.cuda_index
    if job.device.startswith("torch"):
        import torch

        torch.set_num_threads(job.threads)
        place = torch.device("cpu") if index is None else torch.device("cuda", index)
        return (
            lambda x: torch.from_numpy(x).to(place),
            lambda x, y, out: partial(torch.matmul, x, y, out=out),
            meter_for("torch", index),
        )
    if index is None:
        return np.asarray, _on_numpy, meter_for("numpy", None)
    try:
        import cupy
    except ImportError as error:
        raise LeftOut(f"no CuPy: {error}") from error
    cupy.cuda.Device(index).use()
    return (
        cupy.asarray,
        lambda x, y, out: partial(cupy.matmul, x, y, out=out),
        meter_for("cupy", index),
    )


def _on_numpy(x: Any, y: Any, out: Any) -> Callable[[], Any]:
    # ``dot`` reaches the BLAS half a microsecond sooner, but only ``matmul`` takes stacks
    return partial(x.dot, y, out) if x.ndim == 2 else partial(np.matmul, x, y, out)


def _by_cublas(x: Any, y: Any, out: Any) -> Callable[[], Any]:
    """Return a product that a graph can hold, which CuPy's own cannot be."""
    from backprop_xp.execution.cuda.cublas import cublas_here, gemm_of

    host = [
        np.lib.stride_tricks.as_strided(np.zeros(1, one.dtype), one.shape, one.strides)
        for one in (x, y, out)
    ]  # of the same layout, and never read
    gemm = gemm_of(*host)
    if gemm is None:
        raise LeftOut("cuBLAS has no product of this layout")
    return partial(cublas_here().product(gemm, out.dtype), x, y, out)


def _graph_of_cupy(calls: Calls) -> Callable[[], None]:
    from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary

    launch, _ = CupyLibrary().capture(one_by_one(calls))
    return launch


def _graph_of_torch(calls: Calls) -> Callable[[], None]:
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # cuBLAS is set up before a capture
        one_by_one(calls)()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        one_by_one(calls)()
    launch: Callable[[], None] = captured.replay
    return launch
