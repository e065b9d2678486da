"""The cases of a fit: inputs, targets, weights, and the cases that are held out."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from backprop_xp.arrays.backend import HostArray, dtype_name, namespace
from backprop_xp.errors import DataError
from backprop_xp.estimators.user_arrays import brought, picked, place_of
from backprop_xp.network.data_values import check_case_weights
from backprop_xp.training.optimizer_state import OptimizerState

__all__ = ["Cases", "dense", "penalty", "poisson_offset", "unshuffled"]


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
            came = f"{m} case{'s' * (m != 1)}" + (" of weight > 0" if self.w is not None else "")
            expected = "at least one to train on and two to hold out"
            advice = (
                "The validation set is too small: pass more cases, another validation_fraction, "
                "or early_stopping=False"
            )
            raise DataError("fit(X)", came, expected, advice)
        return self.part(rows), self.part(others)


def dense(x: Any) -> Any:
    """Return a sparse matrix as an array; any other object unchanged."""
    return x.toarray() if hasattr(x, "toarray") else x


def penalty(
    alpha: float, m: int, size: int, w: HostArray | None, state: OptimizerState | None
) -> Any:
    """Return the factor of ½ Σ W² in each batch: alpha over the weight of its cases."""
    weight = 1.0 if w is None else float(w.mean())
    if m % size == 0:
        return alpha / (size * weight)
    batches, last = m // size + 1, m % size
    before = 0 if state is None else int(state.memory["step"])

    def l2(step: int) -> float:
        is_last = (step - before) % batches == batches - 1
        return alpha / ((last if is_last else size) * weight)

    return l2


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
