"""The cases of a fit: inputs, targets, weights, and the cases that are held out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from backprop_xp.arrays.backend import HostArray, dtype_name, namespace
from backprop_xp.arrays.scalars import finite_number
from backprop_xp.errors import DataError, OptionError
from backprop_xp.estimators.user_arrays import brought, picked, place_of
from backprop_xp.network.data_values import check_case_weights
from backprop_xp.training.optimizer_state import OptimizerState

__all__ = [
    "Cases",
    "Penalty",
    "dense",
    "of_classes",
    "penalty",
    "poisson_offset",
    "unshuffled",
]


@dataclass(frozen=True)
class Cases:
    """Some cases of an estimator.

    Attributes
    ----------
    X : array or CSR matrix (m, n_in)
    Y : array (m,) or (m, units)
        The targets of training: labels on the host, or numbers where X is.
    y : array
        The targets of the score, likewise.
    w : array (m,) or None
        The weights of the cases in the score, on the host.
    training_w : array (m,) or None
        The weights of the cases in training, with those of their classes.
    """

    X: Any
    Y: Any
    y: Any
    w: HostArray | None = None
    training_w: HostArray | None = None

    @property
    def count(self) -> int:
        """The number of cases, m."""
        return int(self.X.shape[0])

    def part(self, rows: HostArray) -> Self:
        """Return the cases of these rows."""
        w, training_w = (None if x is None else x[rows] for x in (self.w, self.training_w))
        X, Y, y = (picked(x, rows) for x in (self.X, self.Y, self.y))
        return type(self)(X, Y, y, w, training_w)

    def of_some_weight(self) -> Self:
        """Return the cases whose weight is not 0, after a check of the weights.

        Raises
        ------
        DataError
            A weight is below 0, or all are 0.
        """
        w = self.training_w
        if w is None:
            return self
        check_case_weights(w, "fit(sample_weight)", w.dtype.name)
        return self if w.all() else self.part(np.flatnonzero(w))

    def split(
        self, fraction: float, random: np.random.RandomState, *, stratified: bool
    ) -> tuple[Self, Self]:
        """Return the cases to train on and the cases held out, as scikit-learn draws them.

        Parameters
        ----------
        fraction : float
            The share of cases held out.
        random : RandomState
        stratified : bool
            Whether both parts have the same shares of the two classes in Y.

        Raises
        ------
        DataError
            Fewer than two cases would be held out, or none would be left.
        ValueError
            A class has fewer than two cases.
        """
        from sklearn.model_selection import train_test_split

        m, count = self.count, math.ceil(fraction * self.count)
        rows = others = np.arange(0)
        if 1 <= count < m and (count > 1 or stratified):
            two_classes = self.Y.astype(bool)[:, None] if stratified else None
            rows, others = train_test_split(
                np.arange(m), test_size=fraction, random_state=random, stratify=two_classes
            )
        if len(others) < 2:
            came = "1 case (n_samples=1)" if m == 1 else f"{m} cases"
            came += " of weight > 0" if self.w is not None else ""
            expected = "at least one to train on and two to hold out"
            advice = (
                "The validation set is too small: pass more cases, another validation_fraction, "
                "or early_stopping=False"
            )
            raise DataError("fit(X)", came, expected, advice)
        return self.part(rows), self.part(others)


def of_classes(
    class_weight: Any, classes: HostArray, y: HostArray, w: HostArray | None
) -> HostArray:
    """Return the weights (m,) of the cases: those of their classes, times their own.

    "balanced" gives each class the same sum of weights, and leaves the mean weight as it is. Where
    a case has several labels, it has the product of the weights that each of them gives.

    Parameters
    ----------
    class_weight : "balanced", dict, or a list with a dict of 0 and 1 for each label
        Classes that a dict does not name have weight 1.
    classes : array (n_classes,)
    y : array (m,) or (m, n_labels)
    w : array (m,) or None

    Raises
    ------
    OptionError
        `class_weight` has another type, or names an unknown class.

    Examples
    --------
    >>> y, w = np.array([0, 0, 0, 1]), np.array([1.0, 1, 2, 2])
    >>> of_classes("balanced", y, y, w)
    array([0.75, 0.75, 1.5 , 3.  ])
    >>> of_classes({1: 5.0}, np.array([0, 1]), y, w)
    array([ 1.,  1.,  2., 10.])
    """
    columns = y.reshape(len(y), -1).T
    weights = product = np.ones(len(y)) if w is None else w
    several = y.ndim == 2
    balanced = isinstance(class_weight, str) and class_weight == "balanced"
    given = class_weight if several else [class_weight]
    if not balanced and not (
        isinstance(given, list)
        and len(given) == len(columns)
        and all(isinstance(one, Mapping) for one in given)
    ):
        of_labels = "a list with a dict for each label" if several else "a dict"
        advice = "Use 'balanced'"
        raise OptionError(
            "class_weight", f"{class_weight!r:.60}", f"'balanced' or {of_labels}", advice
        )
    for place, labels in enumerate(columns):
        if balanced:
            number = np.unique(labels, return_inverse=True)[1]
            sums = np.bincount(number, weights=weights)
            share = weights.sum() / (np.count_nonzero(sums) * np.where(sums > 0, sums, 1))
        else:
            known = [0, 1] if several else classes
            number, share = np.searchsorted(known, labels), _weights_of(given[place], known)
        product = product * share[number]
    return product


def _weights_of(given: Mapping[Any, Any], classes: Any) -> HostArray:
    """Return the weight of each class; 1 where none is given."""
    known = np.asarray(classes).tolist()
    unknown = [label for label in given if label not in known]
    if unknown and not set(known) <= given.keys():
        came, expected = f"the classes {unknown}", f"classes of y, {known}"
        raise OptionError("class_weight", f"{came:.100}", f"{expected:.200}", "Correct their names")
    return np.array([finite_number(given.get(label, 1), "class_weight") for label in known])


def dense(x: Any) -> Any:
    """Return a sparse matrix as an array; any other object unchanged."""
    return x.toarray() if hasattr(x, "toarray") else x


@dataclass(frozen=True)
class Penalty:
    """The factor of ½ Σ W² in each batch, a schedule: the last batch of an epoch may be shorter.

    Attributes
    ----------
    whole, last : float, or array over a stack
        The factor in a whole batch, and in the last batch of an epoch.
    batches : int
        The number of batches of an epoch.
    before : int
        The number of steps of earlier fits, after which the first epoch begins.
    """

    whole: Any
    last: Any
    batches: int
    before: int = 0

    def __call__(self, step: int) -> Any:
        """Return the factor at a step."""
        is_last = (step - self.before) % self.batches == self.batches - 1
        return self.last if is_last else self.whole


def penalty(
    alpha: float, m: int, size: int, w: HostArray | None, state: OptimizerState | None
) -> Any:
    """Return the factor of ½ Σ W² in each batch: alpha over the weight of its cases."""
    weight = 1.0 if w is None else float(w.mean())
    whole, last = alpha / (size * weight), m % size
    if last == 0:
        return whole
    before = 0 if state is None else int(state.memory["step"])
    return Penalty(whole, alpha / (last * weight), m // size + 1, before)


def unshuffled(m: int, size: int) -> Any:
    """Return the order of X for each epoch; None for a full batch, which has it anyway."""
    return None if size == m else lambda _: np.arange(m)


def poisson_offset(cases: Cases) -> float:
    """Return the mean of Σ (y ln y − y), a constant that scikit-learn adds to the Poisson cost."""
    y, w = cases.Y, cases.training_w
    xp = namespace(y)
    terms = xp.sum(y * xp.log(xp.where(y > 0, y, xp.ones_like(y))) - y, axis=1)
    if w is None:
        return float(xp.mean(terms))
    return float(xp.sum(terms * brought(w / w.sum(), place_of(y), dtype_name(y.dtype))))
