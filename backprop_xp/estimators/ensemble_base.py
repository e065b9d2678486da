"""The common base of the ensembles for tables: a fit, its attributes, and predictions.

A fit makes inputs from the columns. It trains candidates with sampled hyperparameters in stacks,
keeps the best epoch of each candidate, and selects an ensemble on held-out rows.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.devices import select_device
from backprop_xp.errors import DataError, ShapeError
from backprop_xp.estimators.configured import Configured
from backprop_xp.estimators.encoded_rows import EncodedRows
from backprop_xp.estimators.ensemble_best_epochs import HeldOut
from backprop_xp.estimators.ensemble_folds import Split, splits_of
from backprop_xp.estimators.ensemble_members import described, member_of, selected
from backprop_xp.estimators.ensemble_parameters import (
    batch_size_for,
    checked_ranges,
    embedding_sizes,
    epochs_for,
    per_architecture,
)
from backprop_xp.estimators.ensemble_targets import Targets
from backprop_xp.estimators.ensemble_training import (
    Cases,
    Trained,
    Training,
    sampled,
    started,
    trained,
)
from backprop_xp.estimators.table_steps import column_kinds, fitted_inputs
from backprop_xp.estimators.user_tables import checked_table, names_of
from backprop_xp.files.ensemble_model import EnsembleModel, Member
from backprop_xp.files.meaning import Meaning
from backprop_xp.preprocessing.inputs import used_columns
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import Table, is_frame

with suppress(ImportError):
    from sklearn.utils import check_consistent_length, check_random_state
    from sklearn.utils.parallel import Parallel, delayed
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted

__all__ = ["BaseEnsemble"]


class BaseEnsemble(Configured):
    """The common base of the classifier and the regressor."""

    networks: int
    hidden_layer_sizes: Any
    embedding_sizes: Any
    learning_rate: Any
    weight_decay: Any
    dropout: Any
    bins: int
    epochs: int | str
    batch_size: int | str
    patience: int
    validation_fraction: float
    folds: int
    small_table: int
    most_members: int
    categorical_features: Any
    random_state: Any
    dtype: str
    n_jobs: int | None
    verbose: bool
    _model: EnsembleModel

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> Targets:
        """Return the targets for y; `counts` (m,) is true for each row of weight above 0."""
        raise NotImplementedError

    def _known_targets(self, y: Any, targets: Targets) -> HostArray:
        """Return y of `eval_set` as targets, in the form of the training targets."""
        raise NotImplementedError

    def _training_weights(self, y: Any, w: HostArray) -> HostArray:  # noqa: ARG002  for classes
        """Return the weights of the rows in training, (m,)."""
        return w

    @property
    def members_(self) -> tuple[Member, ...]:
        """The networks of each architecture, with their parameters and weights.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> all(one.network.sizes[-1] == 1 for one in mlp.fit(X, X[:, 0]).members_)
        True
        """
        check_is_fitted(self)
        return self._model.members

    @property
    def weights_(self) -> NDArray[np.float64]:
        """The weights of all networks, which add up to 1.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> round(float(mlp.fit(X, X[:, 0]).weights_.sum()), 6)
        1.0
        """
        check_is_fitted(self)
        return self._model.weights

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        eval_set: Any = None,
        groups: Any = None,
    ) -> Self:
        """Return the estimator itself, fitted to a table.

        Parameters
        ----------
        X : array or data frame (m, n)
            Numbers, truth values and texts. None and NaN are gaps.
        y : array (m,), or (m, n_out) of numbers
        sample_weight : array (m,), optional
            The weight of each row, ≥ 0.
        eval_set : (X, y), optional
            Rows for the choice of epochs and networks; no row of X is then held out.
        groups : array (m,), optional
            The group of each row. A group is held out as a whole. Not beside `eval_set`.

        Raises
        ------
        The class lists the errors. A fit that fails leaves the estimator as it was.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> table = np.array([[size, town] for size in range(30) for town in "ab"], dtype=object)
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> mlp.fit(table, table[:, 0].astype(float)).kinds_
        ('number', 'category')
        """
        with self._all_or_nothing():
            self._fit(X, y, sample_weight, eval_set, groups)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, groups: Any) -> None:
        ranges = checked_ranges(self)
        table, dtypes = self._table(X, reset=True)
        if y is None:
            came = "None: the estimator requires y to be passed, but the target y is None"
            raise DataError("fit(y)", came, "a target for each row", "Call fit(X, y)")
        w = _weights(sample_weight, table.shape[0])
        check_consistent_length(table.blocks[0], y)
        targets = self._targets(y, w > 0)
        random = check_random_state(self.random_state)
        kinds = column_kinds(table, dtypes, self.categorical_features, "fit")
        split = splits_of(self, targets, w, groups, eval_set, random)
        rows = split.rows
        inputs = fitted_inputs(table.rows(rows), kinds, self.bins, random)
        held = self._held(split, table, targets, w, eval_set, inputs.step)
        cases = Cases(
            EncodedRows(table.rows(rows), inputs.step),
            targets.Y[rows],
            split.case_weights(self._training_weights(y, w)),
            0 if targets.classes is None else max(len(targets.classes), 2),
            inputs.features,
        )
        stacks = self._stacks(ranges, cases, held, random)
        meaning = Meaning(targets.classes, targets.flat, names_of(self), inputs.step)
        self._select(stacks, held, targets, meaning)
        self.kinds_ = tuple(kinds)

    def _table(self, X: Any, *, reset: bool) -> tuple[Table, list[Any]]:
        """Return X as a table after scikit-learn's checks, and the dtypes of a frame's columns."""
        if not reset:
            check_is_fitted(self)
        return checked_table(self, X, reset=reset), list(X.dtypes) if is_frame(X) else []

    def _held(
        self,
        split: Split,
        table: Table,
        targets: Targets,
        w: HostArray,
        eval_set: Any,
        step: Step,
    ) -> list[HeldOut]:
        """Return the held-out rows of each fold."""
        if eval_set is None:
            return [
                HeldOut(EncodedRows(table.rows(rows), step), targets.Y[rows], w[rows])
                for rows in split.held
            ]
        other, y = _pair(eval_set)
        table, _ = self._table(other, reset=False)
        table.refuse_infinite(used_columns(step), "fit(eval_set)")
        check_consistent_length(table.blocks[0], y)
        Y = self._known_targets(y, targets)
        if Y.shape[1:] != targets.Y.shape[1:]:
            of_each, expected = Y.shape[1], targets.Y.shape[1]
            advice = "Pass the targets of the same columns"
            came = f"{of_each} targets for each row"
            raise ShapeError("fit(eval_set)", came, f"{expected} as in y", advice)
        return [HeldOut(EncodedRows(table, step), Y, np.ones(len(Y)))]

    def _stacks(
        self,
        ranges: Sequence[tuple[Any, Any, Any]],
        cases: Cases,
        held: Sequence[HeldOut],
        random: np.random.RandomState,
    ) -> list[Trained]:
        """Train a stack for each architecture."""
        size = batch_size_for(self.batch_size, len(cases.X))
        training = Training(
            epochs_for(self.epochs, -(-len(cases.X) // size)),
            size,
            self.patience,
            select_device("cpu" if self.device is None else self.device),
            self.dtype,
            bool(self.verbose),
        )
        hidden = tuple(int(one) for one in np.atleast_1d(self.hidden_layer_sizes))
        counts = per_architecture(self)
        starts = []
        for embedding, count, of_one in zip(embedding_sizes(self), counts, ranges, strict=True):
            if count:
                plan = sampled(count, embedding, hidden, of_one, random)
                starts.append(started(plan, cases, len(held), training.dtype, random))
        tasks = (delayed(trained)(start, cases, held, training) for start in starts)
        stacks: list[Trained] = Parallel(n_jobs=self.n_jobs)(tasks)
        return stacks

    def _select(
        self,
        stacks: Sequence[Trained],
        held: Sequence[HeldOut],
        targets: Targets,
        meaning: Meaning,
    ) -> None:
        """Choose the ensemble, and set the attributes of the fit."""
        chosen = selected(stacks, held, targets, most=self.most_members)
        pairs = list(zip(stacks, chosen.shares, strict=True))
        members = [member_of(*pair, targets) for pair in pairs]
        self.candidates_ = [each for pair in pairs for each in described(*pair, held, targets)]
        self._model = EnsembleModel(tuple(one for one in members if one is not None), meaning)
        self.validation_loss_ = chosen.loss

    def _served(self, X: Any) -> EnsembleModel:
        """Return the model on its device, after the checks of X."""
        self._table(X, reset=False)
        if self.device is None:
            return self._model
        return self._model.on(select_device(self.device))

    def predict(self, X: Any) -> HostArray:
        """Return the predicted classes or numbers, (m,) or (m, n_out).

        Parameters
        ----------
        X : array or data frame (m, n)

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> mlp.fit(X, X[:, 0]).predict(X[:3]).shape
        (3,)
        """
        return self._served(X).predict(X)

    def predict_std(self, X: Any) -> NDArray[Any]:
        """Return the spread of the networks, √(Σ_k w_k (a_k − ā)²), for numbers or probabilities.

        Parameters
        ----------
        X : array or data frame (m, n)

        Returns
        -------
        array (m,), (m, n_out) or (m, n_classes)

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> bool((mlp.fit(X, X[:, 0]).predict_std(X) >= 0).all())
        True
        """
        return self._served(X).predict_std(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _weights(sample_weight: Any, m: int) -> HostArray:
    """Return the weights of m rows, after the checks of scikit-learn."""
    if sample_weight is None:
        return np.ones(m)
    w: HostArray = _check_sample_weight(
        sample_weight, np.empty((m, 1)), dtype=np.float64, ensure_non_negative=True
    )
    if not w.any():
        came, advice = "weights that are all 0", "Raise some"
        raise DataError("fit(sample_weight)", came, "some above 0", advice)
    return w


def _pair(eval_set: Any) -> tuple[Any, Any]:
    if not isinstance(eval_set, tuple | list) or len(eval_set) != 2:
        came = type(eval_set).__name__
        raise DataError("fit(eval_set)", came, "a pair (X, y)", "Pass eval_set=(X_val, y_val)")
    if eval_set[1] is None:
        advice = "Pass eval_set=(X_val, y_val)"
        raise DataError("fit(eval_set)", "None for y", "a target for each row", advice)
    return eval_set[0], eval_set[1]
