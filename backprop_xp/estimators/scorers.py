"""The score of held-out cases by a scorer of scikit-learn, the parameter `scoring`."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from backprop_xp.arrays.backend import Array
from backprop_xp.estimators.cases import Cases
from backprop_xp.estimators.user_arrays import brought, is_elsewhere, on_host, place_of

with suppress(ImportError):
    from sklearn.metrics import check_scoring

__all__ = ["score_by_scorer"]


def score_by_scorer(mlp: Any, theta: Array, held: Cases) -> float:
    """Return the score by `scoring`, from predictions on the host; X stays where it is."""
    fitted = object.__new__(type(mlp))
    fitted.__dict__.update(vars(mlp))
    fitted.__dict__.pop("feature_names_in_", None)  # X is an array here
    fitted.theta_ = brought(theta, place_of(held.X))
    if is_elsewhere(held.X):
        for name in ("predict", "predict_proba", "predict_log_proba"):
            if hasattr(fitted, name):  # in the place of the method
                setattr(fitted, name, _then_on_host(getattr(fitted, name)))
    scorer = check_scoring(fitted, mlp.scoring)
    weighted = held.w is not None and _takes_weights(scorer)
    weights = {"sample_weight": held.w} if weighted else {}
    return float(scorer(fitted, held.X, on_host(held.y), **weights))


def _takes_weights(scorer: Any) -> bool:
    """Tell whether a scorer, or the metric that it calls, has the keyword `sample_weight`."""
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(metric).parameters


def _then_on_host(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a method of predictions whose result comes on the host."""

    @wraps(method)  # scikit-learn asks for the name
    def call(X: Any) -> Any:
        return on_host(method(X))

    return call
