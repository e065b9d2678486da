"""The protocol of an optimiser, and a check of the results of a user's own."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from backprop_xp.arrays.backend import Array
from backprop_xp.errors import ShapeError

__all__ = ["CheckedOptimizer", "Optimizer", "State"]

State: TypeAlias = tuple[Array, ...]


class Optimizer(Protocol):
    """The methods that training calls on an optimiser, built in or a user's own.

    `LBFGS` has none of them, since SciPy does the minimisation.

    Training also reads three optional attributes:

    - ``limits``, a mapping from names to `schedules.ranges.Range`: training checks these
      hyperparameters after their conversion to θ's dtype.
    - ``of_weights``, a tuple of names: training passes 0 for biases in place of these
      hyperparameters, unless its own `decay_biases` is True.
    - ``full_batch``: training refuses mini-batches where it is True.
    """

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the hyperparameters of `update` by name, after `step` updates."""

    def init(self, theta: Array) -> State:
        """Return the state before the first update, a tuple of arrays (..., P)."""

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        The next gradient is written into the memory of `dE_dtheta`, unless `dE_dtheta` itself is
        returned as θ or in the state. A view of it that is to last must be copied.
        """


class CheckedOptimizer:
    """A user's optimiser, whose `update` must keep the shapes and dtypes of θ and the state."""

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
        """Return the next θ and state, as the user's optimiser computes them.

        Raises
        ------
        ShapeError
            The result is no pair of θ and a tuple, or a shape or dtype in it has changed.
        """
        before = _forms(theta, state)
        result = self._update(theta, state, dE_dtheta, **settings)
        pair = result if isinstance(result, tuple) and len(result) == 2 else (result, ())
        if not isinstance(pair[1], tuple) or _forms(*pair) != before:
            came = f"(theta, state) of {_forms(*pair) if isinstance(pair[1], tuple) else pair[1]!r}"
            expected = f"theta and a tuple, of the shapes and dtypes {before}"
            advice = "Return the next theta and state, with the shapes and dtypes of the arguments"
            raise ShapeError("optimizer.update", f"{came:.300}", expected, advice)
        return pair


def _forms(theta: Any, state: tuple[Any, ...]) -> str:
    """Return the shapes and dtypes of θ and the state as text."""
    each = ((getattr(x, "shape", None), getattr(x, "dtype", type(x))) for x in (theta, *state))
    return ", ".join(f"{None if shape is None else tuple(shape)} {dtype}" for shape, dtype in each)
