"""A fitted estimator: its parameters θ, predictions, scores, gradients and traces."""

import math
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from backprop_xp.activations import Identity
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, HostArray, context, context_of, dtype_name, namespace
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.moves import move
from backprop_xp.errors import ShapeError
from backprop_xp.estimators.cases import Cases, dense
from backprop_xp.estimators.configured import ConfiguredMLP
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.scorers import score_by_scorer
from backprop_xp.estimators.user_arrays import (
    brought,
    by_rows,
    check_arrays,
    check_place,
    current_device,
    dispatches,
    float_dtypes,
    is_elsewhere,
    known_dtype,
    on_host,
    place_of,
    r_squared,
)
from backprop_xp.inspection.trace import Trace, trace
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.network.prediction import IN_CHUNKS, predict

with suppress(ImportError):
    from sklearn.base import is_classifier, is_regressor
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.utils import column_or_1d
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

__all__ = ["FittedMLP", "weights_of_cases"]


class FittedMLP(ConfiguredMLP):
    """An estimator that answers with its network and θ; `fit` is in the class derived from it."""

    coefs_: list[Any]
    intercepts_: list[Any]

    def _targets(self, y: Any, head: Head, X: Any) -> Any:
        """Return the targets of training for y: labels on the host, or numbers as X has them."""
        raise NotImplementedError

    @property
    def theta_(self) -> Any:
        """All parameters (P,), where `coefs_` and `intercepts_` are, whose numbers they are.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> mlp = bp.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0)
        >>> mlp.fit([[0.0], [1.0]], [1.0, 3.0]).theta_.round(2)
        array([2., 1.])
        """
        check_is_fitted(self)
        sizes, place = self.network_.sizes, place_of(self.coefs_[0])
        given = (*self.coefs_, *self.intercepts_)
        every = [x if is_elsewhere(x) else np.asarray(x) for x in given]
        shapes = [tuple(x.shape) for x in every]
        expected = [*pairwise(sizes), *((n,) for n in sizes[1:])]
        if shapes != expected:
            advice = "Set arrays of the shapes that the fit has given them"
            raise ShapeError("coefs_, intercepts_", f"{shapes}", f"{expected}", advice)
        dtype = np.result_type(np.float32, *(dtype_name(x.dtype) for x in every)).name
        with context_of(place.xp, place.handle):
            moved = [brought(x, place, dtype) for x in every]
            pairs = zip(moved[: len(sizes) - 1], moved[len(sizes) - 1 :], strict=True)
            return self.network_.pack([Layer(W.mT, b[:, None]) for W, b in pairs])

    @theta_.setter
    def theta_(self, theta: Any) -> None:
        with context(theta):
            layers = self.network_.unpack(theta)
            self.coefs_ = [by_rows(layer.W.mT) for layer in layers]
            self.intercepts_ = [by_rows(layer.b[:, 0]) for layer in layers]

    @checks_keywords(batch_size=IN_CHUNKS)
    def predict(self, X: Any) -> Any:
        """Return the predicted classes, labels or numbers for X (m, n_in), in the shape of y.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> bp.MLPClassifier([32], tol=1e-2, random_state=0).fit(X, y).predict(X[:3])
        array([0, 1, 2])
        """
        check_is_fitted(self)
        return self._head.decide(self._outputs_for(X, self.network_, "predict"))

    @checks_keywords(batch_size=IN_CHUNKS)
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict`, or R² for numbers.

        Of several labels the accuracy is the share of cases with all labels right. R² is the mean
        over the outputs.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([32], tol=1e-2, random_state=0).fit(X[:1500], y[:1500])
        >>> mlp.score(X[1500:], y[1500:]) > 0.8
        True
        """
        return self._score_of(self.predict(X), y, sample_weight)

    def gradient_(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[float, Any]:
        """Return the mean cost of some cases and its gradient ∂E/∂θ (P,), without the penalty.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([8], max_iter=5, tol=9.0, n_iter_no_change=1).fit(X, y)
        >>> cost, gradient = mlp.gradient_(X, y)
        >>> gradient.shape == mlp.theta_.shape
        True
        """
        check_is_fitted(self)
        with current_device(X):
            cases = self._known_cases(X, y, sample_weight, self._head, "gradient_")
            place = place_of(cases.X)
            theta, Y = (brought(x, place) for x in (self.theta_, cases.Y))
            w = None if cases.w is None else cases.w / cases.w.sum()
            w = None if w is None else brought(w, place, dtype_name(theta.dtype))
            E, dE_dtheta = self.network_.gradient(theta, dense(cases.X), Y, w)
            return float(E), dE_dtheta

    def trace(self, X: Any, y: Any) -> Trace[Any]:
        """Return every quantity of the forward and the backward pass of some cases.

        Parameters
        ----------
        X : array (m, n_in)
        y : array
            As `fit` takes it.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([8], max_iter=5, tol=9.0, n_iter_no_change=1).fit(X, y)
        >>> mlp.trace(X[:2], y[:2]).layers[0].delta.shape
        (8, 2)
        """
        check_is_fitted(self)
        with current_device(X):
            cases = self._known_cases(X, y, None, self._head, "trace")
            theta, Y = (brought(x, place_of(cases.X)) for x in (self.theta_, cases.Y))
            return trace(self.network_, theta, dense(cases.X), Y)

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """Return X and y after the checks of scikit-learn; classes come on the host."""
        check_arrays("fit", X=X, y=y)
        formats = {"multi_output": True, "y_numeric": is_regressor(self), **self._formats(X)}
        y = on_host(y) if is_classifier(self) else y
        X, y = validate_data(self, X, y, reset=reset, **formats)
        return X, column_or_1d(y, warn=True) if tuple(y.shape[1:]) == (1,) else y

    def _formats(self, X: Any) -> dict[str, Any]:
        """Return the formats of X that scikit-learn is to let pass."""
        return {"accept_sparse": "csr", "dtype": float_dtypes(X)}

    def _known_cases(self, X: Any, y: Any, sample_weight: Any, head: Head, where: str) -> Cases:
        """Return cases for the network as it is, with a check of y against its outputs."""
        X, y = self._validated(X, y, reset=False)
        y = dense(y)
        expected = () if head.flat else (head.units,)
        if tuple(y.shape[1:]) != expected:
            of_cases = ", ".join(["m", *map(str, expected)])
            advice = "Pass y in the form of the fit"
            raise ShapeError(f"{where}(y)", f"shape {tuple(y.shape)}", f"({of_cases})", advice)
        head.check_known(y, f"{where}(y)")
        return Cases(X, self._targets(y, head, X), y, weights_of_cases(sample_weight, X))

    def _loss_with_penalty(self, cases: Cases) -> np.float64:
        """Return the mean cost of the cases at θ, with the penalty of a full batch."""
        w = cases.training_w
        place, theta = place_of(cases.X), self.theta_
        shares = None if w is None else brought(w / w.sum(), place, dtype_name(theta.dtype))
        E = self.network_.cost(theta, dense(cases.X), brought(cases.Y, place), shares)
        weight = cases.count if w is None else w.sum()
        squares = sum(float(namespace(W).sum(W * W)) for W in self.coefs_)
        return np.float64(float(E) + 0.5 * self.alpha * squares / weight)

    def _outputs_for(self, X: Any, net: Network, method: str) -> Any:
        """Return the outputs (m, n_out) of a network with the trained θ for X (m, n_in)."""
        check_arrays(method, X=X)
        check_place(X, self.coefs_[0], f"{type(self).__name__}.{method}()")
        with current_device(X):
            X = validate_data(self, X, reset=False, **self._formats(X))
            return self._outputs(net, self.theta_, X)

    def _weighted_inputs_for(self, X: Any, method: str) -> Any:
        """Return z^L, (m, units), for X (m, n_in): the outputs with identity output units."""
        check_is_fitted(self)
        return self._outputs_for(X, replace(self.network_, output=Identity()), method)

    def _outputs(self, net: Network, theta: Any, X: Any) -> Any:
        """Return the outputs (m, n_out) where X is, computed on the device of computation."""
        device = self._computing(X)
        moved = move(theta, device.xp, device.handle, dtype_name(self._dtype_at(theta, X)))
        return brought(predict(net, moved, X), place_of(X))

    def _dtype_at(self, theta: Any, X: Any) -> Any:
        """Return `dtype`, else θ's dtype, as far as the device of X has it."""
        if self.dtype is not None:
            return self.dtype
        return dtype_name(theta.dtype) if self.device is not None else known_dtype(theta, X)

    def _computing(self, X: Any) -> Device:
        """Return the device that trains and predicts: `device`, else the device of X."""
        return place_of(X) if self.device is None else select_device(self.device)

    def _score(self, theta: Array, held: Cases) -> float:
        """Return the score of the cases held out; NaN where an output is no number.

        Classes are compared on the host, numbers where X is.
        """
        outputs = self._outputs(self.network_, theta, held.X)
        xp = namespace(outputs)
        if not bool(xp.all(xp.isfinite(outputs))):
            return math.nan
        if self.scoring is not None:
            return score_by_scorer(self, theta, held)
        return self._score_of(self._head.decide(outputs), held.y, held.w)

    def _score_of(self, predicted: Any, y: Any, w: Any) -> float:
        """Return the accuracy of predictions, or their R²."""
        if is_classifier(self):
            y, predicted, w = (on_host(x) for x in (y, predicted, w))
            return float(accuracy_score(y, predicted, sample_weight=w))
        if is_elsewhere(predicted) and dispatches():
            return r_squared(y, predicted, w)
        return float(r2_score(y, predicted, sample_weight=w))


def weights_of_cases(sample_weight: Any, X: Any) -> HostArray | None:
    """Return the weights of the cases (m,) on the host, after the checks of scikit-learn."""
    if sample_weight is None:
        return None
    check_arrays("fit", sample_weight=sample_weight)
    cases = np.zeros((X.shape[0], 1), dtype_name(X.dtype)) if is_elsewhere(X) else X
    weights: HostArray = _check_sample_weight(on_host(sample_weight), cases)
    return weights
