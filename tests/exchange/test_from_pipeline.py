"""Saved pipelines predict as scikit-learn's own, from numbers and names alone."""

import numpy as np
import pytest
from needs import needs
from pipelines import (
    NUMBERS,
    TEXTS,
    M,
    check_same,
    columns,
    fitted,
    frame,
    quiet,
    saved,
    target,
)

import backprop_xp as bp
from backprop_xp.estimators import (
    DampedOneHotEncoder,
    NoisyQuantileTransformer,
    PiecewiseLinearEncoder,
    RobustClipScaler,
)
from backprop_xp.exchange.from_pipeline import fitted_model

pd = needs("pandas")
needs("sklearn")

from sklearn.compose import ColumnTransformer, make_column_selector  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


class TestTargets:
    @pytest.mark.parametrize(
        "kind", ["two", "three", "whole", "bools", "objects", "labels", "number", "numbers"]
    )
    @pytest.mark.parametrize("alone", [True, False])
    def test_every_kind(self, path, kind, alone):
        X = np.random.default_rng(0).normal(20, 5, (M, 3))
        pipeline = fitted(*([] if alone else [StandardScaler()]), X=X, y=target(kind))
        estimator = pipeline[-1] if alone else pipeline
        model = check_same(path, estimator, X, X[:1])
        assert (model.preprocessing is None) is alone
        assert model.feature_names == ()

    def test_a_single_class(self, path):
        X = np.random.default_rng(0).normal(20, 5, (M, 3))
        check_same(path, fitted(X=X, y=np.full(M, "only")), X)

    def test_the_file_still_unpacks(self, path):
        X = np.random.default_rng(0).normal(20, 5, (M, 3))
        pipeline = fitted(StandardScaler(), X=X, y=target("two"))
        net, theta = saved(path, pipeline)
        assert net == pipeline[-1].network_
        np.testing.assert_array_equal(theta, pipeline[-1].theta_)

    def test_numbers_have_no_probabilities(self, path):
        X = np.random.default_rng(0).normal(20, 5, (M, 3))
        model = saved(path, fitted(X=X, y=target("number")))
        with pytest.raises(bp.MissingMethodError, match=r"predict_proba: got a model without"):
            model.predict_proba(X)

    def test_classes_of_another_type_are_refused(self, path):
        X = np.random.default_rng(0).normal(20, 5, (M, 3))
        mlp = fitted(X=X, y=target("two"))[-1]
        mlp.classes_ = np.array([(1, 2), None], dtype=object)
        with pytest.raises(bp.OptionError, match="expected texts, numbers and booleans"):
            bp.save(path, mlp)
        assert not path.exists()


class TestNumericSteps:
    @pytest.mark.parametrize(
        "step",
        [
            StandardScaler(),
            StandardScaler(with_mean=False),
            StandardScaler(with_std=False),
            MinMaxScaler(),
            MinMaxScaler((-2, 3), clip=True),
            QuantileTransformer(n_quantiles=20),
            QuantileTransformer(n_quantiles=20, output_distribution="normal"),
            FunctionTransformer(),
            "passthrough",
        ],
        ids=str,
    )
    @pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
    def test_each(self, path, step, dtype):
        rng = np.random.default_rng(1)
        X = np.round(rng.normal(20, 5, (M, 3)), 1).astype(dtype)  # with repeated numbers
        X[:, 2] = 7  # constant
        new = np.round(rng.normal(20, 15, (M, 3)), 1).astype(dtype)
        pipeline = fitted(step, X=X.astype(np.float64), y=target("number"))
        check_same(path, pipeline, *(table.astype(np.float64) for table in (X, new)))
        model = bp.load(path)  # the pipeline scales float32 in float32
        np.testing.assert_allclose(model.predict(new), pipeline.predict(new), rtol=2e-4, atol=2e-4)

    @pytest.mark.parametrize("normal", [False, True])
    @pytest.mark.parametrize("n_quantiles", [7, 13])  # 13: several quantiles are the lowest number
    def test_quantiles_at_and_beyond_their_ends(self, path, normal, n_quantiles):
        X = np.repeat(np.array([0.0, 1.0, 1.0, 1.0, 5.0, 9.0]), 10)[:, None]
        step = QuantileTransformer(
            n_quantiles=n_quantiles, output_distribution="normal" if normal else "uniform"
        )
        pipeline = fitted(step, X=X, y=target("number"))
        new = np.array([-1, 0, 1e-8, 0.5, 1, np.nextafter(1, 2), 8.9999999999, 9, 10.0])[:, None]
        check_same(path, pipeline, new)

    @pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
    @pytest.mark.parametrize("sign", [np.nan, -1])
    @pytest.mark.parametrize("settings", [{}, {"add_indicator": True}])
    @pytest.mark.parametrize("keep", [False, True])
    def test_imputation(self, path, strategy, sign, settings, keep):
        rng = np.random.default_rng(2)
        X = rng.normal(20, 5, (M, 3)).round()
        X[rng.random(X.shape) < 0.2] = sign
        X[:, 1] = sign  # a column without a value
        step = SimpleImputer(
            missing_values=sign, strategy=strategy, keep_empty_features=keep, **settings
        )
        check_same(path, fitted(step, X=X, y=target("two")), X, X[:1])

    def test_a_gap_that_no_step_fills_is_refused(self, path):
        X = np.random.default_rng(1).normal(20, 5, (M, 3))
        model = saved(path, fitted(StandardScaler(), X=X, y=target("two")))
        X[7, 2] = np.nan
        with pytest.raises(bp.DataError, match=r"^predict\(X\): got nan at row 7, column 2"):
            model.predict(X)


class TestFrames:
    def test_columns_of_every_kind(self, path):
        model = check_same(path, fitted(columns(), X=frame(), y=target("three")), frame(), frame(1))
        assert model.feature_names == tuple(frame().columns)

    def test_columns_in_another_order_and_further_ones(self, path):
        table = frame()
        model = check_same(path, fitted(columns(), X=table, y=target("three")), table)
        other = table[table.columns[::-1]].assign(more="x")
        np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(table))

    def test_a_plain_scaler_takes_columns_by_name_too(self, path):
        table = frame(missing=0)[NUMBERS]
        model = saved(path, fitted(StandardScaler(), X=table, y=target("two")))
        expected = model.predict_proba(table)
        np.testing.assert_array_equal(model.predict_proba(table[NUMBERS[::-1]]), expected)
        np.testing.assert_array_equal(model.predict_proba(table.to_numpy()), expected)

    def test_an_estimator_alone_takes_columns_by_name_too(self, path):
        table = frame(missing=0)[NUMBERS]
        model = check_same(path, fitted(X=table, y=target("two"))[-1], table)
        expected = model.predict_proba(table)
        np.testing.assert_array_equal(model.predict_proba(table[NUMBERS[::-1]]), expected)

    def test_a_missing_column_is_named(self, path):
        model = saved(path, fitted(columns(), X=frame(), y=target("two")))
        with pytest.raises(bp.DataError, match=r"got a frame with no column 'income'; expected"):
            model.predict(frame().drop(columns="income"))

    def test_a_column_twice_is_named(self, path):
        model = saved(path, fitted(columns(), X=frame(), y=target("two")))
        twice = pd.concat([frame(), frame()[["city"]]], axis=1)
        with pytest.raises(bp.DataError, match="got a frame with 2 columns 'city'"):
            model.predict(twice)

    def test_a_text_in_a_column_of_numbers_is_named(self, path):
        model = saved(path, fitted(columns(), X=frame(), y=target("two")))
        table = frame().astype({"age": object})
        table.loc[3, "age"] = "Berlin"
        with pytest.raises(bp.DTypeError, match=r"got 'Berlin' at row 3, column 'age'"):
            model.predict(table)

    def test_another_number_of_columns_is_refused(self, path):
        model = saved(path, fitted(StandardScaler(), X=np.eye(9)[:, :3], y=target("two", 9)))
        for X in (np.ones((2, 4)), np.ones(3), [[1.0, 2.0]]):
            with pytest.raises(bp.ShapeError, match=r"expected \(m, 3\)"):
                model.predict(X)

    def test_polars(self, path):
        pl = pytest.importorskip("polars", reason="polars is not installed")
        table = frame()
        pipeline = fitted(columns(), X=table, y=target("three"))
        texts = [city if isinstance(city, str) else None for city in table["city"].tolist()]
        other = pl.DataFrame({name: table[name].to_numpy() for name in table} | {"city": texts})
        model, expected = saved(path, pipeline), pipeline.predict(table)
        known = table["city"].notna().to_numpy()
        np.testing.assert_array_equal(model.predict(other)[known], expected[known])

    @pytest.mark.parametrize("dtype", ["category", "str", "string"])
    def test_columns_of_pandas_own_types(self, path, dtype):
        table = frame(missing=0).astype({"city": dtype, "rooms": "Int64", "age": "Float64"})
        pipeline = fitted(columns(), X=table, y=target("three"))
        check_same(path, pipeline, table)

    @pytest.mark.parametrize(
        "chosen", [slice("age", "rooms"), slice(0, 3), [0, -3], [True, True, False, False, True]]
    )
    def test_columns_by_every_kind_of_key(self, path, chosen):
        table = frame()
        numbers = make_pipeline(SimpleImputer(), MinMaxScaler())
        step = ColumnTransformer([("n", numbers, chosen)])
        check_same(path, fitted(step, X=table, y=target("two")), table)

    def test_a_selector_and_the_remainder(self, path):
        chosen = make_column_selector(dtype_exclude=object)
        step = ColumnTransformer(
            [("n", make_pipeline(SimpleImputer(), StandardScaler()), chosen), ("none", "drop", [])],
            remainder=OneHotEncoder(handle_unknown="ignore"),
        )
        check_same(path, fitted(step, X=frame(), y=target("two")), frame(), frame(3))

    def test_weights_and_passthrough(self, path):
        step = ColumnTransformer(
            [("n", StandardScaler(), ["age"]), ("same", "passthrough", ["rooms", "owner"])],
            transformer_weights={"n": 0.25, "same": 3.0},
        )
        check_same(path, fitted(step, X=frame(missing=0), y=target("two")), frame(missing=0))

    def test_a_column_that_is_dropped_may_be_missing(self, path):
        step = ColumnTransformer([("n", StandardScaler(), ["age", "rooms"])])
        model = check_same(
            path, fitted(step, X=frame(missing=0), y=target("two")), frame(missing=0)
        )
        few = frame(missing=0)[["rooms", "age"]]
        np.testing.assert_array_equal(model.predict(few), model.predict(frame(missing=0)))

    def test_frames_between_steps(self, path):
        first = columns(texts="drop", verbose_feature_names_out=False)
        first.set_output(transform="pandas")
        second = ColumnTransformer([("m", MinMaxScaler(), ["rooms", "age"])])
        check_same(path, fitted(first, second, X=frame(), y=target("two")), frame())


class TestOneHot:
    @pytest.mark.parametrize("drop", [None, "first", "if_binary"])
    @pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist", "warn"])
    @pytest.mark.parametrize("rare", [{}, {"min_frequency": 8}, {"max_categories": 3}])
    @pytest.mark.parametrize("sparse", [True, False])
    def test_unknown_dropped_and_rare(self, path, drop, unknown, rare, sparse):
        table = frame()[["city", "rooms", "owner"]]
        step = OneHotEncoder(drop=drop, handle_unknown=unknown, sparse_output=sparse, **rare)
        new = table.copy()
        new.loc[2, "city"], new.loc[3, "rooms"] = "Paris", 99
        check_same(path, fitted(step, X=table, y=target("three")), table, new)

    def test_dropped_by_name(self, path):
        table = frame(missing=0)[["city", "rooms"]]
        step = OneHotEncoder(drop=["Lima", 3])
        check_same(path, fitted(step, X=table, y=target("three")), table)

    def test_an_unknown_category_is_named_where_it_is_refused(self, path):
        table = frame(missing=0)[["city"]]
        model = saved(path, fitted(OneHotEncoder(), X=table, y=target("two")))
        table.loc[4, "city"] = "Paris"
        with pytest.raises(bp.DataError, match=r"got 'Paris' at row 4, column 'city' .*'Bonn'"):
            model.predict(table)

    @pytest.mark.parametrize(
        "values",
        [
            [1.5, np.nan, 2.5],
            [1, 2, 30],
            [True, False],
            ["a", None, "b"],
            ["a", np.nan, "b"],
            ["a", np.nan, None],
        ],
        ids=str,
    )
    def test_categories_of_every_type(self, path, values):
        typed = isinstance(values[0], str)
        X = np.array([values[i % len(values)] for i in range(M)], dtype=object if typed else None)
        step = OneHotEncoder(handle_unknown="ignore")
        check_same(path, fitted(step, X=X[:, None], y=target("two")), X[:, None], X[:1, None])

    def test_lists(self, path):
        X = [["a", "x"], ["b", "y"], ["a", "y"]] * 5
        step = OneHotEncoder(handle_unknown="ignore")
        check_same(path, fitted(step, X=X, y=target("two", 15)), X, [["b", "z"]])

    def test_texts_are_imputed(self, path):
        step = [SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")]
        table = frame()[["city"]]
        check_same(path, fitted(*step, X=table, y=target("two")), table)
        step[0] = SimpleImputer(strategy="constant", fill_value="nowhere", add_indicator=False)
        check_same(path, fitted(*step, X=table, y=target("two")), table)


class TestOwnTransformers:
    @pytest.mark.parametrize("kind", ["two", "three", "labels", "number"])
    def test_columns_of_every_kind(self, path, kind):
        numbers = [
            SimpleImputer(add_indicator=True),
            NoisyQuantileTransformer(random_state=0),
            PiecewiseLinearEncoder(4),
        ]
        step = ColumnTransformer(
            [
                ("n", make_pipeline(*numbers), ["age", "income"]),
                ("c", RobustClipScaler(), ["rooms"]),
                ("t", DampedOneHotEncoder(3, max_categories=4), TEXTS),
            ]
        )
        new = frame(7, 20)
        new.loc[3, "city"] = "Paris"
        check_same(path, fitted(step, X=frame(), y=target(kind)), frame(), new)

    def test_a_class_derived_from_one_is_refused(self, path):
        class Mine(PiecewiseLinearEncoder):
            pass

        pipeline = fitted(Mine(3), X=np.random.default_rng(0).random((M, 3)), y=target("two"))
        with pytest.raises(bp.OptionError, match=r"Mine, a class derived from a known one"):
            bp.save(path, pipeline)


class TestSparse:
    scipy_sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")

    @pytest.mark.parametrize("steps", [[], [StandardScaler(with_mean=False)]])
    @pytest.mark.parametrize("form", ["csr", "csc"])
    def test_a_sparse_matrix(self, path, steps, form):
        X = self.scipy_sparse.random_array((M, 5), density=0.3, rng=0, format="csr")
        pipeline = fitted(*steps, X=X, y=target("two"))
        check_same(path, pipeline, X, mine=lambda x: x.asformat(form))

    def test_quantiles_of_zeros_that_are_not_there_are_refused(self, path):
        X = self.scipy_sparse.random_array((M, 5), density=0.3, rng=0, format="csc")
        pipeline = fitted(QuantileTransformer(n_quantiles=9), X=X, y=target("two"))
        model = saved(path, pipeline)
        with pytest.raises(bp.DataError, match=r"got a sparse matrix; expected a dense X"):
            model.predict(X)
        both = [OneHotEncoder(), QuantileTransformer(n_quantiles=9)]
        pipeline = fitted(*both, X=frame(missing=0)[["city"]], y=target("two"))
        with pytest.raises(bp.OptionError, match="QuantileTransformer after a step of sparse"):
            bp.save(path, pipeline)


class Derived(StandardScaler):
    pass


class TestRefused:
    @pytest.mark.parametrize(
        ("step", "names"),
        [
            (RobustScaler(), "RobustScaler"),
            (FunctionTransformer(np.abs), "FunctionTransformer"),
            (Derived(), "Derived, a class derived from a known one"),
            (ColumnTransformer([("a", RobustScaler(), [0])]), "RobustScaler"),
            (make_pipeline(StandardScaler(), RobustScaler()), "RobustScaler"),
        ],
        ids=lambda x: x if isinstance(x, str) else "",
    )
    def test_a_step_that_no_file_holds_is_named(self, path, step, names):
        X = np.random.default_rng(0).random((M, 3))
        pipeline = fitted(step, X=X, y=target("two"))
        with pytest.raises(bp.OptionError, match=rf"^save\(model\): got .*{names}"):
            bp.save(path, pipeline)
        assert not path.exists()

    def test_categories_that_are_dates(self, path):
        X = np.array(["2020-01-01", "2021-01-01"] * 30, dtype="datetime64[D]").astype(object)
        pipeline = fitted(OneHotEncoder(), X=X[:, None], y=target("two"))
        with pytest.raises(bp.OptionError, match=r"OneHotEncoder with the value .*date"):
            bp.save(path, pipeline)

    def test_what_is_not_fitted(self, path):
        with pytest.raises(bp.DTypeError, match="got MLPClassifier that is not fitted"):
            bp.save(path, bp.MLPClassifier())
        mlp = fitted(X=np.eye(9), y=target("two", 9))[-1]
        with pytest.raises(NotFittedError):
            bp.save(path, Pipeline([("s", StandardScaler()), ("m", mlp)]))

    def test_other_estimators(self, path):
        from sklearn.linear_model import LinearRegression
        from sklearn.neural_network import MLPRegressor

        X, y = np.eye(9), np.arange(9.0)
        mlp = quiet(MLPRegressor(hidden_layer_sizes=[2], max_iter=1).fit, X, y)
        with pytest.raises(bp.DTypeError, match=r"got scikit-learn's MLPRegressor; .*from_sklearn"):
            fitted_model(mlp)
        with pytest.raises(bp.DTypeError, match=r"got LinearRegression; expected a fitted"):
            bp.save(path, make_pipeline(StandardScaler(), LinearRegression()).fit(X, y))
        with pytest.raises(bp.OptionError, match=r"got MLPClassifier and theta"):
            bp.save(path, bp.MLPClassifier(), np.zeros(3))
