"""Where `partial_fit` exists: solvers of many small steps, and all cases for training."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from backprop_xp.errors import OptionError

try:
    from sklearn.utils.metaestimators import available_if
except ImportError:

    def available_if(_: Any) -> Any:
        """Return a decorator that changes nothing."""
        return lambda method: method


__all__ = ["available_if_stochastic", "check_partial_fit"]

F = TypeVar("F", bound=Callable[..., Any])

STOCHASTIC = "partial_fit needs a solver of many small steps, such as 'adam'"


def available_if_stochastic(method: F) -> F:
    """Decorate `partial_fit`, so that an estimator has it where its solver can go on."""
    return cast(F, available_if(_is_stochastic)(method))


def check_partial_fit(mlp: Any) -> None:
    """Refuse a partial fit that would hold cases out.

    Raises
    ------
    ParameterError
        `early_stopping` is True.
    """
    if mlp.early_stopping:
        came, expected = "partial_fit does not support early_stopping=True", "early_stopping=False"
        raise OptionError("partial_fit", came, expected, "Score cases of your own between calls")
    if isinstance(getattr(mlp, "class_weight", None), str):
        expected = "a dict: the shares of the classes in all calls are unknown"
        advice = "Compute it by sklearn.utils.class_weight.compute_class_weight"
        raise OptionError("class_weight", repr(mlp.class_weight), expected, advice)


def _is_stochastic(mlp: Any) -> bool:
    """Tell whether an estimator's solver can go on from its state; raise AttributeError if not."""
    name = mlp.solver if isinstance(mlp.solver, str) else type(mlp.solver).__name__
    if name in ("lbfgs", "LBFGS"):
        raise AttributeError(f"{STOCHASTIC}, and not {name}")
    return True
