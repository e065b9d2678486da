"""A table of the user after scikit-learn's checks: columns of numbers, or of anything."""

from contextlib import suppress
from typing import Any

import numpy as np

from backprop_xp.files.input_rows import whole_table
from backprop_xp.preprocessing.table import Table, is_frame

with suppress(ImportError):
    from sklearn.utils import check_array
    from sklearn.utils.validation import validate_data

__all__ = ["checked_numbers", "checked_table", "names_of"]


def checked_numbers(estimator: Any, X: Any, *, reset: bool) -> Table:
    """Return X as a table of float64, where NaN may stand for a gap.

    Parameters
    ----------
    estimator : estimator of scikit-learn
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared with X.
    X : array or data frame (m, n)
    reset : bool
        Whether they are set.

    Raises
    ------
    ValueError, TypeError
        X holds infinities or texts, is sparse, or has other columns than in `fit`.
    """
    x = validate_data(
        estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", copy=False
    )
    return Table((x,), names_of(estimator))


def checked_table(estimator: Any, X: Any, *, reset: bool) -> Table:
    """Return X as a table of columns as they are: numbers, truth values, texts and gaps.

    Parameters
    ----------
    estimator, X, reset
        As `checked_numbers` takes them.

    Raises
    ------
    ValueError, TypeError
        X is empty or sparse, or has other columns than in `fit`.
    """
    check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator, input_name="X")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return whole_table(X, names_of(estimator) if is_frame(X) else ())


def names_of(estimator: Any) -> tuple[str, ...]:
    """Return the names of the columns in `fit`; none where they had no names."""
    return tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
