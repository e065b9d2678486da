"""A search in stacks has the results of scikit-learn's search over the same estimator."""

import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from needs import some_of  # noqa: E402
from scipy.sparse import csr_array  # noqa: E402
from search_cases import (  # noqa: E402
    CANCER,
    DIABETES,
    IRIS,
    LABELS,
    RATES,
    check_same,
    classifier,
    regressor,
)
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import FitFailedWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
)

import backprop_xp as bp  # noqa: E402
from backprop_xp.estimators import stacks  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("new_starts"),
]


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


@pytest.mark.parametrize("grid", some_of(GRIDS, 2))
def test_every_kind_of_number(grid):
    check_same(classifier(), GRIDS[grid], *IRIS, scoring="neg_log_loss")


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


def test_a_stack_of_more_than_four_groups_is_cut(trained, monkeypatch):
    from backprop_xp.training.step import stack_groups

    one = stack_groups.CPU_BYTES // stack_groups.most_at_once(np.zeros(51), (4, 6, 3), 100)
    monkeypatch.setattr(stack_groups, "CPU_BYTES", one)  # groups of one network
    check_same(classifier(), {"alpha": np.logspace(-3, 0, 7)}, *IRIS, scoring="neg_log_loss")
    assert [size for size, _ in trained] == [4, 3] * 3


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
