"""Activation functions a = σ(z) and their derivatives ∂a/∂z.

An activation is a small object with a ``name``. Called on z, it returns a. Its method
``da_dz(z, a)`` returns the derivative:

.. code-block:: python

    class Cube:
        name = "cube"

        def __call__(self, z):
            return z * z * z

        def da_dz(self, z, a):
            return 3 * z * z

An activation may have ``kinks``, the numbers z where σ or its slope is not differentiable;
`check_gradient` names them where a difference quotient straddles one.

Arrays are (..., n, m): units in rows, cases in columns. In an activation such as `Softmax` each a
depends on every z of the layer, and ∂a/∂z is a matrix J for each case. Such an activation has the
method ``vjp(dE_da, a)`` in place of ``da_dz``. It returns the vector-Jacobian product δ = Jᵀ ∂E/∂a.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from inspect import unwrap
from typing import Any, ClassVar, Protocol, TypeAlias

from backprop_xp import equations
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, ArrayT, ignore_overflow, namespace
from backprop_xp.arrays.native import constant, largest, maximum, step, total, zero_for
from backprop_xp.arrays.scalars import finite_number, named
from backprop_xp.errors import OptionError

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
    """The interface of an activation in which each a depends on its own z alone.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> class Cube:
    ...     name = "cube"
    ...
    ...     def __call__(self, z):
    ...         return z * z * z
    ...
    ...     def da_dz(self, z, a):
    ...         return 3 * z * z
    >>> net = bp.Network([1, 1], output=Cube(), loss="squared_error")
    >>> net.forward(np.array([2.0, 0.0]), [[1.0]])
    array([[8.]])
    """

    @property
    def name(self) -> str:
        """The name in files and error messages.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.activations.LeakyReLU().name
        'leaky_relu'
        """

    def __call__(self, z: Any, /) -> Array:
        """Return a = σ(z), (..., n, m), without changing z."""

    def da_dz(self, z: Any, a: Any, /) -> Array:
        """Return ∂a/∂z, (..., n, m), without changing z or a.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> tanh, z = bp.activations.Tanh(), np.array([[0.0, 1.0]])
        >>> tanh.da_dz(z, tanh(z)).round(3)  # 1 − a²
        array([[1.  , 0.42]])
        """


class CoupledActivation(Protocol):
    """The interface of an activation in which each a depends on every z of its layer.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> class Centred:
    ...     name = "centred"
    ...
    ...     def __call__(self, z):
    ...         return z - z.mean(axis=-2, keepdims=True)
    ...
    ...     def vjp(self, dE_da, a):
    ...         return dE_da - dE_da.mean(axis=-2, keepdims=True)
    >>> net = bp.Network([1, 2], output=Centred(), loss="squared_error")
    >>> net.forward(np.array([3.0, 1.0, 0.0, 0.0]), [[1.0]])
    array([[ 1., -1.]])
    """

    @property
    def name(self) -> str:
        """The name in files and error messages.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.activations.Softmax().name
        'softmax'
        """

    def __call__(self, z: Any, /) -> Array:
        """Return a, (..., n, m), without changing z."""

    def vjp(self, dE_da: Any, a: Any, /) -> Array:
        """Return δ = ∂E/∂z, (..., n, m), without changing ∂E/∂a or a.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> a = np.array([[0.25], [0.75]])
        >>> bp.activations.Softmax().vjp(np.array([[1.0], [0.0]]), a)
        array([[ 0.1875],
               [-0.1875]])
        """


Activation: TypeAlias = ElementwiseActivation | CoupledActivation

_error = unwrap(equations.error)  # without its check: ∂E/∂a, z and a of a layer have one shape


def error(activation: Activation, dE_da: Array, z: Array, a: Array) -> Array:
    """Return the error of a layer, δ = ∂E/∂z, by `equations.error` or by the activation's ``vjp``.

    Parameters
    ----------
    activation : Activation
    dE_da, z, a : array (..., n, m)

    Returns
    -------
    array (..., n, m)

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[0.0]])
    >>> error(Sigmoid(), np.array([[8.0]]), z, Sigmoid()(z))
    array([[2.]])
    """
    if hasattr(activation, "vjp"):
        return activation.vjp(dE_da, a)
    delta: Array = _error(dE_da, activation.da_dz(z, a))
    return delta


@dataclass(frozen=True)
class Sigmoid(ElementwiseActivation):
    """The logistic function a = 1 / (1 + e^(−z)), with ∂a/∂z = a (1 − a).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1000.0, 0.0]])
    >>> a = Sigmoid()(z)
    >>> a, Sigmoid().da_dz(z, a)
    (array([[0. , 0.5]]), array([[0.  , 0.25]]))
    """

    name = "sigmoid"

    @ignore_overflow
    def __call__(self, z: ArrayT) -> ArrayT:
        one = constant(1.0, z)
        a: ArrayT = one / (one + namespace(z).exp(-z))
        return a

    def log(self, z: ArrayT) -> ArrayT:
        """Return ln a = −ln(1 + e^(−z)), (..., n, m), which is finite where a rounds to 0.

        ln(1 − a) is ``log(-z)``.

        Examples
        --------
        >>> import numpy as np
        >>> Sigmoid().log(np.array([[-1000.0, 0.0]]))
        array([[-1.00000000e+03, -6.93147181e-01]])
        """
        log_a: ArrayT = -Softplus()(-z)
        return log_a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        slope: ArrayT = a * (constant(1.0, a) - a)
        return slope


@dataclass(frozen=True)
class Tanh(ElementwiseActivation):
    """The hyperbolic tangent a = tanh z, with ∂a/∂z = 1 − a².

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1000.0, 0.0]])
    >>> a = Tanh()(z)
    >>> a, Tanh().da_dz(z, a)
    (array([[-1.,  0.]]), array([[0., 1.]]))
    """

    name = "tanh"

    def __call__(self, z: ArrayT) -> ArrayT:
        a: ArrayT = namespace(z).tanh(z)
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        slope: ArrayT = constant(1.0, a) - a * a
        return slope


@dataclass(frozen=True)
class ReLU(ElementwiseActivation):
    """The rectifier a = max(z, 0), with ∂a/∂z = 1 where z > 0, and 0 where z ≤ 0.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = ReLU()(z)
    >>> a, ReLU().da_dz(z, a)
    (array([[0., 2.]]), array([[0., 1.]]))
    """

    name = "relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __call__(self, z: ArrayT) -> ArrayT:
        return maximum(z, zero_for(z))

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        return step(z)


@checks_keywords
@dataclass(frozen=True)
class LeakyReLU(ElementwiseActivation):
    """The leaky rectifier a = max(z, 0) + s min(z, 0), with ∂a/∂z = 1 where z > 0, else s.

    Parameters
    ----------
    negative_slope : float
        s, by default 0.01.

    Raises
    ------
    OptionError
        The slope is no finite number.

    References
    ----------
    Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = LeakyReLU(0.5)(z)
    >>> a, LeakyReLU(0.5).da_dz(z, a)
    (array([[-0.5,  2. ]]), array([[0.5, 1. ]]))
    """

    negative_slope: float = 0.01
    name = "leaky_relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __post_init__(self) -> None:
        slope = finite_number(self.negative_slope, "LeakyReLU(negative_slope)")
        object.__setattr__(self, "negative_slope", slope)

    def __call__(self, z: ArrayT) -> ArrayT:
        xp = namespace(z)
        a: ArrayT = xp.maximum(z, 0.0) + self.negative_slope * xp.minimum(z, 0.0)
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        slope: ArrayT = self.negative_slope + (1 - self.negative_slope) * step(z)
        return slope


@checks_keywords
@dataclass(frozen=True)
class ELU(ElementwiseActivation):
    """The exponential linear unit a = max(z, 0) + α (e^min(z, 0) − 1).

    ∂a/∂z = 1 where z > 0, else α e^z.

    Parameters
    ----------
    alpha : float
        α, by default 1.

    Raises
    ------
    OptionError
        α is no finite number.

    References
    ----------
    Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential
    linear units (ELUs)", ICLR (2016).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = ELU()(z)
    >>> a, ELU().da_dz(z, a)
    (array([[-0.63212056,  2.        ]]), array([[0.36787944, 1.        ]]))
    """

    alpha: float = 1.0
    name = "elu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", finite_number(self.alpha, "ELU(alpha)"))

    def __call__(self, z: ArrayT) -> ArrayT:
        xp = namespace(z)
        a: ArrayT = xp.maximum(z, 0.0) + self.alpha * xp.expm1(xp.minimum(z, 0.0))
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        xp = namespace(z)
        above = step(z)
        slope: ArrayT = above + (1 - above) * (self.alpha * xp.exp(xp.minimum(z, 0.0)))
        return slope


@dataclass(frozen=True)
class GELU(ElementwiseActivation):
    """The Gaussian error linear unit a = ½ z (1 + tanh u), u = √(2/π) (z + 0.044715 z³).

    ∂a/∂z = ½ (1 + tanh u) + ½ z (1 − tanh² u) ∂u/∂z.

    Notes
    -----
    The tanh form differs from the exact form, a = z Φ(z), by less than 5e-4. The exact form needs
    the error function, which is not in the Array API standard.

    References
    ----------
    Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = GELU()(z)
    >>> a, GELU().da_dz(z, a)
    (array([[-0.15880801,  1.95459769]]), array([[-0.08296408,  1.08609926]]))
    """

    name = "gelu"

    @staticmethod
    def _bounded(z: ArrayT) -> ArrayT:
        # beyond |z| = 10, tanh u is ±1 to the last bit, and z³ may overflow
        xp = namespace(z)
        bounded: ArrayT = xp.minimum(xp.maximum(z, -10.0), 10.0)
        return bounded

    @staticmethod
    def _tanh_u(z: ArrayT) -> ArrayT:
        t: ArrayT = namespace(z).tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * (z * z * z)))
        return t

    def __call__(self, z: ArrayT) -> ArrayT:
        bounded = self._bounded(z)
        a: ArrayT = 0.5 * z * (1 + self._tanh_u(bounded))
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        near = self._bounded(z)
        t = self._tanh_u(near)
        du_dz = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (near * near))
        slope: ArrayT = 0.5 * (1 + t) + 0.5 * near * (1 - t * t) * du_dz
        return slope


@dataclass(frozen=True)
class SiLU(ElementwiseActivation):
    """The sigmoid-weighted linear unit a = z σ(z), with ∂a/∂z = σ(z) + a (1 − σ(z)).

    σ is the sigmoid.

    References
    ----------
    Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = SiLU()(z)
    >>> a, SiLU().da_dz(z, a)
    (array([[-0.26894142,  1.76159416]]), array([[0.07232949, 1.09078425]]))
    """

    name = "silu"

    def __call__(self, z: ArrayT) -> ArrayT:
        a: ArrayT = z * Sigmoid()(z)
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        s = Sigmoid()(z)
        slope: ArrayT = s + a * (1 - s)
        return slope


@dataclass(frozen=True)
class Softplus(ElementwiseActivation):
    """The smooth rectifier a = ln(1 + e^z), with ∂a/∂z = σ(z).

    σ is the sigmoid. a is computed as max(z, 0) + ln(1 + e^(−|z|)), which does not overflow.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = Softplus()(z)
    >>> a, Softplus().da_dz(z, a)
    (array([[0.31326169, 2.12692801]]), array([[0.26894142, 0.88079708]]))
    """

    name = "softplus"

    def __call__(self, z: ArrayT) -> ArrayT:
        xp = namespace(z)
        a: ArrayT = xp.maximum(z, 0.0) + xp.log1p(xp.exp(-abs(z)))
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        return Sigmoid()(z)


@dataclass(frozen=True)
class Identity(ElementwiseActivation):
    """The identity a = z, with ∂a/∂z = 1.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = Identity()(z)
    >>> a, Identity().da_dz(z, a)
    (array([[-1.,  2.]]), array([[1., 1.]]))
    """

    name = "identity"

    def __call__(self, z: ArrayT) -> ArrayT:
        return z

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        ones: ArrayT = namespace(z).ones_like(z)
        return ones


@dataclass(frozen=True)
class Exp(ElementwiseActivation):
    """The exponential function a = e^z, with ∂a/∂z = a, for the rates of Poisson distributions.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.array([[-1.0, 2.0]])
    >>> a = Exp()(z)
    >>> a, Exp().da_dz(z, a)
    (array([[0.36787944, 7.3890561 ]]), array([[0.36787944, 7.3890561 ]]))
    """

    name = "exp"

    @ignore_overflow
    def __call__(self, z: ArrayT) -> ArrayT:
        a: ArrayT = namespace(z).exp(z)
        return a

    def da_dz(self, z: ArrayT, a: ArrayT) -> ArrayT:
        return a


@dataclass(frozen=True)
class Softmax(CoupledActivation):
    """The probabilities of classes a_d = e^(z_d) / Σ_k e^(z_k), over the units of the layer.

    Each a depends on every z of its case: ∂a_k/∂z_d = a_k ([k = d] − a_d). Therefore
    δ_d = Σ_k ∂E/∂a_k ∂a_k/∂z_d = a_d (∂E/∂a_d − Σ_k a_k ∂E/∂a_k).

    Examples
    --------
    >>> import numpy as np
    >>> a = Softmax()(np.array([[1000.0], [1000.0]]))
    >>> a
    array([[0.5],
           [0.5]])
    >>> Softmax().vjp(np.array([[1.0], [0.0]]), a)
    array([[ 0.25],
           [-0.25]])
    """

    name = "softmax"

    def __call__(self, z: ArrayT) -> ArrayT:
        e: ArrayT = namespace(z).exp(z - largest(z, axis=-2))
        a: ArrayT = e / total(e, axis=-2)
        return a

    def log(self, z: ArrayT) -> ArrayT:
        """Return ln a = z − ln Σ e^z, (..., n, m), which is finite where a rounds to 0.

        Examples
        --------
        >>> import numpy as np
        >>> Softmax().log(np.array([[1000.0], [0.0]]))
        array([[    0.],
               [-1000.]])
        """
        xp, z = namespace(z), z - largest(z, axis=-2)
        log_a: ArrayT = z - xp.log(total(xp.exp(z), axis=-2))
        return log_a

    def vjp(self, dE_da: ArrayT, a: ArrayT) -> ArrayT:
        """Return δ = a ⊙ (∂E/∂a − Σ a ⊙ ∂E/∂a), with the sum over the units of a case.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> a, y = np.array([[0.25], [0.75]]), np.array([[1.0], [0.0]])
        >>> bp.activations.Softmax().vjp(-y / a, a)  # −y/a is ∂E/∂a of the cross-entropy: δ = a − y
        array([[-0.75],
               [ 0.75]])
        """
        delta: ArrayT = a * (dE_da - total(a * dE_da, axis=-2))
        return delta


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
    """Return the built-in activation of this name, or a user's own object unchanged.

    Parameters
    ----------
    activation : str or Activation
    where : str
        The function and the argument, for the error message.

    Raises
    ------
    OptionError
        The name is unknown, or the object lacks a method.

    Examples
    --------
    >>> find_activation("leaky_relu", "Network(hidden)")
    LeakyReLU(negative_slope=0.01)
    """
    if isinstance(activation, str):
        return named(activation, ACTIVATIONS, where)()
    complete = hasattr(activation, "da_dz") or hasattr(activation, "vjp")
    if isinstance(activation, type) or not callable(activation) or not complete:
        raise OptionError(
            where,
            repr(activation),
            "a name, or an object that is called on z and has name and da_dz(z, a)",
            "See the module backprop_xp.activations for an example",
        )
    return activation
