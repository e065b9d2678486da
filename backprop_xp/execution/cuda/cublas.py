"""Matrix products on NVIDIA GPUs, by calls of cuBLAS that a CUDA graph can capture.

CuPy's own matrix products cannot be captured. cuBLAS takes matrices in column-major order, and sees
a row-major matrix as its transpose. So out = a b is computed as outᵀ = bᵀ aᵀ.

References
----------
NVIDIA, "cuBLAS", sections on cublasGemmStridedBatchedEx, on CUDA graphs and on workspaces.
"""

import ctypes
import importlib
import platform
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray

__all__ = ["Cublas", "Gemm", "cublas_here", "gemm_of"]

WORKSPACE: Final = 32 * 2**20  # bytes, as NVIDIA recommends for GPUs of 2022 and later
MOST: Final = 2**31 - 1  # of a size or a leading dimension, which cuBLAS takes as a C int


class Gemm(NamedTuple):
    """The arguments of a product in cuBLAS, out = op(first) op(second), column-major.

    Attributes
    ----------
    swapped : bool
        Whether the first factor is b and the second a.
    transposed : tuple of bool
        Whether op transposes the first factor, and the second.
    m, n, k : int
        out is (m, n), op(first) is (m, k), op(second) is (k, n).
    leading : tuple of int
        Numbers from a column to the next, in the first factor, the second and out.
    strides : tuple of int
        Numbers from a matrix to the next, in each of the three; 0 for a factor shared by all.
    matrices : int
        The number of products.
    """

    swapped: bool
    transposed: tuple[bool, bool]
    m: int
    n: int
    k: int
    leading: tuple[int, int, int]
    strides: tuple[int, int, int]
    matrices: int


class _Layout(NamedTuple):
    by_rows: bool  # row-major, which is a transpose to cuBLAS
    leading: int
    stride: int


def gemm_of(a: HostArray, b: HostArray, out: HostArray) -> Gemm | None:
    """Return the product for arrays with these layouts; None where cuBLAS has no such product.

    Parameters
    ----------
    a : array (m, k) or (K, m, k)
    b : array (k, n) or (K, k, n)
    out : array (m, n) or (K, m, n)

    Examples
    --------
    >>> gemm_of(np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4)))  # doctest: +NORMALIZE_WHITESPACE
    Gemm(swapped=True, transposed=(False, False), m=4, n=2, k=3, leading=(4, 3, 4),
         strides=(0, 0, 0), matrices=1)
    """
    layouts = [_layout(x, out) for x in (a, b, out)]
    if None in layouts or out.ndim > 3 or 0 in (out.size, a.size) or out.dtype.kind != "f":
        return None
    of_a, of_b, of_out = (layout for layout in layouts if layout is not None)
    (m, k), n = a.shape[-2:], b.shape[-1]
    if of_out.by_rows:
        first, second, transposed, m, n = of_b, of_a, (not of_b.by_rows, not of_a.by_rows), n, m
    else:
        first, second, transposed = of_a, of_b, (of_a.by_rows, of_b.by_rows)
    gemm = Gemm(
        of_out.by_rows,
        transposed,
        m,
        n,
        k,
        (first.leading, second.leading, of_out.leading),
        (first.stride, second.stride, of_out.stride),
        out.shape[0] if out.ndim == 3 else 1,
    )
    return gemm if max(m, n, k, *gemm.leading, gemm.matrices) <= MOST else None


def _layout(x: HostArray, out: HostArray) -> _Layout | None:
    """Return the layout of a matrix; None where neither its rows nor its columns are contiguous."""
    rows, columns = x.shape[-2:]
    if x.dtype != out.dtype or any(step % x.itemsize or step < 0 for step in x.strides):
        return None
    *stacked, down, along = (step // x.itemsize for step in x.strides)
    stride = stacked[0] if stacked and x.shape[0] > 1 else 0
    if x.ndim == 3 and x.shape[0] not in (1, out.shape[0]):
        return None
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return _Layout(True, down if rows > 1 else columns, stride)
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return _Layout(False, along if columns > 1 else rows, stride)
    return None


# cuBLAS's numbers for types (cudaDataType) and for compute types (cublasComputeType_t)
_TYPES: Final = {"float16": 2, "float32": 0, "float64": 1}
_IN_FLOAT, _IN_DOUBLE, _IN_TF32 = 68, 70, 77
_ANY_ALGORITHM: Final = -1


class Cublas:
    """cuBLAS on the current device, with its own handle and workspace.

    The handle is never destroyed: that waits for the whole device, and would spoil the capture of
    another thread.

    Raises
    ------
    OSError
        The library cannot be loaded by its name.
    """

    def __init__(self) -> None:
        self._cupy = cupy = importlib.import_module("cupy")
        importlib.import_module("cupy_backends.cuda.libs.cublas").getVersion  # noqa: B018  loads it
        major = cupy.cuda.runtime.runtimeGetVersion() // 1000
        windows = platform.system() == "Windows"
        self._library = ctypes.CDLL(f"cublas64_{major}.dll" if windows else f"libcublas.so.{major}")
        long, pointer, whole = ctypes.c_longlong, ctypes.c_void_p, ctypes.c_int
        matrix: list[Any] = [pointer, whole, whole, long]
        self._library.cublasGemmStridedBatchedEx.argtypes = [
            *(pointer, whole, whole, whole, whole, whole),
            *(pointer, *matrix, *matrix, pointer, *matrix),
            *(whole, whole, whole),
        ]
        self._workspace = cupy.empty(WORKSPACE, cupy.uint8)  # first, since a handle would stay
        self._handle = ctypes.c_void_p()
        self._check(self._library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._stream: int | None = None
        self._scales = {name: np.array([0, 1], name) for name in ("float32", "float64")}

    def product(self, gemm: Gemm, dtype: Any) -> Callable[..., Any]:
        """Return the function of a, b and out that computes the product on the current stream."""
        name = np.dtype(dtype).name
        kind, computed_in = _TYPES[name], self._computed_in(name)
        scales = self._scales["float64" if name == "float64" else "float32"]
        zero, one = scales.ctypes.data, scales.ctypes.data + scales.itemsize
        call, handle = self._library.cublasGemmStridedBatchedEx, self._handle
        first, second, out = zip(gemm.leading, gemm.strides, strict=True)
        shape = (*map(int, gemm.transposed), gemm.m, gemm.n, gemm.k)
        end = (gemm.matrices, computed_in, _ANY_ALGORITHM)
        check, on_stream, swapped = self._check, self._on_current_stream, gemm.swapped

        def multiply(a: Any, b: Any, target: Any) -> None:
            on_stream()
            x, y = (b.data.ptr, a.data.ptr) if swapped else (a.data.ptr, b.data.ptr)
            factors = (x, kind, *first, y, kind, *second)
            check(call(handle, *shape, one, *factors, zero, target.data.ptr, kind, *out, *end))

        return multiply

    def _computed_in(self, name: str) -> int:
        """Return the compute type of sums, which is TF32 where CuPy is set to it."""
        if name == "float64":
            return _IN_DOUBLE
        tf32 = importlib.import_module("cupy._core._routines_linalg").COMPUTE_TYPE_TF32
        core = importlib.import_module("cupy._core")
        return _IN_TF32 if name == "float32" and core.get_compute_type(name) == tf32 else _IN_FLOAT

    def _on_current_stream(self) -> None:
        stream = self._cupy.cuda.get_current_stream().ptr
        if stream != self._stream:
            library, handle = self._library, self._handle
            self._check(library.cublasSetStream_v2(handle, ctypes.c_void_p(stream)))
            where = ctypes.c_void_p(self._workspace.data.ptr)  # cublasSetStream has reset it
            size = ctypes.c_size_t(WORKSPACE)
            self._check(library.cublasSetWorkspace_v2(handle, where, size))
            self._stream = stream

    def _check(self, status: int) -> None:
        if status:  # CuPy's own function raises it, since the error's constructor may change
            importlib.import_module("cupy_backends.cuda.libs.cublas").check_status(status)


_lent: dict[int, list[tuple[threading.Thread, Cublas]]] = {}  # by device
_lending = threading.Lock()


def cublas_here() -> Cublas:
    """Return the `Cublas` of this thread on the current device, made once or left by a thread.

    Raises
    ------
    OSError
        The library cannot be loaded by its name.
    """
    thread = threading.current_thread()
    device = importlib.import_module("cupy").cuda.runtime.getDevice()
    with _lending:
        lent = _lent.setdefault(device, [])
        for number, (owner, made) in enumerate(lent):
            if owner is thread:
                return made
            if not owner.is_alive():
                lent[number] = thread, made
                return made
        lent.append((thread, Cublas()))
        return lent[-1][1]
