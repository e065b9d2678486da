"""A search in stacks has the results of scikit-learn's search over the same estimator."""

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from scipy.sparse import csr_array  # noqa: E402
from scipy.stats import loguniform, uniform  # noqa: E402
from sklearn import datasets  # noqa: E402
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
from backprop_xp.estimators import folds, stacks  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


IRIS, CANCER = scaled(datasets.load_iris), scaled(datasets.load_breast_cancer)
CANCER = CANCER[0][:200], CANCER[1][:200]
DIABETES = scaled(datasets.load_diabetes)
DIABETES = DIABETES[0][:150], DIABETES[1][:150] / 100
LABELS = datasets.make_multilabel_classification(n_samples=120, random_state=0)
RATES = {"learning_rate_init": [0.003, 0.03]}


@pytest.fixture(autouse=True)
def new_starts(monkeypatch):
    """Stacks go on without ended networks after two updates in vain, so that they do here."""
    monkeypatch.setattr(stacks, "NEW_START", 2)


@pytest.fixture
def trained(monkeypatch):
    """The numbers of members of each stack, and of those among them that were fitted alone."""
    seen, train_stack = [], folds.train_stack

    def spy(stack):
        alone = train_stack(stack)
        seen.append((len(stack), len(alone)))
        return alone

    monkeypatch.setattr(folds, "train_stack", spy)
    return seen


def classifier(**chosen):
    chosen = {"hidden_layer_sizes": [6], "max_iter": 12, "random_state": 0, **chosen}
    return bp.MLPClassifier(**chosen)


def regressor(**chosen):
    chosen = {"hidden_layer_sizes": [6], "max_iter": 12, "random_state": 0, **chosen}
    return bp.MLPRegressor(**chosen)


def check_equal_results(ours, theirs, close=1e-10):
    found, expected = ours.cv_results_, theirs.cv_results_
    assert list(found) == list(expected)
    for name in expected:
        if name == "params":
            assert list(map(str, found[name])) == list(map(str, expected[name]))
            continue
        assert type(found[name]) is type(expected[name]), name
        assert found[name].dtype == expected[name].dtype, name
        if name.startswith("param_"):
            assert (found[name].mask == expected[name].mask).all()
            assert list(map(str, found[name])) == list(map(str, expected[name]))
        elif name.endswith("_time"):
            assert (found[name] >= 0).all()
        else:
            np.testing.assert_allclose(found[name], expected[name], close, close, err_msg=name)


def check_same(estimator, grid, X, y, fit=None, *, theirs=None, close=1e-10, **options):
    """Compare a search with scikit-learn's, and return both."""
    options = {"cv": 3, "return_train_score": True, **options}
    ours = bp.StackedSearchCV(clone(estimator), grid, **options)
    if theirs is None:
        theirs = GridSearchCV(clone(estimator), grid, **options)
    ours.fit(X, y, **(fit or {}))
    theirs.fit(X, y, **(fit or {}))
    check_equal_results(ours, theirs, close)
    for name in ("best_index_", "n_splits_", "multimetric_", "n_features_in_", "classes_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        if hasattr(ours, name):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert type(ours.scorer_) is type(theirs.scorer_)
    for name in ("best_score_", "best_params_", "best_estimator_", "refit_time_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
    if hasattr(ours, "best_score_"):
        assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=close)
    if hasattr(ours, "best_estimator_"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.score(X, y) == theirs.score(X, y)
    return ours, theirs


# ---------------------------------------------------------------------------------------------
# numbers along a stack


GRIDS = {
    "alpha": {"alpha": [0.0, 1e-3, 1.0]},
    "rate": RATES,
    "adam": {"beta_1": [0.0, 0.9], "beta_2": [0.9, 0.999], "epsilon": [1e-8, 0.1]},
    "sgd": {"solver": ["sgd"], "momentum": [0.3, 0.9], **RATES},
    "no momentum": {"solver": ["sgd"], "nesterovs_momentum": [False], "momentum": [0.0, 0.9]},
    "decays": {
        "solver": ["sgd"],
        "learning_rate": ["constant", "invscaling", "adaptive"],
        "tol": [0.1],
        "n_iter_no_change": [1],
        "power_t": [0.1, 0.5],
        "learning_rate_init": [0.1],
    },
    "stops": {"tol": [1e-4, 0.05, 0.5], "n_iter_no_change": [1, 3, np.inf], **RATES},
    "epochs": {"max_iter": [1, 3, 12], **RATES},
    "dropout": {"dropout": [0.0, 0.2, 0.5]},
    "penalties": {"l1": [0.0, 0.01], "max_norm": [0.5, 2.0]},
    "bounds": {"clip_norm": [None, 0.1, 1.0], "clip_value": [None, 0.01]},
    "early": {"early_stopping": [True], "tol": [0.0, 0.05], "n_iter_no_change": [1, 4], **RATES},
    "scoring": {"early_stopping": [True, False], "scoring": [None, "neg_log_loss"]},
    "solvers": {
        "solver": ["adam", "sgd", "adamw", "rmsprop", "nadam", "adagrad", "rprop"],
        **RATES,
    },
    "own numbers": {
        "solver": [bp.SGD(0.1), bp.SGD(0.02, 0.5), bp.SGD(bp.schedules.Step(0.1, 5)), bp.Adam()]
    },
    "parts": {"solver": [bp.Adam()], "solver__learning_rate": [0.01, 0.1], "solver__beta1": [0.5]},
    "plateau": {
        "solver": [
            bp.SGD(bp.schedules.ReduceOnPlateau(rate, 0.2, 0, metric="cost")) for rate in (0.1, 0.5)
        ],
        "alpha": [0.0, 0.1],
        "tol": [0.0, 0.1],
        "n_iter_no_change": [2],
    },
    "architectures": {"hidden_layer_sizes": [(), 4, (5, 3)], "activation": ["tanh", "relu"]},
    "batches": {"batch_size": [8, 32, "auto"], "shuffle": [True, False], **RATES},
    "starts": {"random_state": [0, 1, 2], **RATES},
    "starts, one order": {"random_state": [0, 1], "shuffle": [False], **RATES},
    "lists": [{"alpha": [0.1, 1.0]}, {"tol": [0.1], **RATES}],
    "one": {"alpha": [0.1]},
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_every_kind_of_number(grid):
    check_same(classifier(), grid, *IRIS, scoring="neg_log_loss")


@pytest.mark.parametrize(
    ("grid", "stacks"),
    {
        **dict.fromkeys(["alpha", "decays", "stops", "epochs", "dropout", "early"], 1),
        **dict.fromkeys(["no momentum", "parts", "penalties"], 1),
        **dict.fromkeys(["own numbers", "plateau"], 2),
        "starts": 3,
        "bounds": 4,
        "architectures": 5,
        "batches": 6,
        "solvers": 7,
    }.items(),
)
def test_candidates_of_one_structure_are_one_stack(grid, stacks, trained):
    search = bp.StackedSearchCV(classifier(), GRIDS[grid], cv=2, refit=False).fit(*IRIS)
    assert len(trained) == 2 * stacks
    assert sum(size for size, _ in trained) == 2 * len(search.cv_results_["params"])
    assert not any(alone for _, alone in trained)


KINDS = {
    "two classes": (classifier(), CANCER),
    "texts": (classifier(), (IRIS[0], np.array(["a", "b", "c"])[IRIS[1]])),
    "labels": (classifier(), LABELS),
    "numbers": (regressor(), DIABETES),
    "several numbers": (regressor(), (DIABETES[0], np.c_[DIABETES[1], DIABETES[0][:, 0]])),
    "counts": (regressor(loss="poisson"), (DIABETES[0], np.rint(DIABETES[1]))),
    "early stopping": (regressor(early_stopping=True, n_iter_no_change=2, tol=0.1), DIABETES),
    "sparse": (classifier(), (csr_array(CANCER[0]), CANCER[1])),
}


@pytest.mark.parametrize(("estimator", "data"), KINDS.values(), ids=KINDS)
def test_every_kind_of_target(estimator, data, trained):
    check_same(estimator, {"alpha": [0.0, 1.0], **RATES}, *data)
    assert trained == [(4, 0)] * 3


def test_single_precision_differs_by_less_than_a_case_of_a_fold():
    X, y = CANCER[0].astype("float32"), CANCER[1]
    check_same(classifier(), {"alpha": [0.0, 1.0], **RATES}, X, y, cv=5, close=1 / 40 + 1e-9)


def test_networks_have_the_theta_and_the_curves_of_a_fit_alone(trained):
    kept = {}

    def scorer(mlp, X, y):
        kept.setdefault(tuple(X[0]), []).append(mlp)
        return mlp.score(X, y)

    grid = {"tol": [1e-4, 0.05], "n_iter_no_change": [1, 3], "alpha": [0.0, 0.1], **RATES}
    X, y = IRIS
    for early in (False, True):
        kept.clear()
        base = classifier(early_stopping=early, max_iter=20, dropout=0.1)
        search = bp.StackedSearchCV(base, grid, scoring=scorer, refit=False, cv=2).fit(X, y)
        split = search._checked_cv_orig.split(X, y)
        lengths = set()
        for (train, test), fitted in zip(split, kept.values(), strict=True):
            assert tuple(X[test[0]]) in kept
            for mlp, params in zip(fitted, search.cv_results_["params"], strict=True):
                alone = clone(base).set_params(**params).fit(X[train], y[train])
                np.testing.assert_allclose(mlp.theta_, alone.theta_, 1e-10, 1e-12)
                np.testing.assert_allclose(mlp.loss_curve_, alone.loss_curve_, 1e-10)
                assert (mlp.n_iter_, mlp.t_) == (alone.n_iter_, alone.t_)
                assert mlp.run_.stopped == alone.run_.stopped
                assert list(mlp.run_.history) == list(alone.run_.history)
                for name, entries in alone.run_.history.items():
                    np.testing.assert_allclose(mlp.run_.history[name], entries, 1e-10)
                assert set(vars(mlp)) == set(vars(alone))
                if early:
                    assert mlp.validation_scores_ == alone.validation_scores_
                lengths.add(mlp.n_iter_)
        assert len(lengths) > 2
    assert not any(alone for _, alone in trained)


@pytest.mark.parametrize("patience", [1, 2, 16, 1000])
def test_the_moment_of_a_new_start_changes_nothing(patience, monkeypatch, trained):
    monkeypatch.setattr(stacks, "NEW_START", patience)
    starts, train = [], stacks.train

    def spy(**arguments):
        starts.append(len(arguments["theta"]))
        return train(**arguments)

    monkeypatch.setattr(stacks, "train", spy)
    grid = {"max_iter": [1, 4, 9, 30], "batch_size": [20], "dropout": [0.0, 0.3], "tol": [0.0]}
    check_same(classifier(solver="sgd"), grid, *IRIS, scoring="neg_log_loss", cv=2)
    assert trained == [(8, 0)] * 2
    assert starts[0] == 8
    assert (len(starts) > 2) == (patience < 1000)
    assert min(starts) <= (8 if patience == 1000 else 4)


def test_a_fixed_random_state_of_an_object_is_shared_by_candidates(trained):
    check_same(classifier(random_state=np.random.RandomState(3)), RATES, *IRIS, refit=False)
    assert trained == [(2, 0)] * 3


def test_without_a_random_state_candidates_share_the_start_of_a_fold(trained):
    grid = {"alpha": [0.5, 0.5], "tol": [1e-4, 1e-4]}
    search = bp.StackedSearchCV(classifier(random_state=None), grid, scoring="neg_log_loss")

    def scores():
        np.random.seed(5)  # noqa: NPY002  the stream of random_state=None
        found = search.fit(*IRIS).cv_results_
        return np.array([found[f"split{k}_test_score"] for k in range(5)])

    first = scores()
    assert (first == first[:, :1]).all()  # equal candidates
    assert len(set(first[:, 0])) == 5
    np.testing.assert_array_equal(scores(), first)
    assert trained == [(4, 0)] * 10
    assert search.best_estimator_.random_state is None


def test_a_stack_larger_than_the_memory_of_a_group_is_cut(trained, monkeypatch):
    from backprop_xp.training.step import stack_groups

    one = stack_groups.CPU_BYTES // stack_groups.most_at_once(np.zeros(51), (4, 6, 3), 100)
    monkeypatch.setattr(stack_groups, "CPU_BYTES", int(2.5 * one))
    check_same(classifier(), {"alpha": np.logspace(-3, 0, 7)}, *IRIS, scoring="neg_log_loss")
    assert [size for size, _ in trained] == [2, 2, 2, 1] * 3


# ---------------------------------------------------------------------------------------------
# what cannot be stacked


class Plain:
    """Gradient descent that knows nothing of stacks."""

    def __init__(self, rate):
        self.rate = rate

    def settings(self, _):
        return {"rate": self.rate}

    def init(self, _):
        return ()

    def update(self, theta, state, dE_dtheta, rate):
        return theta - rate * dE_dtheta, state


ALONE = {
    "lbfgs": {"solver": ["lbfgs"], "alpha": [0.0, 0.1]},
    "own solver": {"solver": [Plain(0.1), Plain(0.01)]},
    "callbacks": {"callbacks": [[bp.EarlyStopping("cost", patience=1)]], **RATES},
}


@pytest.mark.parametrize("grid", ALONE.values(), ids=ALONE)
def test_the_rest_is_fitted_one_by_one(grid, trained):
    check_same(classifier(), grid, *IRIS)
    check_same(classifier(), [grid, RATES], *IRIS)
    assert [size for size, _ in trained] == [2] * 3


def test_other_estimators_are_searched_as_by_scikit_learn():
    check_same(LogisticRegression(), {"C": [0.1, 1.0]}, *IRIS)


def test_a_subclass_with_a_fit_of_its_own_keeps_it(trained):
    class Loud(bp.MLPClassifier):
        def fit(self, X, y):
            self.heard_ = True
            return super().fit(X, y)

    check_same(Loud([4], max_iter=3, random_state=0), RATES, *IRIS)
    assert not trained


# ---------------------------------------------------------------------------------------------
# failures


@pytest.mark.parametrize("early", [False, True])
def test_a_network_that_diverges_leaves_the_others(early, trained):
    grid = {"learning_rate_init": [0.01, 1e3, 0.1, 1e6], "tol": [1e-4, 0.3]}
    base = regressor(solver="sgd", early_stopping=early, n_iter_no_change=3, max_iter=30)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ours, theirs = check_same(base, grid, *DIABETES)
    assert ours.cv_results_["mean_test_score"].shape == (8,)
    kinds = {one.category for one in seen}
    assert (FitFailedWarning in kinds) == np.isnan(theirs.cv_results_["mean_test_score"]).any()
    assert all(size == 8 and 0 < alone < 8 for size, alone in trained)


def test_the_score_of_a_fit_that_fails():
    grid = {"alpha": [0.1, -1.0], "dropout": [0.0, 2.0]}
    with pytest.warns(FitFailedWarning, match=r"9 fits failed|9 fits"):
        ours, _ = check_same(classifier(), grid, *IRIS, error_score=-7.0)
    assert (ours.cv_results_["mean_test_score"] == -7.0).sum() == 3
    for search in (bp.StackedSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match="alpha"):
            search(classifier(), {"alpha": [-1.0]}, error_score="raise").fit(*IRIS)
        with pytest.raises(ValueError, match="All the 5 fits failed"):
            search(classifier(), {"alpha": [-1.0]}).fit(*IRIS)
        with pytest.raises(ValueError, match="'no_such'"):
            search(classifier(), {"no_such": [1]}).fit(*IRIS)


def test_options_out_of_range_are_refused_as_by_scikit_learn():
    for wrong in ({"refit": 3.5}, {"cv": "x"}, {"verbose": -1}, {"error_score": "no"}):
        for search in (bp.StackedSearchCV, GridSearchCV):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                search(classifier(), RATES, **wrong).fit(*IRIS)
    for wrong in ({"n_iter": 0}, {"random_state": "x"}, {"param_grid": 3}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            bp.StackedSearchCV(classifier(), **{"param_grid": RATES, **wrong}).fit(*IRIS)
    with pytest.raises(bp.CallError, match="param_grid"):
        bp.StackedSearchCV(classifier(), param_distributions=RATES)
    with pytest.raises(ValueError, match="multi-metric"):
        bp.StackedSearchCV(classifier(), RATES, scoring=["accuracy"], refit=True).fit(*IRIS)


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
@pytest.mark.parametrize("seed", range(12))
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
