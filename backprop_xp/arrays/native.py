"""Functions that every training step calls, straight from each array library.

On small arrays the wrappers of array-api-compat cost more than the arithmetic: 10 µs for a product
on PyTorch, 3 µs for a sum on NumPy. The functions here return on every library the result of the
Array API standard.
"""

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    ArrayT,
    HostArray,
    Namespace,
    is_on_cpu,
    namespace,
    to_host,
)
from backprop_xp.errors import ShapeError

__all__ = [
    "astype",
    "constant",
    "largest",
    "maximum",
    "product",
    "rows",
    "step",
    "sum_of_squares",
    "total",
    "writes_products",
    "zero_for",
]


MOST_ZEROS = 2**16  # elements of the largest matrix of zeros in the cache of `_filled`


class _Functions(NamedTuple):
    """The functions of one library, where `sum` and `max` keep the reduced axis with length 1."""

    matmul: Callable[..., Any]
    astype: Callable[..., Any]
    sum: Callable[..., Any]
    max: Callable[..., Any]
    maximum: Callable[..., Any]
    take: Callable[..., Any]
    step: Callable[[Any], Any]
    constant: Callable[[float, Any], Any]


def _of_numpy() -> _Functions:
    matmul: Any = np.matmul
    add: Any = np.add.reduce  # called with positional arguments, which is faster than by name
    maximum: Any = np.maximum.reduce

    def total(x: Array, axis: int) -> Any:
        if axis == -2 and x.ndim > 2:  # a product with ones sums short columns 5 times faster
            return matmul(_filled((1, x.shape[-2]), 1, x.dtype), x)
        return add(x, axis, None, None, True)

    def largest(x: Array, axis: int) -> Any:
        if type(x) is not np.ndarray or axis != -2 or math.prod(x.shape[:-2]) < 8 * x.shape[-2]:
            return maximum(x, axis, None, None, True)
        found = x[..., :1, :].copy()  # unit by unit, many short columns are 5 times faster
        for unit in range(1, x.shape[-2]):
            np.maximum(found, x[..., unit : unit + 1, :], out=found)
        return found

    def step(z: Any) -> Any:
        return (z > number(0.0, z.dtype)).astype(z.dtype)

    @functools.lru_cache(maxsize=64)
    def number(value: float, dtype: Any) -> HostArray:
        made = np.asarray(value, dtype=dtype)
        made.flags.writeable = False
        return made

    return _Functions(
        matmul,
        lambda x, dtype: x.astype(dtype),
        total,
        largest,
        np.maximum,
        np.take,
        step,
        lambda value, like: number(value, like.dtype),
    )


def _of_torch() -> _Functions:
    torch = importlib.import_module("torch")

    def matmul(A: Array, B: Array, out: Any) -> Any:
        # for a stack times a matrix torch.matmul refuses `out`, and torch.bmm takes twice as long
        return torch.mm(A, B, out=out) if A.ndim == B.ndim == 2 else out.copy_(A @ B)

    def made(value: float, dtype: Any, device: Any) -> Any:
        with torch.inference_mode(False):  # else autograd would refuse the cached tensor later
            return torch.full((), value, dtype=dtype, device=device)

    def step(z: Any) -> Any:
        return torch.relu(z.detach()).sign_()  # a conversion from bool takes 4 times as long

    number = functools.lru_cache(maxsize=64)(made)

    def constant(value: float, like: Any) -> Any:
        # a subclass of Tensor may refuse to work with tensors that were made before
        make = number if type(like) is torch.Tensor else made
        return make(value, like.dtype, like.device)

    return _Functions(
        matmul,
        torch.Tensor.to,
        lambda x, axis: torch.sum(x, axis, True),
        lambda x, axis: torch.amax(x, axis, True),
        torch.maximum,
        lambda x, places, axis: torch.index_select(x, axis, places),
        step,
        constant,
    )


def _of_standard(xp: Namespace) -> _Functions:
    def matmul(A: Array, B: Array, out: Any) -> Any:
        return xp.matmul(A, B, out=out)  # called on CuPy alone: `writes_products`

    return _Functions(
        matmul,
        xp.astype,
        lambda x, axis: xp.sum(x, axis=axis, keepdims=True),
        lambda x, axis: xp.max(x, axis=axis, keepdims=True),
        xp.maximum,
        lambda x, places, axis: xp.take(x, places, axis=axis),
        lambda z: xp.astype(z > 0.0, z.dtype),
        lambda value, _: value,
    )


def _of_jax(xp: Namespace) -> _Functions:
    def take(x: Any, places: Any, axis: int) -> Any:
        # jax.numpy.take fills rows out of range with NaN, by another pass over the result
        at = (..., places, *(slice(None),) * (-1 - axis))
        return x.at[at].get(mode="promise_in_bounds")

    return _of_standard(xp)._replace(take=take)


def _of_namespace(xp: Namespace) -> _Functions:
    """Return the functions of NumPy or PyTorch, whose wrappers are slow, or of the namespace."""
    if array_api_compat.is_numpy_namespace(xp):
        return _of_numpy()
    if array_api_compat.is_jax_namespace(xp):
        return _of_jax(xp)
    return _of_torch() if array_api_compat.is_torch_namespace(xp) else _of_standard(xp)


_KNOWN: dict[type, _Functions] = {}


def _functions_of(x: Any) -> _Functions:
    try:
        return _KNOWN[type(x)]
    except KeyError:
        return _KNOWN.setdefault(type(x), _of_namespace(namespace(x)))


def writes_products(xp: Namespace) -> bool:
    """Tell whether `xp` can write matrix products into existing arrays, views among them."""
    has = (
        array_api_compat.is_numpy_namespace,
        array_api_compat.is_torch_namespace,
        array_api_compat.is_cupy_namespace,
    )
    return any(is_it(xp) for is_it in has)


def product(A: ArrayT, B: ArrayT, out: ArrayT | None = None) -> ArrayT:
    """Return the matrix product A B, in `out` where it is given, which needs `writes_products`."""
    C: ArrayT = A @ B if out is None else _functions_of(A).matmul(A, B, out)
    return C


def astype(x: ArrayT, dtype: Any) -> ArrayT:
    """Return `x` in another dtype."""
    converted: ArrayT = _functions_of(x).astype(x, dtype)
    return converted


def total(x: ArrayT, axis: int) -> ArrayT:
    """Return the sum along an axis, which keeps length 1.

    Raises
    ------
    ShapeError
        The axis is that of the units, −2, and `x` has no such axis.
    """
    try:
        summed: ArrayT = _functions_of(x).sum(x, axis)
    except (IndexError, ValueError) as error:
        raise _without_units("sum", x, axis, error) from None
    return summed


def largest(x: ArrayT, axis: int) -> ArrayT:
    """Return the maximum along an axis, which keeps length 1.

    Raises
    ------
    ShapeError
        The axis is that of the units, −2, and `x` has no such axis.
    """
    try:
        most: ArrayT = _functions_of(x).max(x, axis)
    except (IndexError, ValueError) as error:
        raise _without_units("maximum", x, axis, error) from None
    return most


def _without_units(what: str, x: Array, axis: int, error: Exception) -> Exception:
    """Return the error for an array without an axis of units; another error as it is."""
    if axis != -2 or x.ndim > 1:
        return error
    expected = "(..., n, m), a row for each unit and a column for each case"
    advice = "Pass a single case as a column, such as z[:, None]"
    where = f"{what} over the units of a layer"
    return ShapeError(where, f"shape {tuple(x.shape)}", expected, advice)


def maximum(x: ArrayT, y: Any) -> ArrayT:
    """Return the greater of x and y, element by element."""
    greater: ArrayT = _functions_of(x).maximum(x, y)
    return greater


def rows(x: ArrayT, places: Array) -> ArrayT:
    """Return the rows of x (..., m, n) at the indices `places` (k,), as an array (..., k, n).

    The indices are in range: 0 … m − 1.
    """
    taken: ArrayT = _functions_of(x).take(x, places, -2)
    return taken


def step(z: ArrayT) -> ArrayT:
    """Return 1 where z > 0, else 0, in z's dtype."""
    steps: ArrayT = _functions_of(z).step(z)
    return steps


def constant(value: float, like: Array) -> Any:
    """Return a number for arithmetic with `like`, in the form that is fastest in its library.

    A Python number costs 0.5 µs more than an array without axes on NumPy, and 3 µs more on PyTorch.
    """
    return _functions_of(like).constant(value, like)


def zero_for(z: Array) -> Any:
    """Return the 0 of ``maximum(z, 0)``, on NumPy as an array of zeros.

    With it NumPy takes a third of the time: a matrix of zeros for a small z, a row for a large z.
    """
    if not isinstance(z, np.ndarray):
        return constant(0.0, z)
    shape = z.shape[-2:]
    return _filled(shape if math.prod(shape) <= MOST_ZEROS else shape[-1:], 0, z.dtype)


@functools.lru_cache(maxsize=64)
def _filled(shape: tuple[int, ...], value: int, dtype: Any) -> HostArray:
    """Return a cached read-only array of one value."""
    made = np.full(shape, value, dtype=dtype)
    made.flags.writeable = False
    return made


def sum_of_squares(x: Any) -> float:
    """Return Σ x² where one call of the BLAS computes it, NaN elsewhere.

    A finite sum shows that all numbers are finite. The call reads memory once and allocates none:
    it is twice as fast as a minimum and a maximum.

    Examples
    --------
    >>> import numpy as np
    >>> sum_of_squares(np.array([[3.0, 4.0]])), sum_of_squares(np.array([3, 4]))
    (25.0, nan)
    """
    if is_on_cpu(x) and (array_api_compat.is_jax_array(x) or array_api_compat.is_torch_array(x)):
        x = to_host(x)  # shares the memory
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return math.nan
    flat = x.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.dot(flat, flat))
