"""Estimators: networks with scikit-learn's interface, on any device.

.. code-block:: text

    mlp                `MLPClassifier` and `MLPRegressor`
    parameters         the parameters of an estimator, checked before the data
    output_kind        the meaning of the outputs: classes, labels or numbers
    stopping           the end of training: scikit-learn's rule, and Ctrl-C
    without_sklearn    bases of the two estimators where scikit-learn is missing

Read them in this order. The room imports `training` and the rooms below it. Only `mlp` imports
scikit-learn, and `mlp` is imported when one of its two names is first used.
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
