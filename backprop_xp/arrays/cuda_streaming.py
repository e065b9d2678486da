"""Blocks of rows on their way to a CUDA device while it computes.

A block is copied into pinned memory, from where the device fetches it by itself on a second stream.
Two slots take turns, each with memory on both sides: one is filled while the steps on the other
run. What makes it right are three waits:

- the second stream waits, before it fills a slot, for the steps that read what the slot held;
- the steps wait for their slot to be filled;
- the host waits, before it writes into pinned memory, for what was there to be fetched.

A block is good until the next but one is asked for.
"""

import importlib
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, Namespace, move

__all__ = ["HostRows", "Mover", "fits", "moved_by", "mover"]

SHARE = 0.5  # of a device's free memory that a data set may take; the rest is for θ and the steps


class HostRows:
    """An array in the host's memory that is read by rows, as one in a file is.

    Parameters
    ----------
    x : ndarray (m, n) or (m,)
    """

    def __init__(self, x: HostArray) -> None:
        self._x = x
        self.shape, self.dtype = x.shape, x.dtype

    def __getitem__(self, rows: slice) -> HostArray:
        """Return some rows."""
        found: HostArray = self._x[rows]
        return found


def fits(x: Any, xp: Namespace, device: Any, dtype: str) -> bool:
    """Tell whether an array of the host is to be moved to the device as a whole.

    It is not where it takes more than `SHARE` of what is free on a CUDA device of CuPy.
    """
    if not isinstance(x, np.ndarray) or not array_api_compat.is_cupy_namespace(xp):
        return True
    pool = importlib.import_module("cupy").get_default_memory_pool()
    free = device.mem_info[0] + pool.free_bytes()
    return bool(x.size * np.dtype(dtype).itemsize <= SHARE * free)


def mover(xp: Namespace, device: Any) -> "Mover | None":
    """Return what moves blocks to a CUDA device of CuPy while it computes, None for others."""
    if not array_api_compat.is_cupy_namespace(xp):
        return None
    return Mover(importlib.import_module("cupy"), device)


class Mover:
    """Moves one block after another from the host to a CUDA device.

    Parameters
    ----------
    cupy : module
    device : cupy.cuda.Device
        The current one when blocks are moved.
    """

    def __init__(self, cupy: Any, device: Any) -> None:
        self._cupy, self._device = cupy, device
        with device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots = [_Slot(cupy), _Slot(cupy)]

    def __call__(self, x: HostArray, dtype: str) -> Array:
        """Return the array on the device, in another dtype; it lasts until the next but one."""
        main = self._cupy.cuda.get_current_stream()
        current, slot = self._slots
        current.used.record(main)  # all that was started so far may read what it holds
        slot.copied.synchronize()
        if slot.nbytes < x.size * np.dtype(dtype).itemsize:
            slot.grow(x.size * np.dtype(dtype).itemsize)
            slot.used.record(main)  # the pool may give memory that steps before still read
        pinned, moved = slot.arrays(x.shape, dtype)
        np.copyto(pinned, x, "unsafe")
        self._stream.wait_event(slot.used)
        moved.set(pinned, stream=self._stream)
        slot.copied.record(self._stream)
        main.wait_event(slot.copied)
        self._slots = [slot, current]
        result: Array = moved
        return result


class _Slot:
    """Memory for a block on both sides, and the events after which it is free or filled."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self.used = cupy.cuda.Event(disable_timing=True)
        self.copied = cupy.cuda.Event(disable_timing=True)
        self.nbytes = 0
        self._pinned: Any = None
        self._moved: Any = None

    def grow(self, nbytes: int) -> None:
        """Take memory for so many bytes; what was copied is gone."""
        self.nbytes = nbytes
        self._pinned = self._cupy.cuda.alloc_pinned_memory(nbytes)
        self._moved = self._cupy.empty(nbytes, np.uint8)

    def arrays(self, shape: tuple[int, ...], dtype: str) -> tuple[HostArray, Any]:
        """Return arrays of a shape and dtype at the start of both memories."""
        name = np.dtype(dtype)
        count = int(np.prod(shape))
        pinned = np.frombuffer(self._pinned, name, count).reshape(shape)
        return pinned, self._cupy.ndarray(shape, name, memptr=self._moved.data)


def moved_by(mover: Mover | None, x: Any, xp: Namespace, device: Any, dtype: str) -> Array:
    """Return `x` on the device: by the mover, where there is one and `x` is on the host."""
    if mover is None or not isinstance(x, np.ndarray) or not x.size:
        return move(x, xp, device, dtype)
    return mover(x, dtype)
