"""Rprop: steps by the sign of the gradient of all cases.

The noise of a mini-batch would change the signs that Rprop compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True)
class Rprop(Hyperparameters):
    """Steps by the sign of the gradient: θ ← θ − Δ sign(∂E/∂θ), with a Δ for each number of θ.

    Δ grows by η⁺ where the gradient g keeps its sign, and shrinks by η⁻ where it changes it: there
    θ stays as it is, and the next sign is not compared with this one.

    Parameters
    ----------
    learning_rate : number, array or schedule
        Δ ≥ 0 of the first step, in the unit of θ; it is not looked at afterwards. An array holds
        one for each network of a stack: it has the stack's shape, such as (K,), or broadcasts
        against θ's leading axes and a last axis of 1; so may the others.
    decrease, increase : number, array or schedule
        0 < η⁻ < 1 < η⁺.
    smallest_step, largest_step : number, array or schedule
        Between which Δ stays.

    Raises
    ------
    OptionError
        A number is out of range; or training is asked for mini-batches.

    Notes
    -----
    Of the variants this is PyTorch's, Igel and Hüsken's Rprop without weight-backtracking in which
    a changed sign is forgotten, iRprop⁻.

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
    >>> for step in range(4):  # E = ½ θ²: steps of 0.5, of 1, none as the sign changed, of 0.5
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
        """Return (Δ, sign, is_first) = (0, 0, 1): the last is (..., 1)."""
        xp = namespace(theta)
        return xp.zeros_like(theta), xp.zeros_like(theta), xp.ones_like(theta[..., :1])

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent."""
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
