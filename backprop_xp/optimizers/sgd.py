"""SGD: gradient descent with momentum, the optimiser of 1986."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.optimizers.hyperparameters import WithMomentum
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import AT_LEAST_0, BELOW_1, Range, Setting

__all__ = ["SGD"]


@checks_keywords
@dataclass(frozen=True)
class SGD(WithMomentum):
    """Gradient descent with momentum: Δθ(t) = α Δθ(t−1) − ε ∂E/∂θ, θ ← θ + Δθ(t).

    With a constant ε this rule equals v ← α v + ∂E/∂θ, θ ← θ − ε v. Where a schedule changes ε, the
    two rules differ: a new ε does not rescale the Δθ of earlier steps here.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack: it has the stack's shape, such as
        (K,), or broadcasts against θ's leading axes and a last axis of 1, such as (K, 1).
    momentum : number, array or schedule
        0 ≤ α < 1.
    nesterov : bool
        Whether the step is Nesterov's, θ ← θ + α Δθ(t) − ε ∂E/∂θ, in place of θ ← θ + Δθ(t).

    Raises
    ------
    OptionError
        A number is out of range, or `nesterov` is not a bool.

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

    ranges: ClassVar[Mapping[str, Range]] = {"learning_rate": AT_LEAST_0, "momentum": BELOW_1}

    def init(self, theta: Array) -> State:
        """Return (Δθ,) = (0,), or () where there is no momentum.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> theta = np.array([3.0, -4.0])
        >>> bp.SGD(0.1).init(theta), bp.SGD(0.1, momentum=0.9).init(theta)
        ((), (array([0., 0.]),))
        """
        return () if self._without_momentum else (namespace(theta).zeros_like(theta),)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and (Δθ,); `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> sgd, theta = bp.SGD(0.5, momentum=0.9), np.array([1.0])
        >>> g = np.array([0.5])
        >>> theta, (step,) = sgd.update(theta, sgd.init(theta), g, **sgd.settings(0))
        >>> step, theta  # −0.5·0.5, then 1 − 0.25
        (array([-0.25]), array([0.75]))
        """
        step = dE_dtheta
        step *= settings["learning_rate"]
        if self._without_momentum:
            theta -= step
            return theta, state
        (velocity,) = state
        velocity *= settings["momentum"]
        velocity -= step
        theta += settings["momentum"] * velocity - step if self.nesterov else velocity
        return theta, (velocity,)
