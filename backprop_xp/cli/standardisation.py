"""Columns of mean 0 and variance 1 for training, and their scaling folded into the network.

A network for x̂ = (x − μ) / s becomes a network for x by W' = W / s and b' = b − W' μ in its first
layer. A network with identity outputs ŷ = (y − μ) / s becomes a network for y by W' = s W and
b' = s b + μ in its last layer.
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
_FINEST: Final = 1e-10  # for a smaller spread beside the mean, float64 cannot resolve W' x + b'


@dataclass(frozen=True)
class Scaling:
    """The mean μ and the spread s of columns, which `apply` brings to mean 0 and variance 1.

    Attributes
    ----------
    mean : array (n,) of float64
        μ.
    spread : array (n,) of float64
        s, the standard deviation. For a constant column of inputs it is infinite, so that the
        column and its folded weights become 0; for a constant column of targets it is 1.
    """

    mean: Float64s
    spread: Float64s

    def apply(self, x: NDArray[Any]) -> Float64s:
        """Return (x − μ) / s, (m, n)."""
        scaled: Float64s = (x.astype(np.float64) - self.mean) / self.spread
        return scaled


def scaling_of_inputs(X: NDArray[Any], names: tuple[str, ...] = ()) -> Scaling:
    """Return the scaling of the columns of X (m, n); the names stand in errors.

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.

    Examples
    --------
    >>> scaling_of_inputs(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Scaling(mean=array([2., 5.]), spread=array([ 1., inf]))
    """
    return _scaling(X, np.inf, [f"column {name!r}" for name in names], "column")


def scaling_of_targets(Y: NDArray[Any]) -> Scaling:
    """Return the scaling of the columns of Y (m, n).

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.
    """
    return _scaling(Y, 1.0, [], "target")


def folded(
    net: Network, theta: NDArray[Any], inputs: Scaling | None, targets: Scaling | None
) -> Float64s:
    """Return the parameters of a network for numbers that are not standardised.

    Parameters
    ----------
    net : Network
        With identity outputs where `targets` is given.
    theta : array (P,)
        The parameters of the network for standardised numbers.
    inputs, targets : Scaling or None
        The scaling to fold in; None where inputs or targets were not standardised.

    Returns
    -------
    array (P,) of float64

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
    """Return the scaling of columns, with the spread `constant` for constant ones."""
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
            "Subtract a constant from the column",
        )
    return Scaling(mean * unit, np.where(varies, spread * unit, constant))
