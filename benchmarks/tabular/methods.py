"""The ensemble and its peers, each at one fixed setting, on data frames of mixed columns.

A method is a function of a split and a task that returns the numbers, or the probabilities of the
sorted classes, of the rows to test on. None sees these rows before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.tabular.catalogue import Split
from benchmarks.tabular.sizes import COMMON

__all__ = ["METHODS", "OWN", "Method"]

OWN = "backprop_xp ensemble"
SLOW_ROWS, SLOW_SPLITS = 20_000, 2
MOST_CATEGORIES = 254
LOG_LOSS = {"val_metric_name": "cross_entropy"}  # by which the best epoch is chosen


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes
    ----------
    predict : callable
        ``predict(split, classes, seed)`` returns the predictions.
    packages : tuple of str
        The packages to install for it.
    slow : bool
        Whether it is given at most 20,000 rows and two splits.
    own : bool
        Whether it is of this library.
    """

    predict: Callable[[Split, bool, int], Any]
    packages: tuple[str, ...]
    slow: bool = False
    own: bool = False


def _ensemble(split: Split, classes: bool, seed: int) -> Any:
    import backprop_xp as bp

    kind: Any = bp.MLPEnsembleClassifier if classes else bp.MLPEnsembleRegressor
    return _predicted(kind(random_state=seed).fit(split.X, split.y), split.X_test, classes)


def _mlp(split: Split, classes: bool, seed: int) -> Any:
    import backprop_xp as bp

    kind = bp.MLPClassifier if classes else bp.MLPRegressor
    return _in_pipeline(kind, split, classes, seed)


def _sklearn_mlp(split: Split, classes: bool, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return _in_pipeline(MLPClassifier if classes else MLPRegressor, split, classes, seed)


def _in_pipeline(kind: Any, split: Split, classes: bool, seed: int) -> Any:
    """Return the predictions of a network on standardised numbers and one-hot categories."""
    from sklearn.compose import TransformedTargetRegressor, make_column_selector
    from sklearn.compose import make_column_transformer as columns
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    chosen = make_column_selector
    inputs = columns(
        (numbers, chosen(dtype_exclude="category")), (texts, chosen(dtype_include="category"))
    )
    mlp = kind(early_stopping=True, random_state=seed)
    model = make_pipeline(inputs, mlp)
    if not classes:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    return _predicted(model.fit(split.X, split.y), split.X_test, classes)


def _hist_gradient_boosting(split: Split, classes: bool, seed: int) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=MOST_CATEGORIES
    )
    of_categories = make_column_selector(dtype_include="category")
    inputs = make_column_transformer((codes, of_categories), remainder="passthrough")
    count = len(of_categories(split.X))
    kind: Any = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    trees = kind(categorical_features=list(range(count)), random_state=seed)
    return _predicted(make_pipeline(inputs, trees).fit(split.X, split.y), split.X_test, classes)


def _xgboost(split: Split, classes: bool, seed: int) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    names, y = np.unique(split.y, return_inverse=True) if classes else (None, split.y)
    kind = XGBRegressor if names is None else XGBClassifier
    model = kind(enable_categorical=True, random_state=seed, n_jobs=1)
    return _predicted(model.fit(split.X, y), _known(split), classes)


def _realmlp(split: Split, classes: bool, seed: int) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    if not classes:
        return _by_pytabkit(RealMLP_TD_Regressor, split, seed)
    # for the log loss pytabkit's documentation advises both
    return _by_pytabkit(RealMLP_TD_Classifier, split, seed, use_ls=False, **LOG_LOSS)


def _tabm(split: Split, classes: bool, seed: int) -> Any:
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    if not classes:
        return _by_pytabkit(TabM_D_Regressor, split, seed)
    return _by_pytabkit(TabM_D_Classifier, split, seed, **LOG_LOSS)


def _by_pytabkit(kind: Any, split: Split, seed: int, **given: Any) -> Any:
    model = kind(device="cpu", random_state=seed, n_threads=1, verbosity=0, **given)
    X, X_test = _filled(split)
    model.fit(X, split.y)
    return _predicted(model, X_test, "Classifier" in kind.__name__)


def _filled(split: Split) -> tuple[Any, Any]:
    """Return the rows with the median of training for each missing number, and a column beside it.

    pytabkit's networks refuse missing numbers. The column tells where a number was missing.
    """
    X, X_test = split.X.copy(), split.X_test.copy()
    for name in split.X.select_dtypes("number"):
        middle, lacks = split.X[name].median(), split.X[name].isna().any()
        for rows in (X, X_test):
            if lacks:
                rows[f"{name} is missing"] = rows[name].isna().astype(float)
            rows[name] = rows[name].fillna(middle)
    return X, X_test


def _known(split: Split) -> Any:
    """Return the rows to test on with the categories of training; others are missing."""
    known = split.X_test.copy()
    for name in split.X.select_dtypes("category"):
        known[name] = known[name].cat.set_categories(split.X[name].cat.categories)
    return known


def _predicted(model: Any, X: Any, classes: bool) -> Any:
    return np.asarray(model.predict_proba(X) if classes else model.predict(X))


_REQUIRED = ("numpy", "array-api-compat", "safetensors", "threadpoolctl", "tqdm")
_OWN_PACKAGES = (*_REQUIRED, *COMMON)
METHODS = {
    OWN: Method(_ensemble, _OWN_PACKAGES, own=True),
    "backprop_xp MLP": Method(_mlp, _OWN_PACKAGES, own=True),
    "scikit-learn MLP": Method(_sklearn_mlp, COMMON),
    "HistGradientBoosting": Method(_hist_gradient_boosting, COMMON),
    "XGBoost": Method(_xgboost, (*COMMON, "xgboost-cpu")),
    "RealMLP-TD": Method(_realmlp, ("pytabkit", "pandas"), slow=True),
    "TabM-D": Method(_tabm, ("pytabkit", "pandas"), slow=True),
}
