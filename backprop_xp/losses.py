"""Loss functions: the cost E_c of each case, and ∂E_c/∂a.

A loss is a small object with a ``name``, called on the outputs a and targets y, both
(..., n_out, m), for E_c (..., m), and with ``dE_da(a, y)``, (..., n_out, m). E_c sums over the
output units. It may have a ``target_range``, the least and the greatest target that it is made
for. The cost of a data set is E = Σ_c w_c E_c with a weight w_c for each case.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.arrays.native import total
from backprop_xp.arrays.scalars import finite_number
from backprop_xp.errors import OptionError, nearest_name

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
    """What the library asks of a loss, built in or a user's own."""

    @property
    def name(self) -> str:
        """The name in files and error messages."""

    def __call__(self, a: Array, y: Array) -> Array:
        """Return E_c, (..., m), the sum over the output units."""

    def dE_da(self, a: Array, y: Array) -> Array:
        """Return ∂E_c/∂a, (..., n_out, m)."""


def over_units(x: Array) -> Array:
    """Return the sum over the output units, (..., m)."""
    return total(x, axis=-2)[..., 0, :]


def _above_zero(a: Array) -> Array:
    """Return a, kept off the pole of ln: 4e-4 at least in float16, 4e-31 in float32, 2e-246 beyond.

    It leaves room above 1 / a for the weights of cases and for counts.
    """
    xp = namespace(a)
    above: Array = xp.maximum(a, float(xp.finfo(a.dtype).smallest_normal) ** 0.8)
    return above


@dataclass(frozen=True)
class SquaredError:
    """E_c = ½ Σ_d (a_d − y_d)², with ∂E/∂a = a − y.

    References
    ----------
    Rumelhart, Hinton, Williams (1986), equation 3.
    """

    name: ClassVar[str] = "squared_error"

    def __call__(self, a: Array, y: Array) -> Array:
        r = a - y
        return 0.5 * over_units(r * r)

    def dE_da(self, a: Array, y: Array) -> Array:
        return a - y


@dataclass(frozen=True)
class CrossEntropy:
    """E_c = −Σ_d y_d ln a_d, with ∂E/∂a = −y / a. The outputs are positive."""

    name: ClassVar[str] = "cross_entropy"
    target_range: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __call__(self, a: Array, y: Array) -> Array:
        return -over_units(y * namespace(a).log(_above_zero(a)))

    def dE_da(self, a: Array, y: Array) -> Array:
        return -y / _above_zero(a)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """E_c = −Σ_d [y ln a + (1 − y) ln(1 − a)], with ∂E/∂a = (1 − y)/(1 − a) − y/a. 0 ≤ a ≤ 1."""

    name: ClassVar[str] = "binary_cross_entropy"
    target_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __call__(self, a: Array, y: Array) -> Array:
        xp = namespace(a)
        on, off = xp.log(_above_zero(a)), xp.log(_above_zero(1 - a))
        return -over_units(y * on + (1 - y) * off)

    def dE_da(self, a: Array, y: Array) -> Array:
        return (1 - y) / _above_zero(1 - a) - y / _above_zero(a)


@dataclass(frozen=True)
class Poisson:
    """E_c = Σ_d (a − y ln a) for counts y and rates a > 0, with ∂E/∂a = 1 − y/a.

    It is the negative log-likelihood less its constant ln y!.
    """

    name: ClassVar[str] = "poisson"
    target_range: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def __call__(self, a: Array, y: Array) -> Array:
        return over_units(a - y * namespace(a).log(_above_zero(a)))

    def dE_da(self, a: Array, y: Array) -> Array:
        return 1 - y / _above_zero(a)


@dataclass(frozen=True)
class AbsoluteError:
    """E_c = Σ_d |a − y|, with ∂E/∂a = 1 above the target, −1 below it and 0 on it."""

    name: ClassVar[str] = "absolute_error"

    def __call__(self, a: Array, y: Array) -> Array:
        return over_units(abs(a - y))

    def dE_da(self, a: Array, y: Array) -> Array:
        xp = namespace(a)
        sign: Array = xp.astype(a > y, a.dtype) - xp.astype(a < y, a.dtype)
        return sign


@dataclass(frozen=True)
class Huber:
    """E_c = Σ_d h(a − y): ½ r² where |r| ≤ Δ, else Δ (|r| − ½ Δ), with h′ = r bounded to ±Δ.

    Parameters
    ----------
    threshold : float
        Δ > 0, 1 unless told.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).
    """

    threshold: float = 1.0
    name: ClassVar[str] = "huber"

    def __post_init__(self) -> None:
        threshold = finite_number(self.threshold, "Huber(threshold)")
        if threshold <= 0:
            raise OptionError("Huber(threshold)", repr(self.threshold), "a number > 0", "Use 1.0")
        object.__setattr__(self, "threshold", threshold)

    def __call__(self, a: Array, y: Array) -> Array:
        size = abs(a - y)
        inner = namespace(a).minimum(size, self.threshold)
        return over_units(inner * (size - 0.5 * inner))

    def dE_da(self, a: Array, y: Array) -> Array:
        xp = namespace(a)
        bounded: Array = xp.minimum(xp.maximum(a - y, -self.threshold), self.threshold)
        return bounded


LOSSES: dict[str, Callable[..., Loss]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "poisson": Poisson,
    "absolute_error": AbsoluteError,
    "huber": Huber,
}


def find_loss(loss: str | Loss) -> Loss:
    """Return the built-in loss of that name, or a user's own object as it is.

    Raises
    ------
    OptionError
        The name is unknown, or the object lacks a method.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            known = ", ".join(LOSSES)
            raise OptionError(
                "Network(loss)", repr(loss), f"one of {known}", nearest_name(loss, LOSSES)
            )
        return LOSSES[loss]()
    if isinstance(loss, type) or not callable(loss) or not hasattr(loss, "dE_da"):
        raise OptionError(
            "Network(loss)",
            repr(loss),
            "a name, or an object that is called on (a, y) and has name and dE_da(a, y)",
            "See the module backprop_xp.losses for the built-in ones",
        )
    return loss
