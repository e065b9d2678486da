"""CuPy as a program of `fusion` needs it: views, kernels, products, and captured launches."""

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.cublas import Cublas, gemm_of
from backprop_xp.execution.cuda.fusion import View
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.tape import Instruction

__all__ = ["CupyLibrary"]


class CupyLibrary:
    """CuPy, on the current device."""

    REDUCTIONS = {"add": "sum", "maximum": "max", "minimum": "min"}  # noqa: RUF012  never changed

    def __init__(self) -> None:
        self._cupy = importlib.import_module("cupy")

    @cached_property
    def _cublas(self) -> Cublas | None:
        try:
            return Cublas()
        except (ImportError, OSError, AttributeError, RuntimeError):
            return None  # CuPy's own products say what is wrong, where something is

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array of any numbers, row after row."""
        return self._cupy.empty(shape, dtype)

    def constant(self, host: HostArray) -> Any:
        """Return an array with these numbers."""
        return self._cupy.asarray(host)

    def contiguous(self, x: Any) -> Any:
        """Return the array itself where it lies row after row, else a copy that does."""
        return self._cupy.ascontiguousarray(x)

    def view(self, base: Any, offset: int, view: View) -> Any:
        """Return the view that begins so many bytes after the array `base` does."""
        return self._cupy.ndarray(
            view.shape, view.dtype, memptr=base.data + offset, strides=view.strides
        )

    def elementwise(self, kernel: Kernel) -> Any:
        """Return the ``cupy.ElementwiseKernel``, whose arrays are read and written by number."""
        reads, writes = (
            ", ".join(
                f"raw {np.dtype(place.dtype).name} {letter}{n}" for n, (place, _) in enumerate(each)
            )
            for letter, each in (("x", kernel.reads), ("y", kernel.writes))
        )
        return self._cupy.ElementwiseKernel(
            reads, writes, kernel.body(), f"backprop_xp_{kernel.name}", no_return=True
        )

    def kernel(self, kernel: Kernel) -> Callable[..., Any]:
        """Return the function of the arrays that the kernel reads, and of those that it writes."""
        elementwise, size = self.elementwise(kernel), kernel.size
        return lambda *arrays: elementwise(*arrays, size=size)

    def call(self, instruction: Instruction) -> Callable[..., Any]:
        """Return the function of the inputs and the target."""
        cupy, kind, named = self._cupy, instruction.kind, dict(instruction.options)
        name = instruction.function.__name__
        if instruction.function is np.matmul and not named:
            a, b = instruction.inputs
            gemm, cublas = gemm_of(a, b, instruction.target), self._cublas
            if gemm is not None and cublas is not None:
                return cublas.product(gemm, instruction.target.dtype)
        if kind == "convert":
            return lambda x, target: cupy.copyto(target, x, "unsafe")
        if kind == "reduce":
            reduction = getattr(cupy, self.REDUCTIONS[name])
            if named.get("dtype") is None:
                named.pop("dtype", None)  # cupy.max and cupy.min take none
            return lambda x, target: reduction(x, out=target, **named)
        function = getattr(cupy, name)
        if kind == "ufunc":
            return lambda *arrays: function(*arrays[:-1], out=arrays[-1], **named)
        return lambda *arrays: cupy.copyto(arrays[-1], function(*arrays[:-1], **named))

    def copy(self, x: Any) -> Any:
        """Return a copy that lies row after row."""
        return self._cupy.array(x, order="C")

    def assign(self, target: Any, x: Any) -> None:
        """Copy the numbers of an array into another."""
        self._cupy.copyto(target, x)

    def stack(self, arrays: Sequence[Any], target: Any = None) -> Any:
        """Return arrays along a new first axis, in the target where there is one."""
        return self._cupy.stack(arrays, out=target)

    def join(self, arrays: Sequence[Any]) -> Any:
        """Return arrays one after another along their first axis."""
        return self._cupy.concatenate(arrays)

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any] | None:
        """Return the launch of a CUDA graph of the work, and what the work returned."""
        cuda = self._cupy.cuda
        pool = cuda.MemoryPool()  # addresses in the graph are nobody else's
        stream = cuda.Stream(non_blocking=True)
        try:
            with cuda.using_allocator(pool.malloc), stream:
                stream.begin_capture()
                try:
                    result = work()
                finally:
                    graph = stream.end_capture()
        except (RuntimeError, MemoryError):  # the steps are taken one by one, and say what is wrong
            return None

        def launch(_pool: Any = pool) -> None:
            graph.launch()

        return launch, result
