"""RMSprop and Adagrad: a step size for each number of θ, from its gradients so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.optimizers.cache_pieces import piecewise
from backprop_xp.optimizers.hyperparameters import Hyperparameters, WithMomentum
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import ABOVE_0, AT_LEAST_0, BELOW_1, Range, Setting

__all__ = ["Adagrad", "RMSprop"]


@checks_keywords
@dataclass(frozen=True)
class RMSprop(WithMomentum):
    """The gradient over its root mean square: v ← ρ v + (1 − ρ) g², θ ← θ − ε g / (√v + ε₀).

    Here g = ∂E/∂θ. The centred form divides by the standard deviation √(v − ḡ²) in place of √v,
    with the mean gradient ḡ ← ρ ḡ + (1 − ρ) g.
    With momentum, Δθ(t) = α Δθ(t−1) − ε g / (√v + ε₀) and θ ← θ + Δθ(t).

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1.
        The other numbers may be arrays too.
    decay : number, array or schedule
        0 ≤ ρ < 1, the share of v and of ḡ that a step keeps.
    epsilon : number, array or schedule
        ε₀ > 0, in the unit of a gradient.
    momentum : number, array or schedule
        0 ≤ α < 1.
    centered : bool
        Whether the divisor is the standard deviation, √(v − ḡ²), in place of √v.

    Raises
    ------
    OptionError
        A number is out of range, or `centered` is not a bool.

    Notes
    -----
    ε₀ is added to the root, as in PyTorch, whose ``alpha`` is ρ. Graves adds it under the root.
    Momentum works as in Graves and as in `SGD`. PyTorch sums g / (√v + ε₀) over the steps and
    multiplies the sum by ε. The two agree for a constant ε; in PyTorch a new ε also rescales the
    terms of earlier steps.
    Near a minimum g / √v does not shrink with g, so that θ circles the minimum by steps of about
    ε. With momentum this motion magnifies rounding: from a difference of 1e-16, equal trajectories
    of a smooth problem in float64 (ε = 0.01, ρ = α = 0.9) are 6e-11 apart after 200 steps, 2e-5
    after 300 and ε after 1000. PyTorch leaves itself as fast from a start that differs in the last
    bit. Where the gradient has noise, as in mini-batches, the two stay within 1e-15 for 20,000
    steps, the centred form too.

    References
    ----------
    Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5 (2012).
    Graves, "Generating sequences with recurrent neural networks" (2013), equations 38 to 45, for
    the centred form with momentum.

    Examples
    --------
    >>> import numpy as np
    >>> rmsprop, theta = RMSprop(0.5, decay=0.75, epsilon=1e-12), np.array([1.0])
    >>> state = rmsprop.init(theta)
    >>> theta, state = rmsprop.update(theta, state, np.array([-3.0]), **rmsprop.settings(0))
    >>> theta  # v = 9/4: the step is 0.5·3/1.5
    array([2.])
    """

    learning_rate: Setting = 0.01
    decay: Setting = 0.99
    epsilon: Setting = 1e-8
    momentum: Setting = 0.0
    centered: bool = False

    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": AT_LEAST_0,
        "decay": BELOW_1,
        "epsilon": ABOVE_0,
        "momentum": BELOW_1,
    }

    def init(self, theta: Array) -> State:
        """Return (v,), then ḡ in the centred form, then Δθ with momentum: zeros like θ.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> theta = np.array([3.0, -4.0])
        >>> bp.RMSprop().init(theta), bp.RMSprop(centered=True).init(theta)
        ((array([0., 0.]),), (array([0., 0.]), array([0., 0.])))
        """
        xp = namespace(theta)
        return tuple(
            xp.zeros_like(theta) for _ in range(1 + self.centered + (not self._without_momentum))
        )

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> rmsprop, theta = bp.RMSprop(0.5, decay=0.75, epsilon=1e-12), np.array([1.0])
        >>> g = np.array([2.0])
        >>> theta, (v,) = rmsprop.update(theta, rmsprop.init(theta), g, **rmsprop.settings(0))
        >>> v, theta.round(9)  # ¼ g², then 1 − 0.5·2/√1
        (array([1.]), array([0.]))
        """
        rate, decay, epsilon = (settings[name] for name in ("learning_rate", "decay", "epsilon"))
        share, sqrt = 1 - decay, namespace(theta).sqrt

        def piece(theta: Array, v: Array, *others: Array) -> tuple[Array, ...]:
            *rest, g, rate = others
            v *= decay
            v += share * g * g
            square = v
            if self.centered:
                rest[0] *= decay
                rest[0] += share * g
                square = abs(v - rest[0] * rest[0])  # below 0 only by rounding
            size = sqrt(square)
            size += epsilon
            step = rate * g
            step /= size
            if self._without_momentum:
                theta -= step
            else:
                rest[-1] *= settings["momentum"]
                rest[-1] -= step
                theta += rest[-1]
            return theta, v, *rest

        theta, *after = piecewise(piece, theta, *state, dE_dtheta, rate)
        return theta, tuple(after)


@checks_keywords
@dataclass(frozen=True)
class Adagrad(Hyperparameters):
    """The gradient over the root of all its squares: s ← s + g², θ ← θ − ε g / (√s + ε₀).

    Here g = ∂E/∂θ. The steps of a weight shrink as its squared gradients add up. Weights of rare
    features, whose gradients are mostly 0, keep long steps.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1.
        `epsilon` may be an array too.
    epsilon : number, array or schedule
        ε₀ > 0, in the unit of a gradient.

    Raises
    ------
    OptionError
        A number is out of range.

    Notes
    -----
    ε₀ is added to the root, as in PyTorch. PyTorch's ``lr_decay=d`` is the schedule
    ``InverseTime(learning_rate, d)`` here. s begins at 0.

    References
    ----------
    Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", Journal of Machine Learning Research 12 (2011), figure 1, with diagonal matrices.

    Examples
    --------
    >>> import numpy as np
    >>> adagrad, theta = Adagrad(0.5, epsilon=1e-12), np.array([1.0])
    >>> state = adagrad.init(theta)
    >>> for gradient in (3.0, 4.0):
    ...     g = np.array([gradient])
    ...     theta, state = adagrad.update(theta, state, g, **adagrad.settings(0))
    >>> theta.round(9)  # 1 − 0.5·3/3, then − 0.5·4/5
    array([0.1])
    """

    learning_rate: Setting = 0.01
    epsilon: Setting = 1e-10

    ranges: ClassVar[Mapping[str, Range]] = {"learning_rate": AT_LEAST_0, "epsilon": ABOVE_0}

    def init(self, theta: Array) -> State:
        """Return (s,) = (0,).

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> bp.Adagrad().init(np.array([3.0, -4.0]))
        (array([0., 0.]),)
        """
        return (namespace(theta).zeros_like(theta),)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and (s,); `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> adagrad, theta = bp.Adagrad(0.5), np.array([1.0, 1.0])
        >>> g = np.array([0.5, -10.0])
        >>> theta, (s,) = adagrad.update(theta, adagrad.init(theta), g, **adagrad.settings(0))
        >>> s, theta.round(9)  # g², and a first step of ε, whatever the size of g
        (array([  0.25, 100.  ]), array([0.5, 1.5]))
        """
        rate, epsilon, sqrt = settings["learning_rate"], settings["epsilon"], namespace(theta).sqrt

        def piece(theta: Array, s: Array, g: Array, rate: Array) -> tuple[Array, ...]:
            s += g * g
            size = sqrt(s)
            size += epsilon
            step = rate * g
            step /= size
            theta -= step
            return theta, s

        theta, s = piecewise(piece, theta, *state, dE_dtheta, rate)
        return theta, (s,)
