"""Scalings of inputs and of targets, folded into θ: a network in the units of the user."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer

__all__ = ["with_inputs", "with_targets"]

Float64s: TypeAlias = NDArray[np.float64]


def with_targets(net: Network, theta: NDArray[Any], mean: Float64s, spread: Float64s) -> Float64s:
    """Return the parameters of a network for targets that are not scaled.

    A network with identity outputs for (y − μ) / s becomes a network for y by W' = s W and
    b' = s b + μ in its last layer.

    Parameters
    ----------
    net : Network
        With identity outputs.
    theta : array (..., P)
        The parameters of the network for scaled targets, on the host.
    mean, spread : array (n_out,)
        μ and s.

    Returns
    -------
    array (..., P) of float64

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> with_targets(net, np.array([3.0, 1.0]), np.array([7.0]), np.array([2.0]))  # 2 (3 x + 1) + 7
    array([6., 9.])
    """
    layers = list(net.unpack(theta.astype(np.float64)))
    W, b = layers[-1]
    layers[-1] = Layer(W * spread[:, None], b * spread[:, None] + mean[:, None])
    return net.pack(layers)


def with_inputs(net: Network, theta: NDArray[Any], mean: Float64s, spread: Float64s) -> Float64s:
    """Return the parameters of a network for inputs that are not scaled.

    A network of inputs (x − μ) / s becomes a network of x by W' = W / s and b' = b − W' μ in its
    first layer.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
        The parameters of the network for scaled inputs, on the host.
    mean, spread : array (n_in,)
        μ and s.

    Returns
    -------
    array (..., P) of float64

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> with_inputs(net, np.array([3.0, 1.0]), np.array([7.0]), np.array([2.0]))  # 3 (x − 7)/2 + 1
    array([ 1.5, -9.5])
    """
    layers = list(net.unpack(theta.astype(np.float64)))
    W, b = layers[0]
    W = W / spread
    layers[0] = Layer(W, b - W @ mean[:, None])
    return net.pack(layers)
