"""Shapes of the arrays of an equation, stated in a decorator and checked at each call."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from backprop_xp.arrays.backend import namespace
from backprop_xp.errors import ShapeError

__all__ = ["takes"]

F = TypeVar("F", bound=Callable[..., Any])
Axes: TypeAlias = tuple[str | int, str | int]


def takes(**axes: Axes) -> Callable[[F], F]:
    """Return the decorator that checks the last two axes of a function's arrays.

    Parameters
    ----------
    **axes : pair of str or int
        For each array its last two axes: a name for an axis of any size, or the size. Axes of the
        same name have the same size. The leading axes are networks, and must broadcast.

    Returns
    -------
    callable
        The decorator. The decorated function raises a `ShapeError` where shapes do not fit. Code
        whose shapes always fit calls the undecorated function, ``inspect.unwrap(function)``.

    Examples
    --------
    >>> @takes(W=("n_out", "n_in"), a=("n_in", "m"))
    ... def product(W, a):
    ...     return W @ a
    >>> try:
    ...     product(np.ones((2, 3)), np.ones((2, 3)))
    ... except ShapeError as error:
    ...     print(str(error).partition(";")[0])
    shapes.product: got W (2, 3), a (2, 3)
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            arrays = {name: given[name] for name in axes}
            if not _fit(axes, arrays):
                raise ShapeError(
                    f"{function.__module__.rpartition('.')[2]}.{function.__name__}",
                    ", ".join(f"{name} {tuple(x.shape)}" for name, x in arrays.items()),
                    ", ".join(f"{name} ({of[0]}, {of[1]})" for name, of in axes.items()),
                    "One name is one size; leading axes are networks",
                )
            return function(*args, **kwargs)

        return cast(F, checked)

    return decorate


def _fit(axes: dict[str, Axes], arrays: dict[str, Any]) -> bool:
    sizes: dict[str | int, int] = {}
    for name, x in arrays.items():
        namespace(x)  # refuses what is no array
        if x.ndim < 2:
            return False
        for axis, size in zip(axes[name], x.shape[-2:], strict=True):
            if sizes.setdefault(axis, axis if isinstance(axis, int) else size) != size:
                return False
    try:
        np.broadcast_shapes(*(tuple(x.shape[:-2]) for x in arrays.values()))
    except ValueError:
        return False
    return True
