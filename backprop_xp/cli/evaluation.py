"""What a network makes of data on the host: its outputs, and how good they are."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays.backend import Array, from_host_like, to_host
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict

__all__ = ["Scores", "are_labels", "is_binary", "outputs", "scores"]

_without_warnings = np.errstate(over="ignore", invalid="ignore")  # the numbers say it themselves
_CHUNK: Final = 8192  # rows at once, which bounds the memory


@dataclass(frozen=True)
class Scores:
    """How good outputs are.

    Attributes
    ----------
    cost : float
        The mean of the network's loss over the cases.
    accuracy : float or None
        The share of cases with the right class, or with every output on the right side of 1/2
        where the targets are 0 and 1 and the outputs are sigmoid units.
    r_squared : float or None
        For other targets 1 − Σ(y − a)² / Σ(y − ȳ)², the mean over those outputs whose target
        varies; None where none does.
    """

    cost: float
    accuracy: float | None = None
    r_squared: float | None = None

    def __str__(self) -> str:
        parts = [f"cost {self.cost:.4g}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {100 * self.accuracy:.2f} %")
        if self.r_squared is not None:
            parts.append(f"R^2 {self.r_squared:.4f}")
        return ", ".join(parts)


def are_labels(Y: NDArray[Any]) -> bool:
    """Return whether Y holds class labels (m,), not targets (m, n_out)."""
    return Y.ndim == 1


def is_binary(Y: NDArray[Any]) -> bool:
    """Return whether all targets are 0 or 1."""
    return not are_labels(Y) and bool(((Y == 0) | (Y == 1)).all())


@_without_warnings
def outputs(net: Network, theta: Array, X: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs (m, n_out) for inputs in rows, computed where θ lives."""
    return to_host(predict(net, theta, X))


@_without_warnings
def scores(net: Network, theta: Array, X: NDArray[Any], Y: NDArray[Any]) -> Scores:
    """Return how good the outputs are for labels (m,) or targets (m, n_out)."""
    total = 0.0
    for start in range(0, len(X), _CHUNK):
        x, y = X[start : start + _CHUNK], Y[start : start + _CHUNK]
        targets = from_host_like(y, theta, "int32" if are_labels(Y) else None)
        total += float(net.cost(theta, from_host_like(x, theta), targets)) * len(x)
    cost, a = total / len(X), outputs(net, theta, X)
    if are_labels(Y):
        return Scores(cost, accuracy=float((a.argmax(axis=1) == Y).mean()))
    if isinstance(net.output, Sigmoid) and is_binary(Y):
        return Scores(cost, accuracy=float(((a > 0.5) == Y).all(axis=1).mean()))
    return Scores(cost, r_squared=_r_squared(a, Y))


def _r_squared(a: NDArray[Any], Y: NDArray[Any]) -> float | None:
    Y = Y.astype(np.float64)
    unit = np.abs(Y).max(axis=0)  # the square of 1e200 would overflow
    unit[unit == 0] = 1
    missed = (((Y - a) / unit) ** 2).sum(axis=0)
    around = ((Y / unit - (Y / unit).mean(axis=0)) ** 2).sum(axis=0)
    varies = around > 0
    return float((1 - missed[varies] / around[varies]).mean()) if varies.any() else None
