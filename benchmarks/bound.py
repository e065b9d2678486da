"""The floor on a GPU: a time that no program on this GPU can beat, from measured rates.

It is the greatest of three times: the operations of the products, at the rate of one large product;
the bytes that must come from the memory of the device, at the rate of one large copy; and, for a
stack, the operations of the networks on the busiest multiprocessor. The last time holds where a
network stays on one multiprocessor: one that spreads over several exchanges all a and δ at each
layer of each step.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.job import Job
from benchmarks.meters import Memory, Meter, Work
from benchmarks.peers import LeftOut, Peer

FLOAT = 4  # bytes
SIDES = (4096, 8192)  # of the large square products
NUMBERS = 2**28  # of the large copy, 1 GiB
TRIALS = 5  # the fastest counts
REGISTER = 4  # bytes
STATES = {"sgd": 0, "adam": 2}  # arrays like θ


@dataclass(frozen=True)
class Chip:
    """The memory and the multiprocessors of a device.

    Attributes
    ----------
    processors : int
    bytes : float
        Caches, shared memory and registers of all multiprocessors: what lies there need not come
        from the memory of the device.
    """

    processors: int
    bytes: float


@dataclass(frozen=True)
class Rates:
    """Measured rates of a device: flop/s of a large product, bytes/s of a large copy."""

    flops: float
    bytes: float


def bound_seconds(job: Job, rates: Rates, chip: Chip) -> float:
    """Return the seconds below which no epoch, or forward pass, can be.

    Examples
    --------
    >>> job = Job("stack", [64, 32, 10], 32, 32, stack=64)  # one step
    >>> bound = bound_seconds(job, Rates(67e12, 4.8e12), Chip(132, 1e8))
    >>> f"{1e6 * bound:.2f} µs"  # of 323,584 operations on one of 132 multiprocessors
    '0.64 µs'
    """
    of_products = job.flops() / rates.flops
    of_memory = needed_bytes(job, chip.bytes) / rates.bytes
    of_busiest = busiest_flops(job, chip.processors) * chip.processors / rates.flops
    return max(of_products, of_memory, of_busiest)


def busiest_flops(job: Job, processors: int) -> float:
    """Return the operations of the multiprocessor with the most networks of a stack; 0 without one.

    Examples
    --------
    >>> job = Job("stack", [2, 3], 1, 1, stack=5)  # 2 products of 12 operations for each network
    >>> busiest_flops(job, processors=4)
    48.0
    """
    return math.ceil(job.stack / processors) * job.flops() / job.networks


def needed_bytes(job: Job, kept: float) -> float:
    """Return the bytes of an epoch, or a forward pass, that cross the memory of the device.

    Of the data, and of θ with the optimiser's state at each step, all but the `kept` bytes do.

    Examples
    --------
    >>> job = Job("train", [2, 3], 4, 8)  # X and labels of 8 cases; 9 parameters, 2 steps
    >>> needed_bytes(job, kept=0), needed_bytes(job, kept=96), needed_bytes(job, kept=20)
    (240.0, 0.0, 140.0)
    """
    data = float(FLOAT * job.cases * (job.sizes[0] + 1))
    theta = FLOAT * job.networks * job.parameters
    if job.task == "predict":
        outputs = FLOAT * job.cases * job.sizes[-1] * job.networks
        return max(data - FLOAT * job.cases + outputs - kept, 0.0) + max(theta - kept, 0.0)
    of_a_step = 2 * max(theta * (1 + STATES[job.optimizer]) - kept, 0.0)  # read and written
    return max(data - kept, 0.0) + job.batches * of_a_step


def rates_of(
    products: Iterable[tuple[int, Callable[[], Any]]],
    copy: tuple[int, Callable[[], Any]],
    meter: Meter,
) -> Rates:
    """Return measured rates; the fastest of several trials counts.

    Parameters
    ----------
    products : iterable of (int, callable)
        The side n of square matrices, and a function that multiplies them.
    copy : (int, callable)
        How many bytes are copied, and a function that copies them: each is read and written.
    meter : Meter
    """
    nbytes, copied = copy
    of_products = [2.0 * n**3 / fastest(meter, product) for n, product in products]
    return Rates(max(of_products), 2.0 * nbytes / fastest(meter, copied))


def fastest(meter: Meter, work: Callable[[], Any]) -> float:
    """Return the least seconds of some trials of `work`, after one that is not timed."""
    meter.seconds(work)
    return min(meter.seconds(work)[0] for _ in range(TRIALS))


def bound(job: Job) -> Peer:
    """Return the bound as a peer of a job on a CUDA device.

    Raises
    ------
    LeftOut
        Neither CuPy nor PyTorch is there to measure the device.
    """
    measure = _with_torch if job.device.startswith("torch") else _with_cupy
    try:
        rates, chip = measure(job.cuda_index or 0)
    except ImportError as error:
        raise LeftOut(f"no library to measure the device: {error}") from error
    computed = Computed(bound_seconds(job, rates, chip))
    return Peer(computed.run, computed)


class Computed:
    """A peer and its meter, whose seconds are computed.

    Parameters
    ----------
    seconds : float
        Of one piece of work.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._times = seconds, 0

    def run(self, times: int) -> None:
        """Note how many times the work is to be done."""
        self._times = times

    def seconds(self, work: Work) -> tuple[float, Any]:
        """Return the computed seconds of the work."""
        result = work()
        return self._seconds * self._times, result

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return no bytes."""
        return {"peak": 0}, work()


def _with_cupy(index: int) -> tuple[Rates, Chip]:
    import cupy

    from benchmarks.meters import CupyMeter

    with cupy.cuda.Device(index):
        runtime = cupy.cuda.runtime

        def attribute(name: str) -> int:
            return int(runtime.deviceGetAttribute(getattr(runtime, f"cudaDevAttr{name}"), index))

        shared = attribute("MaxSharedMemoryPerMultiprocessor")
        registers = attribute("MaxRegistersPerMultiprocessor")
        chip = chip_of(
            attribute("MultiProcessorCount"), attribute("L2CacheSize"), shared, registers
        )
        # products of zeros draw less power, so that the clock is at its highest
        x, y = cupy.zeros(NUMBERS, cupy.float32), cupy.empty(NUMBERS, cupy.float32)
        rates = rates_of(
            ((n, _product(cupy.matmul, x, y, n)) for n in SIDES),
            (x.nbytes, lambda: cupy.copyto(y, x)),
            CupyMeter(index),
        )
    return rates, chip


def _with_torch(index: int) -> tuple[Rates, Chip]:
    import torch

    from benchmarks.meters import TorchMeter

    if not torch.cuda.is_available():
        raise LeftOut("this PyTorch finds no CUDA device")
    found = torch.cuda.get_device_properties(index)
    chip = chip_of(
        found.multi_processor_count,
        found.L2_cache_size,
        found.shared_memory_per_multiprocessor,
        found.regs_per_multiprocessor,
    )
    place = torch.device("cuda", index)
    x, y = (make(NUMBERS, device=place) for make in (torch.zeros, torch.empty))
    rates = rates_of(
        ((n, _product(torch.matmul, x, y, n)) for n in SIDES),
        (FLOAT * NUMBERS, lambda: y.copy_(x)),
        TorchMeter(index),
    )
    return rates, chip


def chip_of(processors: int, cache: int, shared: int, registers: int) -> Chip:
    """Return the chip from the numbers of its driver.

    Parameters
    ----------
    processors : int
    cache : int
        Bytes of the second-level cache.
    shared, registers : int
        Bytes of shared memory, and registers, of a multiprocessor.

    Examples
    --------
    >>> chip_of(132, 50 * 2**20, 228 * 2**10, 65536).bytes / 2**20  # of an H200
    112.390625
    """
    return Chip(processors, cache + processors * (shared + REGISTER * registers))


def _product(matmul: Callable[..., Any], x: Any, y: Any, n: int) -> Callable[[], Any]:
    """Return the product of matrices (n, n) in the memory of `x`, into that of `y`."""
    a, b = (x[k * n * n : (k + 1) * n * n].reshape(n, n) for k in range(2))
    out = y[: n * n].reshape(n, n)
    return lambda: matmul(a, b, out=out)
