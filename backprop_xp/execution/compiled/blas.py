"""NumPy's BLAS by the address of its `gemm`, for products that add to a matrix.

NumPy's `matmul` computes A B alone. `gemm` computes α A B + β C in the same time, so that a step of
gradient descent needs no gradient in memory. The function is that of an OpenBLAS which is loaded
already, NumPy's own where there are several.

References
----------
J. Dongarra, J. Du Croz, S. Hammarling, I. Duff, "A set of level 3 basic linear algebra
subprograms", ACM Trans. Math. Softw. 16 (1990).
"""

import ctypes
import importlib
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

__all__ = ["BY_ROWS", "TRANSPOSED", "Gemm", "gemm_of"]

BY_ROWS: Final = 101  # CblasRowMajor
TRANSPOSED: Final = {False: 111, True: 112}  # CblasNoTrans, CblasTrans
_LETTERS: Final = {"float32": "s", "float64": "d"}
_NAMES: Final = ("scipy_{}64_", "scipy_{}", "{}64_", "{}")  # of builds of OpenBLAS


class Gemm(NamedTuple):
    """The function ``cblas_sgemm`` or ``cblas_dgemm``.

    Attributes
    ----------
    function : int
        Its address.
    integers : str
        "i4" or "i8", the dtype of its lengths.
    """

    function: int
    integers: str


@cache
def gemm_of(dtype: str) -> Gemm | None:
    """Return the function for "float32" or "float64"; None where no OpenBLAS is loaded.

    Examples
    --------
    >>> gemm_of("int32") is None
    True
    """
    letter = _LETTERS.get(dtype)
    if letter is None:
        return None
    controller = importlib.import_module("threadpoolctl").ThreadpoolController()
    libraries = controller.select(internal_api="openblas").lib_controllers
    for library in sorted(libraries, key=lambda one: "numpy" not in one.filepath):
        found = _found(library.dynlib, letter)
        if found is not None and _computes(found, dtype):
            return found
    return None


def _found(library: Any, letter: str) -> Gemm | None:
    for name in _NAMES:
        gemm = getattr(library, name.format(f"cblas_{letter}gemm"), None)
        config = getattr(library, name.format("openblas_get_config"), None)
        if gemm is not None and config is not None:
            config.restype = ctypes.c_char_p
            address = ctypes.cast(gemm, ctypes.c_void_p).value
            wide = b"USE64BITINT" in (config() or b"")
            return None if address is None else Gemm(address, "i8" if wide else "i4")
    return None


def _computes(gemm: Gemm, dtype: str) -> bool:
    """Tell whether the function computes C + 2 A Bᵀ."""
    A, B, C = (np.arange(n, dtype=dtype).reshape(-1, 2) for n in (6, 8, 12))
    C = C.reshape(3, 4)
    expected = C + 2 * A @ B.T
    number = ctypes.c_float if dtype == "float32" else ctypes.c_double
    whole = ctypes.c_int64 if gemm.integers == "i8" else ctypes.c_int32
    pointer, code = ctypes.c_void_p, ctypes.c_int
    kinds = [code] * 3 + [whole] * 3 + [number, pointer, whole, pointer, whole, number]
    call = ctypes.CFUNCTYPE(None, *kinds, pointer, whole)(gemm.function)
    a, b, c = (x.ctypes.data for x in (A, B, C))
    call(BY_ROWS, *TRANSPOSED.values(), 3, 4, 2, 2.0, a, 2, b, 2, 1.0, c, 4)
    return bool(np.array_equal(C, expected))
