"""The step from the columns of a table to the inputs of an ensemble's networks.

Columns of numbers become normal quantiles and piecewise-linear shares, and gaps are filled with the
median, beside a column that tells where they were. Categories become a column each. All is fitted
on the rows that come here.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.estimators.damped_one_hot_encoder import damped_one_hot
from backprop_xp.estimators.noisy_quantile_transformer import NOISE, quantile_mapping
from backprop_xp.estimators.user_tables import dates_refused
from backprop_xp.preprocessing.as_text import AsText, is_category, texts_of
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.one_hot import NOWHERE, OneHotEncoding
from backprop_xp.preprocessing.piecewise_linear import PiecewiseLinearEncoding
from backprop_xp.preprocessing.scaling import RangeScaling
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import Table, shown

__all__ = ["CATEGORY", "NUMBER", "Inputs", "column_kinds", "fitted_inputs"]

CATEGORY = "category"
NUMBER = "number"


class Inputs(NamedTuple):
    """A fitted step, and the feature that each of its columns belongs to.

    Attributes
    ----------
    step : Step
    features : array (n_out,) of int
    """

    step: Step
    features: NDArray[np.int64]


def column_kinds(table: Table, dtypes: Sequence[Any], categorical: Any, where: str) -> list[str]:
    """Return for each column whether it holds numbers or categories.

    Parameters
    ----------
    table : Table
    dtypes : sequence
        The dtypes of the columns of a data frame; empty for an array.
    categorical : "auto" or sequence
        Names or indices of the columns of categories, or a truth value for each column. "auto":
        texts, and columns of pandas' and Polars' categories.
    where : str
        The function, for errors.

    Raises
    ------
    OptionError
        `categorical` names no column.
    DTypeError
        A column holds dates or other objects.
    DataError
        A number is infinite.

    Warns
    -----
    UserWarning
        An array of texts has columns of numbers alone: NumPy makes texts of numbers beside texts.
    """
    columns = table.columns()
    n = len(columns)
    kinds = [CATEGORY if _is_category(x) else NUMBER for x in columns]
    for j, dtype in enumerate(dtypes):
        if str(dtype).lower().startswith(("categor", "enum")):
            kinds[j] = CATEGORY
    if isinstance(categorical, str) and categorical == "auto":
        chosen: list[int] = []
    else:
        chosen = _indices(categorical, table.names, n)
    for j in range(n):
        _check_type(table, j, columns[j], where)
    kinds = [CATEGORY if j in chosen else kind for j, kind in enumerate(kinds)]
    table.refuse_infinite((j for j, kind in enumerate(kinds) if kind == NUMBER), f"{where}(X)")
    _warn_of_numbers([j for j in range(n) if j not in chosen], columns, where)
    return kinds


def _warn_of_numbers(places: Sequence[int], columns: Sequence[HostArray], where: str) -> None:
    """Warn of columns of an array of texts in which each text is a number."""
    found = [j for j in places if columns[j].dtype.kind == "U" and _are_written(columns[j])]
    if found:
        which = f"column{'s' * (len(found) > 1)} {', '.join(map(str, found[:10]))}"
        text = f"{where}(X): the texts of {which} are numbers, such as {columns[found[0]][0]!s:.20}"
        advice = "pass np.array(rows, dtype=object) or a data frame for numbers"
        silent = "or name them in categorical_features"
        warnings.warn(f"{text}, and become categories: {advice}, {silent}", stacklevel=5)


def _are_written(column: HostArray) -> bool:
    """Tell whether all texts of a column are numbers."""
    try:
        column.astype(np.float64)
    except ValueError:
        return False
    return True


def _check_type(table: Table, j: int, column: HostArray, where: str) -> None:
    """Refuse a column of dates, or of other objects than numbers, truth values and texts."""
    name, kind = table.names[j] if table.names else j, column.dtype.kind
    if kind in "mM":
        raise dates_refused(f"dtype {column.dtype}", name, where)
    if kind in "biufU":
        return
    came = f"dtype {column.dtype} in column {name}"
    if kind == "O":
        strange = {one for one in set(map(type, column)) if not is_category(one)}
        dates = sorted(one.__name__ for one in strange if issubclass(one, date | timedelta))
        if dates:
            raise dates_refused(f"a {dates[0]}", name, where)
        if not strange or _are_numbers(column):
            return
        row = next(i for i, value in enumerate(column) if type(value) in strange)
        came = f"{shown(column[row])} at {table.place(row, j)} (counted from 0)"
    expected = "numbers, truth values and texts: each argument must be a string or a number"
    raise DTypeError(f"{where}(X)", came, expected, "Turn the column into texts")


def _indices(categorical: Any, names: tuple[str, ...], n: int) -> list[int]:
    given = [categorical] if isinstance(categorical, str) else _as_list(categorical)
    if len(given) == n and all(isinstance(one, bool) for one in given):
        return [j for j, one in enumerate(given) if one]
    found = []
    for one in given:
        if isinstance(one, str) and one in names:
            found.append(names.index(one))
        elif type(one) is int and -n <= one < n:
            found.append(one % n)
        else:
            expected = f"'auto', or names or indices of {n} columns"
            raise OptionError("categorical_features", f"{one!r:.60}", expected, "Use 'auto'")
    return found


def _as_list(given: Any) -> list[Any]:
    """Return the elements of a sequence, or of an array, as Python has them."""
    elements = given if np.iterable(given) else [given]
    return [one.item() if isinstance(one, np.generic) else one for one in elements]


def _is_category(column: HostArray) -> bool:
    """Tell whether a column of objects or texts holds other values than numbers and gaps."""
    if column.dtype.kind != "O":
        return bool(column.dtype.kind == "U")
    return not _are_numbers(column)


def _are_numbers(column: HostArray) -> bool:
    """Tell whether a column of objects holds numbers and gaps; texts of digits are texts."""
    try:
        column.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return not any(isinstance(x, str) for x in column)


def fitted_inputs(
    table: Table, kinds: Sequence[str], bins: int, random: np.random.RandomState
) -> Inputs:
    """Return the step that is fitted on a table.

    Parameters
    ----------
    table : Table
    kinds : sequence of str
        The kind of each column, as `column_kinds` tells it. A column of one value is left out.
    bins : int
        The number of bins of the piecewise-linear encoding.
    random : RandomState
        Of the noise of the quantiles.
    """
    parts = _Parts()
    numbers = [j for j, kind in enumerate(kinds) if kind == NUMBER]
    if numbers:
        _of_numbers(table.take(numbers), np.asarray(numbers), bins, random, parts)
    texts = [j for j, kind in enumerate(kinds) if kind == CATEGORY]
    if texts:
        _of_categories(table.take(texts), np.asarray(texts), parts)
    if not parts.steps:  # all columns are constant
        nothing: Step = RangeScaling(np.zeros(1), np.zeros(1))
        if kinds[0] == NUMBER:
            zero = Imputation(1, np.nan, np.array([0]), (0.0,), np.array([], dtype=np.int64))
            nothing = Chain((zero, nothing))
        else:
            hot = OneHotEncoding((("",),), (np.array([0]),), (NOWHERE,), (1,))
            nothing = Chain((AsText(1), hot, nothing))
        parts.add(np.array([0]), nothing, [0])
    return Inputs(SideBySide(len(kinds), tuple(parts.steps)), np.array(parts.features))


@dataclass
class _Parts:
    """The parts of a step, and the features of their columns."""

    steps: list[tuple[NDArray[np.int64], Step]] = field(default_factory=list)
    features: list[int] = field(default_factory=list)

    def add(self, columns: NDArray[np.int64], step: Step, features: Any) -> None:
        """Add a step that takes some columns and makes a column of each feature."""
        self.steps.append((columns, step))
        self.features += [int(one) for one in features]


def _of_numbers(
    table: Table,
    places: NDArray[np.int64],
    bins: int,
    random: np.random.RandomState,
    parts: _Parts,
) -> None:
    X = table.numbers()
    gaps = np.isnan(X)
    fill = np.array(
        [np.median(x[~gap]) if not gap.all() else 0 for x, gap in zip(X.T, gaps.T, strict=True)]
    )
    X = np.where(gaps, fill, X)
    ranges = X.max(axis=0) - X.min(axis=0)
    distinct = np.array([min(len(np.unique(x)), 3) for x in X.T])
    varied, two = np.flatnonzero(distinct > 2), np.flatnonzero(distinct == 2)
    holes = np.flatnonzero(gaps.any(axis=0) & ~gaps.all(axis=0))
    kept = np.concatenate([varied, two])
    if not len(kept) and not len(holes):
        return
    inner = _Parts()
    if len(varied):
        at = np.arange(len(varied))
        inner.add(at, quantile_mapping(X[:, varied], NOISE, random), varied)
        encoding = PiecewiseLinearEncoding.of_quantiles(X[:, varied], bins)
        widths = np.array([len(edges) - 1 for edges in encoding.edges])
        several = np.flatnonzero(widths > 1)
        if len(several):
            chosen = PiecewiseLinearEncoding(tuple(encoding.edges[j] for j in several))
            inner.add(at[several], chosen, np.repeat(varied[several], widths[several]))
    if len(two):
        factor = 2 / ranges[two]
        scaled = RangeScaling(factor, -1 - X[:, two].min(axis=0) * factor, -1.0, 1.0)
        inner.add(len(varied) + np.arange(len(two)), scaled, two)
    if len(holes):
        # a gap is a feature of its own
        after = len(kept) + np.arange(len(holes))
        inner.add(after, Unchanged(len(holes)), len(places) + holes)
    filled = Imputation(len(places), np.nan, kept, tuple(fill[kept].tolist()), holes)
    chain = Chain((filled, SideBySide(filled.n_out, tuple(inner.steps))))
    own = [places[j] if j < len(places) else -1 - places[j - len(places)] for j in inner.features]
    parts.add(places, chain, own)


def _of_categories(table: Table, places: NDArray[np.int64], parts: _Parts) -> None:
    several = [len(np.unique(texts_of(x).astype(str))) > 1 for x in table.columns()]
    chosen = np.flatnonzero(several)
    if len(chosen):
        encoding = damped_one_hot(table.take(chosen))
        hot: Any = encoding.steps[1]
        parts.add(places[chosen], encoding, np.repeat(places[chosen], hot.widths))
