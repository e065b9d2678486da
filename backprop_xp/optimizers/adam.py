"""Adam, AdamW and NAdam: steps of the mean gradient over the root mean square gradient."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.optimizers.cache_pieces import piecewise
from backprop_xp.optimizers.hyperparameters import ADDED_LATER, Hyperparameters
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import ABOVE_0, AT_LEAST_0, BELOW_1, Range, Setting

__all__ = ["Adam", "AdamW", "NAdam"]


@checks_keywords
@dataclass(frozen=True)
class Adam(Hyperparameters):
    """Adam: the mean gradient over the root mean square gradient, both as running means.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    θ ← θ − ε m̂ / (√v̂ + ε₀), for the gradient g = ∂E/∂θ at update t = 1, 2, ….

    The state holds m / (1 − β₁) and v / (1 − β₂). The learning rate absorbs the missing factors,
    which saves four sweeps through memory per step. Where a schedule changes a β, the state holds
    m and v themselves.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1.
        The other numbers may be arrays too.
    beta1, beta2 : number, array or schedule
        0 ≤ β < 1, the share of m and of v that a step keeps.
    epsilon : number, array or schedule
        ε₀ > 0, in the unit of a gradient.
    epsilon_hat : bool
        Whether `epsilon` is the ε̂ of the form in which the paper's section 2 saves a division, and
        which scikit-learn and Keras use: θ ← θ − ε √(1 − β₂ᵗ) m̂ / (√v + ε̂). It is divided by
        √(1 − β₂ᵗ) in the equation above, and so weighs more in the first steps.

    Raises
    ------
    OptionError
        A number is out of range, or `epsilon_hat` is not a bool.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR (2015), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> adam, theta = Adam(learning_rate=0.5, epsilon=1e-12), np.array([1.0, -2.0])
    >>> state = adam.init(theta)
    >>> theta, state = adam.update(theta, state, np.array([3.0, -0.1]), **adam.settings(0))
    >>> theta  # the first step is ε times the sign of the gradient: m̂ / √v̂ = g / |g|
    array([ 0.5, -1.5])
    """

    learning_rate: Setting = 0.001
    beta1: Setting = 0.9
    beta2: Setting = 0.999
    epsilon: Setting = 1e-8
    epsilon_hat: bool = field(default=False, kw_only=True, metadata=ADDED_LATER)

    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": AT_LEAST_0,
        "beta1": BELOW_1,
        "beta2": BELOW_1,
        "epsilon": ABOVE_0,
    }

    @cached_property
    def _varies(self) -> bool:
        return callable(self.beta1) or callable(self.beta2)

    @property
    def structure(self) -> Hashable:
        """As of every optimiser, and whether a schedule changes β.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> beta1 = bp.schedules.Piecewise([100], [0.5, 0.9])
        >>> bp.Adam(beta1=0.5).structure == bp.Adam(beta1=0.9).structure
        True
        >>> bp.Adam(beta1=beta1).structure == bp.Adam(beta1=0.9).structure
        False
        """
        return super().structure, self._varies

    def init(self, theta: Array) -> State:
        """Return (m / (1 − β₁), v / (1 − β₂), β₁ᵗ, β₂ᵗ) = (0, 0, 1, 1).

        The first two have the shape of θ, (..., P); the powers are (..., 1). Where a schedule
        changes β, its power is the product of all β so far.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> bp.Adam().init(np.array([3.0, -4.0]))
        (array([0., 0.]), array([0., 0.]), array([1.]), array([1.]))
        """
        xp = namespace(theta)
        power = xp.ones_like(theta[..., :1])
        return xp.zeros_like(theta), xp.zeros_like(theta), power, power * 1

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> adam, theta = bp.Adam(beta1=0.5, beta2=0.75), np.array([1.0])
        >>> theta, state = adam.update(theta, adam.init(theta), np.array([3.0]), **adam.settings(0))
        >>> state  # m / (1 − β₁) = g, v / (1 − β₂) = g², β₁, β₂
        (array([3.]), array([9.]), array([0.5]), array([0.75]))
        """
        m, v, power1, power2 = state
        beta1, beta2 = settings["beta1"], settings["beta2"]
        power1 *= beta1
        power2 *= beta2
        one: Any = 1
        varies, sqrt = self._varies, namespace(theta).sqrt
        share1, share2 = 1 - beta1, 1 - beta2
        factor1, factor2 = (one, one) if varies else (share1, share2)  # m and v over the state's
        rms_per_root = sqrt(factor2 / (1 - power2))  # √v̂ over the root of the state's v
        rate = settings["learning_rate"] * factor1 / ((1 - power1) * rms_per_root)
        per_root = rms_per_root * sqrt(1 - power2) if self.epsilon_hat else rms_per_root
        epsilon = settings["epsilon"] / per_root

        def piece(theta: Array, m: Array, v: Array, g: Array, rate: Array) -> tuple[Array, ...]:
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

        theta, m, v = piecewise(piece, theta, m, v, dE_dtheta, rate)
        return theta, (m, v, power1, power2)


@checks_keywords
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − ε λ θ, then the step of `Adam`.

    Every weight shrinks by the same share, whatever the size of its gradients. (The gradient of an
    l2 penalty, by contrast, enters the running means, where it is divided by √v̂.)

    `update` decays all numbers of θ. Training passes λ = 0 for biases, so that only weights decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : number, array or schedule
        As in `Adam`.
    epsilon_hat : bool
        As in `Adam`.
    weight_decay : number, array or schedule
        λ ≥ 0.

    Raises
    ------
    OptionError
        A number is out of range.

    Notes
    -----
    As in PyTorch, a step shrinks weights by the share ε λ. In the paper the share is λ η(t), with a
    schedule η that starts at 1: the paper's λ is ε λ here, with ε of the first step.

    References
    ----------
    Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR (2019), algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> adamw, theta = AdamW(0.5, epsilon=1e-12, weight_decay=0.5), np.array([4.0])
    >>> state = adamw.init(theta)
    >>> theta, state = adamw.update(theta, state, np.array([3.0]), **adamw.settings(0))
    >>> theta  # 4 − 0.5·0.5·4 = 3, then Adam's first step, 0.5 against the gradient
    array([2.5])
    """

    weight_decay: Setting = 0.01

    ranges: ClassVar[Mapping[str, Range]] = {**Adam.ranges, "weight_decay": AT_LEAST_0}
    of_weights: ClassVar[tuple[str, ...]] = ("weight_decay",)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> adamw, theta = bp.AdamW(0.5, weight_decay=0.5), np.array([4.0])
        >>> g = np.array([0.0])
        >>> theta, state = adamw.update(theta, adamw.init(theta), g, **adamw.settings(0))
        >>> theta  # without a gradient, the decay alone: 4 − 0.5·0.5·4
        array([3.])
        """
        theta *= 1 - settings["learning_rate"] * settings["weight_decay"]
        return super().update(theta, state, dE_dtheta, **settings)


@checks_keywords
@dataclass(frozen=True)
class NAdam(Hyperparameters):
    """Adam with Nesterov's momentum: m̂ looks one step ahead.

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², as in `Adam`, for the gradient g = ∂E/∂θ at
    update t = 1, 2, …. With μₜ = β₁ (1 − ½ · 0.96^(t ψ)) and Mₜ = μ₁ μ₂ ⋯ μₜ,
    m̂ = μₜ₊₁ m / (1 − Mₜ μₜ₊₁) + (1 − μₜ) g / (1 − Mₜ), v̂ = v / (1 − β₂ᵗ),
    θ ← θ − ε m̂ / (√v̂ + ε₀).

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1.
        The other numbers may be arrays too.
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
    The formula of μₜ and ψ = 0.004 are the ones of the paper's experiments and of PyTorch. PyTorch
    keeps Mₜ in its default dtype, which is usually single precision.
    Where schedules change β₂ or ψ, β₂ᵗ is the product of all β₂ so far, and t ψ the sum of all ψ.

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
        """Return (m, v, β₂ᵗ, Mₜ, 0.96^(t ψ)) = (0, 0, 1, 1, 1); the last three are (..., 1).

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> bp.NAdam().init(np.array([3.0, -4.0]))
        (array([0., 0.]), array([0., 0.]), array([1.]), array([1.]), array([1.]))
        """
        xp = namespace(theta)
        one = xp.ones_like(theta[..., :1])
        return xp.zeros_like(theta), xp.zeros_like(theta), one, one * 1, one * 1

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> nadam, theta = bp.NAdam(0.5, beta1=0.5, beta2=0.75, momentum_decay=0.0), np.array([1.0])
        >>> g = np.array([4.0])
        >>> theta, state = nadam.update(theta, nadam.init(theta), g, **nadam.settings(0))
        >>> state  # m = ½ g, v = ¼ g², β₂, M₁ = μ₁ = ½ β₁, 0.96⁰
        (array([2.]), array([4.]), array([0.75]), array([0.25]), array([1.]))
        """
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

        def piece(
            theta: Array, m: Array, v: Array, g: Array, of_mean: Array, of_gradient: Array
        ) -> tuple[Array, ...]:
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

        theta, m, v = piecewise(piece, theta, m, v, dE_dtheta, of_mean, of_gradient)
        return theta, (m, v, power2, product, rise)
