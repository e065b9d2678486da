"""scikit-learn's checks of estimators, in twenty configurations, beside its own classes.

Each check that fails is named, with the reason why it cannot hold in that configuration.
"""

import os
import warnings

import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.9")

from sklearn import neural_network  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import backprop_xp as bp  # noqa: E402

WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
OF_BATCHES = WEIGHTS  # a case of weight 2 is in one batch, two cases of weight 1 are in two
OF_DRAWS = WEIGHTS  # the cases held out, or dropped units, are drawn for each case
ROUNDING = {  # the tolerance is that of float64
    *WEIGHTS,
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_classifiers_train",  # the logarithm of a rounded probability
}
GOES_ON = {  # the second fit goes on from the first one, and they are compared
    "check_supervised_y_2d",
    "check_classifiers_multilabel_representation_invariance",
}
PARTLY = {  # partial_fit refuses early_stopping, and balanced weights
    "check_estimators_partial_fit_n_features",
    "check_n_features_in_after_fitting",
    "check_fit_score_takes_y",
    "check_estimators_nan_inf",
}
# scikit-learn's list of checks replaces its own estimator by one of another solver for this one
REPLACED = {"check_sample_weight_equivalence_on_dense_data"}

OF_BOTH = [
    ({"solver": "sgd"}, set()),
    ({"solver": "adam"}, set()),
    ({"solver": "lbfgs", "alpha": 1.0}, set()),
    ({"early_stopping": True, "validation_fraction": 0.3, "max_iter": 30}, PARTLY | OF_DRAWS),
    ({"warm_start": True, "alpha": 3.0}, GOES_ON),
    ({"solver": "sgd", "shuffle": False, "learning_rate": "adaptive"}, OF_BATCHES),
    ({"batch_size": 1, "max_iter": 3, "learning_rate_init": 0.01}, OF_BATCHES),
]
OF_OURS = [
    (
        {
            "hidden_layer_sizes": (8, 5),
            "activation": ("gelu", "tanh"),
            "initializer": "he",
            "l1": 1e-4,
            "max_norm": 3.0,
            "class_weight": "balanced",
        },
        PARTLY,
    ),
    (
        {"solver": bp.SGD(0.05, 0.9), "dropout": 0.1, "callbacks": [bp.EarlyStopping("cost", 5)]},
        OF_DRAWS,
    ),
    ({"dtype": "float32", "solver": "adamw", "clip_norm": 5.0}, ROUNDING),
]
CONFIGURATIONS = [
    (name, *one) for name in ("MLPClassifier", "MLPRegressor") for one in OF_BOTH + OF_OURS
]


# all twenty take a minute of the processor: one of each class where libraries are not required
QUICK = [OF_OURS[2]]
EVERY = bool(os.environ.get("BACKPROP_XP_REQUIRE"))


def failures(estimator):
    """Return the names of the checks that fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 50
    return {one["check_name"] for one in results if one["status"] == "failed"}


def text_of(x):
    """Return a text of x that is the same in every process, for xdist."""
    return f"{len(x)} excused" if isinstance(x, set) else str(x)


@pytest.mark.parametrize(("name", "chosen", "excused"), CONFIGURATIONS, ids=text_of)
def test_no_check_fails_but_the_excused(name, chosen, excused):
    if not EVERY and (chosen, excused) not in QUICK:
        pytest.skip("all twenty configurations run where BACKPROP_XP_REQUIRE names libraries")
    chosen = {"learning_rate_init": 0.02, "max_iter": 60, **chosen}
    if name == "MLPRegressor":
        chosen.pop("class_weight", None)
    failed = failures(getattr(bp, name)(**chosen))
    assert failed <= excused
    if any(chosen.items() >= one.items() for one, _ in OF_BOTH):
        theirs = failures(getattr(neural_network, name)(**chosen))
        assert failed - REPLACED <= theirs
