"""The first quantity of a traced pass that holds NaN or ∞: where a training went wrong."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import to_host

__all__ = ["first_not_finite", "note_of_not_finite"]


def first_not_finite(trace: Any) -> str | None:
    """Return the symbol of the first quantity that is not finite; None where all are.

    The order is that of computation, parameters before the first quantity that they enter.

    Parameters
    ----------
    trace : Trace

    Examples
    --------
    >>> import numpy as np
    >>> import backprop_xp as bp
    >>> net = bp.Network([1, 1], "identity", "exp", "squared_error")
    >>> first_not_finite(bp.trace(net, np.array([1000.0, 0.0]), [1.0], [1.0]))
    'a¹'
    """
    for symbol, numbers in _in_order(trace):
        if numbers is not None and not np.isfinite(to_host(numbers)).all():
            return symbol
    return None


def note_of_not_finite(trace: Any) -> str:
    """Return a sentence that names the first quantity that is not finite; "" where all are."""
    symbol = first_not_finite(trace)
    return "" if symbol is None else f"{symbol} is the first quantity that is not finite."


def _in_order(trace: Any) -> Iterator[tuple[str, Any]]:
    yield from (("x", trace.a_in), ("y", trace.y), ("w", trace.w))
    layers = [*enumerate(trace.layers, start=1)]
    for number, layer in layers:
        yield from _of_layer(number, {"W": layer.W, "b": layer.b, "z": layer.z, "a": layer.a})
    yield "E", trace.E_c
    for number, layer in reversed(layers):
        yield from _of_layer(number, {"∂E/∂a": layer.dE_da, "δ": layer.delta})
        yield from _of_layer(number, {"∂E/∂W": layer.dE_dW, "∂E/∂b": layer.dE_db})
    yield "∂E/∂x", trace.dE_dx


def _of_layer(number: int, quantities: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    raised = str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    for letter, numbers in quantities.items():
        yield f"{letter}{raised}", numbers
