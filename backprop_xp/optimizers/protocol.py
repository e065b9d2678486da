"""What training asks of an optimiser, and the check of a user's own."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from backprop_xp.arrays.backend import Array
from backprop_xp.errors import ShapeError

__all__ = ["CheckedOptimizer", "Optimizer", "State"]

State: TypeAlias = tuple[Array, ...]


class Optimizer(Protocol):
    """What training asks of an optimiser, built in or a user's own.

    Three attributes may be there beside: ``limits``, a `ranges.Range` by name, has the numbers
    checked in θ's dtype; ``of_weights`` names those that are 0 for biases in training; a true
    ``full_batch`` has training refuse mini-batches. `LBFGS` is none of these: training hands it to
    SciPy.
    """

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the numbers that `update` takes at `step`, the number of updates made before."""

    def init(self, theta: Array) -> State:
        """Return the state before the first update, a tuple of arrays (..., P)."""

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; θ and state are consumed, the gradient is lent.

        Its memory is the next gradient's, unless the array itself is returned as θ or in the state:
        what else shall last is to be copied.
        """


class CheckedOptimizer:
    """A user's optimiser, whose results are of the shapes and dtypes that came in, or refused."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.of_weights = getattr(optimizer, "of_weights", ())
        self.settings, self.init, self._update = (
            optimizer.settings,
            optimizer.init,
            optimizer.update,
        )

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state.

        Raises
        ------
        ShapeError
        """
        before = _forms(theta, state)
        result = self._update(theta, state, dE_dtheta, **settings)
        pair = result if isinstance(result, tuple) and len(result) == 2 else (result, ())
        if not isinstance(pair[1], tuple) or _forms(*pair) != before:
            came = f"(theta, state) of {_forms(*pair) if isinstance(pair[1], tuple) else pair[1]!r}"
            expected = f"theta and a tuple, of the shapes and dtypes {before}"
            advice = "Return the next theta and state, of the forms that came in"
            raise ShapeError("optimizer.update", f"{came:.300}", expected, advice)
        return pair


def _forms(theta: Any, state: tuple[Any, ...]) -> str:
    """Return shapes and dtypes as text."""
    each = ((getattr(x, "shape", None), getattr(x, "dtype", type(x))) for x in (theta, *state))
    return ", ".join(f"{None if shape is None else tuple(shape)} {dtype}" for shape, dtype in each)
