"""Fitted transformers, scikit-learn's and of this library, as steps of `backprop_xp.preprocessing`.

A step is made of a transformer's public attributes; a transformer of this library holds it. A
transformer that no step can express is
refused with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged, steps_in
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.missing import is_nan
from backprop_xp.preprocessing.one_hot import NOWHERE, REFUSED, OneHotEncoding
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.scaling import RangeScaling, Standardisation
from backprop_xp.preprocessing.step import Step

__all__ = ["WHERE", "chain_of", "is_passthrough", "pipeline_steps", "step_of"]

WHERE: Final = "save(estimator)"
_ADVICE: Final = "Transform X before the model, and pass the last step alone"


def step_of(transformer: Any) -> Step:
    """Return the step that does what a fitted transformer does.

    Parameters
    ----------
    transformer : transformer of scikit-learn
        StandardScaler, MinMaxScaler, QuantileTransformer, SimpleImputer, OneHotEncoder,
        ColumnTransformer, a transformer of `backprop_xp.estimators`, or a Pipeline of them.

    Raises
    ------
    OptionError
        The transformer cannot be expressed.
    NotFittedError
        It is not fitted.
    """
    from sklearn.utils.validation import check_is_fitted

    converters = _converters()
    if type(transformer) not in converters:
        name = transformer if isinstance(transformer, str) else type(transformer).__name__
        own = any(isinstance(transformer, kind) for kind in converters)
        came = f"the step {name}" + (", a class derived from a known one" if own else "")
        known = ", ".join(sorted(kind.__name__ for kind in converters))
        raise OptionError(WHERE, came, f"one of {known}", _ADVICE)
    check_is_fitted(transformer)
    try:
        return converters[type(transformer)](transformer)
    except (TypeError, ValueError) as error:
        if isinstance(error, OptionError):
            raise
        raise _refused(transformer, str(error), "numbers, texts and None") from error


def _converters() -> Mapping[type, Callable[[Any], Step]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        MinMaxScaler,
        OneHotEncoder,
        QuantileTransformer,
        StandardScaler,
    )

    from backprop_xp import estimators

    own = (
        estimators.DampedOneHotEncoder,
        estimators.NoisyQuantileTransformer,
        estimators.PiecewiseLinearEncoder,
        estimators.RobustClipScaler,
    )
    return {
        StandardScaler: _standardisation,
        MinMaxScaler: _range_scaling,
        QuantileTransformer: _quantile_mapping,
        SimpleImputer: _imputation,
        OneHotEncoder: _one_hot_encoding,
        ColumnTransformer: _side_by_side,
        FunctionTransformer: _unchanged,
        Pipeline: _of_pipeline,
        **dict.fromkeys(own, attrgetter("step_")),
    }


def _refused(transformer: Any, why: str, expected: str) -> OptionError:
    return OptionError(WHERE, f"{type(transformer).__name__} with {why}", expected, _ADVICE)


# ---------------------------------------------------------------------------------------------
# compositions


def pipeline_steps(estimator: Any) -> list[Any] | None:
    """Return the steps of a pipeline; None for another object."""
    if hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
        return [step for _, step in estimator.steps]
    return None


def is_passthrough(step: Any) -> bool:
    """Tell whether a step leaves its columns as they are."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def chain_of(transformers: Sequence[Any]) -> Step | None:
    """Return the step of transformers in turn; None where they leave all columns as they are."""
    sparse, steps = False, []
    for transformer in transformers:
        steps.append(step_of(transformer))
        if sparse and any(isinstance(one, QuantileMapping) for one in steps_in(steps[-1])):
            came = "QuantileTransformer after a step of sparse columns, whose zeros it leaves"
            advice = "Use OneHotEncoder(sparse_output=False), or quantiles before it"
            raise OptionError(WHERE, came, "a dense input", advice)
        sparse = _is_sparse_out(transformer, sparse)
    changing = [step for step in steps if not isinstance(step, Unchanged)]
    if not changing:
        return None
    return changing[0] if len(changing) == 1 else Chain(tuple(changing))


def _is_sparse_out(transformer: Any, sparse: bool) -> bool:
    """Tell whether a transformer makes a sparse matrix, from a sparse one or of itself."""
    own = getattr(transformer, "sparse_output_", None)  # of ColumnTransformer
    if own is not None:
        return bool(own)
    inner = pipeline_steps(transformer)
    if inner is not None:
        for one in inner:
            sparse = _is_sparse_out(one, sparse)
        return sparse
    return bool(getattr(transformer, "sparse_output", sparse))


def _of_pipeline(pipeline: Any) -> Step:
    steps = [step for step in pipeline_steps(pipeline) or [] if not is_passthrough(step)]
    return chain_of(steps) or Unchanged(int(getattr(pipeline, "n_features_in_", 0)))


def _side_by_side(transformer: Any) -> Step:
    weights = transformer.transformer_weights or {}
    parts: list[tuple[NDArray[np.int64], Step]] = []
    for name, each, columns in transformer.transformers_:
        chosen = _indices(columns, transformer)
        if not len(chosen) or (isinstance(each, str) and each == "drop"):
            continue
        step = Unchanged(len(chosen)) if is_passthrough(each) else step_of(each)
        if name in weights:
            factor = np.full(step.n_out, float(weights[name]))
            step = Chain((step, RangeScaling(factor, np.zeros(step.n_out))))
        parts.append((chosen, step))
    return SideBySide(int(transformer.n_features_in_), tuple(parts))


def _indices(columns: Any, transformer: Any) -> NDArray[np.int64]:
    """Return the indices of the columns that a part of a ColumnTransformer takes."""
    every = np.arange(transformer.n_features_in_)
    names = [str(name) for name in getattr(transformer, "feature_names_in_", ())]
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str):
            start = names.index(start)
        if isinstance(stop, str):
            stop = names.index(stop) + 1  # by name, both ends count
        return every[start : stop : columns.step]
    one = isinstance(columns, str) or np.ndim(columns) == 0
    each = [columns] if one else list(columns)
    if not each:
        return every[:0]
    if all(isinstance(column, str) for column in each):
        return np.array([names.index(column) for column in each])
    chosen: NDArray[np.int64] = every[np.asarray(each)]
    return chosen


def _unchanged(transformer: Any) -> Step:
    if transformer.func is not None:
        came = f"FunctionTransformer({transformer.func!r:.60})"
        raise OptionError(WHERE, came, "no function: a file holds no code", _ADVICE)
    return Unchanged(int(getattr(transformer, "n_features_in_", 0)))


# ---------------------------------------------------------------------------------------------
# one function for each transformer


def _standardisation(scaler: Any) -> Step:
    n = int(scaler.n_features_in_)
    mean = scaler.mean_ if scaler.with_mean else np.zeros(n)
    return Standardisation(mean, scaler.scale_ if scaler.with_std else np.ones(n))


def _range_scaling(scaler: Any) -> Step:
    low, high = scaler.feature_range if scaler.clip else (-np.inf, np.inf)
    return RangeScaling(scaler.scale_, scaler.min_, float(low), float(high))


def _quantile_mapping(transformer: Any) -> Step:
    normal = transformer.output_distribution == "normal"
    return QuantileMapping(transformer.quantiles_, transformer.references_, normal)


def _imputation(imputer: Any) -> Step:
    statistics = [_plain(value) for value in np.asarray(imputer.statistics_).tolist()]
    n, keep = len(statistics), imputer.keep_empty_features
    kept = [j for j, value in enumerate(statistics) if keep or not is_nan(value)]
    indicators = imputer.indicator_.features_ if imputer.add_indicator else []
    return Imputation(
        n,
        _missing_sign(imputer.missing_values),
        np.array(kept, dtype=np.int64),
        tuple(statistics[j] for j in kept),
        np.asarray(indicators, dtype=np.int64),
    )


def _missing_sign(sign: Any) -> Any:
    """Return the sign of a missing value; pandas.NA, which comes as NaN, becomes NaN."""
    return np.nan if type(sign).__name__ == "NAType" else _plain(sign)


def _one_hot_encoding(encoder: Any) -> Step:
    n = len(encoder.categories_)
    rare = getattr(encoder, "infrequent_categories_", None) or [None] * n
    dropped = [None] * n if encoder.drop_idx_ is None else encoder.drop_idx_
    places, unknown, widths = [], [], []
    for categories, grouped, drop in zip(encoder.categories_, rare, dropped, strict=True):
        place, width, group = _places(categories, grouped, drop)
        places.append(place)
        widths.append(width)
        elsewhere = group if encoder.handle_unknown in ("infrequent_if_exist", "warn") else NOWHERE
        unknown.append(REFUSED if encoder.handle_unknown == "error" else elsewhere)
    known = tuple(_categories(one) for one in encoder.categories_)
    return OneHotEncoding(known, tuple(places), tuple(unknown), tuple(widths))


def _places(
    categories: HostArray, grouped: HostArray | None, drop: int | None
) -> tuple[NDArray[np.int64], int, int]:
    """Return the place of each category, the number of columns, and the place of the rare ones.

    Frequent categories have a column each, in order; the rare ones share the last. The dropped one
    has none: the columns after it move up.
    """
    values = categories.tolist()
    # by identity of NaN too: rare categories are taken from the categories
    infrequent = set() if grouped is None else {_key(value) for value in grouped.tolist()}
    is_rare = np.array([_key(value) in infrequent for value in values], dtype=bool)
    frequent = int((~is_rare).sum())
    place = np.where(is_rare, frequent, np.cumsum(~is_rare) - 1)
    width, group = frequent + bool(is_rare.any()), frequent if is_rare.any() else NOWHERE
    if drop is None:
        return place, width, group
    gone = int(place[int(drop)])

    def moved(x: Any) -> Any:
        return np.where(x == gone, NOWHERE, np.where(x > gone, x - 1, x))

    return moved(place), width - 1, int(moved(group))


def _key(value: Any) -> Any:
    return "NaN", None if is_nan(value) else value


def _categories(categories: HostArray) -> Any:
    """Return categories as numbers, or as a tuple of texts, numbers and None."""
    if categories.dtype.kind in "biuf":
        return categories
    return tuple(_plain(value) for value in categories.tolist())


def _plain(value: Any) -> Any:
    """Return a text or number of NumPy as Python's.

    Raises
    ------
    TypeError
        The value is of another type.
    """
    found = value.item() if isinstance(value, np.generic) else value
    if not isinstance(found, str | bool | int | float | None):
        raise TypeError(f"the value {found!r:.60} of type {type(found).__name__}")
    return found
