"""Which arrays can be used: real numbers, dense, unmasked, in one place with the others."""

import sys
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    device_of,
    dtype_name,
    library_name,
    namespace,
    to_host,
)
from backprop_xp.errors import DeviceError, DTypeError, ShapeError

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
    """Return a shape as it is written, of numbers and names.

    Examples
    --------
    >>> shape_text(5, "m", 3)
    '(5, m, 3)'
    """
    return f"({', '.join(map(str, axes))})"


def same_place(x: Any, theta: Array, where: str, name: str = "theta") -> Any:
    """Return `x` after checking that it belongs to the library and device of θ, or of `name`.

    Lists and the like are welcome where θ is a NumPy array.

    Raises
    ------
    DTypeError
        `x` is masked or sparse, or a list of no real numbers.
    DeviceError
    """
    xp = namespace(theta)
    check_unmasked(x, where)
    check_dense(x, where)
    if not array_api_compat.is_array_api_obj(x) and array_api_compat.is_numpy_namespace(xp):
        x = real_host_array(x, where)
    if not array_api_compat.is_array_api_obj(x) or namespace(x) is not xp:
        raise DeviceError(
            where,
            f"{type(x).__module__}.{type(x).__name__}".removeprefix("builtins."),
            f"an array of {library_name(xp)}, as {name} is",
            "Arrays of two libraries do not mix: move one of them, or pass device= to train",
        )
    # JAX says nothing of the device of an array that it traces, and refuses mixtures itself
    if not array_api_compat.is_jax_namespace(xp) and device_of(x) != device_of(theta):
        raise DeviceError(
            where,
            f"an array on {device_of(x)}",
            f"one on {device_of(theta)}, as {name} is",
            "Move one of them, or pass device= to train",
        )
    return x


def real_host_array(x: Any, where: str) -> HostArray:
    """Return a list, a data frame, an array or the like as a NumPy array of real numbers.

    Raises
    ------
    DTypeError, ShapeError
    """
    check_dense(x, where)
    try:
        array = to_host(x) if array_api_compat.is_array_api_obj(x) else np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            where, "rows of different lengths", "rows of one length", str(error)
        ) from error
    check_real(array, where)
    return array


def is_sparse(x: Any) -> bool:
    """Tell whether `x` is a sparse matrix or array of SciPy, of any format."""
    scipy_sparse = sys.modules.get("scipy.sparse")  # whoever has one has imported it
    return scipy_sparse is not None and bool(scipy_sparse.issparse(x))


def check_dense(x: Any, where: str) -> None:
    """Refuse sparse matrices of SciPy, and tensors of PyTorch that are sparse or of another layout.

    Raises
    ------
    DTypeError
    """
    if is_sparse(x):
        advice = "Pass x.toarray(); train and predict read the rows of x.tocsr() too"
        raise DTypeError(where, f"a sparse matrix of format {x.format}", "an array", advice)
    if array_api_compat.is_torch_array(x) and str(x.layout) != "torch.strided":
        advice = "Pass x.to_dense()"
        raise DTypeError(where, f"a tensor of layout {x.layout}", "a dense one", advice)


def check_unmasked(x: Any, where: str) -> None:
    """Refuse NumPy's masked arrays, whose masks the equations would not see.

    Raises
    ------
    DTypeError
    """
    if isinstance(x, np.ma.MaskedArray):
        advice = "Fill or leave out what is masked, with x.filled for one"
        raise DTypeError(where, "a masked array", "an array without a mask", advice)


_REAL = {"bool", "float16", "float32", "float64"} | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def check_real(x: Any, where: str) -> None:
    """Refuse arrays that do not hold booleans, integers or floats of 16, 32 or 64 bits.

    Raises
    ------
    DTypeError
    """
    check_unmasked(x, where)
    if dtype_name(x.dtype) not in _REAL:
        advice = "Convert it with astype, to float32 for one"
        if getattr(x.dtype, "kind", "") in "OUST":
            number = "Number the classes with numpy.unique(Y, return_inverse=True)[1]"
            advice = f"{number}, and convert inputs with astype"
        raise DTypeError(where, f"dtype {x.dtype}", "real numbers of up to 64 bits", advice)
