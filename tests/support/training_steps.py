"""Steps of training and their numbers, from options by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backprop_xp.training.options import Regularisation
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import Step, UpdateRule, step_of


def numbers_of(
    optimizer: Any,
    theta: Any,
    l2: Any = 0.0,
    dropout: Any = 0.0,
    stack: tuple[int, ...] | None = None,
    **others: Any,
) -> StepNumbers:
    """Return the numbers of a training's steps."""
    return StepNumbers(optimizer, theta, Regularisation(l2=l2, dropout=dropout, **others), stack)


def step_for(
    net: Any, optimizer: Any, theta: Any, labelled: bool = False, decay_biases: bool = False
) -> Step:
    """Return the step of an update rule."""
    return step_of(UpdateRule(net, optimizer, labelled, decay_biases), theta)


def central_differences(cost: Callable[[Any], Any], theta: Any, h: float = 1e-5) -> Any:
    """Return ∂E/∂θ of the costs (K,) of networks θ (K, P), by differences of order 2."""
    numeric = np.empty_like(theta)
    for i in range(theta.shape[-1]):
        up, down = theta.copy(), theta.copy()
        up[:, i] += h
        down[:, i] -= h
        numeric[:, i] = (cost(up) - cost(down)) / (2 * h)
    return numeric
