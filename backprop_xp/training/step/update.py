"""One update of θ: gradient, penalties, clipping, optimiser, shrinkage and max-norm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from backprop_xp.arrays.backend import Array, copied
from backprop_xp.network.network import Network
from backprop_xp.optimizers.hyperparameters import Hyperparameters
from backprop_xp.optimizers.protocol import Optimizer, State
from backprop_xp.training.step.dropout import dropped, dropped_inputs
from backprop_xp.training.step.gradient import Gradient
from backprop_xp.training.step.numbers import Numbers
from backprop_xp.training.step.regularization import (
    bounded,
    clipped,
    l1_penalty,
    l2_penalty,
    shrunk,
)

__all__ = ["BatchGradient", "Carry", "Step", "UpdateRule", "step_of", "update_by"]

PENALTIES = {"l2": l2_penalty, "l1": l1_penalty}

Carry: TypeAlias = tuple[Array, State]
Step: TypeAlias = Callable[..., tuple[Carry, tuple[Array, Array | None]]]


@dataclass(frozen=True)
class UpdateRule:
    """The rule of an update: everything that decides it except numbers and arrays.

    Rules are equal where their updates are the same function of numbers and arrays: built-in
    optimisers of one `structure` may have other numbers.

    Attributes
    ----------
    net : Network
    optimizer : Optimizer
    labelled : bool
        Whether the targets are class labels.
    decay_biases : bool
        Whether l2, l1, shrinkage and the optimiser's numbers in ``of_weights`` act on biases too.
    compiled : bool
        Whether numba compiles the steps.
    layer_rates : tuple of float, or None
        The factor of the learning rate for each layer; None where all are 1.
    structure : object
        The optimiser's structure, or the optimiser itself where it has none.
    """

    net: Network
    optimizer: Optimizer = field(compare=False)
    labelled: bool = False
    decay_biases: bool = False
    compiled: bool = False
    layer_rates: tuple[float, ...] | None = None
    structure: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        one = self.optimizer
        structure = one.structure if isinstance(one, Hyperparameters) else one
        object.__setattr__(self, "structure", structure)  # a frozen dataclass has no other way


def step_of(rule: UpdateRule, theta: Array) -> Step:
    """Return the training step, a function of arrays that consumes θ and the optimiser's state.

    A step is the gradient of a batch (`BatchGradient`), then the update by it (`update_by`). The
    order of its parts is the table in `regularization`.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ: its library, device and dtype.

    Returns
    -------
    callable
        ``step((theta, state), numbers, X, y, w, *noise)`` returns
        ``(theta, state), (z_out, penalty)``. For a batch, `X` (..., m, n_in) holds the cases in
        rows, and `y` (..., n_out, m) the targets in columns. The case weights `w` broadcast against
        (..., 1, m). `noise` has an array (n, m) for each hidden layer where units are dropped, and
        then one for the inputs where inputs are dropped. z^L is (..., n_out, m). The penalty (...)
        is ½ l2 Σ W² + l1 Σ |W|, or None.
    """
    gradient, update = BatchGradient(rule, theta), update_by(rule, theta)

    def step(
        carry: Carry, numbers: Numbers, X: Array, y: Array, w: Array, *noise: Array
    ) -> tuple[Carry, tuple[Array, Array | None]]:
        z_out, dE_dtheta = gradient(carry[0], numbers, X, y, w, *noise)
        (theta, state), penalty = update(carry, numbers, dE_dtheta)
        if theta is dE_dtheta or any(kept is dE_dtheta for kept in state):
            gradient.forget()
        return (theta, state), (z_out, penalty)

    return step


class BatchGradient:
    """The first part of a step: z^L and ∂E/∂θ of a batch, with dropout.

    It is called with θ in place of a step's carry, and returns z^L (..., n_out, m) and ∂E/∂θ
    (..., P) without penalties. The next call overwrites ∂E/∂θ, except after `forget`.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ: its library, device and dtype.
    """

    def __init__(self, rule: UpdateRule, theta: Array) -> None:
        self._activations = rule.net.activations
        self._gradient = Gradient(rule.net, theta, rule.labelled)

    def __call__(
        self, theta: Array, numbers: Numbers, X: Array, y: Array, w: Array, *noise: Array
    ) -> tuple[Array, Array]:
        """Return z^L and ∂E/∂θ."""
        activations, a_in, given = self._activations, X.mT, numbers.regularisation
        if "input_dropout" in given:
            a_in = dropped_inputs(a_in, noise[-1], given["input_dropout"])
            noise = noise[:-1]
        if "dropout" in given:
            activations = dropped(activations, noise, given["dropout"])
        return self._gradient(theta, activations, a_in, y, w)

    def forget(self) -> None:
        """Take new memory for the next gradient: the optimiser keeps the array of the last one."""
        self._gradient.forget()


def update_by(rule: UpdateRule, theta: Array) -> Callable[..., tuple[Carry, Array | None]]:
    """Return the second part of a step: penalties, clipping, optimiser, shrinkage, max-norm.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ: its library, device and dtype.

    Returns
    -------
    callable
        ``update((theta, state), numbers, dE_dtheta)`` returns ``(theta, state), penalty``. All
        arrays are consumed.
    """
    net, optimizer = rule.net, rule.optimizer
    decayed = None if rule.decay_biases else net.is_weight(theta)
    of_weights = getattr(optimizer, "of_weights", ())
    by_layer = None if rule.layer_rates is None else net.of_layers(rule.layer_rates, theta)

    def update(carry: Carry, numbers: Numbers, dE_dtheta: Array) -> tuple[Carry, Array | None]:
        theta, state = carry
        given, penalty = numbers.regularisation, None
        for name, penalty_of in PENALTIES.items():
            if name in given:
                part, derivative = penalty_of(theta, _for_decayed(given[name], decayed))
                penalty = part if penalty is None else penalty + part
                dE_dtheta += derivative
        dE_dtheta = clipped(dE_dtheta, given.get("clip_value"), given.get("clip_norm"))
        of_optimizer = {
            name: _for_decayed(number, decayed) if name in of_weights else number
            for name, number in numbers.optimizer.items()
        }
        if by_layer is not None:
            of_optimizer["learning_rate"] = of_optimizer["learning_rate"] * by_layer
        theta, state = optimizer.update(theta, state, dE_dtheta, **of_optimizer)
        if "shrinkage" in given or "max_norm" in given:
            theta = _kept_small(net.sizes, theta, state, given, decayed)
        return (theta, state), penalty

    return update


def _for_decayed(number: Array, decayed: Array | None) -> Array:
    """Return the number for each parameter that decays, and 0 for the other parameters."""
    return number if decayed is None else number * decayed


def _kept_small(
    sizes: Sequence[int],
    theta: Array,
    state: State,
    given: Mapping[str, Array],
    decayed: Array | None,
) -> Array:
    """Return θ after shrinkage and max-norm; θ is consumed, unless the state holds it too."""
    if any(kept is theta for kept in state):
        theta = copied(theta)
    if "shrinkage" in given:
        theta = shrunk(theta, _for_decayed(given["shrinkage"], decayed))
    return bounded(sizes, theta, given["max_norm"]) if "max_norm" in given else theta
