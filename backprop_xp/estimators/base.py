"""The common base of the estimators: fits, their random numbers, and the fitted attributes.

A fit is a training by `backprop_xp.train`. This module draws the random numbers as scikit-learn
does, hands them to `train`, and keeps what scikit-learn's estimators keep.
"""

import inspect
import math
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import wraps
from itertools import pairwise
from typing import Any, Self

import numpy as np

from backprop_xp.activations import Identity
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context,
    context_of,
    dtype_name,
    move,
    namespace,
)
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.errors import DataError, OptionError, ParameterError, ShapeError
from backprop_xp.estimators.cases import (
    Cases,
    dense,
    of_classes,
    penalty,
    poisson_offset,
    unshuffled,
)
from backprop_xp.estimators.fits import Fit, trained
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import (
    OF_THE_ESTIMATOR,
    Chosen,
    checked,
    parts_of_solver,
    with_parts_of_solver,
)
from backprop_xp.estimators.random_draws import Shuffle, first_parameters
from backprop_xp.estimators.stopping import Curves, Watch
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
    with_host_arrays,
)
from backprop_xp.estimators.without_sklearn import stand_ins
from backprop_xp.inspection.trace import Trace, trace
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.network.prediction import IN_CHUNKS, predict
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.run import Run

try:
    from sklearn.base import BaseEstimator, is_classifier, is_regressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import accuracy_score, check_scoring, r2_score
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    (BaseEstimator,) = stand_ins(error)[:1]

__all__ = ["BaseMLP", "check_partial_fit", "partial_fit_is_available"]


STOCHASTIC = "partial_fit needs a solver of many small steps, such as 'adam'"


@dataclass
class _Solver:
    """The solver after a fit, with which `partial_fit` goes on.

    Attributes
    ----------
    kind : type
        The class of the optimiser.
    learning_rate : float or object
    state : OptimizerState or None
        None for L-BFGS.
    initial : float or None
        The `learning_rate_init` of the fit.
    """

    kind: type
    learning_rate: Any
    state: OptimizerState | None
    initial: float | None = None


def _takes_weights(scorer: Any) -> bool:
    """Tell whether a scorer, or the metric that it calls, has the keyword `sample_weight`."""
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(metric).parameters


class BaseMLP(BaseEstimator):
    """The common base of the classifier and the regressor: parameters, training, prediction."""

    solver: Any
    coefs_: list[Any]
    intercepts_: list[Any]
    _optimizer: _Solver | None = None
    _curves: Curves | None = None

    def _target_kind(self, y: Any, *, known: bool) -> Head:
        """Return the kind of the outputs for y; set ``classes_`` of a classifier if not `known`."""
        raise NotImplementedError

    def _targets(self, y: Any, head: Head, X: Any) -> Any:
        """Return the targets of training for y: labels on the host, or numbers as X has them."""
        raise NotImplementedError

    # -----------------------------------------------------------------------------------------
    # parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Whether the parameters of an optimiser as `solver` are among them, as
            ``solver__learning_rate``.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.MLPClassifier(solver=bp.SGD(0.5)).get_params()["solver__learning_rate"]
        0.5
        """
        params: dict[str, Any] = super().get_params(deep)
        if deep:
            parts = parts_of_solver(self.solver)
            params |= {f"solver__{name}": x for name, x in parts.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, those of an optimiser as ``solver__learning_rate``.

        Raises
        ------
        ParameterError
            The solver has no such parameter.
        ValueError
            There is no such parameter.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.MLPClassifier(solver=bp.Adam()).set_params(solver__beta1=0.8).solver.beta1
        0.8
        """
        prefix = "solver__"
        parts = {n.removeprefix(prefix): x for n, x in params.items() if n.startswith(prefix)}
        super().set_params(**{n: x for n, x in params.items() if not n.startswith(prefix)})
        if parts:
            self.solver = with_parts_of_solver(self.solver, parts)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of a pickle or a copy: its arrays are of NumPy."""
        state = {name: with_host_arrays(x) for name, x in super().__getstate__().items()}
        if isinstance(state.get("device"), Device):
            state["device"] = state["device"].name  # a pickle loads where there is no such device
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the attributes of a pickle; of one of before, in the form of today."""
        defaults = inspect.signature(type(self)).parameters.items()
        state = {**{n: one.default for n, one in defaults if n not in state}, **state}
        theta = state.pop("theta_", None)  # of version 0.1
        super().__setstate__(state)
        if theta is not None:
            self.theta_ = theta

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    # -----------------------------------------------------------------------------------------
    # fits

    @checks_keywords(**OF_THE_ESTIMATOR)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Self:
        """Return the estimator itself, trained on X and y.

        Parameters
        ----------
        X : array or CSR matrix (m, n_in)
        y : array
            A class or a number for each case, (m,); labels of 0 and 1, (m, n_labels); or several
            numbers for each case, (m, n_out).
        sample_weight : array (m,), optional
            The weight of each case, ≥ 0. Default: 1 each. Cases of weight 0 are left out.
        eval_set : (X, y), optional
            Cases whose cost and score are measured after each epoch, in ``evals_result_``. With
            `early_stopping` they take the place of the cases held out.

        Raises
        ------
        As the class. A fit that fails leaves the estimator as it was.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([16], max_iter=3, n_iter_no_change=1, tol=9.0, random_state=0)
        >>> len(mlp.fit(X[:900], y[:900], eval_set=(X[900:], y[900:])).evals_result_["score"])
        3
        """
        weights = sample_weight
        return self._unharmed(X, lambda: self._fit(X, y, weights, eval_set, incremental=False))

    def _unharmed(self, X: Any, fit: Callable[[], None]) -> Self:
        """Call `fit` on the device of X; where it fails, leave the estimator as it was."""
        before = vars(self).copy()
        try:
            with current_device(X):
                fit()
        except BaseException as error:  # Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            if type(error) is OptionError:
                raise ParameterError(*error.parts).with_traceback(error.__traceback__) from None
            raise
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, *, incremental: bool) -> None:
        fit = self._prepared(X, y, sample_weight, eval_set, incremental=incremental)
        run = trained(self._arguments(fit, incremental=incremental), fit.watch)
        self._ended(fit, run)
        if not incremental:
            self._warn_unless_ended(run.stopped)

    def _prepared(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: Any = None,
        *,
        incremental: bool = False,
        random: np.random.RandomState | None = None,
    ) -> Fit:
        """Return a fit that is ready to train; set the network, its parameters and the counts.

        `random` takes the place of `random_state`.
        """
        chosen = checked(self, held_out=self.early_stopping or eval_set is not None)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validated(X, y, reset=first)
        head = self._target_kind(y, known=incremental or not first)
        y = dense(y)
        random = check_random_state(self.random_state) if random is None else random
        self._begin(head, X, chosen, random, first)
        cases = self._cases(X, y, sample_weight, head).of_some_weight()
        others = self._eval_cases(eval_set, head)
        decides = self.early_stopping and not isinstance(chosen.optimizer, LBFGS)
        if decides and others is None:
            stratified = head.classes is not None and head.units == 1
            cases, others = cases.split(self.validation_fraction, random, stratified=stratified)
        watch = self._watch(chosen, cases, others, decides, incremental)
        return Fit(chosen, cases, others, watch, random)

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

    def _begin(
        self, head: Head, X: Any, chosen: Chosen, random: np.random.RandomState, first: bool
    ) -> None:
        """Set the network, and for a first fit its parameters and the counts."""
        self._head = head
        if first:
            sizes = [X.shape[1], *chosen.hidden, head.units]
        else:
            sizes = [self.coefs_[0].shape[0], *(coef.shape[1] for coef in self.coefs_)]
            if sizes != [X.shape[1], *chosen.hidden, head.units]:
                asked = [X.shape[1], *chosen.hidden, head.units]
                advice = "Fit a new estimator, or pass warm_start=False"
                raise OptionError("fit", f"layers of {asked} units", f"{sizes}, as before", advice)
        loss = head.loss_for(self.loss)
        hidden = chosen.activations[: len(chosen.hidden)]
        self.network_ = Network(sizes, hidden, head.activation, loss)
        self.n_outputs_, self.n_layers_ = head.units, len(sizes)
        self.out_activation_ = "logistic" if head.activation == "sigmoid" else head.activation
        if first:
            self._start(chosen, X.dtype, random)
            self._optimizer, self._curves, self.t_ = None, None, 0

    def _start(self, chosen: Chosen, dtype: Any, random: np.random.RandomState) -> None:
        """Set the first parameters, of scikit-learn or of `initializer`."""
        net = self.network_
        if self.initializer is None:
            drawn = first_parameters(net.sizes, chosen.activations, dtype_name(dtype), random)
            self.coefs_, self.intercepts_ = drawn
            return
        seed = int(random.randint(2**31 - 1))
        self.theta_ = net.init(seed, self.initializer, dtype=dtype_name(dtype))

    def _cases(self, X: Any, y: Any, sample_weight: Any, head: Head) -> Cases:
        w = _weights(sample_weight, X)
        class_weight = getattr(self, "class_weight", None)
        training_w = w if class_weight is None else of_classes(class_weight, self.classes_, y, w)
        return Cases(X, self._targets(y, head, X), y, w, training_w)

    def _eval_cases(self, eval_set: Any, head: Head) -> Cases | None:
        """Return the cases of `eval_set`."""
        if eval_set is None:
            return None
        listed = isinstance(eval_set, list)  # as other libraries take several pairs
        pair = eval_set[0] if listed and len(eval_set) == 1 else () if listed else eval_set
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            came = type(eval_set).__name__ + (f" of length {len(eval_set)}" if listed else "")
            raise DataError("fit(eval_set)", came, "a pair (X, y)", "Pass eval_set=(X_val, y_val)")
        X, y = pair
        return self._known_cases(X, y, None, head, "fit(eval_set)")

    def _watch(
        self,
        chosen: Chosen,
        cases: Cases,
        others: Cases | None,
        decides: bool,
        incremental: bool,
    ) -> Watch:
        """Return the callback that measures each epoch and ends the fit."""
        before = self._optimizer if incremental else None
        if chosen.rate is not None and before is not None:
            same = before.initial in (None, self.learning_rate_init)
            if same and isinstance(before.learning_rate, float):
                chosen.rate.value = before.learning_rate
        curves = deepcopy(self._curves) or Curves()
        curves.cases = getattr(self, "t_", 0)
        if decides and curves.scores is None:
            curves.scores = []
        watch = Watch(self.tol, self.n_iter_no_change, curves, decides=decides, rate=chosen.rate)
        watch.cases, watch.tells = cases.X.shape[0], bool(self.verbose)
        if others is not None:
            watch.score = lambda theta: self._score(theta, others)
            curves.scores = curves.scores or []
        if self._head.classes is None and getattr(self.network_.loss, "name", "") == "poisson":
            watch.offset = poisson_offset(cases)
        if isinstance(chosen.optimizer, LBFGS):
            watch.curves, watch.patience, watch.cases = Curves(scores=curves.scores), math.inf, 0
        return watch

    def _score(self, theta: Array, held: Cases) -> float:
        """Return the score of the cases held out; NaN where an output is no number.

        Classes are compared on the host, numbers where X is.
        """
        outputs = self._outputs(self.network_, theta, held.X)
        xp = namespace(outputs)
        if not bool(xp.all(xp.isfinite(outputs))):
            return math.nan
        if self.scoring is not None:
            return self._score_by_scorer(theta, held)
        return self._score_of(self._head.decide(outputs), held.y, held.w)

    def _score_of(self, predicted: Any, y: Any, w: Any) -> float:
        """Return the accuracy of predictions, or their R²."""
        if is_classifier(self):
            y, predicted, w = (on_host(x) for x in (y, predicted, w))
            return float(accuracy_score(y, predicted, sample_weight=w))
        if is_elsewhere(predicted) and dispatches():
            return r_squared(y, predicted, w)
        return float(r2_score(y, predicted, sample_weight=w))

    def _score_by_scorer(self, theta: Array, held: Cases) -> float:
        """Return the score by `scoring`, from predictions on the host; X stays where it is."""
        fitted = object.__new__(type(self))
        fitted.__dict__.update(vars(self))
        fitted.__dict__.pop("feature_names_in_", None)  # X is an array here
        fitted.theta_ = brought(theta, place_of(held.X))
        if is_elsewhere(held.X):
            for name in ("predict", "predict_proba", "predict_log_proba"):
                if hasattr(fitted, name):  # in the place of the method
                    setattr(fitted, name, _then_on_host(getattr(fitted, name)))
        scorer = check_scoring(fitted, self.scoring)
        weighted = held.w is not None and _takes_weights(scorer)
        weights = {"sample_weight": held.w} if weighted else {}
        return float(scorer(fitted, held.X, on_host(held.y), **weights))

    def _arguments(self, fit: Fit, *, incremental: bool = False) -> dict[str, Any]:
        """Return the arguments of `train` for a fit."""
        optimizer, X, w = fit.chosen.optimizer, fit.cases.X, fit.cases.training_w
        full_batch = bool(getattr(optimizer, "full_batch", False))
        m = X.shape[0]
        size = m if full_batch else self._batch_size(m)
        seed = int(deepcopy(fit.random).randint(2**31 - 1))  # of dropout, beside the common stream
        state = self._state_for(optimizer) if incremental else None
        shuffled = self.shuffle and not full_batch
        others = fit.others
        return {
            "net": self.network_,
            "X": X.toarray() if full_batch and hasattr(X, "toarray") else X,
            "Y": fit.cases.Y,
            "theta": self.theta_,
            "optimizer": optimizer,
            "epochs": 1 if incremental else self.max_iter,
            "batch_size": None if full_batch else size,
            "validation": None if others is None else (others.X, others.Y),
            "case_weights": w,
            "l2": penalty(self.alpha, m, size, w, state),
            "seed": seed,
            "order": Shuffle(m, fit.random) if shuffled else unshuffled(m, size),
            "state": state,
            "device": self._computing(X),
            "dtype": self._dtype_at(self.theta_, X),
            "callbacks": [*fit.chosen.callbacks, fit.watch],
            **self._regularisation(),
        }

    def _regularisation(self) -> dict[str, Any]:
        """Return the keywords of `train` that the parameters of the same names give."""
        names = "dropout", "l1", "label_smoothing", "clip_value", "clip_norm", "max_norm"
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _batch_size(self, m: int) -> int:
        if self.batch_size == "auto":
            return min(200, m)
        if self.batch_size > m:
            text = f"batch_size={self.batch_size} is larger than the {m} cases, and is clipped"
            warnings.warn(text, stacklevel=8)
        return min(int(self.batch_size), m)

    def _state_for(self, optimizer: Any) -> OptimizerState | None:
        """Return the state of the last call, where the solver is still of the same class."""
        before = self._optimizer
        return before.state if before is not None and before.kind is type(optimizer) else None

    def _ended(self, fit: Fit, run: Run) -> None:
        """Set the attributes of a fit that has ended; arrays are where X is."""
        chosen, watch, others = fit.chosen, fit.watch, fit.others
        optimizer, curves = chosen.optimizer, watch.curves
        theta = run.theta if watch.theta is None else watch.theta
        self.theta_ = brought(theta, place_of(fit.cases.X))
        self._curves, self.loss_curve_ = curves, curves.losses
        self._no_improvement_count = curves.waited
        self.n_iter_, self.t_ = watch.epochs, curves.cases
        loss: Any = curves.losses[-1] if curves.losses else None
        self.loss_ = loss
        lowest: Any = min(curves.losses, default=None)
        self.best_loss_ = None if watch.decides else lowest
        self.validation_scores_ = curves.scores if watch.decides else None
        self.best_validation_score_ = curves.best_score if watch.decides else None
        self.__dict__.pop("evals_result_", None)
        if others is not None:
            scores = curves.scores or []
            self.evals_result_ = {
                "loss": list(run.history.get("validation_cost", [])),
                "score": scores[len(scores) - watch.epochs :],
            }
        rate = chosen.rate.value if chosen.rate else getattr(optimizer, "learning_rate", None)
        self._optimizer = _Solver(type(optimizer), rate, run.state, self.learning_rate_init)
        self.run_ = replace(run, theta=self.theta_, state=None)
        if not watch.epochs:  # L-BFGS at a minimum
            self.loss_ = self._loss_with_penalty(fit.cases) + watch.offset

    def _warn_unless_ended(self, stopped: str) -> None:
        of_scipy = stopped.startswith("L-BFGS") and "CONVERGENCE" not in stopped
        diverged = stopped.startswith(Watch.DIVERGED)
        if stopped and not of_scipy and not diverged:  # by the rule, or by a callback
            return
        why = stopped or f"training has not converged within max_iter={self.max_iter}"
        larger = "max_fun" if "EVALUATIONS" in stopped else "max_iter"
        advice = f"pass a larger {larger}, or a larger tol"
        if diverged:
            why += ", and the theta of the best score of the cases held out is kept"
            advice = "try a smaller learning rate, or inputs of mean 0 and variance 1"
        warnings.warn(f"{why}: {advice}", ConvergenceWarning, stacklevel=7)

    # -----------------------------------------------------------------------------------------
    # what is fitted

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
        return Cases(X, self._targets(y, head, X), y, _weights(sample_weight, X))

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


def _weights(sample_weight: Any, X: Any) -> HostArray | None:
    """Return the weights of the cases (m,) on the host, after the checks of scikit-learn."""
    if sample_weight is None:
        return None
    check_arrays("fit", sample_weight=sample_weight)
    cases = np.zeros((X.shape[0], 1), dtype_name(X.dtype)) if is_elsewhere(X) else X
    weights: HostArray = _check_sample_weight(on_host(sample_weight), cases)
    return weights


def _then_on_host(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a method of predictions whose result comes on the host."""

    @wraps(method)  # scikit-learn asks for the name
    def call(X: Any) -> Any:
        return on_host(method(X))

    return call


def partial_fit_is_available(mlp: Any) -> bool:
    """Tell whether an estimator's solver can go on from its state; raise AttributeError if not."""
    name = mlp.solver if isinstance(mlp.solver, str) else type(mlp.solver).__name__
    if name in ("lbfgs", "LBFGS"):
        raise AttributeError(f"{STOCHASTIC}, and not {name}")
    return True


def check_partial_fit(mlp: Any) -> None:
    """Refuse a partial fit that would hold cases out.

    Raises
    ------
    ParameterError
        `early_stopping` is True.
    """
    if mlp.early_stopping:
        came, expected = "partial_fit does not support early_stopping=True", "early_stopping=False"
        raise OptionError("partial_fit", came, expected, "Score cases of your own between calls")
    if isinstance(getattr(mlp, "class_weight", None), str):
        expected = "a dict: the shares of the classes in all calls are unknown"
        advice = "Compute it by sklearn.utils.class_weight.compute_class_weight"
        raise OptionError("class_weight", repr(mlp.class_weight), expected, advice)
