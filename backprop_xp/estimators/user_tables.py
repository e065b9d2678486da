"""A table of the user after scikit-learn's checks: columns of numbers, or of anything."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import numpy as np

from backprop_xp.errors import BackpropError, DTypeError
from backprop_xp.files.input_rows import whole_table
from backprop_xp.preprocessing.table import WHERE, Table, is_frame

with suppress(ImportError):
    from sklearn.utils import check_array
    from sklearn.utils.validation import validate_data

__all__ = ["checked_numbers", "checked_table", "dates_refused", "errors_of", "names_of"]

_OF_DATES: Final = ("date", "time", "period", "duration")  # dtypes of pandas and Polars


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
    DTypeError
        A column of a data frame holds dates.
    """
    _refuse_dates(X, "fit" if reset else "transform")
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
    DTypeError
        A column of a data frame holds dates.
    """
    where = "fit" if reset else "predict"
    _refuse_dates(X, where)
    # scikit-learn's conversion of a frame fails on truth values beside categories of texts
    checked = np.broadcast_to(np.zeros(()), (len(X), len(X.columns))) if is_frame(X) else X
    check_array(checked, dtype=None, ensure_all_finite=False, estimator=estimator, input_name="X")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    with errors_of(f"{where}(X)"):
        return whole_table(X, names_of(estimator) if is_frame(X) else ())


@contextmanager
def errors_of(where: str) -> Iterator[None]:
    """Name the call of the user in errors of steps, which name `predict`."""
    try:
        yield
    except BackpropError as error:
        if error.parts[0] != WHERE:
            raise
        raise type(error)(where, *error.parts[1:]) from None


def _refuse_dates(X: Any, where: str) -> None:
    """Refuse dates in a data frame, before checks that speak of dtypes without a column."""
    for name, dtype in zip(X.columns, X.dtypes, strict=True) if is_frame(X) else ():
        if str(dtype).lower().startswith(_OF_DATES):
            raise dates_refused(f"dtype {dtype}", name, where)


def dates_refused(came: str, column: object, where: str) -> DTypeError:
    """Return the error for a column of dates.

    Examples
    --------
    >>> print(dates_refused("dtype datetime64[us]", "when", "fit"))  # doctest: +ELLIPSIS
    fit(X): got dtype datetime64[us] in column when; expected numbers, truth values and texts. ...
    """
    reader = "read_mixed(X)" if where == "fit" else "read_like(X, table.decided)"
    advice = f"datasets.{reader} makes numbers of dates: pass the rows() of its table"
    expected = "numbers, truth values and texts"
    return DTypeError(f"{where}(X)", f"{came} in column {column}", expected, advice)


def names_of(estimator: Any) -> tuple[str, ...]:
    """Return the names of the columns in `fit`; none where they had no names."""
    return tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
