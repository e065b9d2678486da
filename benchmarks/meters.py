"""Seconds and bytes of a piece of work, on the host or on a CUDA device."""

import gc
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SAMPLING_SECONDS = 0.01

Work = Callable[[], Any]
Memory = dict[str, int]  # bytes: "peak", and "anonymous" without the pages of files


class Meter(Protocol):
    """Reads seconds and bytes of a piece of work."""

    def seconds(self, work: Work) -> tuple[float, Any]:
        """Return the seconds that `work` takes, and its result."""

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the bytes that `work` needs at its peak beyond the start, and its result."""


def resident(field: str = "VmHWM") -> int:
    """Return a field of this process' memory in bytes; VmHWM is the peak of the resident memory.

    On a system without /proc only the peak is known; other fields are 0.
    """
    if STATUS.exists():
        lines = (line.split() for line in STATUS.read_text().splitlines())
        return next((1024 * int(words[1]) for words in lines if words[0] == f"{field}:"), 0)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if field == "VmHWM" else 0


def forget_peak() -> None:
    """Reset the peak of the resident memory, if the system can."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return  # a later peak below the earlier one is not seen


class HostMeter:
    """The wall clock, and the resident memory of the process."""

    def seconds(self, work: Work) -> tuple[float, Any]:
        """Return the seconds that `work` takes, and its result."""
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the bytes that `work` needs at its peak beyond the start, and its result."""
        gc.collect()
        forget_peak()
        before = resident()
        result = work()
        return {"peak": resident() - before}, result


class FileMeter(HostMeter):
    """A `HostMeter` that also reads "anonymous" memory, without the pages of mapped files.

    Pages of a file count as resident, but the system takes them back when it needs memory.
    """

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the bytes that `work` needs at its peak beyond the start, and its result."""
        ended = threading.Event()
        before = resident("RssAnon")
        seen = [before]

        def look() -> None:
            while not ended.wait(SAMPLING_SECONDS):
                seen.append(resident("RssAnon"))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            found, result = super().memory(work)
        finally:
            ended.set()
            looking.join()
        return found | {"anonymous": max(seen) - before}, result


class CupyMeter:
    """CuPy's events around the work, and its memory pool."""

    def __init__(self, index: int) -> None:
        import cupy

        self._cupy = cupy
        self._index = index

    def seconds(self, work: Work) -> tuple[float, Any]:
        """Return the seconds between two events, and the result of `work`."""
        with self._cupy.cuda.Device(self._index):
            start, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            start.record()
            result = work()
            end.record()
            end.synchronize()
            return float(self._cupy.cuda.get_elapsed_time(start, end)) / 1e3, result

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the bytes by which the pool grows (it never shrinks), and the result of `work`."""
        with self._cupy.cuda.Device(self._index):
            pool = self._cupy.get_default_memory_pool()
            gc.collect()
            pool.free_all_blocks()
            before = pool.total_bytes()
            result = work()
            return {"peak": int(pool.total_bytes()) - int(before)}, result


class TorchMeter:
    """PyTorch's events around the work, and its allocator on a CUDA device."""

    def __init__(self, index: int) -> None:
        import torch

        self._cuda = torch.cuda
        self._cuda.set_device(index)

    def seconds(self, work: Work) -> tuple[float, Any]:
        """Return the seconds between two events, and the result of `work`."""
        start, end = (self._cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        result = work()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3, result

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the peak of the allocated bytes beyond the start, and the result of `work`."""
        gc.collect()
        self._cuda.synchronize()
        self._cuda.reset_peak_memory_stats()
        before = self._cuda.memory_allocated()
        result = work()
        self._cuda.synchronize()
        return {"peak": int(self._cuda.max_memory_allocated()) - int(before)}, result


class JaxCudaMeter(HostMeter):
    """The wall clock (the work waits for its results), and JAX's allocator on a CUDA device."""

    def __init__(self, index: int) -> None:
        import jax

        self._device = jax.devices("cuda")[index]

    def memory(self, work: Work) -> tuple[Memory, Any]:
        """Return the peak of the allocated bytes beyond the start, and the result of `work`."""
        before = self._device.memory_stats()["bytes_in_use"]
        result = work()
        peak = self._device.memory_stats()["peak_bytes_in_use"]
        return {"peak": max(int(peak) - int(before), 0)}, result


def meter_for(library: str, cuda_index: int | None) -> Meter:
    """Return the meter for a library ("numpy", "cupy", "torch", "jax") on its device."""
    if cuda_index is None:
        return HostMeter()
    meters: dict[str, Callable[[int], Meter]] = {
        "cupy": CupyMeter,
        "torch": TorchMeter,
        "jax": JaxCudaMeter,
    }
    return meters[library](cuda_index)
