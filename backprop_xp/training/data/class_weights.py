"""Class weights: the weight of each class, multiplied into the weights of its cases."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.training.data.cases import Total

__all__ = ["weights_by_class"]

WHERE = "train(class_weights)"


def weights_by_class(
    class_weights: Any,
    labels: HostArray,
    classes: int,
    case_weights: HostArray | None,
    total: Total | None = None,
) -> HostArray:
    """Return the weight of each case, class weight × case weight, (m,) or (K, m).

    Parameters
    ----------
    class_weights : "balanced" or mapping
        "balanced" gives a class the weight n / (k n_class): n is the number of cases, n_class the
        number of cases in the class, and k the number of classes that occur. With `case_weights`, n
        and n_class are sums of case weights. A mapping goes from a class to its weight ≥ 0; a class
        that it leaves out has weight 1.
    labels : ndarray (m,) or (K, m)
        0 … classes − 1.
    classes : int
    case_weights : ndarray (m,) or (K, m), or None
        ≥ 0; None for weights of 1.
    total : callable, optional
        Adds an array up over all ranks, where the cases are those of one rank.

    Raises
    ------
    OptionError
        `class_weights` names an unknown class, has a weight out of range, or leaves a network no
        case of weight > 0.

    References
    ----------
    King, Zeng, "Logistic regression in rare events data", Political Analysis 9 (2001).

    Examples
    --------
    >>> weights_by_class("balanced", np.array([0, 0, 0, 1]), 2, None)  # 4 / (2 · 3), 4 / (2 · 1)
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    >>> weights_by_class({1: 5}, np.array([0, 0, 0, 1]), 2, None)
    array([1., 1., 1., 5.])
    """
    lead = np.broadcast_shapes(labels.shape, () if case_weights is None else case_weights.shape)
    w = np.ones(labels.shape) if case_weights is None else case_weights
    if isinstance(class_weights, Mapping):
        of_class = np.ones(classes)
        for name, weight in class_weights.items():
            of_class[_number(name, classes)] = _weight(name, weight)
        weighted: HostArray = w * of_class[labels.astype(np.int64)]
    elif isinstance(class_weights, str) and class_weights == "balanced":
        of_networks, ws = (np.broadcast_to(x, lead).reshape(-1, lead[-1]) for x in (labels, w))
        pairs = zip(of_networks, ws, strict=True)
        each = [_balanced(*pair, classes, total) * pair[1] for pair in pairs]
        weighted = np.reshape(each, lead)
    else:
        expected = "None, 'balanced', or a mapping from classes to weights"
        advice = "Such as {0: 1.0, 1: 5.0}; pass weights of cases as case_weights="
        raise OptionError(WHERE, f"{class_weights!r:.100}", expected, advice)
    largest = weighted.max(axis=-1)
    if not (largest if total is None else total(largest)).all():
        expected = "at least one case with a weight above 0, for each network"
        raise OptionError(
            WHERE, f"{class_weights!r:.100}", expected, "Give a class that occurs a weight above 0"
        )
    return weighted


def _balanced(labels: HostArray, w: HostArray, classes: int, total: Total | None) -> HostArray:
    """Return the balanced weight of the class of each case, (m,)."""
    index = labels.astype(np.int64)
    found = np.bincount(index, minlength=classes), np.bincount(index, w, minlength=classes)
    counts, totals = found if total is None else map(total, found)
    # a class without any case of weight > 0 gets the weight 0
    every, present = totals[counts > 0].sum(), np.count_nonzero(counts)
    balanced: HostArray = (every / (present * np.where(totals > 0, totals, np.inf)))[index]
    return balanced


def _number(name: Any, classes: int) -> int:
    if isinstance(name, numbers.Integral) and 0 <= int(name) < classes:
        return int(name)
    expected = f"classes from 0 to {classes - 1}"
    raise OptionError(WHERE, f"the class {name!r:.100}", expected, "Name classes by their labels")


def _weight(name: Any, weight: Any) -> float:
    real = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
    value = float(weight) if real else -1.0
    if not 0 <= value < np.inf:
        came = f"the weight {weight!r:.100} for the class {name!r:.100}"
        raise OptionError(WHERE, came, "finite numbers >= 0", "Leave a class out with weight 0")
    return value
