"""Arrays whose numbers are never read, on which a step is recorded without computing.

A recording needs the shape, dtype and strides of each result. `result_of` finds them on the first
two numbers along each axis, so that its work does not depend on the lengths of the axes.
"""

import inspect
import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray

__all__ = ["Unread", "contents", "like", "result_of", "unread"]

Shape: TypeAlias = tuple[int, ...]
FILLED: Final = (np.zeros_like, np.ones_like, np.full_like)
COPIED: Final = (np.array, np.ndarray.astype)
REDUCED: Final = (np.sum, np.max, np.min, np.prod, np.mean, np.any, np.all)


class Unread(HostArray):
    """An array whose memory is never touched; an attribute tells the number of a constant.

    Attributes
    ----------
    value : number or None
        The number that fills the array, if there is one.
    """

    value: Any = None


def unread(shape: Shape, dtype: Any, order: Sequence[int] = (), value: Any = None) -> Unread:
    """Return an array that takes addresses, but no memory before it is written.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    order : sequence of int, optional
        The axes from the outermost to the innermost in memory, by default C order.
    value : number, optional
        The number that fills the array; see `contents`.

    Examples
    --------
    >>> unread((2, 3), np.dtype("float32"), order=(1, 0)).strides
    (4, 8)
    """
    dtype, strides = np.dtype(dtype), [0] * len(shape)
    step = dtype.itemsize
    for axis in reversed(order or range(len(shape))):
        strides[axis] = step
        step *= max(shape[axis], 1)
    made = Unread(shape, dtype, _addresses(step), 0, tuple(strides))
    made.value = value
    return made


def _addresses(size: int) -> Any:
    """Return a buffer of zeros that takes no memory before it is written."""
    kind = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    if kind:
        try:
            return mmap.mmap(-1, size, flags=kind | getattr(mmap, "MAP_NORESERVE", 0))
        except OSError:  # no more addresses, or mappings, for this process
            pass
    return np.zeros(size, np.uint8).data


def like(x: Any) -> Unread:
    """Return an array in C order with the shape and dtype of `x`, an array of any library."""
    return unread(tuple(x.shape), x.dtype)


def contents(x: HostArray) -> HostArray:
    """Return `x` with its numbers in memory, as they lie there; `x` itself where they are.

    Examples
    --------
    >>> contents(unread((2,), np.dtype("float32"), value=1.0))
    array([1., 1.], dtype=float32)
    """
    if not isinstance(x, Unread) or x.value is None:
        return x
    made: HostArray = np.full_like(x, x.value, subok=False)
    return made


def result_of(
    function: Callable[..., Any], args: Any, named: Mapping[str, Any], out: HostArray | None = None
) -> Unread | None:
    """Return an array with the shape, dtype and strides of a result; None if it is not known how.

    The caller ignores NumPy's floating-point warnings.

    Parameters
    ----------
    function : callable
        A function of NumPy, a ufunc, or the method `reduce` of one.
    args, named
        Its arguments. Arrays may be `Unread`.
    out : ndarray, optional
        The array into which the result is to be written, whose first numbers are changed.

    Raises
    ------
    ValueError
        The shapes do not fit each other.
    """
    shape = _shape_of(function, args, named)
    if shape is None:
        return None
    given = {} if out is None else {"out": _first(out)}
    made = np.asarray(function(*_firsts(args), **_firsts(named), **given))
    if out is not None:
        if out.shape != _broadcast(out.shape, shape):
            raise ValueError(f"a result of shape {shape} does not fit {out.shape}")
        return unread((), made.dtype)
    fills = function in FILLED
    value = (made.flat[0] if made.size else 0) if fills else None
    return unread(shape, made.dtype, _order(made), value)


def _order(x: HostArray) -> list[int]:
    """Return the axes from the outermost to the innermost in memory."""
    return sorted(range(x.ndim), key=lambda axis: (-abs(x.strides[axis]), -x.shape[axis]))


def _first(x: Any) -> Any:
    """Return a view of the first two numbers along each axis, which has the strides of `x`."""
    return x[(slice(0, 2),) * x.ndim] if isinstance(x, np.ndarray) else x


def _firsts(tree: Any) -> Any:
    if not tree:
        return tree
    if isinstance(tree, Mapping):
        return {name: _first_of(x) for name, x in tree.items()}
    return type(tree)(map(_first_of, tree))


def _first_of(x: Any) -> Any:
    return _firsts(x) if isinstance(x, tuple | list) else _first(x)


def _shape_of(
    function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]
) -> Shape | None:
    """Return the shape of a result; None if it is not known how it follows from the arguments."""
    if isinstance(function, np.ufunc):
        return _shape_of_call(function, args, named)
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        reduces = function.__name__ == "reduce" and len(args) == 1
        return _reduced(args[0], named.get("axis", 0), named) if reduces else None
    if function in REDUCED:
        given = inspect.signature(function).bind(*args, **named).arguments
        return _reduced(given["a"], given.get("axis"), given)
    if function is np.where and len(args) == 3:
        return _broadcast(*map(np.shape, args))
    if function in COPIED:
        return tuple(args[0].shape)
    if function in (*FILLED, np.empty_like) and np.isscalar(args[1] if args[1:] else 0):
        return None if "shape" in named else tuple(args[0].shape)
    if function is np.concatenate and len(args) == 1 and set(named) <= {"axis"}:
        return _joined(args[0], named.get("axis", 0))
    return None


def _shape_of_call(ufunc: np.ufunc, args: Sequence[Any], named: Mapping[str, Any]) -> Shape | None:
    shapes = list(map(np.shape, args))
    if ufunc.signature is None:
        return _broadcast(*shapes, np.shape(named.get("where", True)))
    if ufunc is not np.matmul or named or min(map(len, shapes)) < 2:
        return None
    (*lead, m, k), (*others, inner, n) = shapes
    if k != inner:
        raise ValueError(f"a product of matrices {shapes[0]} and {shapes[1]}")
    return (*_broadcast(tuple(lead), tuple(others)), m, n)


def _broadcast(*shapes: Shape) -> Shape:
    alike = {shape for shape in shapes if shape}  # NumPy's function takes several times as long
    return alike.pop() if len(alike) == 1 else np.broadcast_shapes(*shapes)


def _reduced(x: Any, axis: Any, named: Mapping[str, Any]) -> Shape | None:
    shape = np.shape(x)
    if set(named) - {"a", "axis", "dtype", "keepdims"} or not isinstance(x, np.ndarray):
        return None
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    over = {each % len(shape) for each in axes} if shape else set()
    if named.get("keepdims", False):
        return tuple(1 if at in over else n for at, n in enumerate(shape))
    return tuple(n for at, n in enumerate(shape) if at not in over)


def _joined(parts: Sequence[Any], axis: int) -> Shape | None:
    first, *others = map(np.shape, parts)
    if axis is None or not first:
        return None
    at = axis % len(first)
    if any(one[:at] + one[at + 1 :] != first[:at] + first[at + 1 :] for one in others):
        raise ValueError("arrays of other shapes are joined")
    length = sum(np.shape(one)[at] for one in parts)
    return (*first[:at], length, *first[at + 1 :])
