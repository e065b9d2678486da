"""Estimators: networks with scikit-learn's interface, on any device.

.. code-block:: text

    classifier            `MLPClassifier`: its parameters, its targets, probabilities
    regressor             `MLPRegressor`: its parameters and its targets
    base                  the common base of both: a fit, and the attributes that it sets
    partial_fits          where `partial_fit` exists
    fitted                a fitted estimator: θ, predictions, scores, gradients, traces
    configured            an estimator's parameters by name, its copies and its pickles
    fits                  a fit between its checks and its end
    from_parts            a fitted estimator from a network and its parameters
    scorers               the score of held-out cases by the parameter `scoring`
    parameters            the parameters of an estimator, checked before the data
    output_kind           the meaning of the outputs: classes, labels or numbers
    cases                 the cases of a fit, their weights, and the cases held out
    user_arrays           the arrays of the user: where they come from, where results go
    random_draws          the random numbers, drawn in scikit-learn's order
    stopping              the curves and the end of training: scikit-learn's rule, and Ctrl-C
    without_sklearn       bases of the estimators where scikit-learn is missing
    search                `StackedSearchCV`: a search whose candidates train in stacks
    folds                 the fits of a search on one fold
    stacks                fits that are trained together, and each ends by its own rule
    stack_members         which fits can be trained together
    along                 the numbers of a stack's networks as one setting
    ensemble_classifier   `MLPEnsembleClassifier`: its parameters, its targets, probabilities
    ensemble_regressor    `MLPEnsembleRegressor`: its parameters and its targets
    ensemble_base         the common base of both: a fit, its attributes, predictions
    ensemble_parameters   checks of parameters, and the numbers derived from them
    ensemble_targets      classes as labels, scaled numbers, and back
    ensemble_folds        the rows that are held out
    stratified_split      a split in which each class has its share on both sides
    ensemble_members      selection among trained candidates, and a table of all
    encoded_rows          rows of a table that become inputs when they are needed
    ensemble_training     candidates with sampled hyperparameters, a stack for each architecture
    ensemble_networks     the network of an architecture, and its start
    ensemble_best_epochs  the best epoch of each network, by its loss on held-out rows
    ensemble_selection    the greedy choice of networks on held-out rows
    table_scores          scores of predictions for a table's rows
    column_importance     the loss that a model gains when a column is mixed up
    table_steps           the step from the columns of a table to inputs
    damped_one_hot_encoder, noisy_quantile_transformer, piecewise_linear_encoder,
    robust_clip_scaler    the transformers of their names, for tables
    table_transformer     the common base of the transformers
    user_tables           a table of the user after scikit-learn's checks

Read them in this order, `classifier` and `base` first. The room imports `training` and the rooms
below it. The first use of an estimator imports its module, and scikit-learn with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backprop_xp.estimators.classifier import MLPClassifier
    from backprop_xp.estimators.damped_one_hot_encoder import DampedOneHotEncoder
    from backprop_xp.estimators.ensemble_classifier import MLPEnsembleClassifier
    from backprop_xp.estimators.ensemble_regressor import MLPEnsembleRegressor
    from backprop_xp.estimators.noisy_quantile_transformer import NoisyQuantileTransformer
    from backprop_xp.estimators.piecewise_linear_encoder import PiecewiseLinearEncoder
    from backprop_xp.estimators.regressor import MLPRegressor
    from backprop_xp.estimators.robust_clip_scaler import RobustClipScaler
    from backprop_xp.estimators.search import StackedSearchCV

__all__ = [
    "DampedOneHotEncoder",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "NoisyQuantileTransformer",
    "PiecewiseLinearEncoder",
    "RobustClipScaler",
    "StackedSearchCV",
]

_MODULES = {
    "DampedOneHotEncoder": "damped_one_hot_encoder",
    "MLPClassifier": "classifier",
    "MLPEnsembleClassifier": "ensemble_classifier",
    "MLPEnsembleRegressor": "ensemble_regressor",
    "MLPRegressor": "regressor",
    "NoisyQuantileTransformer": "noisy_quantile_transformer",
    "PiecewiseLinearEncoder": "piecewise_linear_encoder",
    "RobustClipScaler": "robust_clip_scaler",
    "StackedSearchCV": "search",
}


def __getattr__(name: str) -> Any:
    """Return an estimator; the import of its module imports scikit-learn."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
