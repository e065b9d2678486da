"""The common base of the transformers for tables: `fit` makes a step of preprocessing."""

from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import OptionError, ParameterError
from backprop_xp.estimators.user_tables import checked_numbers, errors_of
from backprop_xp.estimators.without_sklearn import stand_ins
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import Table

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError as error:
    BaseEstimator, TransformerMixin, _ = stand_ins(error)

with suppress(ImportError):
    from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

__all__ = ["TableTransformer"]


class TableTransformer(TransformerMixin, BaseEstimator):
    """A transformer of scikit-learn's contract, whose transform is a step of `preprocessing`.

    Columns are numbers, and NaN is a gap that stays NaN, unless a class says otherwise.

    Attributes
    ----------
    step_ : Step
        The fitted step, which a model file holds as numbers and names.
    """

    step_: Step

    def _table(self, X: Any, *, reset: bool) -> Table:
        """Return X as a table after scikit-learn's checks."""
        return checked_numbers(self, X, reset=reset)

    def _fitted(self, table: Table) -> Step:
        """Return the step that is fitted on a table."""
        raise NotImplementedError

    def _names_out(self, names: list[str]) -> list[str]:
        """Return the names of the columns that are made of columns of these names."""
        return names

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  as pipelines call it
        """Return the transformer itself, fitted to the columns of a table.

        Parameters
        ----------
        X : array or data frame (m, n)
        y : None
            It is not used.

        Raises
        ------
        ParameterError
            A parameter is out of range.
        ValueError, TypeError
            scikit-learn's checks refuse X.

        Examples
        --------
        >>> from backprop_xp.estimators import RobustClipScaler
        >>> RobustClipScaler().fit([[1.0], [2.0], [3.0]]).n_features_in_
        1
        """
        table = self._table(X, reset=True)
        try:
            with errors_of("fit(X)"):
                self.step_ = self._fitted(table)
        except OptionError as error:
            raise ParameterError(*error.parts) from None
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the columns that are made of a table, (m, n_out), of float64.

        Parameters
        ----------
        X : array or data frame (m, n)

        Raises
        ------
        NotFittedError
        ValueError, TypeError
            scikit-learn's checks refuse X.

        Examples
        --------
        >>> from backprop_xp.estimators import PiecewiseLinearEncoder
        >>> encoder = PiecewiseLinearEncoder(2).fit([[0.0], [1.0], [3.0]])
        >>> encoder.transform([[0.5], [2.0]])  # bins from 0 to 1, and from 1 to 3
        array([[0.5, 0. ],
               [1. , 0.5]])
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        with errors_of("transform(X)"):
            return self.step_.apply(table).numbers()

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` makes, (n_out,).

        Parameters
        ----------
        input_features : sequence of str (n,), optional
            The names of the columns that come. Default: their names in `fit`, or x0, x1, …

        Examples
        --------
        >>> from backprop_xp.estimators import PiecewiseLinearEncoder
        >>> encoder = PiecewiseLinearEncoder(2).fit([[0.0], [1.0], [3.0]])
        >>> list(encoder.get_feature_names_out(["area"]))
        ['area_bin0', 'area_bin1']
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(self._names_out([str(name) for name in names]), dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: NaN may come."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
