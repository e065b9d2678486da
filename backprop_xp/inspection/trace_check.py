"""Each number of a traced pass against a central difference of the cost."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.arrays.random_streams import generator
from backprop_xp.errors import DataError
from backprop_xp.inspection.gradient_check import GradientCheck
from backprop_xp.network.output_layer import total_cost

__all__ = ["checked_trace"]

_MOST = 500  # numbers of one quantity that are nudged


def checked_trace(trace: Any, h: float, tolerance: float) -> GradientCheck:
    """Return the largest relative error of the derivatives in a trace of a single network.

    The cost is computed in float64 from the nudged quantity upward: from z^l + h for δ^l, from
    a^l + h for ∂E/∂a^l, and so on.

    Parameters
    ----------
    trace : Trace
    h : float
        The size of a nudge, above 0.
    tolerance : float

    Raises
    ------
    DataError
        The cost is not finite.
    """
    above = _Above(trace)
    E = float(above.from_z(len(trace.layers), above.z[-1]))
    if not np.isfinite(E):
        advice = "Trace a pass whose cost is a number"
        raise DataError("Trace.check", f"a cost of {E}", "a finite cost", advice)
    rounding = 2 * np.finfo(np.float64).eps * abs(E) / h  # of the difference quotient
    error, worst, count = 0.0, "no number", 0
    for name, analytic, cost_of in above.quantities():
        flat = _host(analytic).reshape(-1)
        places = np.arange(flat.size)
        if flat.size > _MOST:
            places = np.sort(generator(0, "parameters").choice(flat.size, _MOST, replace=False))
        nudges = np.zeros((len(places), flat.size))
        nudges[np.arange(len(places)), places] = h
        nudges = nudges.reshape(len(places), *np.shape(analytic))
        numeric = (cost_of(nudges) - cost_of(-nudges)) / (2 * h)
        scale = max(np.abs(flat).max(initial=0.0), rounding / tolerance, np.finfo(np.float64).tiny)
        found = np.abs(flat[places] - numeric) / scale
        count += len(places)
        if found.size and not found.max() <= error:
            at = np.unravel_index(places[np.argmax(found)], np.shape(analytic))
            error, worst = float(found.max()), f"{name}, at {tuple(map(int, at))}"
    return GradientCheck(error, tolerance, count, worst)


class _Above:
    """The cost as a function of a quantity in the middle of a pass, in float64 on the host."""

    def __init__(self, trace: Any) -> None:
        self._trace, self._output = trace, trace.network.output_with_loss
        self._y, self._w = _host(trace.y), _host(trace.w)
        self._W = [_host(traced.W) for traced in trace.layers]
        self._b = [_host(traced.b) for traced in trace.layers]
        self.a = [_host(trace.a_in)]
        self.z: list[HostArray] = []
        for W, b, sigma in zip(self._W, self._b, trace.network.activations, strict=True):
            self.z.append(W @ self.a[-1] + b)
            self.a.append(np.broadcast_to(sigma(self.z[-1]), self.z[-1].shape))

    def from_z(self, layer: int, z: HostArray) -> HostArray:
        """Return E from z of a layer, counted from 1; z may have leading axes."""
        for above in range(layer, len(self._W)):
            a = np.broadcast_to(self._trace.network.activations[above - 1](z), z.shape)
            z = self._W[above] @ a + self._b[above]
        y = np.broadcast_to(self._y, z.shape)
        return total_cost(self._output.cost(z, y), self._w)

    def from_a(self, layer: int, a: HostArray) -> HostArray:
        """Return E from a of a layer, 0 for the inputs; a may have leading axes."""
        if layer < len(self._W):
            return self.from_z(layer + 1, self._W[layer] @ a + self._b[layer])
        y = np.broadcast_to(self._y, a.shape)
        return total_cost(self._output.loss(a, y), self._w)

    def quantities(self) -> Iterator[tuple[str, Any, Callable[[HostArray], HostArray]]]:
        """Yield the name of each derivative, its numbers, and the cost for nudges (N, ...)."""
        yield "dE_dx", self._trace.dE_dx, lambda nudges: self.from_a(0, self.a[0] + nudges)
        for layer, traced in enumerate(self._trace.layers, start=1):
            z, a, below = self.z[layer - 1], self.a[layer], self.a[layer - 1]

            def of_z(nudges: HostArray, layer: int = layer, z: HostArray = z) -> HostArray:
                return self.from_z(layer, z + nudges)

            exists: Any = 1.0 if traced.exists is None else _host(traced.exists)

            def of_W(
                nudges: HostArray, of_z: Any = of_z, below: Any = below, exists: Any = exists
            ) -> HostArray:
                cost: HostArray = of_z((nudges * exists) @ below)
                return cost

            def of_a(nudges: HostArray, layer: int = layer, a: HostArray = a) -> HostArray:
                return self.from_a(layer, a + nudges)

            yield f"dE_dW of layer {layer}", traced.dE_dW, of_W
            yield f"dE_db of layer {layer}", traced.dE_db, of_z
            yield f"delta of layer {layer}", traced.delta, of_z
            if traced.dE_da is not None:
                yield f"dE_da of layer {layer}", traced.dE_da, of_a


def _host(x: Any) -> HostArray:
    return np.array(to_host(x), dtype=np.float64)
