"""The transformers for tables: numbers by hand, gaps, names, and scikit-learn's checks."""

import pickle
import warnings

import numpy as np
import pytest
from needs import needs

sklearn = pytest.importorskip("sklearn", minversion="1.9")

from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, RobustScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import backprop_xp as bp  # noqa: E402
from backprop_xp.estimators import (  # noqa: E402
    DampedOneHotEncoder,
    NoisyQuantileTransformer,
    PiecewiseLinearEncoder,
    RobustClipScaler,
)

OF_NUMBERS = {
    "noisy quantiles": NoisyQuantileTransformer(random_state=0),
    "piecewise linear": PiecewiseLinearEncoder(4),
    "robust clip": RobustClipScaler(),
}
EACH = {**OF_NUMBERS, "damped one-hot": DampedOneHotEncoder()}
SOME = {
    "few quantiles": NoisyQuantileTransformer(7, noise=0.0, random_state=0),
    "one bin": PiecewiseLinearEncoder(1),
    "wide": RobustClipScaler((5, 95), bound=1.0),
    "rare": DampedOneHotEncoder(0, damping=-2.0, max_categories=3),
}
M = 90


def numbers(seed=0, m=M, gaps=0.0):
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.normal(5, 3, m), rng.exponential(2, m), rng.integers(0, 4, m), np.full(m, 7.0)]
    )
    return np.where(rng.random(X.shape) < gaps, np.nan, X)


@pytest.mark.parametrize("name", [*EACH, *SOME])
def test_no_check_of_sklearn_fails(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator({**EACH, **SOME}[name], on_skip=None, on_fail=None)
    assert len(results) > 40
    assert [one["check_name"] for one in results if one["status"] == "failed"] == []


@pytest.mark.parametrize("name", EACH)
def test_dates_are_refused_by_the_column(name):
    frame = needs("pandas").DataFrame({"area": [1.0, 2.0], "when": ["2024-01-01", "2024-02-01"]})
    when = frame["when"].astype("datetime64[s]")
    one = clone(EACH[name])
    with pytest.raises(bp.BackpropError, match=r"fit\(X\): got dtype datetime64.* in column when"):
        one.fit(frame.assign(when=when))
    one.fit(frame[["area"]].assign(when=[3.0, 4.0]))
    with pytest.raises(bp.BackpropError, match=r"datetime64.* in column when"):
        one.transform(frame.assign(when=when))


class TestNumbersByHand:
    def test_shares_of_bins(self):
        x = np.sort(np.random.default_rng(1).normal(size=33))
        found = PiecewiseLinearEncoder(4).fit(x[:, None]).transform(x[:, None])
        edges = x[[0, 8, 16, 24, 32]]
        for value, row in zip(x, found, strict=True):
            for b, share in enumerate(row):
                part = (value - edges[b]) / (edges[b + 1] - edges[b])
                assert share == pytest.approx(min(max(part, 0.0), 1.0), abs=1e-15)

    def test_equal_quantiles_are_one_edge(self):
        X = np.array([0.0] * 6 + [1.0, 3.0])[:, None]
        encoder = PiecewiseLinearEncoder(4).fit(X)
        np.testing.assert_array_equal(encoder.step_.edges[0], [0.0, 0.25, 3.0])
        assert encoder.transform(X).shape == (8, 2)

    @pytest.mark.parametrize("value", [0.0, -1e-9, 1e17, -1e300, 1.7e308])
    def test_a_column_of_one_value_has_one_bin_whatever_its_size(self, value):
        encoder = PiecewiseLinearEncoder(4).fit(np.full((5, 1), value))
        assert encoder.transform([[value]]).tolist() == [[0.0]]

    def test_the_robust_scale_is_that_of_sklearn_before_the_clip(self):
        X = numbers()[:, :2]
        z = RobustScaler().fit_transform(X)
        expected = z / np.sqrt(1 + (z / 3) ** 2)
        np.testing.assert_allclose(RobustClipScaler().fit_transform(X), expected, atol=1e-14)
        z = RobustScaler(quantile_range=(10, 80)).fit_transform(X)
        found = RobustClipScaler((10, 80), bound=1.5).fit_transform(X)
        np.testing.assert_allclose(found, z / np.sqrt(1 + (z / 1.5) ** 2), atol=1e-14)

    def test_equal_quartiles_leave_half_the_range_and_one_value_is_0(self):
        X = np.array([[0.0, 4.0]] * 7 + [[6.0, 4.0]])
        found = RobustClipScaler().fit(X).transform([[6.0, 4.0], [0.0, 9.0]])
        np.testing.assert_allclose(found, [[2 / np.sqrt(1 + 4 / 9), 0], [0, 0]], atol=1e-15)

    def test_without_noise_the_quantiles_are_those_of_sklearn(self):
        X = numbers()[:, :2]
        theirs = QuantileTransformer(n_quantiles=20, output_distribution="normal").fit(X)
        mine = NoisyQuantileTransformer(20, noise=0.0).fit(X)
        np.testing.assert_allclose(mine.transform(X), theirs.transform(X), atol=1e-12)

    def test_noise_maps_a_frequent_number_to_the_middle_of_its_ranks(self):
        X = np.array([0.0] * 800 + list(range(1, 201)))[:, None]  # its ranks are 0 to 0.8
        found = NoisyQuantileTransformer(1000, random_state=0).fit(X).transform([[0.0]])
        assert found[0, 0] == pytest.approx(-0.2533, abs=0.1)  # the normal quantile of 0.4
        theirs = QuantileTransformer(n_quantiles=1000, output_distribution="normal").fit(X)
        assert theirs.transform([[0.0]])[0, 0] < -5

    @pytest.mark.parametrize(("rows", "count"), [(5, 5), (90, 10), (600, 20)])
    def test_automatic_quantiles_are_a_thirtieth_of_the_rows(self, rows, count):
        X = numbers(m=rows)
        assert NoisyQuantileTransformer().fit(X).step_.quantiles.shape == (count, 4)

    def test_one_hot_is_that_of_sklearn_where_categories_are_few(self):
        X = np.random.default_rng(0).choice(["a", "b", "c"], (M, 2)).astype(object)
        theirs = OneHotEncoder(sparse_output=False).fit(X)
        mine = DampedOneHotEncoder().fit(X)
        np.testing.assert_array_equal(mine.transform(X), theirs.transform(X))
        assert list(mine.get_feature_names_out()) == list(theirs.get_feature_names_out())

    def test_many_categories_are_damped_and_the_rarest_share_a_column(self):
        levels = np.array([f"{k:03}" for k in range(12)], dtype=object)
        X = np.repeat(levels, range(20, 8, -1))[:, None]
        np.testing.assert_array_equal(
            DampedOneHotEncoder().fit_transform(X),
            0.25 * OneHotEncoder(sparse_output=False).fit_transform(X),
        )
        encoder = DampedOneHotEncoder(max_categories=4).fit(X)
        found = encoder.transform([["000"], ["002"], ["003"], ["011"], ["new"]])
        np.testing.assert_array_equal(found, 0.25 * np.eye(4)[[0, 2, 3, 3, 3]])
        names = ["x0_000", "x0_001", "x0_002", "x0_infrequent_sklearn"]
        assert list(encoder.get_feature_names_out()) == names

    def test_a_category_is_the_same_whatever_its_type(self):
        encoder = DampedOneHotEncoder().fit(np.array([[1], [2], [3]]))
        for one in (np.array([[3.0]]), np.array([["3"]], dtype=object), [[3]]):
            np.testing.assert_array_equal(encoder.transform(one), [[0, 0, 1]])


class TestGaps:
    @pytest.mark.parametrize("name", OF_NUMBERS)
    def test_nan_is_left_out_of_the_fit_and_stays_nan(self, name):
        X = numbers()[:, :1]
        rows = np.random.default_rng(3).permutation(2 * M)
        holes = np.concatenate([X, np.full_like(X, np.nan)])[rows]
        step = clone(OF_NUMBERS[name])
        if name == "noisy quantiles":
            step.set_params(noise=0.0, n_quantiles=10)
        with_holes = clone(step).fit(holes)
        np.testing.assert_allclose(with_holes.transform(X), step.fit(X).transform(X), atol=1e-12)
        found = with_holes.transform(holes)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(holes).repeat(found.shape[1], 1))

    @pytest.mark.parametrize("name", OF_NUMBERS)
    def test_a_column_of_gaps_alone(self, name):
        X = numbers()
        X[:, 1] = np.nan
        step = clone(OF_NUMBERS[name]).fit(X)
        found = step.transform(numbers())  # where the column has numbers
        assert np.isfinite(found).all()
        assert np.isnan(step.transform(X)).any(axis=0).sum() == 1

    def test_a_missing_category_is_one_of_its_own(self):
        X = np.array([["a"], [None], [np.nan], ["a"]], dtype=object)
        encoder = DampedOneHotEncoder().fit(X)
        np.testing.assert_array_equal(encoder.transform(X), [[0, 1], [1, 0], [1, 0], [0, 1]])
        assert list(encoder.get_feature_names_out()) == ["x0_missing", "x0_a"]
        again = encoder.fit(np.array([["missing"], [None]], dtype=object)).get_feature_names_out()
        assert len(set(again)) == 2


class TestInterface:
    @pytest.mark.parametrize("name", EACH)
    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_frames_in_and_out(self, name, library):
        frames = needs(library)
        X = numbers()
        frame = frames.DataFrame({f"c{j}": X[:, j] for j in range(4)})
        plain = clone(EACH[name]).fit(X)
        step = clone(EACH[name]).set_output(transform=library).fit(frame)
        found = step.transform(frame)
        assert list(found.columns) == list(step.get_feature_names_out())
        np.testing.assert_array_equal(found.to_numpy(), plain.transform(X))
        expected = plain.get_feature_names_out([f"c{j}" for j in range(4)])
        assert list(found.columns) == list(expected)

    @pytest.mark.parametrize("name", EACH)
    def test_a_pickle_and_a_copy_transform_the_same(self, name):
        X = numbers()
        step = clone(EACH[name]).fit(X)
        again = pickle.loads(pickle.dumps(step))  # noqa: S301
        np.testing.assert_array_equal(again.transform(X), step.transform(X))
        np.testing.assert_array_equal(clone(step).fit(X).transform(X), step.transform(X))

    def test_columns_of_every_kind(self):
        table = np.empty((M, 3), dtype=object)
        table[:, :2] = numbers(gaps=0.1)[:, :2]
        table[:, 2] = np.random.default_rng(0).choice(["a", "b", None], M)
        step = ColumnTransformer(
            [
                ("n", make_pipeline(RobustClipScaler(), PiecewiseLinearEncoder(3)), [0, 1]),
                ("t", DampedOneHotEncoder(), [2]),
            ]
        ).fit(table)
        assert step.transform(table).shape == (M, 9)
        assert list(step.get_feature_names_out())[::6] == ["n__x0_bin0", "t__x2_missing"]

    @pytest.mark.parametrize(
        ("step", "named"),
        [
            (PiecewiseLinearEncoder(0), "bins: got 0"),
            (PiecewiseLinearEncoder(2.5), "bins: got 2.5"),
            (RobustClipScaler((75, 25)), "quantile_range: got .75, 25."),
            (RobustClipScaler(3), "quantile_range: got 3"),
            (RobustClipScaler(bound=0), "bound: got 0"),
            (RobustClipScaler(bound=np.nan), "bound: got nan"),
            (NoisyQuantileTransformer("many"), "n_quantiles: got 'many'"),
            (NoisyQuantileTransformer(noise=-1), "noise: got -1"),
            (DampedOneHotEncoder(-1), "damped_above: got -1"),
            (DampedOneHotEncoder(damping="x"), "damping: got 'x'"),
            (DampedOneHotEncoder(max_categories=1), "max_categories: got 1"),
        ],
        ids=lambda x: x.split(":")[0] if isinstance(x, str) else "",
    )
    def test_parameters_out_of_range_are_refused(self, step, named):
        with pytest.raises(bp.errors.ParameterError, match=f"^{named}"):
            step.fit(numbers())

    @pytest.mark.parametrize("name", OF_NUMBERS)
    def test_infinities_and_texts_are_refused(self, name):
        for bad in (np.inf, "a"):
            X = numbers().astype(object)
            X[3, 1] = bad
            with pytest.raises(ValueError, match=r"infinity|could not convert"):
                clone(OF_NUMBERS[name]).fit(X)
