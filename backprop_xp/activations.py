"""Activation functions a = σ(z) and their derivatives ∂a/∂z.

An activation is a small object with a ``name``, called on z for a, and with ``da_dz(z, a)``:

.. code-block:: python

    class Cube:
        name = "cube"

        def __call__(self, z):
            return z * z * z

        def da_dz(self, z, a):
            return 3 * z * z

Arrays are (..., n, m): units in rows, cases in columns. An activation in which the units of a layer
depend on each other has no such derivative; it has ``vjp(dE_da, a)`` in its place, the
vector-Jacobian product δ = Jᵀ ∂E/∂a, as `Softmax` does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from inspect import unwrap
from typing import ClassVar, Protocol, TypeAlias

from backprop_xp import equations
from backprop_xp.arrays.backend import Array, ignore_overflow, namespace
from backprop_xp.arrays.native import constant, largest, maximum, step, total, zero_for
from backprop_xp.arrays.scalars import finite_number
from backprop_xp.errors import OptionError, nearest_name

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "Activation",
    "CoupledActivation",
    "ElementwiseActivation",
    "Exp",
    "Identity",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "error",
    "find_activation",
]


class ElementwiseActivation(Protocol):
    """An activation in which each a depends on its own z alone."""

    @property
    def name(self) -> str:
        """The name in files and error messages."""

    def __call__(self, z: Array) -> Array:
        """Return a = σ(z), (..., n, m); never changes z."""

    def da_dz(self, z: Array, a: Array) -> Array:
        """Return ∂a/∂z, (..., n, m), from z and a; never changes them."""


class CoupledActivation(Protocol):
    """An activation in which the units of a layer depend on each other."""

    @property
    def name(self) -> str:
        """The name in files and error messages."""

    def __call__(self, z: Array) -> Array:
        """Return a, (..., n, m); never changes z."""

    def vjp(self, dE_da: Array, a: Array) -> Array:
        """Return δ = ∂E/∂z, (..., n, m), from ∂E/∂a and a; never changes them."""


Activation: TypeAlias = ElementwiseActivation | CoupledActivation

_error = unwrap(equations.error)  # ∂E/∂a, z and a of one layer have one shape


def error(activation: Activation, dE_da: Array, z: Array, a: Array) -> Array:
    """Return the error δ = ∂E/∂z of a layer from ∂E/∂a, all (..., n, m).

    It is `equations.error` with the activation's ∂a/∂z, or the activation's own ``vjp``.
    """
    if hasattr(activation, "vjp"):
        return activation.vjp(dE_da, a)
    delta: Array = _error(dE_da, activation.da_dz(z, a))
    return delta


@dataclass(frozen=True)
class Sigmoid:
    """σ(z) = 1 / (1 + e^(−z)), with ∂a/∂z = a (1 − a).

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid()(np.array([[-1000.0, 0.0]]))
    array([[0. , 0.5]])
    """

    name: ClassVar[str] = "sigmoid"

    @ignore_overflow
    def __call__(self, z: Array) -> Array:
        one = constant(1.0, z)
        a: Array = one / (one + namespace(z).exp(-z))
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        slope: Array = a * (constant(1.0, a) - a)
        return slope


@dataclass(frozen=True)
class Tanh:
    """a = tanh z, with ∂a/∂z = 1 − a²."""

    name: ClassVar[str] = "tanh"

    def __call__(self, z: Array) -> Array:
        a: Array = namespace(z).tanh(z)
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        slope: Array = constant(1.0, a) - a * a
        return slope


@dataclass(frozen=True)
class ReLU:
    """a = max(z, 0), with ∂a/∂z = 1 where z > 0, else 0 (also at 0)."""

    name: ClassVar[str] = "relu"

    def __call__(self, z: Array) -> Array:
        return maximum(z, zero_for(z))

    def da_dz(self, z: Array, a: Array) -> Array:
        return step(z)


@dataclass(frozen=True)
class LeakyReLU:
    """a = max(z, 0) + s min(z, 0), with ∂a/∂z = 1 where z > 0, else s.

    Parameters
    ----------
    negative_slope : float
        s, 0.01 unless told.

    References
    ----------
    Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).
    """

    negative_slope: float = 0.01
    name: ClassVar[str] = "leaky_relu"

    def __post_init__(self) -> None:
        slope = finite_number(self.negative_slope, "LeakyReLU(negative_slope)")
        object.__setattr__(self, "negative_slope", slope)

    def __call__(self, z: Array) -> Array:
        xp = namespace(z)
        a: Array = xp.maximum(z, 0.0) + self.negative_slope * xp.minimum(z, 0.0)
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        return self.negative_slope + (1 - self.negative_slope) * step(z)


@dataclass(frozen=True)
class ELU:
    """a = max(z, 0) + α (e^min(z, 0) − 1), with ∂a/∂z = 1 where z > 0, else α e^z.

    Parameters
    ----------
    alpha : float
        α, 1 unless told.

    References
    ----------
    Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential
    linear units (ELUs)", ICLR (2016).
    """

    alpha: float = 1.0
    name: ClassVar[str] = "elu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", finite_number(self.alpha, "ELU(alpha)"))

    def __call__(self, z: Array) -> Array:
        xp = namespace(z)
        a: Array = xp.maximum(z, 0.0) + self.alpha * xp.expm1(xp.minimum(z, 0.0))
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        xp = namespace(z)
        above = step(z)
        slope: Array = above + (1 - above) * (self.alpha * xp.exp(xp.minimum(z, 0.0)))
        return slope


@dataclass(frozen=True)
class GELU:
    """a = ½ z (1 + tanh u) with u = √(2/π) (z + 0.044715 z³), the tanh form of GELU.

    ∂a/∂z = ½ (1 + tanh u) + ½ z (1 − tanh² u) ∂u/∂z. The form with the error function is not in
    the Array API standard; the two differ by less than 5e-4.

    References
    ----------
    Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415 (2016).
    """

    name: ClassVar[str] = "gelu"

    @staticmethod
    def _bounded(z: Array) -> Array:
        # beyond |z| = 10 tanh u is 1 to the last bit, while z³ of a large z overflows
        xp = namespace(z)
        bounded: Array = xp.minimum(xp.maximum(z, -10.0), 10.0)
        return bounded

    @staticmethod
    def _tanh_u(z: Array) -> Array:
        t: Array = namespace(z).tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * (z * z * z)))
        return t

    def __call__(self, z: Array) -> Array:
        return 0.5 * z * (1 + self._tanh_u(self._bounded(z)))

    def da_dz(self, z: Array, a: Array) -> Array:
        near = self._bounded(z)
        t = self._tanh_u(near)
        du_dz = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (near * near))
        return 0.5 * (1 + t) + 0.5 * near * (1 - t * t) * du_dz


@dataclass(frozen=True)
class SiLU:
    """a = z σ(z) with the sigmoid σ, and ∂a/∂z = σ(z) + a (1 − σ(z)).

    References
    ----------
    Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107 (2018).
    """

    name: ClassVar[str] = "silu"

    def __call__(self, z: Array) -> Array:
        return z * Sigmoid()(z)

    def da_dz(self, z: Array, a: Array) -> Array:
        s = Sigmoid()(z)
        return s + a * (1 - s)


@dataclass(frozen=True)
class Softplus:
    """a = ln(1 + e^z), computed as max(z, 0) + ln(1 + e^(−|z|)), with ∂a/∂z = σ(z).

    Examples
    --------
    >>> import numpy as np
    >>> Softplus()(np.array([[1000.0, -1.0]]))
    array([[1.00000000e+03, 3.13261688e-01]])
    """

    name: ClassVar[str] = "softplus"

    def __call__(self, z: Array) -> Array:
        xp = namespace(z)
        a: Array = xp.maximum(z, 0.0) + xp.log1p(xp.exp(-abs(z)))
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        return Sigmoid()(z)


@dataclass(frozen=True)
class Identity:
    """a = z, with ∂a/∂z = 1."""

    name: ClassVar[str] = "identity"

    def __call__(self, z: Array) -> Array:
        return z

    def da_dz(self, z: Array, a: Array) -> Array:
        ones: Array = namespace(z).ones_like(z)
        return ones


@dataclass(frozen=True)
class Exp:
    """a = e^z, with ∂a/∂z = a; the rate of a Poisson distribution."""

    name: ClassVar[str] = "exp"

    @ignore_overflow
    def __call__(self, z: Array) -> Array:
        a: Array = namespace(z).exp(z)
        return a

    def da_dz(self, z: Array, a: Array) -> Array:
        return a


@dataclass(frozen=True)
class Softmax:
    """a_d = e^(z_d) / Σ_k e^(z_k) over the units of the layer: the probabilities of classes.

    Each a depends on every z of its case: ∂a_k/∂z_d = a_k ([k = d] − a_d), so that
    δ_d = Σ_k ∂E/∂a_k ∂a_k/∂z_d = a_d (∂E/∂a_d − Σ_k a_k ∂E/∂a_k).

    Examples
    --------
    >>> import numpy as np
    >>> Softmax()(np.array([[1000.0], [1000.0]]))
    array([[0.5],
           [0.5]])
    """

    name: ClassVar[str] = "softmax"

    def __call__(self, z: Array) -> Array:
        e: Array = namespace(z).exp(z - largest(z, axis=-2))
        return e / total(e, axis=-2)

    def vjp(self, dE_da: Array, a: Array) -> Array:
        """Return δ = a ⊙ (∂E/∂a − Σ a ⊙ ∂E/∂a), the sum over the units of a case."""
        return a * (dE_da - total(a * dE_da, axis=-2))


ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "identity": Identity,
    "exp": Exp,
    "softmax": Softmax,
}


def find_activation(activation: str | Activation, where: str) -> Activation:
    """Return the built-in activation of that name, or a user's own object as it is.

    Parameters
    ----------
    activation : str or Activation
    where : str
        The argument it came in, for the error message.

    Raises
    ------
    OptionError
        The name is unknown, or the object lacks a method.
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise OptionError(
                where, repr(activation), f"one of {known}", nearest_name(activation, ACTIVATIONS)
            )
        return ACTIVATIONS[activation]()
    complete = hasattr(activation, "da_dz") or hasattr(activation, "vjp")
    if isinstance(activation, type) or not callable(activation) or not complete:
        raise OptionError(
            where,
            repr(activation),
            "a name, or an object that is called on z and has name and da_dz(z, a)",
            "See the module backprop_xp.activations for an example",
        )
    return activation
