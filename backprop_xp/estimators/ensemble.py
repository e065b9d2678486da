"""`MLPEnsembleClassifier` and `MLPEnsembleRegressor`: tables, by networks that predict together.

A fit makes inputs of the columns, trains candidates of sampled numbers in stacks, keeps the best
epoch of each, and selects an ensemble on held-out rows.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.data_frames import refuse_missing
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import DataError, OptionError, ParameterError
from backprop_xp.estimators.cases import of_classes
from backprop_xp.estimators.ensemble_folds import Split, splits_of
from backprop_xp.estimators.ensemble_selection import greedy
from backprop_xp.estimators.ensemble_training import Cases, HeldOut, Plan, Trained, sampled, trained
from backprop_xp.estimators.table_steps import Inputs, column_kinds, fitted_inputs
from backprop_xp.estimators.without_sklearn import stand_ins
from backprop_xp.files.ensemble_model import EnsembleModel, Member
from backprop_xp.files.input_rows import whole_table
from backprop_xp.files.meaning import Meaning
from backprop_xp.preprocessing.table import Table, is_frame

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        _check_sample_weight,
        _check_y,
        check_is_fitted,
        validate_data,
    )
except ImportError as error:
    BaseEstimator, ClassifierMixin, RegressorMixin = stand_ins(error)

__all__ = ["MLPEnsembleClassifier", "MLPEnsembleRegressor"]


class _Targets(NamedTuple):
    """Targets of training, and the way back to the user's numbers.

    Attributes
    ----------
    Y : array (m,) of int, or (m, n_out)
        Labels; or numbers of mean 0 and variance 1.
    mean, spread : array (n_out,)
    classes : array or None
    flat : bool
    """

    Y: HostArray
    mean: HostArray
    spread: HostArray
    classes: HostArray | None
    flat: bool


class _BaseEnsemble(BaseEstimator):
    """The common base of both ensembles."""

    _model: EnsembleModel

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if isinstance(state.get("device"), Device):
            state["device"] = state["device"].name
        return state

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> _Targets:
        raise NotImplementedError

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
            The group of each row. A group is held out as a whole.

        Raises
        ------
        As the class.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> table = np.array([[size, town] for size in range(30) for town in "ab"], dtype=object)
        >>> mlp = bp.MLPEnsembleRegressor(networks=2, epochs=5, random_state=0)
        >>> mlp.fit(table, table[:, 0].astype(float)).kinds_
        ('number', 'category')
        """
        try:
            self._fit(X, y, sample_weight, eval_set, groups)
        except OptionError as error:
            raise ParameterError(*error.parts) from None
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, groups: Any) -> None:
        ranges = _checked_parameters(self)
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
        inputs = fitted_inputs(_rows(table, rows), kinds, self.bins, random, "fit")
        x = inputs.step.apply(table).numbers()
        held = self._held(split, x, targets, w, eval_set, inputs)
        training_w = w if getattr(self, "class_weight", None) is None else self._of_classes(y, w)
        cases = Cases(
            x[rows],
            targets.Y[rows],
            split.case_weights(training_w),
            0 if targets.classes is None else max(len(targets.classes), 2),
        )
        plans, stacks = self._stacks(ranges, cases, held, inputs, random)
        names = getattr(self, "feature_names_in_", None)
        meaning = Meaning(
            targets.classes,
            targets.flat,
            () if names is None else tuple(str(one) for one in names),
            inputs.step,
        )
        self._select(plans, stacks, held, targets, meaning)
        self.kinds_ = tuple(kinds)

    def _table(self, X: Any, *, reset: bool) -> tuple[Table, list[Any]]:
        """Return X as a table after scikit-learn's checks, and the dtypes of a frame's columns."""
        if not reset:
            check_is_fitted(self)
        check_array(X, dtype=None, ensure_all_finite=False, estimator=self, input_name="X")
        validate_data(self, X, reset=reset, skip_check_array=True)
        names = getattr(self, "feature_names_in_", None)
        frame = is_frame(X)
        dtypes = list(X.dtypes) if frame else []
        known = () if names is None or not frame else tuple(str(one) for one in names)
        return whole_table(X, known), dtypes

    def _held(
        self,
        split: Split,
        x: HostArray,
        targets: _Targets,
        w: HostArray,
        eval_set: Any,
        inputs: Inputs,
    ) -> list[HeldOut]:
        """Return the held-out rows of each fold, whose networks follow one another."""
        share = _per_architecture(self)[0]
        if eval_set is not None:
            other, y = _pair(eval_set)
            table, _ = self._table(other, reset=False)
            Y = self._known_targets(y, targets)
            return [
                HeldOut(slice(0, share), inputs.step.apply(table).numbers(), Y, np.ones(len(Y)))
            ]
        return [
            HeldOut(slice(k * share, (k + 1) * share), x[rows], targets.Y[rows], w[rows])
            for k, rows in enumerate(split.held)
        ]

    def _stacks(
        self,
        ranges: Sequence[tuple[Any, Any, Any]],
        cases: Cases,
        held: Sequence[HeldOut],
        inputs: Inputs,
        random: np.random.RandomState,
    ) -> tuple[list[Plan], list[Trained]]:
        """Train a stack for each architecture."""
        plans, stacks = [], []
        device = select_device("cpu" if self.device is None else self.device)
        size = _batch_size(self.batch_size, len(cases.X))
        hidden = tuple(int(one) for one in np.atleast_1d(self.hidden_layer_sizes))
        counts = _per_architecture(self)
        for embedding, count, of_one in zip(self.embedding_sizes, counts, ranges, strict=True):
            if count == 0:
                continue
            plan = sampled(count, int(embedding), hidden, of_one, random)
            mine = [
                HeldOut(slice(k * count, (k + 1) * count), one.X, one.y, one.w)
                for k, one in enumerate(held)
            ]
            plans.append(plan)
            stacks.append(
                trained(
                    plan,
                    cases,
                    mine,
                    inputs.features,
                    random,
                    epochs=_epochs(self.epochs, -(-len(cases.X) // size)),
                    batch_size=size,
                    patience=self.patience,
                    device=device,
                    dtype=self.dtype,
                )
            )
            if self.verbose:
                best = float(stacks[-1].scores.min())
                print(f"{count} networks of {stacks[-1].network.sizes}: lowest loss {best:.5g}")
        return plans, stacks

    def _select(
        self,
        plans: Sequence[Plan],
        stacks: Sequence[Trained],
        held: Sequence[HeldOut],
        targets: _Targets,
        meaning: Meaning,
    ) -> None:
        """Choose the ensemble, and set the attributes of the fit."""
        outputs = np.concatenate([np.concatenate(one.outputs, axis=1) for one in stacks])
        y, w = (np.concatenate([getattr(one, name) for one in held]) for name in ("y", "w"))
        classes = targets.classes is not None
        folds = len(held)
        lived = [np.isfinite(one.scores.reshape(folds, -1)).all(axis=0) for one in stacks]
        usable = np.flatnonzero(np.concatenate(lived))
        if not len(usable):
            came, advice = "a training that diverged for every network", "Lower learning_rate"
            raise OptionError("fit(learning_rate)", came, "finite costs", advice)
        chosen = greedy(outputs[usable], y, w, classes=classes, most=self.most_members)
        weights = np.zeros(len(outputs))
        weights[usable] = chosen.weights
        members, self.candidates_ = [], []
        start = 0
        for plan, one in zip(plans, stacks, strict=True):
            mine = weights[start : start + len(plan.learning_rate)]
            start += len(mine)
            self.candidates_ += _described(plan, one, mine, folds)
            each = np.tile(mine, folds) / folds
            kept = np.flatnonzero(each > 0)
            if len(kept):
                theta = one.theta[kept]
                if not classes:
                    theta = _in_units(one.network, theta, targets)
                members.append(Member(one.network, theta, each[kept]))
        self._model = EnsembleModel(tuple(members), meaning)
        self.validation_loss_ = (
            chosen.loss if classes else float(chosen.loss * np.mean(targets.spread**2))
        )

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

    def _of_classes(self, y: Any, w: HostArray) -> HostArray:
        raise NotImplementedError

    def _known_targets(self, y: Any, targets: _Targets) -> HostArray:
        raise NotImplementedError


FEWEST_EPOCHS, MOST_EPOCHS = 60, 300
UPDATES = 2000  # of a small table, where these bounds allow them
RATE = "Its name here is 'learning_rate'"


@checks_keywords(lr=RATE, eta=RATE)
class MLPEnsembleClassifier(ClassifierMixin, _BaseEnsemble):
    """An ensemble of networks that classifies the rows of a table, on any device.

    The columns become inputs by normal quantiles, piecewise-linear shares and a column for each
    category, all fitted on the training rows. A first layer with units for each feature alone
    learns its scale. `networks` candidates with sampled numbers train in stacks, one stack for each
    architecture, on the same batches. The rates fall by a cosine. The best epoch of each candidate
    is kept, and an ensemble is selected greedily, with replacement, on held-out rows.

    Parameters
    ----------
    networks : int
        The number of candidates, ≥ 1, spread evenly over the architectures.
    hidden_layer_sizes : sequence of int
        The units of each hidden layer after the first layer of features.
    embedding_sizes : sequence of int
        The most units of a feature in the first layer, one number for each architecture.
    learning_rate, weight_decay, dropout : pair, or sequence of pairs
        The range from which a candidate's number is drawn, log-uniform for the rate and the
        decoupled decay, uniform for dropout; or one range for each architecture.
    bins : int
        The bins of the piecewise-linear encoding, ≥ 2, by quantiles.
    epochs : int or "auto"
        The most epochs, ≥ 1; the rates end there. "auto" is 60, or in small tables as many as make
        2,000 updates, at most 300.
    batch_size : int or "auto"
        "auto" is an eighth of the rows, as a power of 2 from 16 to 128.
    patience : int
        The epochs in a row without a gain of any candidate of a stack, after which the stack ends.
    validation_fraction : float
        The share of rows held out, above 0 and below 1, in tables of `small_table` rows or more.
    folds : int
        The number of folds, ≥ 2, in smaller tables. Each candidate is then trained `folds` times,
        all in one stack, and selected by its outputs out of fold. The preprocessing sees the inputs
        of all folds, not their targets.
    small_table : int
        The number of rows from which some are held out once, in place of folds.
    most_members : int
        The most places in the ensemble, ≥ 1; a candidate may take several.
    categorical_features : "auto" or sequence
        Names or indices of columns of categories beside those of texts; "auto" adds none.
    class_weight : dict or "balanced", optional
        The weight of each class in training, as in `MLPClassifier`.
    random_state : int, RandomState or None
    device : str or Device, optional
        The device that trains and predicts, by default the CPU.
    dtype : {"float32", "float64"}
    verbose : bool

    Attributes
    ----------
    members_ : tuple of Member
        For each architecture its network, θ (K, P) and the weights (K,) of the networks.
    weights_ : array
        The weights of all networks, which add up to 1.
    candidates_ : list of dict
        The numbers of each candidate, its loss on held-out rows ("score"), its best epoch (the mean
        over folds) and its weight in the ensemble.
    validation_loss_ : float
        The loss of the ensemble on the held-out rows: the log loss.
        It is a little too low, as the ensemble was selected there.
    classes_ : array (n_classes,)
    kinds_ : tuple of str
        "number" or "category" for each column.
    n_features_in_ : int
    feature_names_in_ : array (n_features_in_,)
        Where X is a data frame.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError, DataError, DTypeError
        `fit`: a parameter is out of range; a number is infinite; a column holds dates or objects.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning",
    NeurIPS (2022), for the encoding. Holzmüller, Grinsztajn, Steinwart, "Better by default",
    NeurIPS (2024), for the learnt scale. Gorishniy, Kotelnikov, Babenko, "TabM", ICLR (2025), for
    networks that train together. Caruana et al., "Ensemble selection from libraries of models",
    ICML (2004).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[i % 7, "red" if i % 3 else "blue"] for i in range(60)], dtype=object)
    >>> y = ["yes" if row[0] > 2 and row[1] == "red" else "no" for row in X]
    >>> model = MLPEnsembleClassifier(2, epochs=20, random_state=0).fit(X, y)
    >>> model.predict([[6, "red"], [6, "blue"]]), model.kinds_
    (array(['yes', 'no'], dtype='<U3'), ('number', 'category'))
    """

    def __init__(
        self,
        networks: int = 16,
        *,
        hidden_layer_sizes: Any = (128, 128),
        embedding_sizes: Any = (8, 4),
        learning_rate: Any = ((8e-4, 4e-3), (1e-3, 6e-3)),
        weight_decay: Any = (0.05, 0.8),
        dropout: Any = ((0.0, 0.0), (0.0, 0.2)),
        bins: int = 32,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        patience: int = 20,
        validation_fraction: float = 0.2,
        folds: int = 5,
        small_table: int = 3000,
        most_members: int = 32,
        categorical_features: Any = "auto",
        class_weight: Any = None,
        random_state: Any = None,
        device: Any = None,
        dtype: str = "float32",
        verbose: bool = False,
    ) -> None:
        self.networks = networks
        self.hidden_layer_sizes = hidden_layer_sizes
        self.embedding_sizes = embedding_sizes
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.bins = bins
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.folds = folds
        self.small_table = small_table
        self.most_members = most_members
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.verbose = verbose

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> _Targets:  # noqa: ARG002
        refuse_missing(np.asarray(y), "fit(y)")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        none = np.zeros(1)
        return _Targets(labels.astype(np.int32), none, none + 1, self.classes_, flat=True)

    def _known_targets(self, y: Any, targets: _Targets) -> HostArray:  # noqa: ARG002
        y = column_or_1d(y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            came, expected = f"the classes {unknown}", f"some of {self.classes_}"
            raise DataError("fit(eval_set)", f"{came:.100}", f"{expected:.200}", "Leave them out")
        labels: HostArray = np.searchsorted(self.classes_, y).astype(np.int32)
        return labels

    def _of_classes(self, y: Any, w: HostArray) -> HostArray:
        return of_classes(self.class_weight, self.classes_, column_or_1d(y), w)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, (m, n_classes).

        Parameters
        ----------
        X : array or data frame (m, n)

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> mlp = bp.MLPEnsembleClassifier(networks=2, epochs=5, random_state=0)
        >>> mlp.fit(X, X[:, 0] > 0).predict_proba(X[:3]).shape
        (3, 2)
        """
        return self._served(X).predict_proba(X)


@checks_keywords(lr=RATE, eta=RATE)
class MLPEnsembleRegressor(RegressorMixin, _BaseEnsemble):
    """An ensemble of networks that predicts numbers from the rows of a table, on any device.

    The columns become inputs by normal quantiles, piecewise-linear shares and a column for each
    category, all fitted on the training rows. A first layer with units for each feature alone
    learns its scale. `networks` candidates with sampled numbers train in stacks, one stack for each
    architecture, on the same batches. The rates fall by a cosine. The best epoch of each candidate
    is kept, and an ensemble is selected greedily, with replacement, on held-out rows.

    Parameters
    ----------
    networks : int
        The number of candidates, ≥ 1, spread evenly over the architectures.
    hidden_layer_sizes : sequence of int
        The units of each hidden layer after the first layer of features.
    embedding_sizes : sequence of int
        The most units of a feature in the first layer, one number for each architecture.
    learning_rate, weight_decay, dropout : pair, or sequence of pairs
        The range from which a candidate's number is drawn, log-uniform for the rate and the
        decoupled decay, uniform for dropout; or one range for each architecture.
    bins : int
        The bins of the piecewise-linear encoding, ≥ 2, by quantiles.
    epochs : int or "auto"
        The most epochs, ≥ 1; the rates end there. "auto" is 60, or in small tables as many as make
        2,000 updates, at most 300.
    batch_size : int or "auto"
        "auto" is an eighth of the rows, as a power of 2 from 16 to 128.
    patience : int
        The epochs in a row without a gain of any candidate of a stack, after which the stack ends.
    validation_fraction : float
        The share of rows held out, above 0 and below 1, in tables of `small_table` rows or more.
    folds : int
        The number of folds, ≥ 2, in smaller tables. Each candidate is then trained `folds` times,
        all in one stack, and selected by its outputs out of fold. The preprocessing sees the inputs
        of all folds, not their targets.
    small_table : int
        The number of rows from which some are held out once, in place of folds.
    most_members : int
        The most places in the ensemble, ≥ 1; a candidate may take several.
    categorical_features : "auto" or sequence
        Names or indices of columns of categories beside those of texts; "auto" adds none.
    random_state : int, RandomState or None
    device : str or Device, optional
        The device that trains and predicts, by default the CPU.
    dtype : {"float32", "float64"}
    verbose : bool

    Attributes
    ----------
    members_ : tuple of Member
        For each architecture its network, θ (K, P) and the weights (K,) of the networks.
    weights_ : array
        The weights of all networks, which add up to 1.
    candidates_ : list of dict
        The numbers of each candidate, its loss on held-out rows ("score"), its best epoch (the mean
        over folds) and its weight in the ensemble.
    validation_loss_ : float
        The loss of the ensemble on the held-out rows: the mean squared error.
        It is a little too low, as the ensemble was selected there.
    kinds_ : tuple of str
        "number" or "category" for each column.
    n_features_in_ : int
    feature_names_in_ : array (n_features_in_,)
        Where X is a data frame.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError, DataError, DTypeError
        `fit`: a parameter is out of range; a number is infinite; a column holds dates or objects.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning",
    NeurIPS (2022), for the encoding. Holzmüller, Grinsztajn, Steinwart, "Better by default",
    NeurIPS (2024), for the learnt scale. Gorishniy, Kotelnikov, Babenko, "TabM", ICLR (2025), for
    networks that train together. Caruana et al., "Ensemble selection from libraries of models",
    ICML (2004).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 80)[:, None]
    >>> model = MLPEnsembleRegressor(2, epochs=40, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> bool(abs(model.predict([[-0.5], [0.0], [0.5]]) - [0.5, 0, 0.5]).max() < 0.2)
    True
    >>> model.predict_std([[0.5]]).shape
    (1,)
    """

    def __init__(
        self,
        networks: int = 16,
        *,
        hidden_layer_sizes: Any = (128, 128),
        embedding_sizes: Any = (8, 4),
        learning_rate: Any = ((8e-4, 4e-3), (1e-3, 6e-3)),
        weight_decay: Any = (0.05, 0.8),
        dropout: Any = ((0.0, 0.0), (0.0, 0.2)),
        bins: int = 32,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        patience: int = 20,
        validation_fraction: float = 0.2,
        folds: int = 5,
        small_table: int = 3000,
        most_members: int = 32,
        categorical_features: Any = "auto",
        random_state: Any = None,
        device: Any = None,
        dtype: str = "float32",
        verbose: bool = False,
    ) -> None:
        self.networks = networks
        self.hidden_layer_sizes = hidden_layer_sizes
        self.embedding_sizes = embedding_sizes
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.bins = bins
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.folds = folds
        self.small_table = small_table
        self.most_members = most_members
        self.categorical_features = categorical_features
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> _Targets:
        refuse_missing(np.asarray(y), "fit(y)")
        y = np.asarray(_check_y(y, multi_output=True, y_numeric=True), dtype=np.float64)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        Y = y.reshape(len(y), -1)
        mean, spread = Y[counts].mean(axis=0), Y[counts].std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        return _Targets((Y - mean) / spread, mean, spread, None, flat=y.ndim == 1)

    def _known_targets(self, y: Any, targets: _Targets) -> HostArray:
        Y = np.asarray(_check_y(y, multi_output=True, y_numeric=True), dtype=np.float64)
        scaled: HostArray = (Y.reshape(len(Y), -1) - targets.mean) / targets.spread
        return scaled


def _checked_parameters(given: Any) -> list[tuple[Any, Any, Any]]:
    """Check the parameters; return the ranges of rate, decay and dropout of each architecture."""
    for name, least in _COUNTS.items():
        check_count(getattr(given, name), name, least=least)
    fraction = given.validation_fraction
    if not 0 < finite_number(fraction, "validation_fraction") < 1:
        advice = "Use 0.2"
        raise OptionError("validation_fraction", repr(fraction), "above 0 and below 1", advice)
    for name in ("embedding_sizes", "hidden_layer_sizes"):
        sizes = np.atleast_1d(getattr(given, name)).tolist()
        if not sizes and name == "embedding_sizes":
            raise OptionError(name, "none", "one size or more", "Use (8, 4)")
        for size in sizes:
            check_count(size, name, least=1)
    if given.dtype not in ("float32", "float64"):
        raise OptionError("dtype", repr(given.dtype), "float32 or float64", "Use 'float32'")
    for name in ("batch_size", "epochs"):
        value = getattr(given, name)
        if not (isinstance(value, str) and value == "auto"):
            check_count(value, name, least=1)
    count = len(given.embedding_sizes)
    each = [_ranges(getattr(given, name), name, count, most) for name, most in _RANGES.items()]
    return list(zip(*each, strict=True))


_COUNTS = {
    "networks": 1,
    "bins": 2,
    "patience": 1,
    "folds": 2,
    "small_table": 0,
    "most_members": 1,
}
_RANGES = {"learning_rate": np.inf, "weight_decay": np.inf, "dropout": 1.0}


def _ranges(given: Any, name: str, count: int, most: float) -> list[tuple[float, float]]:
    """Return a range for each architecture."""
    expected = f"a pair (low, high), 0 <= low <= high < {most}, or {count} of them"
    try:
        one = isinstance(given[0], Real)
        pairs = [tuple(map(float, pair)) for pair in ([given] * count if one else given)]
        good = len(pairs) == count and all(0 <= low <= high < most for low, high in pairs)
    except (TypeError, ValueError, LookupError):
        good = False
    if not good:
        raise OptionError(name, f"{given!r:.60}", expected, "Leave it out for the default")
    return pairs  # type: ignore[return-value]


def _per_architecture(given: Any) -> list[int]:
    """Return the number of candidates of each architecture."""
    n = len(given.embedding_sizes)
    return [given.networks // n + (place < given.networks % n) for place in range(n)]


def _batch_size(given: int | str, m: int) -> int:
    if not isinstance(given, str):
        return int(given)
    return int(min(max(2 ** int(np.log2(max(m // 8, 1))), 16), 128))


def _epochs(given: int | str, steps: int) -> int:
    """Return the number of epochs, for `steps` batches in each."""
    if not isinstance(given, str):
        return int(given)
    return min(max(FEWEST_EPOCHS, -(-UPDATES // steps)), MOST_EPOCHS)


def _weights(sample_weight: Any, m: int) -> HostArray:
    if sample_weight is None:
        return np.ones(m)
    w: HostArray = _check_sample_weight(
        sample_weight, np.empty((m, 1)), dtype=np.float64, ensure_non_negative=True
    )
    if not w.any():
        raise DataError(
            "fit(sample_weight)", "weights that are all 0", "some above 0", "Raise some"
        )
    return w


def _pair(eval_set: Any) -> tuple[Any, Any]:
    if not isinstance(eval_set, tuple | list) or len(eval_set) != 2:
        came = type(eval_set).__name__
        raise DataError("fit(eval_set)", came, "a pair (X, y)", "Pass eval_set=(X_val, y_val)")
    return eval_set[0], eval_set[1]


def _rows(table: Table, rows: HostArray) -> Table:
    return Table(tuple(block[rows] for block in table.blocks), table.names, table.start)


def _described(plan: Plan, one: Trained, weights: HostArray, folds: int) -> list[dict[str, Any]]:
    """Return a dict for each candidate of a stack."""
    scores, epochs = (x.reshape(folds, -1).mean(axis=0) for x in (one.scores, one.epochs))
    return [
        {
            "embedding_size": plan.embedding,
            "hidden_layer_sizes": plan.hidden,
            "learning_rate": float(plan.learning_rate[k]),
            "weight_decay": float(plan.weight_decay[k]),
            "dropout": float(plan.dropout[k]),
            "score": float(scores[k]),
            "epoch": float(epochs[k]),
            "weight": float(weights[k]),
        }
        for k in range(len(weights))
    ]


def _in_units(net: Any, theta: HostArray, targets: _Targets) -> HostArray:
    """Return θ (K, P) whose outputs are numbers of the user: s a + μ in the last layer."""
    layers = net.unpack(theta.astype(np.float64))
    last = layers[-1]
    spread, mean = targets.spread[:, None], targets.mean[:, None]
    scaled = type(last)(last.W * spread, last.b * spread + mean)
    found: HostArray = net.pack([*layers[:-1], scaled])
    return found.astype(theta.dtype)
