"""Copies of blocks of rows to a CUDA device while it computes.

The host writes a block into pinned memory. The device copies it from there on a second stream. Two
slots take turns, each with pinned memory and device memory: one is filled while the steps on the
other run. Three waits keep the data correct:

- before the second stream fills a slot, it waits for the steps that read the slot's last block;
- before the main stream runs steps on a slot, it waits for the copy to end;
- before the host writes into pinned memory, it waits for the last copy out of it to end.

A block stays valid until the second call after its own.
"""

import importlib
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, Namespace
from backprop_xp.arrays.moves import move

__all__ = ["HostRows", "Mover", "fits", "moved_by", "mover"]

_LARGEST_FRACTION = 0.5  # of the free memory, for a data set; the rest is for θ and the steps


class HostRows:
    """An array in host memory with the interface of an array in a file: rows are read by slices.

    Parameters
    ----------
    x : ndarray (m, n) or (m,)
    """

    def __init__(self, x: HostArray) -> None:
        self._x = x
        self.shape, self.dtype = x.shape, x.dtype

    def __getitem__(self, rows: slice) -> HostArray:
        """Return the rows of a slice."""
        found: HostArray = self._x[rows]
        return found


def fits(x: Any, xp: Namespace, device: Any, dtype: str) -> bool:
    """Tell whether the array `x` in host memory fits into the memory of the device as a whole.

    On CuPy it may take half of the free memory. The answer is True on other libraries, where `x` is
    no NumPy array, and where CuPy allocates from a pool of the user's, such as RMM's, whose free
    memory is unknown: there the copy itself shows whether `x` fits.
    """
    if not isinstance(x, np.ndarray) or not array_api_compat.is_cupy_namespace(xp):
        return True
    cupy = importlib.import_module("cupy")
    pool = cupy.get_default_memory_pool()
    if cupy.cuda.get_allocator() != pool.malloc:
        return True
    free = device.mem_info[0] + pool.free_bytes()
    return bool(x.size * np.dtype(dtype).itemsize <= _LARGEST_FRACTION * free)


def mover(xp: Namespace, device: Any) -> "Mover | None":
    """Return the `Mover` to a CUDA device of CuPy, or None for any other device."""
    if not array_api_compat.is_cupy_namespace(xp):
        return None
    return Mover(importlib.import_module("cupy"), device)


class Mover:
    """A function that copies one block after another from the host to a CUDA device.

    Parameters
    ----------
    cupy : module
    device : cupy.cuda.Device
        The target. It must be CuPy's current device when the function is called.
    """

    def __init__(self, cupy: Any, device: Any) -> None:
        self._cupy, self._device = cupy, device
        with device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots = [_Slot(cupy), _Slot(cupy)]

    def __call__(self, x: HostArray, dtype: str) -> Array:
        """Return a copy of `x` on the device in a dtype, valid until the second call after this."""
        main = self._cupy.cuda.get_current_stream()
        current, slot = self._slots
        current.used.record(main)  # each step launched so far may read the current block
        slot.copied.synchronize()
        if slot.nbytes < x.size * np.dtype(dtype).itemsize:
            slot.grow(x.size * np.dtype(dtype).itemsize)
            slot.used.record(main)  # the pool may return memory that earlier steps still read
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
    """Pinned memory and device memory for a block, and the events after which it is free or filled.

    Attributes
    ----------
    used : cupy.cuda.Event
        After it, no step reads the slot.
    copied : cupy.cuda.Event
        After it, the copy from pinned memory to the device is complete.
    nbytes : int
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self.used = cupy.cuda.Event(disable_timing=True)
        self.copied = cupy.cuda.Event(disable_timing=True)
        self.nbytes = 0
        self._pinned: Any = None
        self._moved: Any = None

    def grow(self, nbytes: int) -> None:
        """Allocate new memory of `nbytes` on both sides, without the data of the old one."""
        self.nbytes = nbytes
        self._pinned = self._cupy.cuda.alloc_pinned_memory(nbytes)
        self._moved = self._cupy.empty(nbytes, np.uint8)

    def arrays(self, shape: tuple[int, ...], dtype: str) -> tuple[HostArray, Any]:
        """Return the pinned and the device memory as arrays of a shape and dtype."""
        name = np.dtype(dtype)
        count = int(np.prod(shape))
        pinned = np.frombuffer(self._pinned, name, count).reshape(shape)
        return pinned, self._cupy.ndarray(shape, name, memptr=self._moved.data)


def moved_by(mover: Mover | None, x: Any, xp: Namespace, device: Any, dtype: str) -> Array:
    """Return `x` on the device, copied by `mover` where there is one and `x` is a NumPy array."""
    if mover is None or not isinstance(x, np.ndarray) or not x.size:
        return move(x, xp, device, dtype)
    return mover(x, dtype)
