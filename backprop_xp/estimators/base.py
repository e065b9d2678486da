"""The common base of the estimators: a fit, and the attributes that it sets.

A fit is a training by `backprop_xp.train`. This module draws the random numbers as scikit-learn
does, hands them to `train`, and keeps what scikit-learn's estimators keep.
"""

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import dtype_name
from backprop_xp.errors import DataError, OptionError
from backprop_xp.estimators.cases import (
    Cases,
    dense,
    of_classes,
    penalty,
    poisson_offset,
    unshuffled,
)
from backprop_xp.estimators.fits import Fit, trained
from backprop_xp.estimators.fitted import FittedMLP, weights_of_cases
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import OF_THE_ESTIMATOR, Chosen, checked
from backprop_xp.estimators.random_draws import Shuffle, first_parameters
from backprop_xp.estimators.stopping import Curves, Watch
from backprop_xp.estimators.user_arrays import brought, current_device, place_of
from backprop_xp.network.network import Network
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.run import Run

with suppress(ImportError):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state

__all__ = ["BaseMLP"]


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


class BaseMLP(FittedMLP):
    """The common base of the classifier and the regressor."""

    _optimizer: _Solver | None = None
    _curves: Curves | None = None

    def _target_kind(self, y: Any, *, known: bool) -> Head:
        """Return the kind of the outputs for y; set ``classes_`` of a classifier if not `known`."""
        raise NotImplementedError

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
        The class lists the errors. A fit that fails leaves the estimator as it was.

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
        with self._all_or_nothing(), current_device(X):
            fit()
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
        w = weights_of_cases(sample_weight, X)
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
        if isinstance(self.batch_size, str):  # "auto"
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
