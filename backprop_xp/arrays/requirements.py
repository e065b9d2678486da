"""Checks of arrays: they hold real numbers, are dense and unmasked, and share one device."""

import sys
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    device_of,
    dtype_name,
    is_array,
    library_name,
    namespace,
    to_host,
)
from backprop_xp.arrays.data_frames import host_array, refuse_missing
from backprop_xp.errors import DataError, DeviceError, DTypeError, ShapeError

__all__ = [
    "check_dense",
    "check_real",
    "check_unmasked",
    "is_sparse",
    "real_host_array",
    "same_place",
    "shape_text",
]


def shape_text(*axes: object) -> str:
    """Return the text of a shape of numbers and names.

    Examples
    --------
    >>> shape_text(5, "m", 3)
    '(5, m, 3)'
    """
    return f"({', '.join(map(str, axes))})"


def same_place(x: Any, theta: Array, where: str, name: str = "theta") -> Any:
    """Return `x` after checking that it is on the library and device of θ, which `name` names.

    Where θ is a NumPy array, `x` may be a list or another object that NumPy converts.

    Raises
    ------
    DTypeError
        `x` is masked or sparse, or does not hold real numbers.
    DeviceError
        `x` is an array of another library, or on another device.
    """
    xp = namespace(theta)
    check_unmasked(x, where)
    check_dense(x, where)
    if not is_array(x) and array_api_compat.is_numpy_namespace(xp):
        x = real_host_array(x, where)
    if not is_array(x) or namespace(x) is not xp:
        raise DeviceError(
            where,
            f"{type(x).__module__}.{type(x).__name__}".removeprefix("builtins."),
            f"an array of {library_name(xp)}, as {name} is",
            "Arrays of two libraries do not mix: move one of them, or pass device= to train",
        )
    # an array that JAX traces has no device, and JAX refuses mixed devices itself
    if not array_api_compat.is_jax_namespace(xp) and device_of(x) != device_of(theta):
        raise DeviceError(
            where,
            f"an array on {device_of(x)}",
            f"one on {device_of(theta)}, as {name} is",
            "Move one of them, or pass device= to train",
        )
    return x


def real_host_array(x: Any, where: str) -> HostArray:
    """Return a list, a data frame or an array of any library as a NumPy array of real numbers.

    Raises
    ------
    DataError
        A value is missing.
    DTypeError
        `x` is masked or sparse, or does not hold real numbers.
    ShapeError
        The rows of `x` have different lengths.
    """
    check_dense(x, where)
    if is_array(x):
        check_real(x, where)  # NumPy has no bfloat16
        return to_host(x)
    try:
        array = host_array(x, where)
    except DataError:
        raise
    except ValueError as error:
        raise ShapeError(
            where, "rows of different lengths", "rows of one length", str(error)
        ) from error
    check_real(array, where)
    return array


def is_sparse(x: Any) -> bool:
    """Tell whether `x` is a sparse matrix or array of SciPy, of any format."""
    scipy_sparse = sys.modules.get("scipy.sparse")  # imported by the user who has such a matrix
    return scipy_sparse is not None and bool(scipy_sparse.issparse(x))


def check_dense(x: Any, where: str) -> None:
    """Refuse sparse matrices of SciPy, and PyTorch tensors whose layout is not dense.

    Raises
    ------
    DTypeError
        `x` is sparse.
    """
    if is_sparse(x):
        advice = "Pass x.toarray(); train and predict read the rows of x.tocsr() too"
        raise DTypeError(where, f"a sparse matrix of format {x.format}", "an array", advice)
    if array_api_compat.is_torch_array(x) and str(x.layout) != "torch.strided":
        advice = "Pass x.to_dense()"
        raise DTypeError(where, f"a tensor of layout {x.layout}", "a dense one", advice)


def check_unmasked(x: Any, where: str) -> None:
    """Refuse NumPy's masked arrays, since the equations would ignore the masks.

    Raises
    ------
    DTypeError
        `x` is a masked array.
    """
    if isinstance(x, np.ma.MaskedArray):
        advice = "Fill the masked numbers, such as by x.filled(0), or leave their rows out"
        raise DTypeError(where, "a masked array", "an array without a mask", advice)


_REAL = {"bool", "float16", "float32", "float64"} | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def check_real(x: Any, where: str) -> None:
    """Refuse arrays unless they hold booleans, integers, or floats of 16, 32 or 64 bits.

    Raises
    ------
    DataError
        `x` is an array of objects with a missing value.
    DTypeError
        `x` has another dtype, or is a masked array.
    """
    check_unmasked(x, where)
    if dtype_name(x.dtype) not in _REAL:
        if getattr(x.dtype, "kind", None) == "O":
            refuse_missing(np.asarray(x), where)
        expected = "real numbers of up to 64 bits: float16, float32, float64, integers or booleans"
        advice = "Convert it to one of these, such as to float32"
        if getattr(x.dtype, "kind", None) in tuple("OUST"):
            number = "Number the classes with numpy.unique(Y, return_inverse=True)[1]"
            advice = f"{number}, and convert inputs with astype"
        raise DTypeError(where, f"dtype {x.dtype}", expected, advice)
