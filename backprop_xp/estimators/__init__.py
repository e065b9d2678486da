"""Estimators: networks with scikit-learn's interface, on any device.

.. code-block:: text

    mlp                `MLPClassifier` and `MLPRegressor`: parameters, targets, probabilities
    base               their common base: a fit, and the attributes that it sets
    parameters         the parameters of an estimator, checked before the data
    output_kind        the meaning of the outputs: classes, labels or numbers
    cases              the cases of a fit, their weights, and the cases held out
    user_arrays        the arrays of the user: where they come from, where results go
    random_draws       the random numbers, drawn in scikit-learn's order
    stopping           the curves and the end of training: scikit-learn's rule, and Ctrl-C
    without_sklearn    bases of the two estimators where scikit-learn is missing

Read them in this order. The room imports `training` and the rooms below it. `mlp` and `base` import
scikit-learn; they are imported when one of the two estimators is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backprop_xp.estimators.mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __getattr__(name: str) -> Any:
    """Return an estimator; the import of its module imports scikit-learn."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.mlp"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
