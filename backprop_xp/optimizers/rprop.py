"""Rprop: steps by the sign of the gradient, over all cases at once.

Rprop compares the signs of successive gradients, which the noise of mini-batches would change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.arrays.native import astype
from backprop_xp.optimizers.hyperparameters import Hyperparameters
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import (
    ABOVE_0,
    ABOVE_1,
    AT_LEAST_0,
    BETWEEN_0_AND_1,
    Range,
    Setting,
)

__all__ = ["Rprop"]


@checks_keywords
@dataclass(frozen=True)
class Rprop(Hyperparameters):
    """Steps by the sign of the gradient: θ ← θ − Δ sign(∂E/∂θ), with a Δ for each number of θ.

    Δ is multiplied by η⁺ where the derivative keeps its sign, and by η⁻ where the sign changes.
    Where it changes, θ stays as it is for a step, and the next step leaves Δ as it is.

    Parameters
    ----------
    learning_rate : number, array or schedule
        Δ ≥ 0 of the first step, in the unit of θ; later steps do not use it. An array holds one
        for each network of a stack: it has the stack's shape, such as (K,), or broadcasts against
        θ's leading axes and a last axis of 1.
        The other numbers may be arrays too.
    decrease, increase : number, array or schedule
        0 < η⁻ < 1 < η⁺.
    smallest_step, largest_step : number, array or schedule
        Limits of Δ, in the unit of θ: ``smallest_step`` ≥ 0 and ``largest_step`` > 0.

    Raises
    ------
    OptionError
        A number is out of range. Training raises it too, where it is asked for mini-batches.

    Notes
    -----
    This variant is iRprop⁻ of Igel and Hüsken, as in PyTorch: it does not undo a step after which
    the sign changes, and it forgets the changed sign.

    References
    ----------
    Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm", IEEE International Conference on Neural Networks (1993).
    Igel, Hüsken, "Improving the Rprop learning algorithm", Neural Computation (2000), table 4.

    Examples
    --------
    >>> import numpy as np
    >>> rprop, theta = Rprop(learning_rate=0.5, decrease=0.5, increase=2.0), np.array([0.75])
    >>> state, found = rprop.init(theta), []
    >>> for step in range(4):  # E = ½ θ²: steps of 0.5, of 1, of 0 at the changed sign, of 0.5
    ...     theta, state = rprop.update(theta, state, theta.copy(), **rprop.settings(step))
    ...     found.append(float(theta[0]))
    >>> found
    [0.25, -0.75, -0.75, -0.25]
    """

    learning_rate: Setting = 0.01
    decrease: Setting = 0.5
    increase: Setting = 1.2
    smallest_step: Setting = 1e-6
    largest_step: Setting = 50.0

    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": AT_LEAST_0,
        "decrease": BETWEEN_0_AND_1,
        "increase": ABOVE_1,
        "smallest_step": AT_LEAST_0,
        "largest_step": ABOVE_0,
    }
    full_batch: ClassVar[bool] = True

    def init(self, theta: Array) -> State:
        """Return (Δ, sign, is_first) = (0, 0, 1); the last is (..., 1).

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> bp.Rprop().init(np.array([3.0, -4.0]))
        (array([0., 0.]), array([0., 0.]), array([1.]))
        """
        xp = namespace(theta)
        return xp.zeros_like(theta), xp.zeros_like(theta), xp.ones_like(theta[..., :1])

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> rprop, theta = bp.Rprop(learning_rate=0.5), np.array([1.0, 1.0])
        >>> g = np.array([0.25, -100.0])
        >>> theta, state = rprop.update(theta, rprop.init(theta), g, **rprop.settings(0))
        >>> theta  # steps of 0.5, whatever the size of g
        array([0.5, 1.5])
        """
        size, before, is_first = state
        xp, g, dtype = namespace(theta), dE_dtheta, theta.dtype
        one = xp.ones_like(is_first)
        size += is_first * settings["learning_rate"]
        kept = astype(g * before > 0, dtype)
        changed = astype(g * before < 0, dtype)
        size *= settings["increase"] * kept + settings["decrease"] * changed + (1 - kept - changed)
        size = xp.maximum(size, one * settings["smallest_step"])
        size = xp.minimum(size, one * settings["largest_step"])
        sign = (astype(g > 0, dtype) - astype(g < 0, dtype)) * (1 - changed)
        theta -= size * sign
        is_first *= 0
        return theta, (size, sign, is_first)
