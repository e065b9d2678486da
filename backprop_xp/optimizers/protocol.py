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

    Type checkers accept an optimiser whose methods are annotated with the arrays of one library,
    and whose `update` names its hyperparameters.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> class SignDescent:
    ...     def settings(self, step):
    ...         return {"learning_rate": 0.01}
    ...
    ...     def init(self, theta):
    ...         return ()
    ...
    ...     def update(self, theta, state, dE_dtheta, learning_rate):
    ...         return theta - learning_rate * dE_dtheta / (abs(dE_dtheta) + 1e-12), state
    >>> X, Y = bp.datasets.xor()
    >>> run = bp.train(bp.Network([2, 2]), X, Y[:, 0].astype(int), optimizer=SignDescent())
    >>> run.theta.shape
    (6,)
    """

    def settings(self, step: int, /) -> Mapping[str, Any]:
        """Return the hyperparameters of `update` by name, after `step` updates.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> dict(bp.SGD(0.1, momentum=0.9).settings(0))
        {'learning_rate': 0.1, 'momentum': 0.9}
        """

    def init(self, theta: Any, /) -> State:
        """Return the state before the first update, a tuple of arrays (..., P).

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> bp.SGD(0.1, momentum=0.9).init(np.array([1.0, -2.0]))  # Δθ
        (array([0., 0.]),)
        """

    def update(  # *others is never passed: with it, checkers take any names for **settings
        self, theta: Any, state: Any, dE_dtheta: Any, /, *others: Any, **settings: Any
    ) -> tuple[Array, State]:
        """Return the next θ and state; `theta` and `state` are consumed, `dE_dtheta` is lent.

        The next gradient is written into the memory of `dE_dtheta`, unless `dE_dtheta` itself is
        returned as θ or in the state. A view of it that is to last must be copied.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> sgd, theta = bp.SGD(0.5), np.array([1.0])
        >>> theta, state = sgd.update(theta, sgd.init(theta), np.array([0.5]), **sgd.settings(0))
        >>> theta  # 1 − 0.5·0.5
        array([0.75])
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
