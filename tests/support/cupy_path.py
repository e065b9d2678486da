"""The library on the way that it takes for CuPy, on the arrays of `device_array`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import array_api_compat
import numpy as np
import recorder
from device_array import DeviceArray, MemoryPointer, plain
from fused_on_host import Deferring, NumpyLibrary

from backprop_xp.execution.cuda import cupy_arrays
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary
from backprop_xp.execution.cuda.switches import FUSED_KERNELS
from backprop_xp.training import driver
from backprop_xp.training.data import loading
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.trainer import Trainer


@contextmanager
def as_cupy(*, wide: bool = False, fused: bool = False) -> Iterator[recorder.Recording]:
    """Return the context in which the library takes `DeviceArray` for CuPy's, and is recorded.

    From an epoch's first block to the reading of its costs no value may be read.
    """
    is_cupy_array = array_api_compat.is_cupy_array
    blocks, costs, scores = Trainer.blocks, EpochRecord.batch_costs, Trainer.scores

    def is_one(x: Any) -> bool:
        return isinstance(x, DeviceArray) or is_cupy_array(x)

    def unread_from_here(*args: Any) -> Any:
        recorder.now().readable = False
        return blocks(*args)

    def readable_from_here(*args: Any) -> Any:
        recorder.now().readable = True
        return costs(*args)

    def unread_scores(*args: Any) -> Any:
        with recorder.now().unread():
            return scores(*args)

    with (
        patch.object(array_api_compat, "is_cupy_array", is_one),
        patch.object(cupy_arrays, "CupyLibrary", DeviceLibrary),
        patch.object(
            loading, "mover", lambda *_: None
        ),  # streams, which `test_cuda_streaming` acts
        patch.object(loading, "fits", lambda *_: True),
        patch.object(driver, "device_bytes", lambda _: None),  # of a pool that is not there
        patch.dict(os.environ, {FUSED_KERNELS: str(int(fused))}),
        patch.object(Trainer, "blocks", unread_from_here),
        patch.object(EpochRecord, "batch_costs", readable_from_here),
        patch.object(Trainer, "scores", unread_scores),
        recorder.recording(wide=wide) as record,
    ):
        yield record


class BareCupy:
    """CuPy itself, whose functions `fused` calls: they work and allocate on the current device."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(_bare, name)

    def ElementwiseKernel(self, *args: str, no_return: bool) -> None:
        recorder.now().note("cupy", "ElementwiseKernel", args, {"no_return": no_return})

    def ndarray(self, shape: Any, dtype: Any, *, memptr: MemoryPointer, strides: Any) -> Any:
        given = {"memptr": memptr, "strides": strides}
        recorder.now().note("cupy", "ndarray", (shape, dtype), given)
        memory, offset = memptr
        return DeviceArray(np.ndarray(shape, dtype, memory.data, offset, strides))


def _bare(name: str, *args: Any, **named: Any) -> Any:
    recorder.now().note("cupy", name, args, named)
    recorder.check_launch(name)
    if name == "asarray":
        recorder.now().uploads += 1
    values = {key: plain(x) for key, x in named.items()}
    made = getattr(np, name)(*map(plain, args), **values)
    if named.get("out") is not None or made is None:
        return named.get("out")
    if name == "ascontiguousarray" and made is plain(args[0]):
        return args[0]
    return DeviceArray(np.array(made, order="C"))


class DeviceLibrary(Deferring, CupyLibrary):
    """What `fused` makes of CuPy, on `DeviceArray`; kernels are the operations that they hold."""

    def __init__(self) -> None:
        self._cupy = BareCupy()

    def setting(self) -> tuple[Any, ...]:
        return (id(self),)  # another library shares nothing

    def kernel(self, kernel: Any) -> Callable[..., Any]:
        self.elementwise(kernel)
        run = NumpyLibrary().kernel(kernel)

        def launched(*arrays: DeviceArray) -> None:
            recorder.check_launch("a kernel")
            run(*map(plain, arrays))

        return self.deferring(launched)

    def call(self, instruction: Any) -> Callable[..., Any]:
        return self.deferring(super().call(instruction))
