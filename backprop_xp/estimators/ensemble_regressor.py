"""`MLPEnsembleRegressor`: networks that predict numbers from a table together, on any device."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.data_frames import refuse_missing
from backprop_xp.errors import DataError
from backprop_xp.estimators.ensemble_base import BaseEnsemble
from backprop_xp.estimators.ensemble_parameters import RATE
from backprop_xp.estimators.ensemble_targets import Targets
from backprop_xp.estimators.without_sklearn import stand_ins

try:
    from sklearn.base import RegressorMixin
    from sklearn.utils import column_or_1d
    from sklearn.utils.validation import _check_y
except ImportError as error:
    _, _, RegressorMixin = stand_ins(error)

__all__ = ["MLPEnsembleRegressor"]

_MOST: Final = 1e150  # of a target, whose square is finite


@checks_keywords(lr=RATE, eta=RATE)
class MLPEnsembleRegressor(RegressorMixin, BaseEnsemble):
    """An ensemble of networks that predicts numbers from the rows of a table, on any device.

    Targets are one number for each row, (m,), or several, (m, n_out). All parameters and attributes
    are those of `MLPEnsembleClassifier`, without `class_weight` and ``classes_``.

    Attributes
    ----------
    validation_loss_ : float
        The mean squared error of the ensemble on the held-out rows. It is a little too low, as the
        ensemble was selected there.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError, DataError, DTypeError
        `fit`: a parameter is out of range; a number is infinite; a column holds dates or objects.

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
        random_state: Any = None,
        device: Any = None,
        dtype: str = "float32",
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self._keep(locals())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: Any, counts: NDArray[np.bool_]) -> Targets:
        refuse_missing(np.asarray(y), "fit(y)")
        y = _numbers(y, "fit(y)")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        most, limit = np.abs(y[counts]).max(), min(float(np.finfo(self.dtype).max), _MOST)
        if most > limit:
            expected, advice = f"at most {limit:.3g} for {self.dtype}", "Scale y"
            raise DataError("fit(y)", f"numbers up to {most:.3g}", expected, advice)
        return Targets.of_numbers(y, counts)

    def _known_targets(self, y: Any, targets: Targets) -> HostArray:
        return targets.scaled(_numbers(y, "fit(eval_set)").reshape(len(y), -1))


def _numbers(y: Any, where: str) -> HostArray:
    """Return targets as float64, after the checks of scikit-learn."""
    values = np.asarray(y)
    if values.dtype.kind in "OU":
        for place, value in np.ndenumerate(values):
            if isinstance(value, str) and not _is_number(value):
                came = f"the text {value!r:.60} in row {place[0]} (counted from 0)"
                advice = "Use MLPEnsembleClassifier for classes"
                raise DataError(where, came, "a number for each row", advice)
    return np.asarray(_check_y(y, multi_output=True, y_numeric=True), dtype=np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
