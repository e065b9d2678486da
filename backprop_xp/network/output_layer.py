"""The output layer: an output activation with a loss, for the cost E_c and the error δ^L.

Any loss goes with any output activation. Four combinations are *canonical pairs*: E_c is computed
from z, which is stable where a rounds to 0 or 1, and δ^L = w (a − y) needs no division.
"""

from dataclasses import dataclass, replace

from backprop_xp import activations
from backprop_xp.activations import Activation, Exp, Identity, Sigmoid, Softmax
from backprop_xp.arrays.backend import Array, ArrayT, namespace
from backprop_xp.arrays.native import largest, total
from backprop_xp.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    Poisson,
    SquaredError,
    over_units,
)

__all__ = [
    "CANONICAL_PAIRS",
    "ExpPoisson",
    "IdentitySquaredError",
    "Output",
    "SigmoidBinaryCrossEntropy",
    "SoftmaxCrossEntropy",
    "for_classes",
    "output_of",
    "total_cost",
]


@dataclass(frozen=True)
class Output:
    """Any output activation with any loss, by the chain rule.

    Attributes
    ----------
    activation : Activation
    loss : Loss
    """

    activation: Activation
    loss: Loss

    def cost(self, z: Array, y: Array) -> Array:
        """Return E_c, (..., m), from weighted inputs z and targets y, both (..., n_out, m)."""
        return self.cost_of_shifted(self.shifted(z), y)

    def shifted(self, z: Array) -> Array:
        """Return z minus a number for each case, which changes neither outputs nor cost."""
        return z

    def cost_of_shifted(self, z: Array, y: Array) -> Array:
        """Return E_c, (..., m), from z as `shifted` returns it, and targets y."""
        return self.loss(self.activation(z), y)

    def error(self, z: Array, a: Array, y: Array, w: Array) -> Array:
        """Return δ^L = ∂E/∂z^L, (..., n_out, m), for case weights w that broadcast, (..., 1, m)."""
        return activations.error(self.activation, w * self.loss.dE_da(a, y), z, a)


@dataclass(frozen=True)
class _CanonicalPair(Output):
    """An output activation with its own loss, for which δ = w (a − y)."""

    def error(self, z: Array, a: Array, y: Array, w: Array) -> Array:
        delta: Array = w * (a - y)
        return delta


@dataclass(frozen=True)
class IdentitySquaredError(_CanonicalPair):
    """Identity outputs with squared error: E_c = ½ Σ (z − y)², δ = w (a − y)."""

    activation: Activation = Identity()
    loss: Loss = SquaredError()


@dataclass(frozen=True)
class SigmoidBinaryCrossEntropy(_CanonicalPair):
    """Sigmoid outputs with binary cross-entropy: E_c = Σ [ln(1 + e^z) − y z], δ = w (a − y).

    A term is computed as [max(z, 0) − y z] + ln(1 + e^(−|z|)): no e^z overflows, and in this order
    a small cost keeps its digits.
    """

    activation: Activation = Sigmoid()
    loss: Loss = BinaryCrossEntropy()

    def cost_of_shifted(self, z: Array, y: Array) -> Array:
        xp = namespace(z)
        E_c: Array = over_units((xp.maximum(z, 0.0) - y * z) + xp.log1p(xp.exp(-abs(z))))
        return E_c


@dataclass(frozen=True)
class SoftmaxCrossEntropy(_CanonicalPair):
    """Softmax outputs with cross-entropy: E_c = Σ y ln Σ e^z − Σ y z, δ = w (a Σ y − y).

    z is shifted to a maximum of 0, so that no e^z overflows and both terms are ≥ 0. Where the
    targets of a case sum to 1, as one-hot targets do, δ = w (a − y).

    Attributes
    ----------
    classes : bool
        Whether the targets of each case are known to sum to 1.
    """

    activation: Activation = Softmax()
    loss: Loss = CrossEntropy()
    classes: bool = False

    def shifted(self, z: Array) -> Array:
        below_zero: Array = z - largest(z, axis=-2)
        return below_zero

    def cost_of_shifted(self, z: Array, y: Array) -> Array:
        xp = namespace(z)
        log_total = xp.log(over_units(xp.exp(z)))
        E_c: Array = (log_total if self.classes else log_total * over_units(y)) - over_units(y * z)
        return E_c

    def error(self, z: Array, a: Array, y: Array, w: Array) -> Array:
        delta: Array = w * ((a if self.classes else a * total(y, axis=-2)) - y)
        return delta


@dataclass(frozen=True)
class ExpPoisson(_CanonicalPair):
    """Exponential outputs with the Poisson loss: E_c = Σ (e^z − y z), δ = w (a − y)."""

    activation: Activation = Exp()
    loss: Loss = Poisson()

    def cost_of_shifted(self, z: Array, y: Array) -> Array:
        E_c: Array = over_units(self.activation(z) - y * z)
        return E_c


CANONICAL_PAIRS: tuple[Output, ...] = (
    SoftmaxCrossEntropy(),
    SigmoidBinaryCrossEntropy(),
    ExpPoisson(),
    IdentitySquaredError(),
)


def for_classes(output: Output) -> Output:
    """Return the output for one-hot targets, 1 in one place and 0 elsewhere, which sum to 1."""
    if isinstance(output, SoftmaxCrossEntropy):
        return replace(output, classes=True)
    return output


def output_of(activation: Activation, loss: Loss) -> Output:
    """Return the output activation with its loss: a canonical pair where the two form one."""
    for pair in CANONICAL_PAIRS:
        if pair.activation == activation and pair.loss == loss:
            return pair
    return Output(activation, loss)


def total_cost(E_c: ArrayT, w: Array) -> ArrayT:
    """Return E = Σ_c w_c E_c, (...), from E_c (..., m) and weights w (..., 1, m)."""
    E = namespace(E_c).sum(w[..., 0, :] * E_c, axis=-1, keepdims=True)
    total: ArrayT = E[..., 0]  # a 0-d array, where NumPy's sum would be a scalar
    return total
