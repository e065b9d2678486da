"""Estimators: scikit-learn's interface to networks, on any device.

.. code-block:: text

    mlp                `MLPClassifier` and `MLPRegressor`
    parameters         their parameters, checked before any data
    output_kind        what outputs stand for: classes, labels or numbers
    stopping           when training stops: scikit-learn's rule

`mlp` needs scikit-learn, and is imported when one of its names is asked for; the others do not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backprop_xp.estimators.mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __getattr__(name: str) -> Any:
    """Return an estimator, whose module needs scikit-learn."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.mlp"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
