"""The built-in optimisers by name."""

from typing import Any

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.adam import Adam, AdamW, NAdam
from backprop_xp.optimizers.adaptive import Adagrad, RMSprop
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.rprop import Rprop
from backprop_xp.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "check_optimizer", "find_optimizer"]

OPTIMIZERS: dict[str, Optimizer | LBFGS] = {
    "sgd": SGD(0.1, momentum=0.9),
    "rmsprop": RMSprop(),
    "adagrad": Adagrad(),
    "adam": Adam(),
    "adamw": AdamW(),
    "nadam": NAdam(),
    "rprop": Rprop(),
    "lbfgs": LBFGS(),
}


def find_optimizer(optimizer: str | Optimizer | LBFGS, where: str) -> Optimizer | LBFGS:
    """Return the built-in optimiser of this name, or an optimiser unchanged.

    Parameters
    ----------
    optimizer : str, Optimizer or LBFGS
    where : str
        The function and the argument, for the error message.

    Raises
    ------
    OptionError
        The name is unknown, or the object lacks a method.

    Examples
    --------
    >>> find_optimizer("rmsprop", "train(optimizer)")
    RMSprop(learning_rate=0.01, decay=0.99, epsilon=1e-08, momentum=0.0, centered=False)
    """
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]
    return check_optimizer(optimizer, where, OPTIMIZERS)


def check_optimizer(optimizer: Any, where: str, names: Any) -> Optimizer | LBFGS:
    """Return an optimiser, an object, unchanged; `names` are accepted at the place too.

    Raises
    ------
    OptionError
        It is a name, a class, or an object that lacks a method.
    """
    methods = (getattr(optimizer, name, None) for name in ("settings", "init", "update"))
    if not isinstance(optimizer, type):
        if isinstance(optimizer, LBFGS) or all(map(callable, methods)):
            checked: Optimizer | LBFGS = optimizer
            return checked
        built_in = OPTIMIZERS.get(str(optimizer).lower())
        kind = type(built_in) if built_in else None
    else:
        kind = optimizer
    expected = f"one of {', '.join(names)}, or an optimiser with settings, init and update"
    advice = nearest_name(optimizer, names) if isinstance(optimizer, str) else "Pass bp.SGD(0.1)"
    if kind is not None:
        room = "bp." if kind.__module__.startswith("backprop_xp.") else ""
        advice = f"Pass {room}{kind.__name__}()"
    raise OptionError(where, repr(optimizer), expected, advice)
