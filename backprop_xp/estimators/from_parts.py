"""A fitted estimator from a network and parameters that exist already."""

from collections.abc import Mapping
from typing import Any, TypeVar

from backprop_xp.arrays.backend import HostArray
from backprop_xp.estimators.output_kind import Head
from backprop_xp.network.network import Network

__all__ = ["fitted_from_parts"]

T = TypeVar("T")


def fitted_from_parts(
    estimator: T, head: Head, net: Network, theta: HostArray, fitted: Mapping[str, Any]
) -> T:
    """Return the estimator itself, fitted with a network and its parameters.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    head : Head
        The meaning of the network's outputs.
    net : Network
    theta : array (P,)
        On the host.
    fitted : mapping of str to object
        Further fitted attributes, such as ``n_iter_``.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
    >>> head = Head(1, "sigmoid", "binary_cross_entropy", np.array(["no", "yes"]))
    >>> mlp = fitted_from_parts(
    ...     bp.MLPClassifier([]), head, net, np.array([1.0, 1.0, 0.0]), {"n_features_in_": 2}
    ... )
    >>> mlp.predict([[1.0, 1.0], [-1.0, -1.0]])
    array(['yes', 'no'], dtype='<U3')
    """
    made: Any = estimator
    made._head, made.network_ = head, net  # noqa: SLF001  the estimator is of this room
    made.theta_ = theta
    if head.classes is not None:
        made.classes_ = head.classes
    made.n_outputs_, made.n_layers_ = head.units, len(net.sizes)
    for name, value in fitted.items():
        setattr(made, name, value)
    return estimator
