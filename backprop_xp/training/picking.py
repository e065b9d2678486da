"""Networks of a stack by index, as NumPy indexes an array with one element for each network."""

from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import Array, context, device_of, from_host, namespace, to_host
from backprop_xp.errors import ShapeError, StackIndexError

__all__ = ["network_numbers", "picked_entry", "picked_theta"]

Numbers = np.ndarray[Any, Any]


def network_numbers(key: Any, lead: tuple[int, ...]) -> Numbers:
    """Return the numbers of the networks that `key` picks of a stack of shape `lead`.

    Numbers count the networks row by row. 0-d where `key` picks a single one.

    Raises
    ------
    ShapeError
        There is no stack to pick from.
    StackIndexError
        `key` picks no network, is out of range or is no index.

    Examples
    --------
    >>> network_numbers((1, slice(None)), (2, 3))
    array([3, 4, 5])
    """
    where = f"run[{_text(key)}]"
    if not lead:
        advice = "It is picked already; train with stack= for several"
        raise ShapeError(where, "the run of a single network", "that of a stack", advice)
    advice = f"Index it as a NumPy array of shape {lead}: by numbers, slices, lists or masks"
    expected = f"networks of a stack of shape {lead}"
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is None or isinstance(part, (bool, np.bool_)) for part in parts):
        raise StackIndexError(where, f"{key!r}", expected, advice)
    on_host = tuple(to_host(x) if array_api_compat.is_array_api_obj(x) else x for x in parts)
    try:
        picked = np.asarray(np.arange(np.prod(lead)).reshape(lead)[on_host])
    except (IndexError, TypeError, ValueError) as error:
        raise StackIndexError(where, str(error), expected, advice) from error
    if picked.size == 0:
        raise StackIndexError(where, "no network", "one at least", advice)
    return picked


def picked_theta(theta: Array, numbers: Numbers) -> Array:
    """Return a new θ (*numbers.shape, P) of the networks of these numbers in θ (..., P)."""
    xp, P = namespace(theta), theta.shape[-1]
    rows = from_host(numbers.reshape(-1), xp, device_of(theta), "int32")
    with context(theta):
        taken = xp.take(xp.reshape(theta, (-1, P)), rows, axis=0)
        picked: Array = xp.reshape(taken, (*numbers.shape, P))
    return picked


def picked_entry(entry: Any, lead: tuple[int, ...], numbers: Numbers) -> Any:
    """Return the part of an entry of a history over `lead`; a float for a single network."""
    picked = np.broadcast_to(entry, lead).reshape(-1)[numbers]
    return float(picked) if numbers.ndim == 0 else picked


def _text(key: Any) -> str:
    return key.__class__.__name__ if hasattr(key, "shape") else f"{key!r:.60}"
