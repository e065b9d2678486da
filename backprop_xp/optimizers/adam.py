"""Adam and what came of it: steps of mean gradient over root mean square gradient."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.optimizers.cache_pieces import piecewise
from backprop_xp.optimizers.hyperparameters import Hyperparameters
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import ABOVE_0, AT_LEAST_0, BELOW_1, Range, Setting

__all__ = ["Adam", "AdamW", "NAdam"]


@dataclass(frozen=True)
class Adam(Hyperparameters):
    """Adam: steps of mean gradient over root mean square gradient, each a running mean.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    θ ← θ − ε m̂ / (√v̂ + ε₀), for the gradient g = ∂E/∂θ at update t = 1, 2, ….

    The state holds m / (1 − β₁) and v / (1 − β₂): their factors join the rate, which saves four
    sweeps through memory in a step. Where a schedule changes a β, it holds m and v themselves.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1; so may the others.
    beta1, beta2 : number, array or schedule
        0 ≤ β < 1.
    epsilon : number, array or schedule
        ε₀ > 0, in the unit of a gradient.

    Raises
    ------
    OptionError
        A number is out of range.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR (2015), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> adam, theta = Adam(learning_rate=0.5, epsilon=1e-12), np.array([1.0, -2.0])
    >>> state = adam.init(theta)
    >>> theta, state = adam.update(theta, state, np.array([3.0, -0.1]), **adam.settings(0))
    >>> theta  # the first step is the rate, against the sign of the gradient
    array([ 0.5, -1.5])
    """

    learning_rate: Setting = 0.001
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: Setting = 1e-8

    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": AT_LEAST_0,
        "beta1": BELOW_1,
        "beta2": BELOW_1,
        "epsilon": ABOVE_0,
    }

    @cached_property
    def _varies(self) -> bool:
        return callable(self.beta1) or callable(self.beta2)

    def init(self, theta: Array) -> State:
        """Return (m / (1 − β₁), v / (1 − β₂), β₁ᵗ, β₂ᵗ) at t = 0: the powers are (..., 1).

        βᵗ is the product of the β so far.
        """
        xp = namespace(theta)
        power = xp.ones_like(theta[..., :1])
        return xp.zeros_like(theta), xp.zeros_like(theta), power, power * 1

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent."""
        m, v, power1, power2 = state
        beta1, beta2 = settings["beta1"], settings["beta2"]
        power1 *= beta1
        power2 *= beta2
        unit: Any = 1
        varies, sqrt = self._varies, namespace(theta).sqrt
        share1, share2 = 1 - beta1, 1 - beta2
        left1, left2 = (unit, unit) if varies else (share1, share2)  # what the state leaves out
        rms_per_root = sqrt(left2 / (1 - power2))  # √v̂ for √v as the state holds it
        rate = settings["learning_rate"] * left1 / ((1 - power1) * rms_per_root)
        epsilon = settings["epsilon"] / rms_per_root

        def piece(theta: Array, m: Array, v: Array, g: Array) -> tuple[Array, ...]:
            m *= beta1
            v *= beta2
            m += share1 * g if varies else g
            v += share2 * g * g if varies else g * g
            size = sqrt(v)
            size += epsilon
            step = m / size
            step *= rate
            theta -= step
            return theta, m, v

        theta, m, v = piecewise(piece, theta, m, v, dE_dtheta)
        return theta, (m, v, power1, power2)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − ε λ θ, then the step of `Adam`.

    The decay does not go through the running means, as an l2 penalty's gradient does: every weight
    shrinks by the same share, whatever the size of its gradients.

    `update` by itself decays all numbers of θ. In training only weights decay, not biases.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : number, array or schedule
        As those of `Adam`.
    weight_decay : number, array or schedule
        λ ≥ 0.

    Raises
    ------
    OptionError
        A number is out of range.

    Notes
    -----
    As in PyTorch, the rate multiplies the decay: a step shrinks weights by ε λ. In the paper it is
    λ times a schedule that starts at 1, so that its λ is ε λ here for the first ε.

    References
    ----------
    Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR (2019), algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> adamw, theta = AdamW(0.5, epsilon=1e-12, weight_decay=0.5), np.array([4.0])
    >>> state = adamw.init(theta)
    >>> theta, state = adamw.update(theta, state, np.array([3.0]), **adamw.settings(0))
    >>> theta  # 4 − 0.5·0.5·4 = 3, then the rate against the sign of the gradient
    array([2.5])
    """

    weight_decay: Setting = 0.01

    ranges: ClassVar[Mapping[str, Range]] = {**Adam.ranges, "weight_decay": AT_LEAST_0}
    of_weights: ClassVar[tuple[str, ...]] = ("weight_decay",)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent."""
        theta *= 1 - settings["learning_rate"] * settings["weight_decay"]
        return super().update(theta, state, dE_dtheta, **settings)


@dataclass(frozen=True)
class NAdam(Hyperparameters):
    """Adam with Nesterov's momentum: the step looks ahead to where the mean gradient leads.

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², as in `Adam`, for the gradient g = ∂E/∂θ at
    update t = 1, 2, …. With μₜ = β₁ (1 − ½ · 0.96^(t ψ)) and Mₜ = μ₁ μ₂ ⋯ μₜ,
    m̂ = μₜ₊₁ m / (1 − Mₜ μₜ₊₁) + (1 − μₜ) g / (1 − Mₜ), v̂ = v / (1 − β₂ᵗ),
    θ ← θ − ε m̂ / (√v̂ + ε₀).

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1; so may the others.
    beta1, beta2 : number, array or schedule
        0 ≤ β < 1.
    epsilon : number, array or schedule
        ε₀ > 0, in the unit of a gradient.
    momentum_decay : number, array or schedule
        ψ ≥ 0, how fast μₜ rises from about ½ β₁ to β₁.

    Raises
    ------
    OptionError
        A number is out of range.

    Notes
    -----
    The rise of μ is that of the paper's experiments, ψ = 0.004 is theirs, and both are PyTorch's,
    which keeps Mₜ in single precision where that is its default dtype.
    Where schedules change β₂ or ψ, β₂ᵗ is the product of the β₂ so far, and t ψ the sum of the ψ.

    References
    ----------
    Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop (2016), algorithm 8.

    Examples
    --------
    >>> import numpy as np
    >>> nadam, theta = NAdam(0.5, 0.5, 0.5, epsilon=1e-12, momentum_decay=0.0), np.array([1.0])
    >>> state = nadam.init(theta)
    >>> theta, state = nadam.update(theta, state, np.array([3.0]), **nadam.settings(0))
    >>> theta.round(6)  # μ = ¼, m = 1.5: m̂ = ¼·1.5/(1 − ¼·¼) + ¾·3/¾ = 3.4, v̂ = 9
    array([0.433333])
    """

    learning_rate: Setting = 0.002
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: Setting = 1e-8
    momentum_decay: Setting = 0.004

    ranges: ClassVar[Mapping[str, Range]] = {**Adam.ranges, "momentum_decay": AT_LEAST_0}

    def init(self, theta: Array) -> State:
        """Return (m, v, β₂ᵗ, Mₜ, 0.96^(t ψ)) at t = 0: the last three are (..., 1)."""
        xp = namespace(theta)
        one = xp.ones_like(theta[..., :1])
        return xp.zeros_like(theta), xp.zeros_like(theta), one, one * 1, one * 1

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent."""
        m, v, power2, product, rise = state
        xp, beta1, beta2 = namespace(theta), settings["beta1"], settings["beta2"]
        share1, share2, sqrt = 1 - beta1, 1 - beta2, xp.sqrt
        of_a_step = xp.exp(xp.ones_like(rise) * (math.log(0.96) * settings["momentum_decay"]))
        rise *= of_a_step
        mu, mu_next = beta1 * (1 - 0.5 * rise), beta1 * (1 - 0.5 * rise * of_a_step)
        power2 *= beta2
        product *= mu
        rate, epsilon = settings["learning_rate"], settings["epsilon"]
        of_gradient = rate * (1 - mu) / (1 - product)
        of_mean = rate * mu_next / (1 - product * mu_next)
        root = sqrt(1 - power2)  # √v̂ = √v / root

        def piece(theta: Array, m: Array, v: Array, g: Array) -> tuple[Array, ...]:
            m *= beta1
            m += share1 * g
            v *= beta2
            v += share2 * g * g
            size = sqrt(v)
            size /= root
            size += epsilon
            step = of_mean * m
            step += of_gradient * g
            step /= size
            theta -= step
            return theta, m, v

        theta, m, v = piecewise(piece, theta, m, v, dE_dtheta)
        return theta, (m, v, power2, product, rise)
