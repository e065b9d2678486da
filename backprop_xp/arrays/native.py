"""What every step calls, straight from the array library.

On small arrays the wrappers that make libraries alike cost more than the arithmetic: 10 µs for a
product on PyTorch, 3 µs for a sum on NumPy. Each function here means on every library what the one
of the same name means in the Array API standard.
"""

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, Namespace, namespace

__all__ = [
    "astype",
    "constant",
    "largest",
    "maximum",
    "product",
    "rows",
    "step",
    "total",
    "writes_products",
    "zero_for",
]


MOST_ZEROS = 2**16  # kept beside an array; beyond, a row of them


class _Direct(NamedTuple):
    """The functions of one library; `sum` and `max` are along an axis that stays with length 1."""

    matmul: Callable[..., Array]
    astype: Callable[..., Array]
    sum: Callable[..., Array]
    max: Callable[..., Array]
    maximum: Callable[..., Array]
    take: Callable[..., Array]
    step: Callable[[Array], Array]
    constant: Callable[[float, Any], Any]


def _of_numpy() -> _Direct:
    matmul: Any = np.matmul
    add: Any = np.add.reduce
    maximum: Any = np.maximum.reduce  # arguments by name would take longer

    def total(x: Array, axis: int) -> Any:
        if axis == -2 and x.ndim > 2:  # of short columns, one by one, a product is 5 times faster
            return matmul(_filled((1, x.shape[-2]), 1, x.dtype), x)
        return add(x, axis, None, None, True)

    def largest(x: Array, axis: int) -> Any:
        if type(x) is not np.ndarray or axis != -2 or math.prod(x.shape[:-2]) < 8 * x.shape[-2]:
            return maximum(x, axis, None, None, True)
        found = x[..., :1, :].copy()  # of many short columns unit by unit is 5 times faster
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

    return _Direct(
        matmul,
        lambda x, dtype: x.astype(dtype),
        total,
        largest,
        np.maximum,
        np.take,
        step,
        lambda value, like: number(value, like.dtype),
    )


def _of_torch() -> _Direct:
    torch = importlib.import_module("torch")

    def matmul(A: Array, B: Array, out: Any) -> Any:
        # for a stack and a matrix torch.matmul refuses `out`, and torch.bmm takes twice as long
        return torch.mm(A, B, out=out) if A.ndim == B.ndim == 2 else out.copy_(A @ B)

    def made(value: float, dtype: Any, device: Any) -> Any:
        with torch.inference_mode(False):  # else no derivative could be taken later
            return torch.full((), value, dtype=dtype, device=device)

    def step(z: Any) -> Any:
        return torch.relu(z.detach()).sign_()  # a conversion from bool takes 4 times as long

    number = functools.lru_cache(maxsize=64)(made)

    def constant(value: float, like: Any) -> Any:
        # a subclass may refuse tensors that were made before it
        known = number if type(like) is torch.Tensor else made
        return known(value, like.dtype, like.device)

    return _Direct(
        matmul,
        torch.Tensor.to,
        lambda x, axis: torch.sum(x, axis, True),
        lambda x, axis: torch.amax(x, axis, True),
        torch.maximum,
        lambda x, places, axis: torch.index_select(x, axis, places),
        step,
        constant,
    )


def _of_standard(xp: Namespace) -> _Direct:
    def matmul(A: Array, B: Array, out: Any) -> Any:
        return xp.matmul(A, B, out=out)  # CuPy's, where it is called at all

    return _Direct(
        matmul,
        xp.astype,
        lambda x, axis: xp.sum(x, axis=axis, keepdims=True),
        lambda x, axis: xp.max(x, axis=axis, keepdims=True),
        xp.maximum,
        lambda x, places, axis: xp.take(x, places, axis=axis),
        lambda z: xp.astype(z > 0.0, z.dtype),
        lambda value, _: value,
    )


def _of_namespace(xp: Namespace) -> _Direct:
    """Return the functions as the library itself has them, where it is one whose wrappers cost."""
    if array_api_compat.is_numpy_namespace(xp):
        return _of_numpy()
    return _of_torch() if array_api_compat.is_torch_namespace(xp) else _of_standard(xp)


_KNOWN: dict[type, _Direct] = {}


def _direct(x: Any) -> _Direct:
    try:
        return _KNOWN[type(x)]
    except KeyError:
        return _KNOWN.setdefault(type(x), _of_namespace(namespace(x)))


def writes_products(xp: Namespace) -> bool:
    """Tell whether `xp` has views, and writes matrix products into them."""
    has = (
        array_api_compat.is_numpy_namespace,
        array_api_compat.is_torch_namespace,
        array_api_compat.is_cupy_namespace,
    )
    return any(is_it(xp) for is_it in has)


def product(A: Array, B: Array, out: Array | None = None) -> Array:
    """Return the matrix product A B, written into `out` where it is given (`writes_products`)."""
    return A @ B if out is None else _direct(A).matmul(A, B, out)


def astype(x: Array, dtype: Any) -> Array:
    """Return `x` in another dtype."""
    return _direct(x).astype(x, dtype)


def total(x: Array, axis: int) -> Array:
    """Return the sum along an axis, which stays with length 1."""
    return _direct(x).sum(x, axis)


def largest(x: Array, axis: int) -> Array:
    """Return the greatest number along an axis, which stays with length 1."""
    return _direct(x).max(x, axis)


def maximum(x: Array, y: Any) -> Array:
    """Return the greater of x and y, element by element."""
    return _direct(x).maximum(x, y)


def rows(x: Array, places: Array) -> Array:
    """Return the rows of x (..., m, n) in these places (k,), in an array (..., k, n)."""
    return _direct(x).take(x, places, -2)


def step(z: Array) -> Array:
    """Return 1 where z > 0, else 0, in z's dtype."""
    return _direct(z).step(z)


def constant(value: float, like: Array) -> Any:
    """Return a number for arithmetic with `like`, in the form that costs its library least.

    A number of Python takes NumPy half a microsecond more than an array without axes, and PyTorch
    three.
    """
    return _direct(like).constant(value, like)


def zero_for(z: Array) -> Any:
    """Return a 0 for ``maximum(z, 0)``: on NumPy many, with which it takes a third of the time."""
    if not isinstance(z, np.ndarray):
        return constant(0.0, z)
    shape = z.shape[-2:]
    return _filled(shape if math.prod(shape) <= MOST_ZEROS else shape[-1:], 0, z.dtype)


@functools.lru_cache(maxsize=64)
def _filled(shape: tuple[int, ...], value: int, dtype: Any) -> HostArray:
    made = np.full(shape, value, dtype=dtype)
    made.flags.writeable = False
    return made
