"""Optimisers that need the gradient of all cases at every step: Rprop and L-BFGS.

The noise of a mini-batch's gradient would change the signs that Rprop compares, and the cost that
L-BFGS searches along a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.arrays.native import astype
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.hyperparameters import Hyperparameters, State
from backprop_xp.schedules.ranges import (
    ABOVE_0,
    ABOVE_1,
    AT_LEAST_0,
    BETWEEN_0_AND_1,
    Range,
    Setting,
    check_range,
)

__all__ = ["LBFGS", "Rprop", "check_full_batch"]


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


@dataclass(frozen=True)
class LBFGS:
    """Newton's direction from the last steps' changes of the gradient, and a search along it.

    θ ← θ − α H ∂E/∂θ, where H is made of the last m changes of θ and of ∂E/∂θ such that it agrees
    with the inverse of the second derivatives along them; α meets the strong Wolfe conditions. The
    minimisation is SciPy's "L-BFGS-B", without bounds, in float64 on the host; cost and gradient
    are computed on θ's device in its dtype. For small networks and few cases it needs far fewer
    sweeps than any descent by steps.

    In training with ``batch_size=None`` an epoch is one iteration, of one or more evaluations of
    all cases. The networks of a stack are minimised one after another.

    Parameters
    ----------
    max_iterations : int, optional
        ≥ 1; training's number of epochs unless given, and never more than it.
    maxfun : int
        Evaluations of the cost, ≥ 1, at the edge of an iteration.
    gtol : float
        ≥ 0. It stops where no derivative is larger.
    ftol : float
        ≥ 0. It stops where an iteration lowers the cost by a smaller share.
    history_size : int
        m ≥ 1, pairs of changes that are kept; SciPy's ``maxcor``.

    Raises
    ------
    OptionError
        A number is out of range.

    Notes
    -----
    ``maxfun``, ``gtol`` and ``ftol`` are SciPy's options of these names, with its defaults.
    PyTorch's optimiser of this name takes steps of a fixed rate unless it is told otherwise.

    References
    ----------
    Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
    Programming 45 (1989).
    Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B", ACM Transactions on Mathematical Software 23
    (1997).

    Examples
    --------
    >>> LBFGS(history_size=20)
    LBFGS(max_iterations=None, maxfun=15000, gtol=1e-05, ftol=2.22e-09, history_size=20)
    """

    max_iterations: int | None = None
    maxfun: int = 15_000
    gtol: float = 1e-5
    ftol: float = 2.22e-9
    history_size: int = 10

    full_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.max_iterations is not None:
            check_count(self.max_iterations, "LBFGS(max_iterations)", least=1)
        check_count(self.maxfun, "LBFGS(maxfun)", least=1)
        check_count(self.history_size, "LBFGS(history_size)", least=1)
        for name in ("gtol", "ftol"):
            tolerance = finite_number(getattr(self, name), f"LBFGS({name})")
            check_range(f"LBFGS({name})", tolerance, AT_LEAST_0)


def check_full_batch(optimizer: Any, batch_size: int, count: int) -> None:
    """Refuse batches of fewer than all cases where the optimiser has a true ``full_batch``.

    Raises
    ------
    OptionError
    """
    if getattr(optimizer, "full_batch", False) and batch_size < count:
        name = type(optimizer).__name__
        raise OptionError(
            "train(batch_size)",
            f"{batch_size} of {count} cases with {name}",
            f"all cases in a batch: {name} compares the gradients of one step and the next",
            "Pass batch_size=None",
        )
