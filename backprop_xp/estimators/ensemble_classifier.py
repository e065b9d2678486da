"""`MLPEnsembleClassifier`: networks that classify the rows of a table together, on any device."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.data_frames import refuse_missing
from backprop_xp.errors import DataError
from backprop_xp.estimators.cases import of_classes
from backprop_xp.estimators.ensemble_base import BaseEnsemble
from backprop_xp.estimators.ensemble_parameters import RATE
from backprop_xp.estimators.ensemble_targets import Targets
from backprop_xp.estimators.without_sklearn import stand_ins

try:
    from sklearn.base import ClassifierMixin
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_y
except ImportError as error:
    _, ClassifierMixin, _ = stand_ins(error)

__all__ = ["MLPEnsembleClassifier"]


@checks_keywords(lr=RATE, eta=RATE)
class MLPEnsembleClassifier(ClassifierMixin, BaseEnsemble):
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
        3,000 updates, at most 300.
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
        The weight of each class in training, as in `MLPClassifier`. It moves the probabilities, as
        other shares of the classes would. Rows held out are scored without it.
    random_state : int, RandomState or None
    device : str or Device, optional
        The device that trains and predicts, by default the CPU.
    dtype : {"float32", "float64"}
    n_jobs : int, optional
        The architectures that are trained at the same time, by joblib: in processes, unless
        ``joblib.parallel_config`` says otherwise. None is 1, and −1 as many as there are cores. The
        ensemble does not depend on it.
    verbose : bool
        Whether to show the progress of each stack, as ``train(progress=True)`` does.

    Attributes
    ----------
    members_ : tuple of Member
        For each architecture its network, θ (K, P) and the weights (K,) of the networks.
    weights_ : array
        The weights of all networks, which add up to 1.
    candidates_ : list of dict
        The numbers of each candidate, its loss on held-out rows ("score") and its best epoch, both
        means over folds, and its weight in the ensemble.
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

    class_weight: Any

    def __init__(
        self,
        networks: int = 16,
        *,
        hidden_layer_sizes: Any = (128, 128),
        embedding_sizes: Any = (8, 4),
        learning_rate: Any = ((8e-4, 4e-3), (1e-3, 6e-3)),
        weight_decay: Any = (0.05, 0.8),
        dropout: Any = ((0.0, 0.0), (0.0, 0.1)),
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
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self._keep(locals())

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> Targets:  # noqa: ARG002
        values = np.asarray(y)
        refuse_missing(values, "fit(y)")
        if values.ndim == 2 and values.shape[1] > 1:
            came, expected = (
                f"shape {values.shape}",
                "one class for each row: y should be a 1d array",
            )
            advice = "For labels fit sklearn.multioutput.MultiOutputClassifier, or MLPClassifier"
            raise DataError("fit(y)", came, expected, advice)
        y = _check_y(y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return Targets.of_classes(labels.astype(np.int32), self.classes_)

    def _known_targets(self, y: Any, targets: Targets) -> HostArray:  # noqa: ARG002
        y = column_or_1d(y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            came, expected = f"the classes {unknown}", f"some of {self.classes_}"
            raise DataError("fit(eval_set)", f"{came:.100}", f"{expected:.200}", "Leave them out")
        labels: HostArray = np.searchsorted(self.classes_, y).astype(np.int32)
        return labels

    def _training_weights(self, y: Any, w: HostArray) -> HostArray:
        if self.class_weight is None:
            return w
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
