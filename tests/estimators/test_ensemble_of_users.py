"""What users pass to the ensembles for tables: taken as meant, or refused with the place."""

import warnings

import numpy as np
import pytest
from needs import needs, some_of

sklearn = pytest.importorskip("sklearn", minversion="1.9")

from sklearn.compose import ColumnTransformer, make_column_transformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402

import backprop_xp as bp  # noqa: E402

M = 60
BOTH = ["MLPEnsembleClassifier", "MLPEnsembleRegressor"]


def of(name, **options):
    chosen = {"networks": 2, "epochs": 3, "folds": 2, "hidden_layer_sizes": (8,)}
    return getattr(bp, name)(**{**chosen, "random_state": 0, **options})


def columns():
    rng = np.random.default_rng(0)
    return {
        "area": rng.uniform(20, 200, M),
        "town": rng.choice(["a", "b", "c"], M),
        "code": rng.integers(0, 4, M),
    }


def rows():
    made = np.empty((M, 3), dtype=object)
    for j, column in enumerate(columns().values()):
        made[:, j] = column.tolist()
    return made


def y_for(name):
    area = columns()["area"]
    return np.where(area > 100, "high", "low") if name == BOTH[0] else area


@pytest.mark.parametrize("of_what", ["Categorical", "Enum"])
def test_categories_of_polars_are_categories_in_x_and_y(of_what):
    pl = needs("polars")
    kind = pl.Categorical if of_what == "Categorical" else pl.Enum(["a", "b", "c"])
    frame = pl.DataFrame(columns(), schema_overrides={"town": kind})
    model = of(BOTH[0]).fit(frame, frame["town"])
    assert model.kinds_ == ("number", "category", "number")
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert set(model.predict(frame)) <= {"a", "b", "c"}


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("kind", ["array", "rows"])
def test_na_of_pandas_is_a_gap_wherever_it_comes(column, kind):
    pd = needs("pandas")
    with_none, with_na = rows(), rows()
    with_none[::7, column] = None
    with_na[::7, column] = pd.NA
    if kind == "rows":
        with_none, with_na = with_none.tolist(), with_na.tolist()
    y = y_for(BOTH[1])
    expected, found = of(BOTH[1]).fit(with_none, y), of(BOTH[1]).fit(with_na, y)
    assert found.kinds_ == expected.kinds_ == ("number", "category", "number")
    np.testing.assert_array_equal(found.predict(with_na), expected.predict(with_none))


DTYPES = {
    "bool": lambda x: x > 1,
    "int64": lambda x: x,
    "float32": lambda x: x + 0.5,
    "Int64": lambda x: x,
    "Float64": lambda x: x + 0.5,
    "boolean": lambda x: x > 1,
    "Sparse[float]": lambda x: x,
    "object": lambda x: x.astype(str),
    "str": lambda x: x.astype(str),
    "string": lambda x: x.astype(str),
    "category": lambda x: x.astype(str),
    "category of numbers": lambda x: x,
    "intervals": lambda x: x,
}
NUMBERS = list(DTYPES)[:7]


def series_of(kind, seed):
    pd = needs("pandas")
    x = DTYPES[kind](pd.Series(np.random.default_rng(seed).integers(0, 4, M)))
    if kind == "intervals":
        return pd.cut(x, [-1, 0, 2, 5])
    dtype = kind.partition(" ")[0]
    x = x.astype(None if dtype == "Sparse[float]" else dtype) if dtype[0] != "S" else x
    if dtype[0] == "S":
        return x.astype(float).astype(pd.SparseDtype(float, 0.0))
    if kind in ("Int64", "Float64", "boolean", "object", "str", "string"):
        x = x.copy()
        x[5] = pd.NA if kind[0].isupper() or kind in ("boolean", "string") else None
    return x


@pytest.mark.parametrize("other", some_of(DTYPES, 3))
@pytest.mark.parametrize("kind", ["bool", "Int64", "category", "str"])
def test_columns_of_any_two_dtypes_of_pandas_come_together(kind, other):
    frame = needs("pandas").DataFrame({"p": series_of(kind, 1), "q": series_of(other, 2)})
    model = of(BOTH[0], networks=1, epochs=1).fit(frame, y_for(BOTH[0]))
    expected = tuple("number" if one in NUMBERS else "category" for one in (kind, other))
    assert model.kinds_ == expected
    p = model.predict_proba(frame)
    again = frame.astype({name: object for name in frame.columns if name == "q"})
    np.testing.assert_array_equal(model.predict_proba(again), p)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1], r"\[1\] at row 3, column 'p'"),
        (b"a", "b'a' at row 3, column 'p'"),
        ((1, 2), r"\(1, 2\) at row 3, column 'p'"),
        (np.datetime64("2024-01-01").item(), "a date in column p"),
    ],
)
def test_a_cell_that_is_no_number_and_no_text_is_refused_by_its_place(value, said):
    column = np.array(["a", "b"] * (M // 2), dtype=object)
    column[3] = value
    frame = needs("pandas").DataFrame({"n": columns()["area"], "p": column})
    y = y_for(BOTH[0])
    for small in (0, 3000):
        with pytest.raises(bp.DTypeError, match=rf"fit\(X\): got {said}"):
            of(BOTH[0], small_table=small).fit(frame, y)
    if not said.startswith("a date"):
        with pytest.raises(bp.DTypeError, match=rf"fit\(X\): got {said}"):
            bp.estimators.DampedOneHotEncoder().fit(frame[["p"]])
        encoder = bp.estimators.DampedOneHotEncoder().fit(frame[["p"]].iloc[4:])
        with pytest.raises(bp.DTypeError, match=rf"transform\(X\): got {said}"):
            encoder.transform(frame[["p"]])


def test_bytes_are_not_called_dates():
    X = np.array([[b"a"], [b"b"]] * (M // 2))
    with pytest.raises(bp.DTypeError, match=r"dtype \|S1 in column 0; .* texts") as caught:
        of(BOTH[0]).fit(X, y_for(BOTH[0]))
    assert "dates" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "label", "probabilities"])
def test_a_column_whose_name_a_graph_cannot_have_is_named(name):
    frame = needs("pandas").DataFrame({"n": columns()["area"], name: columns()["town"]})
    model = of(BOTH[0]).fit(frame, y_for(BOTH[0]))
    with pytest.raises(bp.OptionError, match=f"the column '{name}'.* Rename") as caught:
        bp.exchange.to_onnx(model)
    assert "to_numpy_source" not in str(caught.value)  # which takes no ensemble


def test_texts_that_are_numbers_in_an_array_of_texts_are_said():
    X = np.array([[f"{area:.2f}", town] for area, town, _ in rows()])
    with pytest.warns(UserWarning, match=r"texts of column 0 are numbers, such as '?\d"):
        assert of(BOTH[1]).fit(X, y_for(BOTH[1])).kinds_ == ("category", "category")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of(BOTH[1], categorical_features=[0]).fit(X, y_for(BOTH[1]))
        of(BOTH[1]).fit(X.astype(object), y_for(BOTH[1]))


@pytest.mark.parametrize(
    "chosen",
    [["town", 2], [1, "code"], (np.str_("code"),), np.array([2]), 2, "code", [False] * 2 + [True]],
)
def test_columns_of_categories_are_named_or_counted(chosen):
    frame = needs("pandas").DataFrame(columns())
    kinds = of(BOTH[1], categorical_features=chosen).fit(frame, y_for(BOTH[1])).kinds_
    assert kinds == ("number", "category", "category")


def test_one_embedding_size_is_one_architecture():
    ranges = {"learning_rate": (1e-3, 2e-3), "dropout": (0, 0)}
    X, y = rows(), y_for(BOTH[1])
    one = of(BOTH[1], embedding_sizes=4, **ranges).fit(X, y)
    listed = of(BOTH[1], embedding_sizes=[4], **ranges).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), listed.predict(X))
    assert {each["embedding_size"] for each in one.candidates_} == {4}


@pytest.mark.parametrize("sizes", [4, [8, 4, 2]])
def test_ranges_that_are_not_as_many_as_architectures_name_both(sizes):
    with pytest.raises(bp.BackpropError, match=r"2 ranges for [13] of embedding_sizes") as caught:
        of(BOTH[0], embedding_sizes=sizes).fit(rows(), y_for(BOTH[0]))
    assert "learning_rate=(0.0008, 0.004)" in str(caught.value)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_an_infinity_is_refused_wherever_it_comes(name, kind, tmp_path):
    def changed(column, value):
        made = rows()
        made[3, column] = value
        return needs("pandas").DataFrame(made, columns=[*"pqr"]) if kind == "frame" else made

    place = "'p'" if kind == "frame" else "0"
    X, y = changed(0, 1.0), y_for(name)
    if kind == "frame":
        X = X.infer_objects()
    model = of(name).fit(X, y)
    bp.save(tmp_path / "m.safetensors", model)
    wrong = changed(0, -np.inf)
    calls = {
        "predict": lambda: model.predict(wrong),
        "load": lambda: bp.load(tmp_path / "m.safetensors").predict(wrong),
        "fit": lambda: of(name).fit(wrong, y),
        "held out": lambda: of(name, small_table=0).fit(wrong, y),
        "eval_set": lambda: of(name).fit(X, y, eval_set=(wrong, y)),
    }
    for call in calls.values():
        with pytest.raises(bp.DataError, match=rf"-inf \(infinity\) at row 3, column {place}"):
            call()


def test_a_classifier_is_named_where_a_regressor_gets_texts():
    for y in (y_for(BOTH[0]), y_for(BOTH[0]).astype(object), y_for(BOTH[0]).tolist()):
        with pytest.raises(bp.DataError, match=r"in row 0 .* Use MLPEnsembleClassifier"):
            of(BOTH[1]).fit(rows(), y)
    written = [f"{number}" for number in y_for(BOTH[1])]
    assert of(BOTH[1]).fit(rows(), written).score(rows(), y_for(BOTH[1])) <= 1


def test_labels_beside_each_other_are_refused_with_the_estimators_that_take_them():
    labels = np.zeros((M, 2), dtype=int)
    labels[::3, 0] = 1
    for y in (labels, needs("pandas").DataFrame(labels), labels.tolist()):
        with pytest.raises(bp.DataError, match=rf"shape \({M}, 2\).*MultiOutputClassifier"):
            of(BOTH[0]).fit(rows(), y)


@pytest.mark.parametrize("name", BOTH)
def test_what_becomes_an_array_is_taken_as_one(name):
    class Becomes:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return np.array(self.values, dtype=dtype)

        def __array_function__(self, func, types, args, kwargs):
            raise TypeError(f"{func.__name__} of an object that is no array")

    X, y = rows()[:, [0, 2]].astype(float), y_for(name)
    expected = of(name).fit(X, y, np.ones(M))
    found = of(name).fit(Becomes(X), Becomes(y), Becomes(np.ones(M)))
    np.testing.assert_array_equal(found.predict(Becomes(X)), expected.predict(X))


@pytest.mark.parametrize("dtype", [float, "Float64"])
def test_a_missing_class_is_refused_without_a_warning(dtype):
    y = np.where(columns()["area"] > 100, 1.0, 0.0)
    y[4] = np.nan
    if dtype == "Float64":
        y = needs("pandas").Series(y).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="NaN"):
            of(BOTH[0]).fit(rows(), y)


@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1e40), ("float64", 1e200)])
def test_targets_beyond_the_dtype_are_refused(dtype, scale):
    with pytest.raises(bp.DataError, match=rf"for {dtype}. Scale y"):
        of(BOTH[1], dtype=dtype).fit(rows(), y_for(BOTH[1]) * scale)
    assert np.isfinite(
        of(BOTH[1], dtype=dtype).fit(rows(), y_for(BOTH[1]) * 1e30).predict(rows())
    ).all()


@pytest.mark.parametrize(
    ("y_val", "message"),
    [
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda _: None, r"fit\(eval_set\): got None"),
        (lambda y: np.c_[y, y], r"2 targets for each row; expected 1|1d array"),
    ],
)
@pytest.mark.parametrize("name", BOTH)
def test_targets_of_an_eval_set_are_as_in_training(name, y_val, message):
    y = y_for(name)
    with pytest.raises(ValueError, match=message):
        of(name).fit(rows(), y, eval_set=(rows(), y_val(y)))


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("small", [0, 3000])
def test_a_group_that_is_missing_is_refused_with_its_row(missing, small):
    groups = np.repeat(np.arange(10), 6).astype(object)
    groups[7] = missing
    for given in (groups, groups.tolist(), *([groups.astype(float)] if missing else [])):
        with pytest.raises(bp.DataError, match=r"fit\(groups\): got a missing value, .* row 7"):
            of(BOTH[1], small_table=small).fit(rows(), y_for(BOTH[1]), groups=given)


def test_groups_beside_an_eval_set_are_refused():
    X, y = rows(), y_for(BOTH[1])
    with pytest.raises(bp.DataError, match=r"fit\(groups\): got groups beside eval_set"):
        of(BOTH[1]).fit(X, y, eval_set=(X, y), groups=np.arange(M) // 6)


@pytest.mark.parametrize("name", BOTH)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(name):
    X, y = rows(), y_for(name)
    model = of(name).fit(X, y)
    before, predicted = vars(model).copy(), model.predict(X)
    late = X[:, :1].astype(float)
    for bad in (
        lambda: model.fit(late, y, groups=np.zeros(3)),
        lambda: model.fit(late, y, eval_set=(late, None)),
        lambda: model.set_params(learning_rate=(1e30, 1e30)).fit(late, y),
    ):
        with pytest.raises(ValueError, match="fit"):
            bad()
        before["learning_rate"] = model.learning_rate
        assert vars(model) == before
        np.testing.assert_array_equal(model.predict(X), predicted)


@pytest.mark.parametrize("constant", [1e-6, -7.0, 1e12])
def test_a_target_of_one_value_is_predicted_to_rounding(constant, tmp_path):
    X, y = rows(), np.full(M, constant)
    model = of(BOTH[1]).fit(X, y)
    bp.save(tmp_path / "m.safetensors", model)
    for predicted in (model.predict(X), bp.load(tmp_path / "m.safetensors").predict(X)):
        np.testing.assert_allclose(predicted, y, rtol=1e-6)
    assert model.predict_std(X).max() <= 1e-6 * abs(constant)
    assert model.validation_loss_ <= (1e-6 * constant) ** 2
    both = of(BOTH[1]).fit(X, np.c_[y, y_for(BOTH[1])]).predict(X)
    np.testing.assert_allclose(both[:, 0], y, rtol=1e-6)
    assert np.ptp(both[:, 1]) > 0
    held = of(BOTH[1]).fit(X, y, eval_set=(X, y + 3)).validation_loss_
    assert held == pytest.approx(9, rel=1e-3)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("held", ["eval_set", "folds"])
def test_the_loss_of_a_regressor_is_that_of_its_predictions(several, held):
    X, y = rows(), y_for(BOTH[1])
    y = np.c_[y, 1000 * y**2, np.ones(M)] if several else y
    model = of(BOTH[1])
    if held == "eval_set":
        model.set_params(networks=1).fit(X[20:], y[20:], eval_set=(X[:20], y[:20]))
        assert model.candidates_[0]["score"] == pytest.approx(model.validation_loss_)
        expected = np.mean((model.predict(X[:20]) - y[:20]) ** 2)
        assert model.validation_loss_ == pytest.approx(expected, rel=1e-5)
    else:
        scaled = model.fit(X, y).validation_loss_
        again = of(BOTH[1]).fit(X, y * 1024).validation_loss_
        assert again == pytest.approx(scaled * 1024**2)


def pipelines():
    imputed = ("numbers", SimpleImputer(add_indicator=True), ["area"])
    known = OneHotEncoder(handle_unknown="ignore")
    return {
        "passthrough": ("passthrough",),
        "selected": (make_column_transformer(("passthrough", ["town", "area"])),),
        "texts": (ColumnTransformer([imputed, ("texts", "passthrough", ["town"])]),),
        "one-hot": (ColumnTransformer([imputed, ("texts", known, ["town"])]), "passthrough"),
    }


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("steps", list(pipelines()))
def test_a_pipeline_that_ends_in_an_ensemble_is_one_file_and_one_graph(name, steps, tmp_path):
    frame = needs("pandas").DataFrame(columns())
    frame.loc[::9, "area"] = np.nan
    pipeline = make_pipeline(*pipelines()[steps], of(name)).fit(frame, y_for(name))
    expected = pipeline.predict(frame)

    bp.save(tmp_path / "m.safetensors", pipeline)
    model = bp.load(tmp_path / "m.safetensors")
    other_order = frame[frame.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(model.predict(other_order), expected)
    assert model.feature_names == ("area", "town", "code")

    session = needs("onnxruntime").InferenceSession(
        bp.exchange.to_onnx(pipeline).SerializeToString()
    )
    texts = {"tensor(string)": object, "tensor(double)": np.float64, "tensor(float)": np.float32}
    feed = {x.name: frame[[x.name]].to_numpy(texts[x.type]) for x in session.get_inputs()}
    found = session.run(None, feed)[0].reshape(-1)
    if name == BOTH[0]:
        assert found.tolist() == expected.tolist()
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_an_ensemble_that_another_format_cannot_hold_is_not_called_unfitted(in_pipeline, tmp_path):
    model = of(BOTH[1]).fit(rows()[:, :1].astype(float), y_for(BOTH[1]))
    model = make_pipeline("passthrough", model) if in_pipeline else model
    for call in (
        lambda: bp.exchange.to_numpy_source(tmp_path / "m.py", model),
        lambda: bp.exchange.to_torch(model),
        lambda: bp.exchange.to_sklearn(model),
    ):
        with pytest.raises(bp.BackpropError, match="the ensemble MLPEnsembleRegressor") as caught:
            call()
        assert "fit(X, y)" not in str(caught.value)
        assert "to_onnx" in str(caught.value)


def test_the_model_of_a_file_says_what_it_is(tmp_path):
    bp.save(tmp_path / "m.safetensors", of(BOTH[0]).fit(rows(), y_for(BOTH[0])))
    text = repr(bp.load(tmp_path / "m.safetensors"))
    assert text.startswith("EnsembleModel(3 columns, ")
    assert "2 classes ['high', 'low']" in text
    assert len(text) < 120
