"""The parameters of an estimator, checked before the data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np

from backprop_xp.activations import Activation, find_activation
from backprop_xp.arrays.advice import nearest_name
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.callbacks.callback import checked_callbacks
from backprop_xp.errors import OptionError
from backprop_xp.estimators.stopping import Rate
from backprop_xp.optimizers.adam import Adam
from backprop_xp.optimizers.catalogue import OPTIMIZERS, check_optimizer
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.plateau import find_listeners
from backprop_xp.schedules.ranges import ABOVE_0, AT_LEAST_0, BELOW_1, SHARE, Range

__all__ = ["Chosen", "Undamped", "checked", "parts_of_solver", "with_parts_of_solver"]

RATES = ("constant", "invscaling", "adaptive")
LOGISTIC = "logistic"  # scikit-learn's name for the sigmoid
RANGES = {
    "alpha": AT_LEAST_0,
    "tol": AT_LEAST_0,
    "learning_rate_init": ABOVE_0,
    "power_t": AT_LEAST_0,
    "momentum": SHARE,
    "validation_fraction": BELOW_1,
    "beta_1": BELOW_1,
    "beta_2": BELOW_1,
    "epsilon": ABOVE_0,
}
_NOT_OF_FIT = {
    **{name: name for name in ("batch_size", "callbacks", "class_weight", "verbose", "shuffle")},
    **dict.fromkeys(("epochs", "max_epochs", "nb_epoch", "n_epochs", "max_iter"), "max_iter"),
    "lr": "learning_rate_init",
    "early_stopping": "early_stopping",
    "device": "device",
}
RATE = "Its name here is 'learning_rate_init'"
OF_THE_ESTIMATOR = {  # advice for keywords of fit in other libraries
    name: f"Pass it to the estimator, such as MLPClassifier({here}=...)"
    for name, here in _NOT_OF_FIT.items()
}
FLAGS = ("shuffle", "warm_start", "early_stopping", "nesterovs_momentum")


class Chosen(NamedTuple):
    """What the parameters of an estimator stand for.

    Attributes
    ----------
    hidden : list of int
        Units of each hidden layer.
    activations : list of Activation
        The activation of each hidden layer; of a network without any, the one that they would have.
    optimizer : Optimizer or LBFGS
    rate : Rate or None
        The learning rate of "sgd".
    callbacks : list of Callback
        Copies of the user's own.
    """

    hidden: list[int]
    activations: list[Activation]
    optimizer: Optimizer | LBFGS
    rate: Rate | None
    callbacks: list[Any]


@dataclass(frozen=True)
class Undamped(SGD):
    """Gradient descent with a momentum of up to 1, as scikit-learn's has it."""

    ranges: ClassVar[Mapping[str, Range]] = {**SGD.ranges, "momentum": SHARE}


def checked(given: Any, *, held_out: bool) -> Chosen:
    """Return what the parameters of an estimator stand for.

    Parameters
    ----------
    given : object
        The estimator.
    held_out : bool
        Whether cases are held out, or given as `eval_set`.

    Raises
    ------
    OptionError
        A parameter cannot be used; the message names it.
    """
    _check_numbers(given)
    for name in FLAGS:
        if not isinstance(getattr(given, name), bool | np.bool_):
            came = repr(getattr(given, name))
            raise OptionError(name, came, "True or False", "Pass one of the two")
    if not isinstance(given.learning_rate, str) or given.learning_rate not in RATES:
        advice = "Pass a number as learning_rate_init"
        came = f"{given.learning_rate!r:.60}"
        raise OptionError("learning_rate", came, f"one of {', '.join(RATES)}", advice)
    _check_loss(given.loss)
    _check_random_state(given.random_state)
    _check_scoring(given.scoring)
    hidden = _hidden_sizes(given.hidden_layer_sizes)
    optimizer, rate = _optimizer(given)
    callbacks = _callbacks(given.callbacks)
    if not held_out:
        _check_metrics(optimizer, callbacks)
    activations = _activations(given.activation, len(hidden))
    return Chosen(hidden, activations, optimizer, rate, callbacks)


def _check_loss(loss: Any) -> None:
    """Refuse layer sizes in the place of the loss, which is a regressor's first parameter."""
    numbers = Real, Sequence, np.ndarray, np.bool_
    if isinstance(loss, str) or not isinstance(loss, numbers):
        return
    came = f"{loss!r:.60} as the first argument"
    advice = f"Pass hidden_layer_sizes={loss!r:.60}"
    raise OptionError("loss", came, "a loss, which comes first as in scikit-learn", advice)


def _check_random_state(given: Any) -> None:
    """Refuse an object that seeds no RandomState."""
    from sklearn.utils import check_random_state

    try:
        check_random_state(given)
    except ValueError:
        expected = "None, a RandomState, or an integer from 0 to 2**32 - 1"
        raise OptionError("random_state", f"{given!r:.60}", expected, "Pass such as 0") from None


def _check_scoring(given: Any) -> None:
    """Refuse an object that is no scorer."""
    from sklearn.metrics import get_scorer_names

    names = get_scorer_names()
    if given is None or callable(given) or (isinstance(given, str) and given in names):
        return
    expected = "None, the name of a scorer of scikit-learn, or a function (estimator, X, y)"
    raise OptionError("scoring", f"{given!r:.60}", expected, nearest_name(given, names))


def _hidden_sizes(given: Any) -> list[int]:
    """Return the units of each hidden layer; the object can be read again by the next fit."""
    one = isinstance(given, str | bytes | Iterator) or not isinstance(given, Iterable)
    each = [given] if one else given
    return [check_count(size, "hidden_layer_sizes", least=1) for size in each]


def _check_metrics(optimizer: Any, callbacks: Sequence[Any]) -> None:
    """Refuse a schedule or a callback that follows the cases held out."""
    schedules = find_listeners(optimizer).values()
    for where, followers in (("solver", schedules), ("callbacks", callbacks)):
        metrics = (str(getattr(one, "metric", "")) for one in followers)
        of_validation = [name for name in metrics if name.startswith("validation_")]
        if of_validation:
            came = f"an object that follows {of_validation[0]!r}"
            expected = "the metric 'cost' without cases held out"
            advice = "Pass early_stopping=True, or metric='cost', or eval_set to fit"
            raise OptionError(where, came, expected, advice)


def _check_numbers(given: Any) -> None:
    check_count(given.max_iter, "max_iter", least=1)
    check_count(given.max_fun, "max_fun", least=1)
    patience = given.n_iter_no_change
    if not (isinstance(patience, Real) and patience == np.inf):
        check_count(patience, "n_iter_no_change", least=1)
    if given.batch_size is None or isinstance(given.batch_size, str):
        if given.batch_size != "auto":
            expected = "'auto' or an integer >= 1"
            raise OptionError("batch_size", repr(given.batch_size), expected, "Use 'auto'")
    else:
        check_count(given.batch_size, "batch_size", least=1)
    count = given.verbose
    if not (
        isinstance(count, bool | np.bool_) or (isinstance(count, Integral) and int(count) >= 0)
    ):
        expected = "True, False or an integer >= 0"
        raise OptionError("verbose", f"{count!r:.60}", expected, "Use True")
    for name, limits in RANGES.items():
        number = finite_number(getattr(given, name), name)
        if not limits.hold(np.asarray(number)):
            raise OptionError(name, repr(number), limits.text, "Leave it out for the default")


def _activations(given: Any, layers: int) -> list[Activation]:
    """Return the activation of each hidden layer; of one layer where there is none."""

    def found(each: Any) -> Activation:
        name = "sigmoid" if isinstance(each, str) and each == LOGISTIC else each
        return find_activation(name, "activation")

    if isinstance(given, str) or not isinstance(given, Sequence):
        return [found(given)] * max(layers, 1)
    if len(given) != layers:
        came, expected = f"{len(given)} activations", f"one, or {layers} for as many hidden layers"
        raise OptionError("activation", came, expected, "Pass one for all layers, such as 'relu'")
    return [found(each) for each in given] or [found("relu")]


def _optimizer(given: Any) -> tuple[Optimizer | LBFGS, Rate | None]:
    solver = given.solver
    if not isinstance(solver, str):
        return check_optimizer(solver, "solver", OPTIMIZERS), None
    if solver == "adam":
        numbers = given.learning_rate_init, given.beta_1, given.beta_2, given.epsilon
        return Adam(*numbers, epsilon_hat=True), None
    if solver == "sgd":
        rate = Rate(given.learning_rate, given.learning_rate_init, given.power_t)
        nesterov = bool(given.nesterovs_momentum and given.momentum)
        kind = Undamped if given.momentum == 1 else SGD
        setting = given.learning_rate_init if rate.kind == "constant" else rate
        return kind(setting, given.momentum, nesterov=nesterov), rate
    if solver == "lbfgs":
        return LBFGS(maxfun=given.max_fun, gtol=given.tol), None
    default: Any = OPTIMIZERS.get(solver)
    if default is None:
        return check_optimizer(solver, "solver", OPTIMIZERS), None
    named = "learning_rate" in parts_of_solver(default)
    rate_of = {"learning_rate": given.learning_rate_init} if named else {}
    return replace(default, **rate_of), None


def _callbacks(given: Any) -> list[Any]:
    """Return copies of the callbacks, so that each fit has its own."""
    from copy import deepcopy

    return deepcopy(checked_callbacks(() if given is None else given))


def parts_of_solver(solver: Any) -> dict[str, Any]:
    """Return the parameters of an optimiser by name, for `get_params`; none of a name.

    Examples
    --------
    >>> parts_of_solver(SGD(0.1)), parts_of_solver("sgd")
    ({'learning_rate': 0.1, 'momentum': 0.0, 'nesterov': False}, {})
    """
    if not is_dataclass(solver) or isinstance(solver, type):
        return {}
    return {one.name: getattr(solver, one.name) for one in fields(solver) if one.init}


def with_parts_of_solver(solver: Any, parts: Mapping[str, Any]) -> Any:
    """Return a copy of an optimiser with other parameters, for `set_params`.

    Raises
    ------
    ValueError
        The optimiser has no such parameter.
    """
    known = parts_of_solver(solver)
    for name in parts:
        if name not in known:
            came = f"solver {solver!r:.80}"
            expected = f"a solver with this parameter; this one has {', '.join(known) or 'none'}"
            advice = "Pass an optimiser, such as solver=bp.SGD(0.1)"
            raise OptionError(f"set_params(solver__{name})", came, expected, advice)
    return replace(solver, **parts)
