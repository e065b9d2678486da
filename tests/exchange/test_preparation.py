"""Pipelines: preprocessing in ONNX and in NumPy source is that of scikit-learn."""

import numpy as np
import pytest
from exchange_cases import module_at, onnx_results
from needs import needs

import backprop_xp as bp
from backprop_xp.estimators import (
    DampedOneHotEncoder,
    NoisyQuantileTransformer,
    PiecewiseLinearEncoder,
    RobustClipScaler,
)

needs("sklearn")
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*training has not converged")
rng = np.random.default_rng(0)
M = 120
X = np.column_stack(
    [
        rng.standard_normal(M) * 3 + 100,
        rng.exponential(2.0, M),
        rng.integers(0, 4, M).astype(float),
        np.round(rng.standard_normal(M), 1),
    ]
)
Y = (X[:, 0] > 100) * 1 + (X[:, 2] > 2) * 1
HOLES = np.where(rng.random(X.shape) < 0.2, np.nan, X)
TEXTS = np.empty((M, 4), dtype=object)
TEXTS[:, :2] = X[:, :2]
TEXTS[:, 2] = rng.choice(["red", "green", "blau é"], M)
TEXTS[:, 3] = rng.choice(["x", "y", ""], M)
NEW = X[::-1] * 1.3 - 5  # beyond the range of training

MLP = bp.MLPClassifier([4], solver="lbfgs", max_iter=50, tol=0.1, random_state=0)


def numeric(places):
    return make_pipeline(SimpleImputer(), StandardScaler()), places


NUMBERS = {
    "standard": [StandardScaler()],
    "no mean": [StandardScaler(with_mean=False)],
    "no spread": [StandardScaler(with_std=False)],
    "range": [MinMaxScaler((-1, 2))],
    "clipped": [MinMaxScaler(clip=True)],
    "quantiles": [QuantileTransformer(n_quantiles=20)],
    "normal quantiles": [QuantileTransformer(n_quantiles=50, output_distribution="normal")],
    "three": [StandardScaler(), QuantileTransformer(n_quantiles=7), MinMaxScaler()],
    "passthrough": ["passthrough", StandardScaler()],
    "within": [make_pipeline(StandardScaler(), MinMaxScaler())],
    "columns": [
        ColumnTransformer(
            [("a", StandardScaler(), [3, 0]), ("b", MinMaxScaler(), slice(1, 2))],
            remainder="passthrough",
        )
    ],
    "two quantiles": [
        ColumnTransformer(
            [
                ("a", QuantileTransformer(n_quantiles=9), [0, 1]),
                ("b", QuantileTransformer(n_quantiles=5, output_distribution="normal"), [1, 3]),
            ],
            transformer_weights={"a": 0.5},
        )
    ],
    "piecewise linear": [PiecewiseLinearEncoder(5)],
    "robust clip": [RobustClipScaler()],
    "noisy quantiles": [NoisyQuantileTransformer(15, random_state=0), StandardScaler()],
    "own side by side": [
        ColumnTransformer(
            [
                ("a", make_pipeline(RobustClipScaler(), PiecewiseLinearEncoder(3)), [0, 1]),
                ("b", NoisyQuantileTransformer(random_state=0), [2, 3]),
            ]
        )
    ],
    "mask": [ColumnTransformer([("a", StandardScaler(), np.array([True, False, True, False]))])],
    "drop": [ColumnTransformer([("a", "drop", [0]), ("b", "passthrough", [1, 2])])],
}
MISSING = {
    "mean": [SimpleImputer()],
    "frequent": [SimpleImputer(strategy="most_frequent"), StandardScaler()],
    "indicators": [SimpleImputer(add_indicator=True)],
    "constant": [SimpleImputer(strategy="constant", fill_value=-7.0)],
    "own steps": [SimpleImputer(add_indicator=True), RobustClipScaler(), PiecewiseLinearEncoder(4)],
    "own steps before": [PiecewiseLinearEncoder(4), SimpleImputer(add_indicator=True)],
}
CATEGORIES = {
    "one-hot": OneHotEncoder(),
    "ignored": OneHotEncoder(handle_unknown="ignore"),
    "first dropped": OneHotEncoder(drop="first"),
    "two dropped": OneHotEncoder(drop="if_binary", sparse_output=False),
    "rare": OneHotEncoder(min_frequency=35, handle_unknown="infrequent_if_exist"),
}


def check(pipeline, given, tmp_path):
    """Compare labels and probabilities of a fitted pipeline with both kinds of files."""
    p, labels = pipeline.predict_proba(given), pipeline.predict(given)
    bp.exchange.to_numpy_source(tmp_path / "model.py", pipeline)
    module = module_at(tmp_path / "model.py")
    np.testing.assert_allclose(module.predict_proba(given), p, atol=1e-12)
    np.testing.assert_array_equal(module.predict(given), labels)
    needs("onnx")
    made = bp.exchange.to_onnx(pipeline, dtype="float64")
    names = [one.name for one in made.graph.input]
    columns = given.to_numpy(dtype=object) if hasattr(given, "to_numpy") else given
    cut = {name: columns[:, [place]] for place, name in enumerate(names)}
    results = onnx_results(made, columns if names == ["X"] else cut)
    np.testing.assert_allclose(results["probabilities"], p, atol=1e-12)
    np.testing.assert_array_equal(results["label"], labels)


def fit(steps, given):
    return make_pipeline(*steps, MLP).fit(given, Y)


@pytest.mark.parametrize("name", NUMBERS)
def test_steps_of_numbers(name, tmp_path):
    check(fit(NUMBERS[name], X), NEW, tmp_path)


@pytest.mark.parametrize("name", NUMBERS)
def test_they_compute_in_float64_in_a_file_of_float32(name):
    pipeline = fit(NUMBERS[name], X)
    needs("onnx")
    results = onnx_results(bp.exchange.to_onnx(pipeline, dtype="float32"), NEW)
    expected = pipeline.predict_proba(NEW.astype("float32").astype("float64"))
    np.testing.assert_allclose(results["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("name", MISSING)
def test_missing_numbers(name, tmp_path):
    check(fit(MISSING[name], HOLES), HOLES, tmp_path)


def test_a_number_that_says_missing(tmp_path):
    holes = np.where(np.isnan(HOLES), -1.0, HOLES)
    check(fit([SimpleImputer(missing_values=-1.0)], holes), holes, tmp_path)


@pytest.mark.filterwarnings("ignore:Skipping features")
def test_a_column_without_a_value_is_left_out(tmp_path):
    holes = HOLES.copy()
    holes[:, 1] = np.nan
    check(fit([SimpleImputer(), StandardScaler()], holes), holes, tmp_path)


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_of_numbers(name, tmp_path):
    check(fit([CATEGORIES[name]], X[:, 2:3]), X[::-1, 2:3], tmp_path)


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_of_texts_beside_numbers(name, tmp_path):
    steps = ColumnTransformer([("t", CATEGORIES[name], [2, 3]), ("n", StandardScaler(), [0, 1])])
    check(fit([steps], TEXTS), TEXTS[::-1], tmp_path)


@pytest.mark.parametrize("name", ["ignored", "rare"])
def test_unknown_categories(name, tmp_path):
    steps = ColumnTransformer([("t", CATEGORIES[name], [2]), ("n", CATEGORIES[name], [3])])
    other = TEXTS.copy()
    other[::3, 2] = "violet"
    check(fit([steps], TEXTS), other, tmp_path)
    check(fit([CATEGORIES[name]], X[:, 2:3]), X[:, 2:3] + 0.5, tmp_path)


@pytest.mark.parametrize("step", [DampedOneHotEncoder(), DampedOneHotEncoder(1, max_categories=2)])
def test_damped_categories_of_texts_beside_numbers(step, tmp_path):
    numbers = make_pipeline(RobustClipScaler(), PiecewiseLinearEncoder(6)), [0, 1]
    steps = [ColumnTransformer([("n", *numbers), ("t", step, [2, 3])])]
    pipeline = fit(steps, TEXTS)
    given = TEXTS[::-1].copy()
    given[:2, 2] = "purple"
    check(pipeline, given, tmp_path)


@pytest.mark.parametrize("drop", [None, "first"])
def test_a_missing_number_may_be_a_category(drop, tmp_path):
    given = np.where(rng.random((M, 1)) < 0.3, np.nan, X[:, 2:3])
    check(fit([OneHotEncoder(drop=drop)], given), given, tmp_path)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_text_may_be_a_category_of_the_module_and_not_of_onnx(missing, tmp_path):
    given = np.where(rng.random((M, 1)) < 0.3, missing, TEXTS[:, 2:3])
    pipeline = fit([OneHotEncoder()], given)
    bp.exchange.to_numpy_source(tmp_path / "model.py", pipeline)
    got = module_at(tmp_path / "model.py").predict_proba(given)
    np.testing.assert_allclose(got, pipeline.predict_proba(given), atol=1e-12)
    needs("onnx")
    with pytest.raises(bp.OptionError, match="OneHotEncoder with a missing text"):
        bp.exchange.to_onnx(pipeline)


@pytest.mark.parametrize("texts", [False, True])
def test_an_unknown_category_that_is_refused_is_refused_by_the_files(texts, tmp_path):
    given = TEXTS[:, 2:3] if texts else X[:, 2:3]
    other = np.array([["violet"]], dtype=object) if texts else np.array([[9.0]])
    pipeline = fit([OneHotEncoder()], given)
    bp.exchange.to_numpy_source(tmp_path / "model.py", pipeline)
    with pytest.raises(ValueError, match="unknown category"):
        module_at(tmp_path / "model.py").predict(other)
    needs("onnx")
    made = bp.exchange.to_onnx(pipeline)
    with pytest.raises(Exception, match="unknown_category"):
        onnx_results(made, {made.graph.input[0].name: other})


@pytest.mark.parametrize("fill", ["most_frequent", "constant"])
def test_missing_texts(fill, tmp_path):
    value = "none" if fill == "constant" else None
    imputer = SimpleImputer(missing_values="", strategy=fill, fill_value=value)
    texts = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore"))
    steps = ColumnTransformer([("t", texts, [2, 3]), ("n", "passthrough", [0, 1])])
    check(fit([steps], TEXTS), TEXTS[::-1], tmp_path)


@pytest.mark.parametrize("filled", [False, True])
def test_texts_behind_columns_in_another_order(filled, tmp_path):
    pass_on = ("texts", "passthrough", [3, 2])
    imputer = SimpleImputer(missing_values="", strategy="most_frequent")
    steps = [ColumnTransformer([pass_on]), *([imputer] if filled else []), OneHotEncoder()]
    check(fit(steps, TEXTS), TEXTS[::-1], tmp_path)


def test_texts_that_are_none_are_filled_by_the_module_and_refused_by_onnx(tmp_path):
    holes = np.where(rng.random((M, 1)) < 0.3, None, TEXTS[:, 2:3])
    imputer = SimpleImputer(missing_values=None, strategy="most_frequent")
    pipeline = fit([imputer, OneHotEncoder()], holes)
    bp.exchange.to_numpy_source(tmp_path / "model.py", pipeline)
    got = module_at(tmp_path / "model.py").predict_proba(holes)
    np.testing.assert_allclose(got, pipeline.predict_proba(holes), atol=1e-12)
    needs("onnx")
    with pytest.raises(bp.OptionError, match="SimpleImputer"):
        bp.exchange.to_onnx(pipeline)


def test_a_frame_gives_its_names_to_the_inputs(tmp_path):
    pandas = needs("pandas")
    frame = pandas.DataFrame({"size": X[:, 0], "age": X[:, 1], "colour": TEXTS[:, 2]})
    steps = ColumnTransformer(
        [("t", OneHotEncoder(), ["colour"]), ("n", *numeric(slice("size", "age")))]
    )
    pipeline = fit([steps], frame)
    check(pipeline, frame, tmp_path)
    needs("onnx")
    made = bp.exchange.to_onnx(pipeline)
    assert [one.name for one in made.graph.input] == ["size", "age", "colour"]
    assert [one.type.tensor_type.elem_type for one in made.graph.input] == [11, 11, 8]


def test_columns_may_have_any_names(tmp_path):
    pandas = needs("pandas")
    names = ["mean", "W1", "z 2", "label"]
    frame = pandas.DataFrame(dict(zip(names, TEXTS.T, strict=True)))
    frame[names[:2]] = frame[names[:2]].astype(float)
    steps = [("n", StandardScaler(), names[:2]), ("t", OneHotEncoder(), names[2:])]
    pipeline = fit([ColumnTransformer(steps)], frame)
    bp.exchange.to_numpy_source(tmp_path / "model.py", pipeline)
    got = module_at(tmp_path / "model.py").predict_proba(frame)
    np.testing.assert_allclose(got, pipeline.predict_proba(frame), atol=1e-12)
    needs("onnx")
    with pytest.raises(bp.OptionError, match="column 'label'"):
        bp.exchange.to_onnx(pipeline)
    renamed = frame.rename(columns={"label": "kind"})
    steps[1] = ("t", OneHotEncoder(), ["z 2", "kind"])
    check(fit([ColumnTransformer(steps)], renamed), renamed, tmp_path)


@pytest.mark.parametrize("export", ["to_onnx", "to_numpy_source"])
def test_a_saved_pipeline_is_exported_with_its_preprocessing(export, tmp_path):
    pipeline = fit([StandardScaler()], X)
    bp.save(tmp_path / "model.safetensors", pipeline)
    loaded = bp.load(tmp_path / "model.safetensors")
    if export == "to_onnx":
        needs("onnx")
        got = onnx_results(bp.exchange.to_onnx(loaded), NEW)["probabilities"]
    else:
        bp.exchange.to_numpy_source(tmp_path / "model.py", loaded)
        got = module_at(tmp_path / "model.py").predict_proba(NEW)
    np.testing.assert_allclose(got, pipeline.predict_proba(NEW), atol=1e-12)


@pytest.mark.parametrize("export", ["to_onnx", "to_numpy_source"])
def test_other_steps_are_refused_by_name(export, tmp_path):
    if export == "to_onnx":
        needs("onnx")
    pipeline = Pipeline([("more", PolynomialFeatures()), ("mlp", MLP)]).fit(X, Y)
    first = [tmp_path / "model.py"] if export == "to_numpy_source" else []
    with pytest.raises(bp.OptionError, match=rf"{export}\(model\).*PolynomialFeatures"):
        getattr(bp.exchange, export)(*first, pipeline)
    assert not list(tmp_path.iterdir())
