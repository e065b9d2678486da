"""Optimisers: how a step uses the gradient, on the whole flat vector θ at once.

An optimiser is a frozen description with three methods: ``settings(step)``, its numbers at that
step by name; ``init(theta)``, its state, a tuple of arrays like θ; and
``update(theta, state, dE_dtheta, **settings)``, which returns the next θ and state. It consumes θ
and state, for fresh memory would cost more than the arithmetic; the gradient is lent to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import numpy as np

from backprop_xp.backend import Array, namespace
from backprop_xp.piecewise import piecewise
from backprop_xp.schedules import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    Range,
    Setting,
    check_range,
    on_host,
    value_at,
)

__all__ = ["SGD", "Adam", "Optimizer", "State"]

State: TypeAlias = tuple[Array, ...]


class Optimizer(Protocol):
    """What training asks of an optimiser, built in or a user's own."""

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the numbers that `update` takes at `step`, the number of updates made before.

        An attribute ``limits``, a `schedules.Range` by name, has them checked in θ's dtype.
        """

    def init(self, theta: Array) -> State:
        """Return the state before the first update, a tuple of arrays (..., P)."""

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; θ and state are consumed, the gradient is lent.

        Its memory is the next gradient's, unless the array itself is returned as θ or in the state:
        what else shall last is to be copied.
        """


class _Settings:
    """An optimiser's numbers by name, in range; the same dict at each step where none changes."""

    def __init__(self, owner: str, **given: tuple[Setting, Range]) -> None:
        self._owner, self._given = owner, given
        self._constant = MappingProxyType({name: setting for name, (setting, _) in given.items()})
        self._scheduled = [name for name, setting in self._constant.items() if callable(setting)]
        for name, (setting, limits) in given.items():
            check_range(f"{owner}({name})", setting, limits)

    @property
    def limits(self) -> dict[str, Range]:
        return {name: limits for name, (_, limits) in self._given.items()}

    def at(self, step: int) -> Mapping[str, Any]:
        if not self._scheduled:
            return self._constant
        values = {name: value_at(setting, step) for name, setting in self._constant.items()}
        for name in self._scheduled:
            check_range(f"{self._owner}({name})", values[name], self._given[name][1])
        return values


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: Δθ(t) = α Δθ(t−1) − ε ∂E/∂θ, θ ← θ + Δθ(t).

    This is the rule of 1986. With a constant ε it equals the form v ← α v + ∂E/∂θ, θ ← θ − ε v;
    where a schedule changes ε, the form used here leaves the momentum gathered so far as it is.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1, such as (K, 1).
    momentum : number, array or schedule
        0 ≤ α < 1.
    nesterov : bool
        θ ← θ + α Δθ(t) − ε ∂E/∂θ in place of θ ← θ + Δθ(t).

    Raises
    ------
    OptionError
        A number is out of range.

    References
    ----------
    Rumelhart, Hinton, Williams, Nature 323 (1986), equation 9.
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
    learning", ICML (2013), for Nesterov's momentum in this form.

    Examples
    --------
    >>> import numpy as np
    >>> sgd, theta = SGD(learning_rate=0.5, momentum=0.5), np.array([1.0])
    >>> state = sgd.init(theta)
    >>> for step in range(2):  # E = ½ θ², ∂E/∂θ = θ
    ...     theta, state = sgd.update(theta, state, theta.copy(), **sgd.settings(step))
    >>> theta  # 1 − 0.5 = 0.5, then 0.5 + (0.5·(−0.5) − 0.5·0.5) = 0
    array([0.])
    """

    learning_rate: Setting = 0.1
    momentum: Setting = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        self._settings  # noqa: B018  it checks them

    @cached_property
    def _plain(self) -> bool:
        return not callable(self.momentum) and not np.any(on_host(self.momentum))

    @cached_property
    def _settings(self) -> _Settings:
        rate, momentum = (self.learning_rate, AT_LEAST_0), (self.momentum, BELOW_1)
        everything = _Settings("SGD", learning_rate=rate, momentum=momentum)
        return _Settings("SGD", learning_rate=rate) if self._plain else everything

    @property
    def limits(self) -> dict[str, Range]:
        """The range of each number, which it keeps in θ's dtype too."""
        return self._settings.limits

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the learning rate and the momentum at `step`."""
        return self._settings.at(step)

    def init(self, theta: Array) -> State:
        """Return (Δθ,) = (0,), or () where there is no momentum."""
        return () if self._plain else (namespace(theta).zeros_like(theta),)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and (Δθ,); `theta` and `state` are consumed, `dE_dtheta` is lent."""
        step = dE_dtheta
        step *= settings["learning_rate"]
        if self._plain:
            theta -= step
            return theta, state
        (velocity,) = state
        velocity *= settings["momentum"]
        velocity -= step
        theta += settings["momentum"] * velocity - step if self.nesterov else velocity
        return theta, (velocity,)


@dataclass(frozen=True)
class Adam:
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

    def __post_init__(self) -> None:
        self._settings  # noqa: B018  it checks them

    @cached_property
    def _varies(self) -> bool:
        return callable(self.beta1) or callable(self.beta2)

    @cached_property
    def _settings(self) -> _Settings:
        return _Settings(
            "Adam",
            learning_rate=(self.learning_rate, AT_LEAST_0),
            beta1=(self.beta1, BELOW_1),
            beta2=(self.beta2, BELOW_1),
            epsilon=(self.epsilon, ABOVE_0),
        )

    @property
    def limits(self) -> dict[str, Range]:
        """The range of each number, which it keeps in θ's dtype too."""
        return self._settings.limits

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the learning rate, β₁, β₂ and ε₀ at `step`."""
        return self._settings.at(step)

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
