"""Columns brought to mean 0 and variance 1, and the network that takes them as they were.

A network trained on x̂ = (x − μ) / s is one for x with other parameters in its first layer,
W' = W / s and b' = b − W' μ; likewise one whose outputs are ŷ = (y − μ) / s is one for y with
W' = s W and b' = s b + μ in its last layer, where the output activation is the identity.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import DataError
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer

__all__ = ["Scaling", "folded", "scaling_of_inputs", "scaling_of_targets"]

Float64s = NDArray[np.float64]

_ROUNDING: Final = 1e-14  # a spread below this share of the mean is rounding
_FINEST: Final = 1e-10  # below this share float64 is too coarse for W' x + b'


@dataclass(frozen=True)
class Scaling:
    """What standardises columns.

    Attributes
    ----------
    mean : array (n,) of float64
        μ.
    spread : array (n,) of float64
        s, the standard deviation; where a column is constant, infinity for inputs, so that it
        becomes 0 and its weights too, and 1 for targets.
    """

    mean: Float64s
    spread: Float64s

    def apply(self, x: NDArray[Any]) -> Float64s:
        """Return (x − μ) / s, (m, n)."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled: Float64s = (x.astype(np.float64) - self.mean) / self.spread
        return scaled


def scaling_of_inputs(X: NDArray[Any], names: tuple[str, ...] = ()) -> Scaling:
    """Return what standardises the columns of X (m, n).

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for numbers of float64.

    Examples
    --------
    >>> scaling_of_inputs(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Scaling(mean=array([2., 5.]), spread=array([ 1., inf]))
    """
    return _scaling(X, np.inf, [f"column {name!r}" for name in names], "column")


def scaling_of_targets(Y: NDArray[Any]) -> Scaling:
    """Return what standardises the columns of Y (m, n).

    Raises
    ------
    DataError
    """
    return _scaling(Y, 1.0, [], "target")


def folded(
    net: Network, theta: NDArray[Any], inputs: Scaling | None, targets: Scaling | None
) -> Float64s:
    """Return the parameters, in float64, that take and give numbers as they were.

    Parameters
    ----------
    net : Network
        Its output activation is the identity where `targets` is given.
    theta : array (P,)
        Trained on standardised numbers.
    inputs, targets : Scaling or None
        None where they were not standardised.

    Returns
    -------
    array (P,)

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> x, y = Scaling(np.array([20.0]), np.array([5.0])), Scaling(np.array([7.0]), np.array([2.0]))
    >>> folded(net, np.array([1.0, 0.0]), x, y)  # 2 (x − 20) / 5 + 7
    array([ 0.4, -1. ])
    """
    layers = list(net.unpack(theta.astype(np.float64)))
    if inputs is not None:
        W, b = layers[0]
        W = W / inputs.spread
        layers[0] = Layer(W, b - W @ inputs.mean[:, None])
    if targets is not None:
        W, b = layers[-1]
        spread = targets.spread[:, None]
        layers[-1] = Layer(spread * W, spread * b + targets.mean[:, None])
    return np.asarray(net.pack(layers), dtype=np.float64)


def _scaling(x: NDArray[Any], constant: float, names: list[str], kind: str) -> Scaling:
    largest = np.abs(x).max(axis=0).astype(np.float64)
    unit = np.where(largest > 0, largest, 1)  # the square of 1e200 would overflow
    scaled = x / unit
    mean, spread = scaled.mean(axis=0, dtype=np.float64), scaled.std(axis=0, dtype=np.float64)
    varies = spread > _ROUNDING
    fine = (spread > _FINEST) | ~varies
    if not fine.all():
        j = int(np.argmin(fine))
        raise DataError(
            names[j] if names else f"{kind} {j + 1}",
            f"numbers around {mean[j] * unit[j]:.6g} that differ by {spread[j] * unit[j]:.1g}",
            f"a spread of at least {_FINEST:g} of their size",
            "Subtract a constant from them",
        )
    return Scaling(mean * unit, np.where(varies, spread * unit, constant))
