"""Loss functions: the cost E_c of each case, and ∂E_c/∂a.

A loss is a small object with a ``name``. Called on the outputs a and the targets y, both
(..., n_out, m), it returns E_c (..., m), which sums over the output units. Its method
``dE_da(a, y)`` returns ∂E_c/∂a (..., n_out, m):

.. code-block:: python

    class FourthPower:
        name = "fourth_power"

        def __call__(self, a, y):
            return over_units((a - y) ** 4)

        def dE_da(self, a, y):
            return 4 * (a - y) ** 3

A loss may have a ``target_range``, the least and the greatest target that it is defined for, and
``kinks``, the errors a − y where the loss or its slope is not differentiable. The cost of a data
set is E = Σ_c w_c E_c with a weight w_c for each case.

Where loss and output activation are a canonical pair, such as cross-entropy with softmax, the error
is a − y at once: see `network.output_layer`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, ArrayT, namespace
from backprop_xp.arrays.native import total
from backprop_xp.arrays.scalars import finite_number, named
from backprop_xp.errors import OptionError

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "Poisson",
    "SquaredError",
    "find_loss",
    "over_units",
]


class Loss(Protocol):
    """The interface of a loss, built in or a user's own.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> class FourthPower:
    ...     name = "fourth_power"
    ...
    ...     def __call__(self, a, y):
    ...         return over_units((a - y) ** 4)
    ...
    ...     def dE_da(self, a, y):
    ...         return 4 * (a - y) ** 3
    >>> net = bp.Network([1, 1], output="identity", loss=FourthPower())
    >>> E, dE_dtheta = net.gradient(np.array([1.0, 0.0]), [[3.0]], [[1.0]])
    >>> float(E), dE_dtheta
    (16.0, array([96., 32.]))
    """

    @property
    def name(self) -> str:
        """The name in files and error messages.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.losses.SquaredError().name
        'squared_error'
        """

    def __call__(self, a: Any, y: Any, /) -> Array:
        """Return E_c, (..., m), the sum over the output units."""

    def dE_da(self, a: Any, y: Any, /) -> Array:
        """Return ∂E_c/∂a, (..., n_out, m).

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> a, y = np.array([[0.75], [0.5]]), np.array([[1.0], [0.0]])
        >>> bp.losses.SquaredError().dE_da(a, y)  # a − y
        array([[-0.25],
               [ 0.5 ]])
        """


def over_units(x: ArrayT) -> ArrayT:
    """Return the sum of x (..., n_out, m) over the output units, (..., m).

    Examples
    --------
    >>> import numpy as np
    >>> over_units(np.array([[1.0, 2.0], [10.0, 20.0]]))
    array([11., 22.])
    """
    summed: ArrayT = total(x, axis=-2)[..., 0, :]
    return summed


def _above_zero(a: ArrayT) -> ArrayT:
    """Return max(a, ε), since ln 0 is infinite.

    ε is 4e-4 in float16, 4e-31 in float32 and 2e-246 in float64. 1/ε is far below the greatest
    number, so that y/a times the weight of a case stays finite.
    """
    xp = namespace(a)
    above: ArrayT = xp.maximum(a, float(xp.finfo(a.dtype).smallest_normal) ** 0.8)
    return above


@dataclass(frozen=True)
class SquaredError(Loss):
    """The squared error E_c = ½ Σ_d (a_d − y_d)², with ∂E/∂a = a − y.

    References
    ----------
    Rumelhart, Hinton, Williams (1986), equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> SquaredError()(a, y), SquaredError().dE_da(a, y)
    (array([2.]), array([[2.], [0.]]))
    """

    name = "squared_error"

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        r = a - y
        E_c: ArrayT = 0.5 * over_units(r * r)
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        difference: ArrayT = a - y
        return difference


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The cross-entropy E_c = −Σ_d y_d ln a_d for outputs a > 0, with ∂E/∂a = −y / a.

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])
    >>> CrossEntropy()(a, y), CrossEntropy().dE_da(a, y)
    (array([0.69314718]), array([[-2.], [-0.]]))
    """

    name = "cross_entropy"
    target_range: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        E_c: ArrayT = -over_units(y * namespace(a).log(_above_zero(a)))
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        dE_da: ArrayT = -y / _above_zero(a)
        return dE_da


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """The cross-entropy of independent classes, E_c = −Σ_d [y ln a + (1 − y) ln(1 − a)], 0 ≤ a ≤ 1.

    ∂E/∂a = (1 − y)/(1 − a) − y/a.

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])
    >>> BinaryCrossEntropy()(a, y), BinaryCrossEntropy().dE_da(a, y)
    (array([1.38629436]), array([[-2.], [ 2.]]))
    """

    name = "binary_cross_entropy"
    target_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        xp = namespace(a)
        on, off = xp.log(_above_zero(a)), xp.log(_above_zero(1 - a))
        E_c: ArrayT = -over_units(y * on + (1 - y) * off)
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        dE_da: ArrayT = (1 - y) / _above_zero(1 - a) - y / _above_zero(a)
        return dE_da


@dataclass(frozen=True)
class Poisson(Loss):
    """The Poisson loss E_c = Σ_d (a − y ln a) for counts y and rates a > 0, with ∂E/∂a = 1 − y/a.

    It is the negative log-likelihood without the term ln y!, which does not depend on a.

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[2.0]]), np.array([[4.0]])
    >>> Poisson()(a, y), Poisson().dE_da(a, y)
    (array([-0.77258872]), array([[-1.]]))
    """

    name = "poisson"
    target_range: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        E_c: ArrayT = over_units(a - y * namespace(a).log(_above_zero(a)))
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        dE_da: ArrayT = 1 - y / _above_zero(a)
        return dE_da


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """The absolute error E_c = Σ_d |a − y|, with ∂E/∂a = 1 where a > y, −1 where a < y, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> AbsoluteError()(a, y), AbsoluteError().dE_da(a, y)
    (array([2.]), array([[1.], [0.]]))
    """

    name = "absolute_error"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        E_c: ArrayT = over_units(abs(a - y))
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        xp = namespace(a)
        sign: ArrayT = xp.astype(a > y, a.dtype) - xp.astype(a < y, a.dtype)
        return sign


@checks_keywords
@dataclass(frozen=True)
class Huber(Loss):
    """The Huber loss E_c = Σ_d h(a − y): a parabola near 0, straight lines beyond ±Δ.

    h(r) = ½ r² where |r| ≤ Δ, else Δ (|r| − ½ Δ). ∂E/∂a = a − y, clipped to the range from −Δ to Δ.

    Parameters
    ----------
    threshold : float
        Δ > 0, by default 1.

    Raises
    ------
    OptionError
        The threshold is no finite number above 0.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).

    Examples
    --------
    >>> import numpy as np
    >>> a, y = np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]])
    >>> Huber()(a, y), Huber().dE_da(a, y)
    (array([0.125, 2.5  ]), array([[0.5, 1. ]]))
    """

    threshold: float = 1.0
    name = "huber"

    def __post_init__(self) -> None:
        threshold = finite_number(self.threshold, "Huber(threshold)")
        if threshold <= 0:
            raise OptionError("Huber(threshold)", repr(self.threshold), "a number > 0", "Use 1.0")
        object.__setattr__(self, "threshold", threshold)

    @property
    def kinks(self) -> tuple[float, float]:
        """The errors a − y where the slope of h is not differentiable, −Δ and Δ.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.losses.Huber(threshold=2.0).kinks
        (-2.0, 2.0)
        """
        return -self.threshold, self.threshold

    def __call__(self, a: ArrayT, y: ArrayT) -> ArrayT:
        size = abs(a - y)
        inner = namespace(a).minimum(size, self.threshold)
        E_c: ArrayT = over_units(inner * (size - 0.5 * inner))
        return E_c

    def dE_da(self, a: ArrayT, y: ArrayT) -> ArrayT:
        xp = namespace(a)
        bounded: ArrayT = xp.minimum(xp.maximum(a - y, -self.threshold), self.threshold)
        return bounded


LOSSES: dict[str, Callable[..., Loss]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "poisson": Poisson,
    "absolute_error": AbsoluteError,
    "huber": Huber,
}


def find_loss(loss: str | Loss, where: str = "Network(loss)") -> Loss:
    """Return the built-in loss of this name, or a user's own object unchanged.

    Parameters
    ----------
    loss : str or Loss
    where : str
        The function and the argument, for the error message.

    Raises
    ------
    OptionError
        The name is unknown, or the object lacks a method.

    Examples
    --------
    >>> find_loss("huber")
    Huber(threshold=1.0)
    """
    if isinstance(loss, str):
        return named(loss, LOSSES, where)()
    if isinstance(loss, type) or not callable(loss) or not hasattr(loss, "dE_da"):
        raise OptionError(
            where,
            repr(loss),
            "a name, or an object that is called on (a, y) and has name and dE_da(a, y)",
            "See the module backprop_xp.losses for the built-in ones",
        )
    return loss
