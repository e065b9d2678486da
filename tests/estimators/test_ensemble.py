"""Ensembles for tables: columns of every kind, selection, files, and scikit-learn's checks."""

import os
import pickle
import warnings

import numpy as np
import pytest
from needs import every, needs

sklearn = pytest.importorskip("sklearn", minversion="1.9")

from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import backprop_xp as bp  # noqa: E402
from backprop_xp.estimators import ensemble_networks  # noqa: E402
from backprop_xp.estimators.ensemble_folds import Split  # noqa: E402
from backprop_xp.estimators.ensemble_networks import (  # noqa: E402
    MOST_WEIGHTS,
    Architecture,
    network_for,
    start_of,
)
from backprop_xp.estimators.ensemble_selection import greedy, losses  # noqa: E402

BOTH = ["MLPEnsembleClassifier", "MLPEnsembleRegressor"]
WEIGHTS = {  # the rows held out are drawn row by row, and a case is in one batch
    "check_sample_weight_equivalence_on_dense_data",
}
EVERY = bool(os.environ.get("BACKPROP_XP_REQUIRE"))
M = 120


def table():
    rng = np.random.default_rng(0)
    X = np.empty((M, 5), dtype=object)
    X[:, 0] = rng.normal(size=M)
    X[:, 1] = rng.choice(["a", "b", "c"], M)
    X[:, 2] = rng.random(M) < 0.5
    X[:, 3] = np.where(rng.random(M) < 0.2, None, rng.exponential(size=M))
    X[:, 4] = np.where(rng.random(M) < 0.2, None, rng.choice(["x", "y"], M))
    return X


def targets(name, X):
    number = X[:, 0].astype(float) + (X[:, 1] == "a")
    return np.where(number > 0.3, "yes", "no") if name == BOTH[0] else number


def fitted(name, X=None, **options):
    X = table() if X is None else X
    y = targets(name, table())
    chosen = {"networks": 2, "epochs": 4, "random_state": 0, **options}
    return getattr(bp, name)(**chosen).fit(X, y)


def frame_of(library, X):
    columns = {f"c{j}": list(X[:, j]) for j in range(X.shape[1])}
    return needs(library).DataFrame(columns)


@pytest.mark.parametrize("name", BOTH)
def test_no_check_of_sklearn_fails_but_the_excused(name):
    if not EVERY:
        pytest.skip("the checks take half a minute: they run with BACKPROP_XP_REQUIRE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = getattr(bp, name)(networks=2, epochs=30, dtype="float64")
        results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 50
    assert {one["check_name"] for one in results if one["status"] == "failed"} <= WEIGHTS


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_and_an_array_give_the_same(name, library):
    X = table()
    frame = frame_of(library, X)
    of_array, of_frame = fitted(name, X), fitted(name, frame)
    assert (
        of_array.kinds_ == of_frame.kinds_ == ("number", "category", "number", "number", "category")
    )
    np.testing.assert_array_equal(of_frame.predict(frame), of_array.predict(X))
    assert of_frame.feature_names_in_.tolist() == ["c0", "c1", "c2", "c3", "c4"]


def test_pandas_categories_are_categories_whatever_they_hold():
    pandas = needs("pandas")
    frame = pandas.DataFrame({"n": np.arange(M) % 3, "x": np.arange(M) * 1.0})
    frame["n"] = frame["n"].astype("category")
    model = fitted(BOTH[1], frame)
    assert model.kinds_ == ("category", "number")
    assert fitted(BOTH[1], frame.astype(float), categorical_features=["n"]).kinds_ == model.kinds_
    assert np.isfinite(model.predict(frame)).all()


@pytest.mark.parametrize("name", BOTH)
def test_the_file_predicts_the_same(name, tmp_path):
    model, X = fitted(name), table()
    bp.save(tmp_path / "model", model)
    loaded = bp.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.predict_std(X), model.predict_std(X))
    assert len(loaded.weights) == len(model.weights_)
    with pytest.raises(bp.OptionError, match=r"model\.members"):
        _net, _theta = loaded
    bp.save(tmp_path / "again", loaded)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  it was made here
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("name", BOTH)
def test_one_graph_predicts_the_same(name):
    needs("onnx")
    runtime = needs("onnxruntime")
    model, X = fitted(name), table()
    session = runtime.InferenceSession(bp.exchange.to_onnx(model).SerializeToString())
    feed = {}
    for j, one in enumerate(session.get_inputs()):
        text = "string" in one.type
        gap, dtype = ("", object) if text else (np.nan, np.float32)
        feed[one.name] = np.array([[gap if x is None else x] for x in X[:, j]], dtype=dtype)
    found = session.run(None, feed)[-1].squeeze()
    expected = model.predict_proba(X) if name == BOTH[0] else model.predict(X)
    # inputs of float32 are rounded before quantiles and bins, whose lines are steep
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("name", BOTH)
def test_unknown_levels_and_gaps_in_new_columns_are_predicted(name):
    model, X = fitted(name), table()[:6]
    X[:, 1], X[:3, 0], X[3:, 2] = "never seen", None, None
    predicted = model.predict(X)
    assert predicted.shape == (6,)
    assert name == BOTH[0] or np.isfinite(predicted).all()


@pytest.mark.parametrize("name", BOTH)
def test_the_candidates_and_the_weights(name):
    model = fitted(name, networks=5)
    assert [one["embedding_size"] for one in model.candidates_] == [8, 8, 8, 4, 4]
    assert all(8e-4 <= one["learning_rate"] <= 6e-3 for one in model.candidates_)
    assert sum(one["weight"] for one in model.candidates_) == pytest.approx(1)
    assert model.weights_.sum() == pytest.approx(1)
    assert sum(len(one.theta) for one in model.members_) == len(model.weights_)


@pytest.mark.parametrize("name", BOTH)
def test_a_large_table_holds_rows_out_once_and_small_ones_by_folds(name):
    once, folds = fitted(name, small_table=0), fitted(name, small_table=M + 1, folds=3)
    chosen = [sum(c["weight"] > 0 for c in one.candidates_) for one in (once, folds)]
    assert (len(once.weights_), len(folds.weights_)) == (chosen[0], 3 * chosen[1])


def test_the_preprocessing_sees_the_training_rows_alone():
    X, y = np.linspace(0, 1, M)[:, None], np.linspace(0, 1, M)
    model = bp.MLPEnsembleRegressor(2, epochs=1, random_state=0)
    groups = (np.arange(M) >= 90).astype(int)
    model.set_params(small_table=0, validation_fraction=0.5).fit(X, y, groups=groups)
    held = model._model.preprocessing.parts[0][1].steps[1].parts[1][1].edges[0]
    assert held[0] >= X[90, 0] or held[-1] < X[90, 0]


def test_rows_of_weight_0_change_nothing():
    X, y = table(), targets(BOTH[1], table())
    w = np.ones(M)
    w[100:] = 0
    odd = y.copy()
    odd[100:] = 1e6
    kinds = [bp.MLPEnsembleRegressor(2, epochs=3, random_state=0) for _ in range(2)]
    predicted = [
        one.fit(X, of, sample_weight=w).predict(X) for one, of in zip(kinds, (y, odd), strict=True)
    ]
    np.testing.assert_allclose(*predicted, rtol=1e-4)


def test_class_weights_and_an_eval_set():
    X, y = table(), targets(BOTH[0], table())
    model = bp.MLPEnsembleClassifier(
        2, epochs=3, class_weight={"yes": 50.0, "no": 1e-3}, random_state=0
    )
    assert (model.fit(X, y, eval_set=(X[:20], y[:20])).predict(X) == "yes").mean() > 0.9
    with pytest.raises(bp.DataError, match="maybe"):
        model.fit(X, y, eval_set=(X[:1], ["maybe"]))


def test_a_network_that_diverges_is_left_out():
    rates = ((1e-3, 1e-3), (1e18, 1e20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted(BOTH[1], learning_rate=rates, weight_decay=(0, 0), dropout=(0, 0))
    assert model.candidates_[0]["weight"] == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"networks": 0}, "networks"),
        ({"dropout": (0.5, 1.0)}, "dropout"),
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"learning_rate": ((0.1, 0.2),)}, "learning_rate"),
        ({"embedding_sizes": ()}, "embedding_sizes"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"categorical_features": ["no such"]}, "categorical_features"),
        ({"dtype": "float16"}, "dtype"),
        ({"folds": 1}, "folds"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_parameters_out_of_range_are_refused(options, named):
    with pytest.raises(bp.ParameterError, match=named):
        fitted(BOTH[1], **options)


def test_dates_and_infinities_are_refused():
    y = np.arange(10.0)
    X = np.arange(10).astype("datetime64[D]")[:, None]
    with pytest.raises(bp.DTypeError, match="date"):
        bp.MLPEnsembleRegressor(2).fit(X, y)
    X = np.arange(20.0).reshape(10, 2)
    X[3, 1] = np.inf
    with pytest.raises(bp.DataError, match="infinity"):
        bp.MLPEnsembleRegressor(2).fit(X, y)


def test_greedy_selection_by_hand():
    y, w = np.array([0, 1, 1]), np.array([1.0, 1.0, 2.0])
    outputs = np.array([[[0.5], [0.5], [0.5]], [[0.1], [0.9], [0.2]], [[0.2], [0.3], [0.9]]])
    chosen = greedy(outputs, y, w, classes=True)
    mean = np.tensordot(chosen.weights, outputs, 1)
    assert chosen.loss == pytest.approx(float(losses(mean, y, w, classes=True)))
    assert chosen.loss <= losses(outputs, y, w, classes=True).min()
    by_hand = -(np.log(0.8) + np.log(0.3) + 2 * np.log(0.9)) / 4
    assert losses(outputs, y, w, classes=True)[2] == pytest.approx(by_hand)


def test_each_row_is_held_out_in_one_fold():
    split = Split(np.arange(4), [np.array([0, 3]), np.array([1, 2])], by_folds=True)
    weights = split.case_weights(np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(weights, [[0, 2, 3, 0], [1, 0, 0, 4]])


def test_verbose_shows_the_progress_of_each_stack(capsys):
    fitted(BOTH[1], networks=3, embedding_sizes=(8, 4))
    assert capsys.readouterr() == ("", "")
    fitted(BOTH[1], networks=3, embedding_sizes=(8, 4), verbose=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("4/4") >= 2


@pytest.mark.parametrize(
    ("features", "first"),
    [(10, 8 * 10), (100, 8 * 100), (150, 4 * 150), (200, 2 * 200), (300, 300), (400, None)],
)
def test_the_first_layer_of_a_wide_table_stays_small(features, first):
    columns = np.repeat(np.arange(features), 33)
    net = network_for(columns, 8, [16], 1, 0)
    assert net.sizes == (len(columns), *([] if first is None else [first]), 16, 1)
    assert net.sizes[0] * net.sizes[1] <= max(MOST_WEIGHTS, len(columns) * 16)
    architecture = Architecture.of(net)
    theta = start_of(architecture, columns, 2, "float32", np.random.RandomState(0))
    assert theta.shape == (2, architecture.in_training.parameter_count)
    assert architecture.trained(theta).shape == (2, net.parameter_count)


@every
def test_a_table_of_many_columns_is_trained():
    X = np.random.default_rng(0).normal(size=(100, 400))
    model = bp.MLPEnsembleRegressor(networks=1, epochs=1, random_state=0).fit(X, X[:, 0])
    assert max(one.network.parameter_count for one in model.members_) < 2**22
    assert np.isfinite(model.predict(X[:5])).all()


@pytest.mark.parametrize("most", [2**22, 600, 1])
def test_it_learns_with_a_layer_of_features_of_any_size(most, monkeypatch):
    monkeypatch.setattr(ensemble_networks, "MOST_WEIGHTS", most)
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = X[:, 0] + np.abs(X[:, 1])
    model = bp.MLPEnsembleRegressor(networks=2, epochs=40, random_state=0).fit(X[:240], y[:240])
    assert model.score(X[240:], y[240:]) > 0.9
    masks = [one.network.connections[0] for one in model.members_]
    assert all((mask is None) == (most == 1) for mask in masks)
