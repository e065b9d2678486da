"""The options of L-BFGS; `training.lbfgs` hands them to SciPy."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import (
    AT_LEAST_0,
    check_range,
)

__all__ = ["LBFGS", "Derivative"]


@checks_keywords
@dataclass(frozen=True)
class LBFGS:
    """L-BFGS: an approximate Newton step with a line search, θ ← θ − α H ∂E/∂θ.

    H approximates the inverse of the matrix of second derivatives, from the last m changes of θ and
    of ∂E/∂θ. The step length α meets the strong Wolfe conditions. SciPy's "L-BFGS-B" does the
    minimisation, without bounds, in float64 on the host. Cost and gradient are computed on θ's
    device in its dtype. Small networks with few cases need far fewer sweeps than with gradient
    descent.

    Training takes it with ``batch_size=None`` alone. An epoch is one iteration, which evaluates the
    cost of all cases once or more. The networks of a stack are minimised one after another.

    Parameters
    ----------
    max_iterations : int, optional
        Most iterations, ≥ 1; by default, and at most, the number of epochs of training.
    maxfun : int
        Most evaluations of the cost, ≥ 1. The iteration that reaches it is completed.
    gtol : float
        ≥ 0. The minimisation stops where no derivative is larger in size.
    ftol : float
        ≥ 0. The minimisation stops where an iteration lowers the cost by a smaller share.
    history_size : int
        m ≥ 1, pairs of changes that are kept; SciPy's ``maxcor``.

    Raises
    ------
    OptionError
        A number is out of range. Training raises it too, where it is asked for mini-batches.

    Notes
    -----
    ``maxfun``, ``gtol`` and ``ftol`` are SciPy's options of these names, with SciPy's defaults.
    PyTorch's ``LBFGS`` takes steps of a fixed rate by default, without a line search.

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


@dataclass(frozen=True)
class Derivative:
    """An optimiser after whose update θ is ∂E/∂θ."""

    def settings(self, step: int) -> Mapping[str, Any]:  # noqa: ARG002  as of every optimiser
        """Return no numbers."""
        return MappingProxyType({})

    def init(self, theta: Array) -> State:  # noqa: ARG002  as of every optimiser
        """Return no state."""
        return ()

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **_: Array
    ) -> tuple[Array, State]:
        """Return the gradient in the place of `theta`, which is consumed."""
        theta *= 0
        theta += dE_dtheta
        return theta, state
