"""Scores of a network's outputs for data on the host: cost, accuracy, R²."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays.backend import Array, from_host_like, to_host
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict

__all__ = ["Scores", "are_labels", "is_binary", "scores"]

_CHUNK: Final = 8192  # rows at once, which bounds the memory


@dataclass(frozen=True)
class Scores:
    """Cost, and accuracy or R², of a network's outputs.

    Attributes
    ----------
    cost : float
        The mean of the network's loss over the cases.
    accuracy : float or None
        For class labels the share of cases with the right class. For targets of 0 and 1 and sigmoid
        outputs, the share of cases with each output on its target's side of 1/2. Else None.
    r_squared : float or None
        For other targets R² = 1 − Σ(y − a)² / Σ(y − ȳ)², the mean over the outputs whose target
        varies; None where no target varies.
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
    """Tell whether Y holds class labels (m,), not targets (m, n_out)."""
    return Y.ndim == 1


def is_binary(Y: NDArray[Any]) -> bool:
    """Tell whether Y holds targets that are all 0 or 1."""
    return not are_labels(Y) and bool(((Y == 0) | (Y == 1)).all())


def scores(net: Network, theta: Array, X: NDArray[Any], Y: NDArray[Any]) -> Scores:
    """Return the scores of the outputs for X (m, n_in) and labels (m,) or targets (m, n_out).

    They are computed on θ's device.
    """
    total = 0.0
    for start in range(0, len(X), _CHUNK):
        x, y = X[start : start + _CHUNK], Y[start : start + _CHUNK]
        targets = from_host_like(y, theta, "int32" if are_labels(Y) else None)
        total += float(net.cost(theta, from_host_like(x, theta), targets)) * len(x)
    cost, a = total / len(X), to_host(predict(net, theta, X))
    if are_labels(Y):
        return Scores(cost, accuracy=float((a.argmax(axis=1) == Y).mean()))
    if isinstance(net.output, Sigmoid) and is_binary(Y):
        return Scores(cost, accuracy=float(((a > 0.5) == Y).all(axis=1).mean()))
    return Scores(cost, r_squared=_r_squared(a, Y))


def _r_squared(a: NDArray[Any], Y: NDArray[Any]) -> float | None:
    """Return the mean of R² over the outputs whose target varies, None where no target varies."""
    Y = Y.astype(np.float64)
    unit = np.abs(Y).max(axis=0)  # the square of 1e200 would overflow
    unit[unit == 0] = 1
    residual = (((Y - a) / unit) ** 2).sum(axis=0)
    total = ((Y / unit - (Y / unit).mean(axis=0)) ** 2).sum(axis=0)
    varies = total > 0
    return float((1 - residual[varies] / total[varies]).mean()) if varies.any() else None
