"""Bases of the estimators where scikit-learn is missing: classes with docstrings, but no objects.

So ``hasattr``, ``help``, ``inspect`` and a star import find both estimators. Calling one raises the
error that names the install command.
"""

from typing import Any, NoReturn

from backprop_xp.arrays.advice import needs_extra

__all__ = ["stand_ins"]


def stand_ins(error: ImportError) -> tuple[type, type, type]:
    """Return classes in place of BaseEstimator, ClassifierMixin and RegressorMixin.

    Parameters
    ----------
    error : ImportError
        Of the import of scikit-learn; the cause of the error that a call raises.
    """

    class BaseEstimator:
        def __new__(cls, *_: Any, **__: Any) -> NoReturn:
            came, expected = "no scikit-learn, or one before 1.6", "the package scikit-learn"
            with needs_extra("sklearn", cls.__name__, came, expected):
                raise error

    return BaseEstimator, type("ClassifierMixin", (), {}), type("RegressorMixin", (), {})
