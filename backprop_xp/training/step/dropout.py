"""Dropout: units and inputs dropped at random while training.

A unit of a hidden layer, or an input, is dropped with probability p, for each case anew. A dropped
unit has the activation 0. The activations of the other units are divided by 1 − p, so that the mean
activation stays the same. In prediction no unit is dropped.

References
----------
Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent neural
networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np

from backprop_xp.activations import Activation, error
from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    from_host_like,
    namespace,
)
from backprop_xp.arrays.random_streams import Purpose, generator

__all__ = ["Dropped", "Noise", "dropped", "dropped_inputs", "noise_of_epoch"]

Noise: TypeAlias = Callable[..., tuple[Array, ...]]


def _kept(noise: Array, p: Array) -> Array:
    """Return k: 0 for a dropped unit, 1/(1 − p) for a kept unit."""
    kept: Array = namespace(p).astype(noise >= p, p.dtype) / (1 - p)
    return kept


class Dropped:
    """An activation with some units dropped, a = k ⊙ σ(z) with k = 0 or 1/(1 − p), for one pass.

    A call keeps z and σ(z) for `vjp`.

    Parameters
    ----------
    activation : Activation
        σ.
    noise : array (n, m), or (K, n, m) for each network of a stack
        Uniform in 0 … 1; a unit whose number is below p is dropped.
    p : array, broadcasting against (..., 1, 1)
        0 ≤ p < 1.
    """

    def __init__(self, activation: Activation, noise: Array, p: Array) -> None:
        self.name = f"dropped {activation.name}"
        self._activation = activation
        self._kept = _kept(noise, p)
        self._z = self._a = noise

    def __call__(self, z: Array) -> Array:
        """Return a, (..., n, m)."""
        self._z, self._a = z, self._activation(z)
        a: Array = self._kept * self._a
        return a

    def vjp(self, dE_da: Array, a: Array) -> Array:  # noqa: ARG002  the interface of activations
        """Return δ = ∂E/∂z, (..., n, m): the error of σ for k ⊙ ∂E/∂a."""
        return error(self._activation, self._kept * dE_da, self._z, self._a)


def dropped(
    activations: Sequence[Activation], noise: Sequence[Array], p: Array
) -> tuple[Activation, ...]:
    """Return the activations of all layers, with dropped units in the hidden layers.

    Parameters
    ----------
    activations : sequence of L Activation
    noise : sequence of L − 1 arrays (n, m) or (K, n, m)
    p : array, broadcasting against (..., 1)
        One probability, or one for each network of a stack.
    """
    hidden = zip(activations[:-1], noise, strict=True)
    return (*(Dropped(one, of_layer, p[..., None]) for one, of_layer in hidden), activations[-1])


def dropped_inputs(a_in: Array, noise: Array, p: Array) -> Array:
    """Return k ⊙ a^0, the inputs (..., n_in, m) with some dropped.

    Parameters
    ----------
    a_in : array (..., n_in, m)
    noise : array (n_in, m) or (K, n_in, m)
    p : array, broadcasting against (..., 1)
        One probability, or one for each network of a stack.

    Examples
    --------
    >>> import numpy as np
    >>> dropped_inputs(np.array([[3.0, 5.0]]), np.array([[0.2, 0.7]]), np.array(0.5))
    array([[ 0., 10.]])
    """
    a: Array = _kept(noise, p[..., None]) * a_in
    return a


def noise_of_epoch(
    sizes: Sequence[int], seed: int, epoch: int, theta: Array, networks: int = 0
) -> Noise:
    """Return the function that draws the noise of an epoch's next batches.

    ``draw(batches, size, hidden=True, inputs=False)`` returns an array (batches, n, size) like θ
    for each hidden layer where `hidden`, and then an array for the inputs where `inputs`. The same
    seed drops the same units on every device. Dropped inputs do not change which hidden units are
    dropped.

    All networks of a stack share these arrays, unless `networks` is their number, K. Each network
    then has noise of its own, in arrays (batches, K, n, size); network 0 has the shared noise.
    """
    n_in, *n_hidden = sizes[:-1]
    drawn_from = cache(
        lambda to, network: generator(seed, to, epoch, network)
    )  # a generator takes time, so only a needed one is made

    def uniform(to: Purpose, batches: int, units: int, size: int) -> HostArray:
        shape = (batches, units, size)
        if not networks:
            return drawn_from(to, 0).random(shape, dtype=np.float32)
        found = np.empty((batches, networks, units, size), dtype=np.float32)
        for network in range(networks):
            found[:, network] = drawn_from(to, network).random(shape, dtype=np.float32)
        return found

    def draw(
        batches: int, size: int, *, hidden: bool = True, inputs: bool = False
    ) -> tuple[Array, ...]:
        parts: list[HostArray] = []
        if hidden:
            of_all = uniform("dropout", batches, sum(n_hidden), size)
            ends = np.cumsum(n_hidden)
            parts += [of_all[..., end - n : end, :] for n, end in zip(n_hidden, ends, strict=True)]
        if inputs:
            parts.append(uniform("input dropout", batches, n_in, size))
        return tuple(from_host_like(part, theta) for part in parts)

    return draw
