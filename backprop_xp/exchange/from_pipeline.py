"""scikit-learn's fitted estimators and pipelines as a network, its parameters and its meaning."""

from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.exchange.from_transformers import WHERE, chain_of, is_passthrough, pipeline_steps
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.network import Network

__all__ = ["Fitted", "fitted_model"]


class Fitted(NamedTuple):
    """A fitted estimator or pipeline in the terms of a model file.

    Attributes
    ----------
    network : Network
    theta : ndarray (P,)
    meaning : Meaning
    """

    network: Network
    theta: HostArray
    meaning: Meaning


def fitted_model(estimator: Any) -> Fitted:
    """Return the network, the parameters and the meaning of a fitted estimator or pipeline.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or Pipeline that ends in one of them

    Raises
    ------
    DTypeError
        It is another object, or not fitted.
    OptionError
        A step of the pipeline cannot be expressed; the error names it.
    """
    steps = pipeline_steps(estimator)
    last = estimator if steps is None else steps.pop()
    net, theta = getattr(last, "network_", None), getattr(last, "theta_", None)
    if not isinstance(net, Network) or theta is None:
        raise _no_model(last)
    classes = getattr(last, "classes_", None)
    flat = net.sizes[-1] == 1 or (classes is not None and isinstance(net.output, Softmax))
    before = [step for step in steps or [] if not is_passthrough(step)]
    step = chain_of(before)
    names = getattr(before[0] if before else last, "feature_names_in_", None)
    feature_names = () if names is None else tuple(str(name) for name in names)
    known = None if classes is None else np.asarray(classes)
    meaning = Meaning(known, flat, feature_names, step)
    try:
        meaning.check(net)
    except ValueError as error:
        advice = "Check that every step was fitted with the others"
        raise OptionError(WHERE, str(error), "steps that fit each other", advice) from error
    return Fitted(net, to_host(theta), meaning)


def _no_model(last: Any) -> DTypeError:
    """Return the error for an object that is no fitted estimator of this library."""
    name, module = type(last).__name__, type(last).__module__
    expected = "a fitted MLPClassifier or MLPRegressor of backprop_xp, or a pipeline that ends so"
    came = name
    if module.startswith("sklearn.neural_network"):
        came = f"scikit-learn's {name}"
        advice = "Convert it with bp.exchange.from_sklearn"
    elif hasattr(last, "best_estimator_"):
        advice = "Save its best_estimator_"
    elif module.startswith("backprop_xp."):
        came, advice = f"{name} that is not fitted", "Call fit(X, y) first"
    else:
        advice = "Pass the estimator within it"
    return DTypeError(WHERE, came, expected, advice)
