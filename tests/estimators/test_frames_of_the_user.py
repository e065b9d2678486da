"""Frames, series, sparse matrices and lists, as scikit-learn takes them without dispatch."""

import datetime as dt

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X, quick
from needs import needs

sklearn = pytest.importorskip("sklearn", minversion="1.6")

import scipy.sparse  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = quick
MIXED = {"f": X[:, 0], "i": (4 * X[:, 1]).astype("int64"), "b": TWO, "s": X[:, 2].astype("float32")}
ROWS = np.stack([column.astype(float) for column in MIXED.values()], axis=1)
WHOLE = np.array([3, 5, 8])[(CLASSES == "y") + 2 * (CLASSES == "z")]


def new(kind, **chosen):
    return kind(hidden_layer_sizes=[4], max_iter=3, random_state=0, **chosen)


def _as_numbers(mlp, rows):
    return mlp.predict_proba(rows) if hasattr(mlp, "classes_") else mlp.predict(rows)


def pandas():
    return needs("pandas")


def nullable(missing=False):
    pd = pandas()
    frame = pd.DataFrame(
        {
            "f": pd.array(MIXED["f"], dtype="Float64"),
            "i": pd.array(MIXED["i"], dtype="Int64"),
            "b": pd.array(MIXED["b"], dtype="boolean"),
            "s": pd.array(MIXED["s"], dtype="Float32"),
        }
    )
    if missing:
        frame.loc[3, "i"] = pd.NA
    return frame


FRAMES = {
    "pandas": lambda: pandas().DataFrame(MIXED),
    "objects": lambda: pandas().DataFrame(MIXED).astype(object),
    "nullable": nullable,
    "polars": lambda: needs("polars").DataFrame(MIXED),
    "list": ROWS.tolist,
}
SPARSE = {
    f"{form}_{of}": getattr(scipy.sparse, f"{form}_{of}")
    for form in ("csr", "csc", "coo")
    for of in ("matrix", "array")
}


@pytest.mark.parametrize("dispatch", [False, True], ids=["", "dispatch"])
@pytest.mark.parametrize("early_stopping", [False, True], ids=["all", "held out"])
@pytest.mark.parametrize("make", [*FRAMES.values(), *SPARSE.values()], ids=[*FRAMES, *SPARSE])
def test_what_holds_rows_gives_the_weights_of_an_array(make, early_stopping, dispatch, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    rows = make() if make in FRAMES.values() else make(ROWS)
    for kind, y in ((bp.MLPClassifier, CLASSES), (bp.MLPRegressor, NUMBERS)):
        chosen = {"early_stopping": early_stopping}
        known = new(kind, **chosen).fit(ROWS, y)
        with sklearn.config_context(array_api_dispatch=dispatch):
            mlp = new(kind, **chosen).fit(rows, y)
            np.testing.assert_allclose(mlp.theta_, known.theta_, 1e-10)
            np.testing.assert_allclose(_as_numbers(mlp, rows), _as_numbers(known, ROWS), 1e-8)
            assert mlp.score(rows, y) == pytest.approx(known.score(ROWS, y))
            assert mlp.gradient_(rows, y)[0] == pytest.approx(known.gradient_(ROWS, y)[0])
    if hasattr(rows, "columns"):
        assert list(mlp.feature_names_in_) == list(MIXED)


def series(dtype):
    return lambda y: pandas().Series(y, dtype=dtype)


def polars_series(y):
    return needs("polars").Series(y.tolist())


def polars_categories(y):
    pl = needs("polars")
    return pl.Series(y.tolist(), dtype=pl.Categorical)


@pytest.mark.parametrize(
    ("make", "y"),
    [
        (series("category"), CLASSES),
        (series("category"), WHOLE),
        (series("string"), CLASSES),
        (series(object), CLASSES),
        (series("Int64"), WHOLE),
        (series("boolean"), TWO),
        (polars_series, CLASSES),
        (polars_series, WHOLE),
        (polars_categories, CLASSES),
        (list, CLASSES),
    ],
)
def test_classes_of_a_series(make, y):
    known = new(bp.MLPClassifier).fit(X, y)
    mlp = new(bp.MLPClassifier).fit(X, make(y))
    np.testing.assert_array_equal(mlp.classes_, known.classes_)
    np.testing.assert_array_equal(mlp.predict(X), known.predict(X))
    assert mlp.score(X, make(y)) == known.score(X, y)


@pytest.mark.parametrize(
    "make", [series("Float64"), series("float32"), polars_series, list], ids=range(4)
)
def test_numbers_of_a_series(make):
    known = new(bp.MLPRegressor).fit(X, NUMBERS)
    mlp = new(bp.MLPRegressor).fit(X, make(NUMBERS), sample_weight=make(np.ones(90)))
    np.testing.assert_allclose(mlp.theta_, known.theta_, 1e-5)
    frame = pandas().DataFrame({"a": NUMBERS, "b": pandas().array(-NUMBERS, dtype="Float64")})
    assert new(bp.MLPRegressor).fit(X, frame).predict(X).shape == (90, 2)


def dates(library, kind):
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(n) for n in range(90)]
    column = days if kind == "date" else [day - days[0] for day in days]
    return needs(library).DataFrame({"x": X[:90, 0], "d": column})


@pytest.mark.parametrize("kind", ["date", "duration"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dates_are_no_numbers(library, kind):
    rows, y = dates(library, kind), CLASSES[:90]
    with pytest.raises(bp.DTypeError, match=r"fit\(X\).*days since"):
        new(bp.MLPClassifier).fit(rows, y)
    known = new(bp.MLPClassifier).fit(X[:90, :2], y)
    with pytest.raises(bp.DTypeError, match=r"predict\(X\).*days since"):
        known.predict(rows)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: (nullable(missing=True), CLASSES), "Input X contains NaN"),
        (lambda: (needs("polars").DataFrame({"a": [1.0, None] * 45}), CLASSES), "X contains NaN"),
        (lambda: (X, series("Int64")([1, None, 2] * 30)), "Input y contains NaN"),
        (lambda: (X, series(object)(["a", None, "b"] * 30)), "fit.y.: got a missing value, None"),
        (lambda: (X, ["a", None, "b"] * 30), "fit.y.: got a missing value, None, at row 1 "),
        (lambda: (X, needs("polars").Series(["a", None, "b"] * 30)), "fit.y.: got a missing value"),
        (lambda: (X, series("category")(["a", None, "b"] * 30)), "contains NaN"),
    ],
)
def test_missing_values_are_refused(make, words):
    rows, y = make()
    with pytest.raises(ValueError, match=words):
        new(bp.MLPClassifier).fit(rows, y)
