"""Results, options and pipelines of a search in stacks: those of scikit-learn's search."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from needs import some_of  # noqa: E402
from scipy.stats import loguniform, uniform  # noqa: E402
from search_cases import (  # noqa: E402
    IRIS,
    RATES,
    check_same,
    classifier,
    regressor,
)
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.exceptions import FitFailedWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import accuracy_score, make_scorer  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("new_starts"),
]


# ---------------------------------------------------------------------------------------------
# the options of a search


SEVERAL = {"a": "accuracy", "f": "f1_macro"}


def counts(mlp, X, y):
    return {"good": float((mlp.predict(X) == y).sum()), "all": float(len(y))}


OPTIONS = {
    "train scores": {"return_train_score": False},
    "one scorer": {"scoring": "f1_macro"},
    "object": {"scoring": make_scorer(accuracy_score)},
    "several": {"scoring": SEVERAL, "refit": "f"},
    "list": {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
    "none that decides": {"scoring": SEVERAL, "refit": False},
    "function of scores": {"scoring": counts, "refit": "good"},
    "no refit": {"refit": False},
    "function": {"refit": lambda results: len(results["params"]) - 1},
    "folds": {"cv": KFold(4, shuffle=True, random_state=1)},
    "splits": {"cv": [(np.arange(0, 150, 2), np.arange(1, 150, 2))]},
    "random splits": {"cv": ShuffleSplit(2, random_state=0)},
    "jobs": {"n_jobs": 1, "pre_dispatch": "n_jobs"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(options):
    check_same(classifier(), {"alpha": [0.0, 1.0], **RATES}, *IRIS, **options)


@pytest.mark.parametrize("verbose", [1, 2, 3, 10])
def test_messages(verbose, capsys):
    import re

    told = []
    for search in (bp.StackedSearchCV, GridSearchCV):
        search(classifier(), RATES, cv=2, verbose=verbose, refit=False).fit(*IRIS)
        lines = re.sub(r"\.+|total time=.*", "", capsys.readouterr().out).splitlines()
        told.append(sorted(line.strip() for line in lines))
    assert told[0] == told[1]
    assert told[0]


DRAWN = {
    "distributions": {"alpha": loguniform(1e-5, 1.0), "learning_rate_init": uniform(0.001, 0.1)},
    "lists": {"alpha": [0.0, 0.1, 1.0], "tol": [0.1, 0.2], **RATES},
    "both": [{"alpha": loguniform(1e-5, 1.0), "batch_size": [16, 50]}, {"dropout": [0.1, 0.3]}],
}


@pytest.mark.parametrize("grid", DRAWN.values(), ids=DRAWN)
def test_draws_at_random(grid):
    options = {"n_iter": 6, "random_state": 4, "cv": 2, "return_train_score": True}
    check_same(
        classifier(),
        grid,
        *IRIS,
        theirs=RandomizedSearchCV(classifier(), grid, **options),
        **options,
    )


def test_fewer_candidates_than_asked_for():
    with pytest.warns(UserWarning, match="total space of parameters 2 is smaller than n_iter=9"):
        search = bp.StackedSearchCV(classifier(), RATES, n_iter=9, cv=2).fit(*IRIS)
    assert len(search.cv_results_["params"]) == 2


POSSIBLE = {
    "alpha": [0.0, 1e-4, 0.1],
    "learning_rate_init": [0.001, 0.01, 0.1],
    "solver": ["sgd", "adam", "lbfgs", "rmsprop"],
    "learning_rate": ["constant", "adaptive", "invscaling"],
    "momentum": [0.0, 0.5, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "batch_size": ["auto", 20, 150],
    "activation": ["relu", "tanh", "logistic"],
    "hidden_layer_sizes": [(), (5,), (4, 3)],
    "tol": [1e-4, 0.05],
    "n_iter_no_change": [1, 5],
    "max_iter": [3, 9],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.3],
    "shuffle": [True, False],
    "random_state": [0, 1],
    "dropout": [0.0, 0.3],
    "label_smoothing": [0.0, 0.2],
    "class_weight": [None, "balanced", {0: 2.0}, {0: 0.0}],
    "clip_norm": [None, 0.5],
    "initializer": [None, "he_normal"],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", some_of(range(12), 4))
def test_random_grids(seed):
    random = np.random.default_rng(seed)
    names = random.choice(list(POSSIBLE), 6, replace=False)
    grid = {str(name): POSSIBLE[name] for name in names}
    options = {"n_iter": 12, "random_state": seed, "cv": 2, "scoring": "neg_log_loss"}
    theirs = RandomizedSearchCV(classifier(), grid, return_train_score=True, **options)
    check_same(classifier(), grid, *IRIS, theirs=theirs, close=1e-9, **options)


# ---------------------------------------------------------------------------------------------
# weights, groups, pipelines


def test_weights_of_cases_and_classes(trained):
    w = np.random.default_rng(0).random(len(IRIS[1]))
    weights = {"class_weight": [None, "balanced", {0: 3.0}, {1: 0.5}], **RATES}
    check_same(classifier(), weights, *IRIS)
    check_same(classifier(), weights, *IRIS, fit={"sample_weight": w})
    w[::4] = 0
    check_same(classifier(early_stopping=True), weights, *IRIS, fit={"sample_weight": w})
    assert {size for size, _ in trained} == {2, 6, 8}
    assert not any(alone for _, alone in trained)


def test_groups_and_other_parameters_of_fit(trained):
    groups = np.arange(len(IRIS[1])) % 5
    check_same(classifier(), RATES, *IRIS, fit={"groups": groups}, cv=GroupKFold(5))
    assert trained == [(2, 0)] * 5
    check_same(classifier(), RATES, *IRIS, fit={"eval_set": (IRIS[0][::9], IRIS[1][::9])})
    with pytest.raises(ValueError, match="All the 10 fits failed"):
        bp.StackedSearchCV(classifier(), RATES).fit(*IRIS, nonsense=3)


def test_routed_metadata():
    w = np.random.default_rng(0).random(len(IRIS[1]))
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        check_same(mlp, RATES, *IRIS, fit={"sample_weight": w}, refit=False)
        check_same(make_pipeline(StandardScaler(), classifier()), {}, *IRIS)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), mlp)
        grid = {"mlpclassifier__alpha": [0.0, 1.0]}
        check_same(pipeline, grid, *IRIS, fit={"sample_weight": w}, refit=False)


class Counted(StandardScaler):
    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


def test_the_steps_before_are_fitted_once_for_a_fold(trained):
    pipeline = Pipeline([("scale", Counted()), ("pca", PCA(2)), ("mlp", classifier())])
    grid = {"mlp__alpha": [0.0, 0.1, 1.0], "mlp__learning_rate_init": [0.01, 0.1]}
    Counted.fits = 0
    bp.StackedSearchCV(pipeline, grid, cv=3, refit=False).fit(*IRIS)
    assert Counted.fits == 3
    assert trained == [(6, 0)] * 3
    check_same(pipeline, grid, *IRIS)
    trained.clear()
    Counted.fits = 0
    grid |= {"pca__n_components": [1, 3], "scale__with_mean": [True, False]}
    bp.StackedSearchCV(pipeline, grid, cv=2, refit=False).fit(*IRIS)
    assert Counted.fits == 2 * 4
    assert trained == [(6, 0)] * 8
    check_same(pipeline, grid, *IRIS, cv=2)


@pytest.mark.filterwarnings("ignore:One or more of the t")
def test_pipelines_of_every_form():
    X, y = IRIS
    w = np.random.default_rng(0).random(len(y))
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", classifier())])
    grid = {"mlp__alpha": [0.0, 1.0]}
    check_same(pipeline, grid, X, y, fit={"mlp__sample_weight": w, "scale__sample_weight": w})
    check_same(pipeline, {**grid, "scale": [MinMaxScaler(), "passthrough", PCA(3)]}, X, y)
    check_same(pipeline, {"mlp": [classifier(alpha=0.5), LogisticRegression()]}, X, y)
    check_same(pipeline, [grid, {"scale__with_std": [False]}], X, y)
    check_same(Pipeline([("mlp", classifier())]), grid, X, y)
    check_same(Pipeline([("a", StandardScaler()), ("mlp", pipeline)]), {"mlp__mlp__tol": [1]}, X, y)
    with pytest.warns(FitFailedWarning):
        check_same(pipeline, {"mlp__alpha": [-1.0, 0.1]}, X, y)
    with pytest.warns(FitFailedWarning):
        check_same(pipeline, {"scale": [PCA(99), PCA(1)], **grid}, X, y)


def test_estimators_of_a_pipeline_are_complete():
    def scorer(pipeline, X, y):
        assert pipeline.n_features_in_ == 4
        assert pipeline[:-1].transform(X).shape == X.shape
        return pipeline.score(X, y)

    pipeline = make_pipeline(StandardScaler(), classifier())
    grid = {"mlpclassifier__alpha": [0.0, 1.0]}
    bp.StackedSearchCV(pipeline, grid, scoring=scorer, error_score="raise").fit(*IRIS)


# ---------------------------------------------------------------------------------------------
# the search as an estimator


def test_it_is_an_estimator():
    search = bp.StackedSearchCV(classifier(), RATES, cv=2)
    assert is_classifier(search)
    assert is_regressor(bp.StackedSearchCV(regressor(), {}))
    assert clone(search).get_params().keys() == search.get_params().keys()
    assert search.set_params(estimator__alpha=0.5).estimator.alpha == 0.5
    assert not hasattr(search, "decision_function")
    assert not hasattr(bp.StackedSearchCV(classifier(), RATES, refit=False), "predict")
    X, y = IRIS
    again = pickle.loads(pickle.dumps(search.fit(X, y)))  # noqa: S301  its own
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert str(again.cv_results_) == str(search.cv_results_)
    np.testing.assert_array_equal(search.classes_, [0, 1, 2])


def test_a_search_in_a_search():
    inner = bp.StackedSearchCV(classifier(), RATES, cv=2)
    theirs = GridSearchCV(classifier(), RATES, cv=2)
    found, expected = (cross_val_score(one, *IRIS, cv=3) for one in (inner, theirs))
    np.testing.assert_allclose(found, expected)


def test_frames_keep_the_names_of_columns():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(IRIS[0], columns=list("abcd"))
    ours, theirs = check_same(classifier(), RATES, X, IRIS[1])
    np.testing.assert_array_equal(ours.feature_names_in_, theirs.feature_names_in_)


def test_the_estimator_and_the_grid_stay_as_they_are():
    mlp = classifier()
    grid = {"solver": [bp.SGD(0.1)], "alpha": [0.1, 0.2]}
    before = str(mlp.get_params()), str(grid)
    bp.StackedSearchCV(mlp, grid, cv=2).fit(*IRIS)
    assert (str(mlp.get_params()), str(grid)) == before
    assert not hasattr(mlp, "coefs_")


@pytest.mark.parametrize("device", ["torch:cpu", "jax:cpu"])
def test_devices(device, trained):
    pytest.importorskip(device.split(":")[0])
    grid = {"tol": [1e-4, 0.3], "n_iter_no_change": [1], **RATES}
    X = IRIS[0].astype("float32")
    mlp = classifier(device=device, dtype="float32", max_iter=8)
    check_same(mlp, grid, X, IRIS[1], scoring="neg_log_loss", close=1e-3)
    assert trained == [(4, 0)] * 3
