"""CuPy's part of a program of `fusion`: views, kernels, products, and captured launches."""

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.cublas import Cublas, cublas_here, gemm_of
from backprop_xp.execution.cuda.kept import with_room
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.cuda.nvtx import ranges
from backprop_xp.execution.memories import View
from backprop_xp.execution.tape import Instruction

__all__ = ["CupyLibrary"]

UNASKED_BYTES = 48 * 1024  # of shared memory, which a block may have on every device


class CupyLibrary:
    """The functions of CuPy that a program needs, on the current device."""

    REDUCTIONS = {"add": "sum", "maximum": "max", "minimum": "min"}  # noqa: RUF012  never changed

    def __init__(self) -> None:
        self._cupy = importlib.import_module("cupy")

    @cached_property
    def _cublas(self) -> Cublas | None:
        try:
            return with_room(cublas_here)
        except (ImportError, OSError, AttributeError, RuntimeError, MemoryError):
            return None  # CuPy's own products take over, and report an error if there is one

    def setting(self) -> tuple[Any, ...]:
        """Return the device, the stream and the precision that products and arrays are made for."""
        cuda, core = self._cupy.cuda, importlib.import_module("cupy._core")
        stream = cuda.get_current_stream().ptr
        return cuda.runtime.getDevice(), stream, core.get_compute_type("float32")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an uninitialised array in C order."""
        return self._cupy.empty(shape, dtype)

    def constant(self, host: HostArray) -> Any:
        """Return the array of CuPy with the numbers of `host`."""
        return self._cupy.asarray(host)

    def contiguous(self, x: Any) -> Any:
        """Return `x` itself where it lies in C order, else a copy in C order."""
        return self._cupy.ascontiguousarray(x)

    def view(self, base: Any, offset: int, view: View) -> Any:
        """Return a view with the shape and strides of `view`, `offset` bytes after `base`."""
        return self._cupy.ndarray(
            view.shape, view.dtype, memptr=base.data + offset, strides=view.strides
        )

    def elementwise(self, kernel: Kernel) -> Any:
        """Return the ``cupy.ElementwiseKernel``, whose raw arrays the body indexes."""
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
        """Return the kernel as a function of its arrays, in the order of `Kernel.places`."""
        elementwise, size = self.elementwise(kernel), kernel.size
        return lambda *arrays: elementwise(*arrays, size=size)

    def call(self, instruction: Instruction) -> Callable[..., Any]:
        """Return the instruction as a function of its inputs and its target."""
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
        """Return a copy in C order."""
        return self._cupy.array(x, order="C")

    def assign(self, target: Any, x: Any) -> None:
        """Copy the numbers of `x` into `target`."""
        self._cupy.copyto(target, x)

    def stack(self, arrays: Sequence[Any], target: Any = None) -> Any:
        """Return the arrays stacked along a new first axis, in `target` if it is given."""
        return self._cupy.stack(arrays, out=target)

    def join(self, arrays: Sequence[Any]) -> Any:
        """Return the arrays concatenated along their first axis."""
        return self._cupy.concatenate(arrays)

    def address(self, x: Any) -> int:
        """Return the address of the first number of `x`."""
        address: int = x.data.ptr
        return address

    def limits(self) -> tuple[int, int]:
        """Return the most bytes of shared memory of a block, and the multiprocessors."""
        runtime = self._cupy.cuda.runtime
        device = runtime.getDevice()
        kinds = (
            runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin,
            runtime.cudaDevAttrMultiProcessorCount,
        )
        most_bytes, processors = (runtime.deviceGetAttribute(kind, device) for kind in kinds)
        return most_bytes, processors

    def from_source(
        self, source: str, name: str, threads: int, shared_bytes: int
    ) -> Callable[..., None]:
        """Return ``launch(blocks, arguments)`` of a kernel, compiled from its source."""
        kernel = self._cupy.RawKernel(source, name, options=("-std=c++17",))
        if shared_bytes > UNASKED_BYTES:
            kernel.max_dynamic_shared_size_bytes = shared_bytes

        def launch(blocks: int, arguments: Sequence[Any]) -> None:
            kernel((blocks,), (threads,), tuple(arguments), shared_mem=shared_bytes)

        return launch

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Return the launch of a CUDA graph of `work`, and the result of `work()`.

        Raises
        ------
        RuntimeError, MemoryError
            The work cannot be captured.
        """
        cuda = self._cupy.cuda
        # nothing of it is computed now, and so neither stream waits for the other: the graph is
        # launched on the stream that is current then
        pool = cuda.MemoryPool()  # of its own, so that no one else reuses the graph's addresses
        stream = cuda.Stream(non_blocking=True)
        with ranges()("capture"), cuda.using_allocator(pool.malloc), stream:
            stream.begin_capture()
            try:
                result = work()
            finally:
                graph = stream.end_capture()

        def launch(_pool: Any = pool) -> None:
            graph.launch()

        return launch, result
