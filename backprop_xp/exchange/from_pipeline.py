"""scikit-learn's fitted estimators and pipelines as a network, its parameters and its meaning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.exchange.from_transformers import WHERE, chain_of, is_passthrough, pipeline_steps
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.network import Network
from backprop_xp.preprocessing.composition import Chain

__all__ = ["Fitted", "after_steps", "fitted_model"]


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
    known = None if classes is None else np.asarray(classes)
    meaning = after_steps(steps or [], last, Meaning(known, flat))
    try:
        meaning.check(net)
    except ValueError as error:
        advice = "Check that every step was fitted with the others"
        raise OptionError(WHERE, str(error), "steps that fit each other", advice) from error
    return Fitted(net, to_host(theta), meaning)


def after_steps(steps: Sequence[Any], last: Any, own: Meaning) -> Meaning:
    """Return the meaning of a model after the steps of a pipeline.

    Parameters
    ----------
    steps : sequence of transformers
        Fitted; "passthrough" and None among them.
    last : estimator
        Which follows the steps.
    own : Meaning
        The meaning of the rows that `last` takes.

    Raises
    ------
    OptionError
        A step cannot be expressed; the error names it.
    """
    before = [step for step in steps if not is_passthrough(step)]
    made = [step for step in (chain_of(before), own.preprocessing) if step is not None]
    names = getattr(before[0] if before else last, "feature_names_in_", None)
    return replace(
        own,
        feature_names=() if names is None else tuple(str(name) for name in names),
        preprocessing=Chain(tuple(made)) if len(made) > 1 else made[0] if made else None,
    )


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
    elif hasattr(type(last), "members_"):
        came, expected = f"the ensemble {name}", "a single network, or a pipeline that ends so"
        advice = "Save an ensemble by bp.save, or export it by bp.exchange.to_onnx"
    elif module.startswith("backprop_xp."):
        came, advice = f"{name} that is not fitted", "Call fit(X, y) first"
    else:
        advice = "Pass the estimator within it"
    return DTypeError(WHERE, came, expected, advice)
