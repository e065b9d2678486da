"""The parameters of an estimator, checked before the data."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backprop_xp.activations import Activation, find_activation
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.adam import Adam
from backprop_xp.optimizers.catalogue import check_optimizer
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.plateau import find_listeners
from backprop_xp.schedules.ranges import ABOVE_0, AT_LEAST_0, BELOW_1, BETWEEN_0_AND_1

__all__ = ["checked"]

SOLVERS = ("adam", "sgd", "lbfgs")
LOGISTIC = "logistic"  # scikit-learn's name for the sigmoid
RANGES = {
    "alpha": AT_LEAST_0,
    "tol": AT_LEAST_0,
    "learning_rate_init": ABOVE_0,
    "momentum": BELOW_1,
    "validation_fraction": BETWEEN_0_AND_1,
}


def checked(given: Any) -> tuple[list[int], Any, Optimizer | LBFGS]:
    """Return the sizes of the hidden layers, their activations, and the optimiser of an estimator.

    Raises
    ------
    OptionError
        A parameter cannot be used; the message names it.
    """
    _check_numbers(given)
    for name in ("early_stopping", "nesterovs_momentum"):
        if not isinstance(getattr(given, name), bool | np.bool_):
            came = repr(getattr(given, name))
            raise OptionError(name, came, "True or False", "Pass one of the two")
    sizes = given.hidden_layer_sizes
    each = sizes if isinstance(sizes, Iterable) and not isinstance(sizes, str) else [sizes]
    hidden = [check_count(size, "hidden_layer_sizes", least=1) for size in each]
    optimizer = _optimizer(given)
    _check_metrics(given, optimizer)
    return hidden, _activation(given.activation, len(hidden)), optimizer


def _check_metrics(given: Any, optimizer: Any) -> None:
    """Refuse a schedule that follows the cases held out where no case is held out."""
    metrics = (getattr(one, "metric", "") for one in find_listeners(optimizer).values())
    of_validation = [name for name in metrics if str(name).startswith("validation_")]
    if of_validation and not given.early_stopping:
        came = f"a schedule that follows {of_validation[0]!r}"
        expected = "the metric 'cost' without cases held out"
        raise OptionError("solver", came, expected, "Pass early_stopping=True, or metric='cost'")


def _check_numbers(given: Any) -> None:
    check_count(given.max_iter, "max_iter", least=1)
    if given.n_iter_no_change != np.inf:
        check_count(given.n_iter_no_change, "n_iter_no_change", least=1)
    if given.batch_size is None or isinstance(given.batch_size, str):
        if given.batch_size != "auto":
            expected = "'auto' or an integer >= 1"
            raise OptionError("batch_size", repr(given.batch_size), expected, "Use 'auto'")
    else:
        check_count(given.batch_size, "batch_size", least=1)
    for name, limits in RANGES.items():
        number = finite_number(getattr(given, name), name)
        if not limits.hold(np.asarray(number)):
            raise OptionError(name, repr(number), limits.text, "Leave it out for the default")


def _activation(given: Any, layers: int) -> Any:
    """Return the activation of all hidden layers, or a list of one for each."""

    def found(each: Any) -> Activation:
        name = "sigmoid" if isinstance(each, str) and each == LOGISTIC else each
        return find_activation(name, "activation")

    if isinstance(given, str) or not isinstance(given, Sequence):
        return found(given)
    if len(given) != layers:
        came, expected = f"{len(given)} activations", f"one, or {layers} for as many hidden layers"
        raise OptionError("activation", came, expected, "Pass one for all layers, such as 'relu'")
    return [found(each) for each in given]


def _optimizer(given: Any) -> Optimizer | LBFGS:
    solver = given.solver
    if isinstance(solver, str) and solver == "adam":
        return Adam(given.learning_rate_init)
    if isinstance(solver, str) and solver == "sgd":
        nesterov = bool(given.nesterovs_momentum and given.momentum)
        return SGD(given.learning_rate_init, given.momentum, nesterov=nesterov)
    if isinstance(solver, str) and solver == "lbfgs":
        return LBFGS(gtol=given.tol)
    return check_optimizer(solver, "solver", SOLVERS)
