"""Columns of mean 0 and variance 1 for training.

The scaling of inputs is a step of preprocessing, which the model file holds. The scaling of targets
is folded into the network.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import DataError
from backprop_xp.preprocessing.scaling import Standardisation

__all__ = ["scaling_of_inputs", "scaling_of_targets"]

_ROUNDING: Final = 1e-14  # a spread below this share of the mean is rounding
_FINEST: Final = 1e-10  # for a smaller spread beside the mean, float64 cannot resolve x − μ


def scaling_of_inputs(X: NDArray[Any], names: tuple[str, ...] = ()) -> Standardisation:
    """Return the scaling of the columns of X (m, n); the names stand in errors.

    A constant column has an infinite spread, so that it becomes 0.

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.

    Examples
    --------
    >>> scaling_of_inputs(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Standardisation(mean=array([2., 5.]), spread=array([ 1., inf]))
    """
    return _scaling(X, np.inf, [f"column {name!r}" for name in names], "column")


def scaling_of_targets(Y: NDArray[Any]) -> Standardisation:
    """Return the scaling of the columns of Y (m, n); a constant column has the spread 1.

    Raises
    ------
    DataError
        A column's spread is too small beside its mean for float64.
    """
    return _scaling(Y, 1.0, [], "target")


def _scaling(x: NDArray[Any], constant: float, names: list[str], kind: str) -> Standardisation:
    """Return the scaling of columns, with the spread `constant` for constant ones."""
    largest = np.abs(x).max(axis=0).astype(np.float64)
    unit = np.where(largest > 0, largest, 1)  # the square of 1e200 would overflow
    scaled = x / unit
    mean, spread = scaled.mean(axis=0, dtype=np.float64), scaled.std(axis=0, dtype=np.float64)
    varies = spread > _ROUNDING
    fine = (spread > _FINEST) | ~varies
    if not fine.all():
        j = int(np.argmin(fine))
        raise DataError(
            names[j] if names else f"{kind} {j + 1}",
            f"numbers around {mean[j] * unit[j]:.6g} that differ by {spread[j] * unit[j]:.1g}",
            f"a spread of at least {_FINEST:g} of their size",
            "Subtract a constant from the column",
        )
    return Standardisation(mean * unit, np.where(varies, spread * unit, constant))
