"""Columns of mean 0 and variance 1 for training, and the scaling of targets in the network.

The scaling of inputs is a step of preprocessing, which the model file holds. A network with
identity outputs ŷ = (y − μ) / s becomes a network for y by W' = s W and b' = s b + μ in its last
layer.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import DataError
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.preprocessing.scaling import Standardisation

__all__ = ["folded", "scaling_of_inputs", "scaling_of_targets", "with_inputs"]

Float64s = NDArray[np.float64]

_ROUNDING: Final = 1e-14  # a spread below this share of the mean is rounding
_FINEST: Final = 1e-10  # for a smaller spread beside the mean, float64 cannot resolve x − μ


def scaling_of_inputs(X: NDArray[Any], names: tuple[str, ...] = ()) -> Standardisation:
    """Return the scaling of the columns of X (m, n); the names stand in errors.

    A constant column has an infinite spread, so that it becomes 0.

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.

    Examples
    --------
    >>> scaling_of_inputs(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Standardisation(mean=array([2., 5.]), spread=array([ 1., inf]))
    """
    return _scaling(X, np.inf, [f"column {name!r}" for name in names], "column")


def scaling_of_targets(Y: NDArray[Any]) -> Standardisation:
    """Return the scaling of the columns of Y (m, n); a constant column has the spread 1.

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.
    """
    return _scaling(Y, 1.0, [], "target")


def folded(net: Network, theta: NDArray[Any], targets: Standardisation) -> Float64s:
    """Return the parameters of a network for targets that are not standardised.

    Parameters
    ----------
    net : Network
        With identity outputs.
    theta : array (P,)
        The parameters of the network for standardised targets.
    targets : Standardisation
        The scaling to fold in.

    Returns
    -------
    array (P,) of float64

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> targets = Standardisation(np.array([7.0]), np.array([2.0]))
    >>> folded(net, np.array([3.0, 1.0]), targets)  # 2 (3 x + 1) + 7
    array([6., 9.])
    """
    layers = list(net.unpack(theta.astype(np.float64)))
    W, b = layers[-1]
    spread = targets.spread[:, None]
    layers[-1] = Layer(spread * W, spread * b + targets.mean[:, None])
    return np.asarray(net.pack(layers), dtype=np.float64)


def with_inputs(net: Network, theta: NDArray[Any], inputs: Standardisation) -> Float64s:
    """Return the parameters of a network for inputs that are not standardised.

    A network of standardised inputs (x − μ) / s becomes a network of x by W' = W / s and
    b' = b − W' μ in its first layer.

    Parameters
    ----------
    net : Network
    theta : array (P,)
        The parameters of the network for standardised inputs.
    inputs : Standardisation
        The scaling to fold in.

    Returns
    -------
    array (P,) of float64

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> inputs = Standardisation(np.array([7.0]), np.array([2.0]))
    >>> with_inputs(net, np.array([3.0, 1.0]), inputs)  # 3 (x - 7) / 2 + 1
    array([ 1.5, -9.5])
    """
    layers = list(net.unpack(theta.astype(np.float64)))
    W, b = layers[0]
    W = W / inputs.spread
    layers[0] = Layer(W, b - W @ inputs.mean[:, None])
    return np.asarray(net.pack(layers), dtype=np.float64)


def _scaling(x: NDArray[Any], constant: float, names: list[str], kind: str) -> Standardisation:
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
    return Standardisation(mean * unit, np.where(varies, spread * unit, constant))
