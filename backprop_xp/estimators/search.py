"""`StackedSearchCV`: a search over parameters whose candidates are trained together in stacks.

The interface, the results and the choice of the best candidate are those of scikit-learn's
`GridSearchCV`, or of `RandomizedSearchCV` with `n_iter`.
"""

import time
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.estimators.without_sklearn import stand_ins

try:
    from numbers import Integral

    from sklearn.base import clone, is_classifier
    from sklearn.metrics._scorer import _MultimetricScorer
    from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.model_selection._validation import (
        _fit_and_score,
        _insert_error_scores,
        _warn_or_raise_about_fit_failures,
    )
    from sklearn.utils import indexable
    from sklearn.utils._param_validation import Interval
    from sklearn.utils.metaestimators import _safe_split
    from sklearn.utils.parallel import Parallel, delayed
    from sklearn.utils.validation import _check_method_params

    from backprop_xp.estimators.folds import Fitted, fitted_on, is_ours, seeds_of

    CONSTRAINTS: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,  # noqa: SLF001  subclasses extend it
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }
except ImportError as error:
    (BaseSearchCV,) = stand_ins(error)[:1]
    CONSTRAINTS = {}

__all__ = ["StackedSearchCV"]

GRID = "Its name here is 'param_grid', also with n_iter"


@checks_keywords(param_distributions=GRID, param_space=GRID, search_spaces=GRID)
class StackedSearchCV(BaseSearchCV):
    """A search over the parameters of an MLP, scored on folds; candidates train in stacks.

    Candidates that differ in numbers alone are the networks of a stack, one stack for each fold.
    They share the cases of the fold and their order, so each has the scores of a fit of its own, up
    to rounding. These numbers go along a stack: `alpha`, `learning_rate_init`, `power_t`,
    `momentum`, `beta_1`, `beta_2`, `epsilon`, `tol`, `n_iter_no_change`, `max_iter`, `dropout`,
    `l1`, `label_smoothing`, `clip_value`, `clip_norm`, `max_norm`, `class_weight`, `scoring`,
    `learning_rate`, and the numbers of an optimiser, such as ``solver__learning_rate``. Candidates
    that differ in other parameters, such as `hidden_layer_sizes` or `batch_size`, train in several
    stacks. L-BFGS, callbacks, and optimisers of your own are fitted one by one.

    In a pipeline whose last step is an MLP, the steps before it are fitted once for each fold and
    each choice of their parameters. Any other estimator is searched as by `GridSearchCV`.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        The estimator, which is cloned. Where its `random_state` is None, all candidates of a fold
        share one random start and order, drawn from NumPy's global stream.
    param_grid : dict, or list of dict
        The values of each parameter: a list, or with `n_iter` also a distribution, an object with
        ``rvs`` such as ``scipy.stats.loguniform(1e-5, 1e-1)``.
    n_iter : int, optional
        The number of candidates to draw at random, ≥ 1, as `RandomizedSearchCV` does. Default: all
        candidates of the grid.
    scoring : str, callable, list, tuple or dict, optional
        One scorer of scikit-learn, or several. Default: the estimator's `score`.
    n_jobs : int, optional
        The folds that are trained at the same time, by joblib: in processes, unless
        ``joblib.parallel_config`` says otherwise. None is 1, and −1 as many as there are cores. The
        scores do not depend on it. A process has its share of the cores for the groups of its
        stacks (`train`, ``jobs``).
    pre_dispatch : int or str
        The folds whose data are sent to the processes ahead, as in `GridSearchCV`.
    refit : bool, str or callable
        Whether to fit the best candidate on all cases; with several scorers the name of the one
        that decides. A function chooses from ``cv_results_`` the index of the best candidate.
    cv : int, splitter or iterable, optional
        The folds. Default: 5, stratified for a classifier.
    verbose : int
        0 to 10: the messages of `GridSearchCV`. Their times are those of the scores.
    random_state : int, RandomState or None
        Of the draws with `n_iter`.
    error_score : number or "raise"
        The score of a candidate whose fit fails or diverges; the others go on.
    return_train_score : bool
        Whether ``cv_results_`` has the scores of the cases trained on.

    Attributes
    ----------
    cv_results_ : dict of arrays
        Parameters, scores, ranks and times of each candidate, with the keys of `GridSearchCV`. A
        fit of a stack has an equal share of the time of the stack.
    best_estimator_, best_params_, best_score_, best_index_
        The best candidate. `best_estimator_` is fitted on all cases.
    scorer_, n_splits_, refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As of `GridSearchCV`.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed, or older than 1.6.
    CallError
        A keyword is unknown.
    ValueError
        `fit`: a parameter is out of range, or all fits failed.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, y = bp.datasets.digits()
    >>> mlp = bp.MLPClassifier([16], max_iter=5, tol=9.0, n_iter_no_change=3, random_state=0)
    >>> search = StackedSearchCV(mlp, {"learning_rate_init": [1e-4, 1e-2]}, cv=3).fit(X, y)
    >>> search.best_params_
    {'learning_rate_init': 0.01}
    >>> search.cv_results_["mean_test_score"].shape, search.predict(X[:3]).shape
    ((2,), (3,))
    """

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.random_state = random_state

    def _candidates(self) -> list[dict[str, Any]]:
        if self.n_iter is None:
            return list(ParameterGrid(self.param_grid))
        draws = ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state)
        return list(draws)

    def _run_search(self, evaluate_candidates: Any) -> None:
        evaluate_candidates(self._candidates())

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Return the search itself, with the scores of all candidates and the best estimator.

        Parameters
        ----------
        X : array or CSR matrix (m, n_in)
        y : array (m,) or (m, n_out)
        **params
            Parameters of the estimator's `fit`, such as ``sample_weight``, whose rows are cut as
            those of X; and ``groups`` for the folds.

        Raises
        ------
        The class lists the errors.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([8], max_iter=3, tol=9.0, n_iter_no_change=1, random_state=0)
        >>> search = StackedSearchCV(mlp, {"alpha": [0.0, 1e-3]}, cv=2, refit=False)
        >>> sorted(search.fit(X, y).cv_results_["rank_test_score"].tolist())[0]
        1
        """
        if not is_ours(self.estimator):
            super().fit(X, y, **params)
            return self
        self._validate_params()
        scorers, decisive = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **routed.splitter.split)
        folds = list(cv.split(X, y, **routed.splitter.split))
        if len(folds) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(folds)}"
            )
        base, candidates = clone(self.estimator), self._candidates()
        self._tell(candidates)
        out = self._scored(base, candidates, folds, scorers, X, y, routed)
        if not out:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            decisive = self.refit
        self._choose(results, decisive)
        if self.refit:
            self._fit_best(base, X, y, routed.estimator.fit)
        several = isinstance(scorers, _MultimetricScorer)
        self.scorer_ = scorers._scorers if several else scorers  # noqa: SLF001
        self.cv_results_ = results
        return self

    def _tell(self, candidates: list[Any]) -> None:
        if self.verbose > 0:
            folds, count = self.n_splits_, len(candidates)
            print(
                f"Fitting {folds} folds for each of {count} candidates, totalling "
                f"{folds * count} fits"
            )

    def _scored(
        self,
        base: Any,
        candidates: list[dict[str, Any]],
        folds: list[tuple[Any, Any]],
        scorers: Any,
        X: Any,
        y: Any,
        routed: Any,
    ) -> list[dict[str, Any]]:
        """Return the scores of each candidate on each fold, a candidate's folds in a row."""
        seeds = seeds_of(base, candidates, len(folds))
        how = {
            "verbose": self.verbose,
            "return_train_score": self.return_train_score,
            "error_score": self.error_score,
        }
        scored = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)(
            delayed(_scored_on)(
                base, candidates, (number, len(folds), *fold), seed, scorers, X, y, routed, how
            )
            for number, (fold, seed) in enumerate(zip(folds, seeds, strict=True))
        )
        return [of_fold[place] for place in range(len(candidates)) for of_fold in scored]

    def _choose(self, results: Mapping[str, Any], decisive: Any) -> None:
        """Set the best candidate, unless there are several scorers and none that decides."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, decisive, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{decisive}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _fit_best(self, base: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        """Fit the best candidate on all cases."""
        self.best_estimator_ = clone(base).set_params(**clone(self.best_params_, safe=False))
        start = time.time()
        self.best_estimator_.fit(X, y, **fit_params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _scored_on(
    base: Any,
    candidates: list[dict[str, Any]],
    fold: tuple[int, int, Any, Any],
    seed: int | None,
    scorers: Any,
    X: Any,
    y: Any,
    routed: Any,
    how: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the scores of each candidate on a fold.

    The fold is its number, the number of all, and the rows to train on and to test on.
    """
    number, count, train, test = fold
    fit_params = _check_method_params(X, params=routed.estimator.fit, indices=train)
    X_train, y_train = _safe_split(base, X, y, train)
    fitted = fitted_on(base, candidates, X_train, y_train, fit_params, seed)
    results = []
    for place, one in enumerate(fitted):
        result = _fit_and_score(
            _as_fitted(clone(base), one),
            X,
            y,
            scorer=scorers,
            train=train,
            test=test,
            parameters=candidates[place],
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            return_n_test_samples=True,
            return_times=True,
            split_progress=(number, count),
            candidate_progress=(place, len(candidates)),
            **how,
        )
        if one is not None:
            result["fit_time"] = one.seconds
        results.append(result)
    return results


def _as_fitted(estimator: Any, fitted: "Fitted | None") -> Any:
    """Return the estimator, whose next `fit` takes over an estimator that is fitted already."""
    if fitted is None:
        return estimator

    def fit(*_: Any, **__: Any) -> Any:
        vars(estimator).clear()
        vars(estimator).update(vars(fitted.estimator))
        return estimator

    estimator.fit = fit
    return estimator
