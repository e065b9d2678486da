"""`DampedOneHotEncoder`: a column for each category, of small numbers where there are many."""

from typing import Any

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.estimators.table_transformer import TableTransformer
from backprop_xp.estimators.user_tables import checked_table
from backprop_xp.preprocessing.as_text import AsText, texts_of
from backprop_xp.preprocessing.composition import Chain
from backprop_xp.preprocessing.one_hot import NOWHERE, OneHotEncoding
from backprop_xp.preprocessing.scaling import RangeScaling
from backprop_xp.preprocessing.table import Table

__all__ = ["DAMPED_ABOVE", "DAMPING", "MOST_CATEGORIES", "DampedOneHotEncoder", "damped_one_hot"]

DAMPED_ABOVE = 9  # categories of a column
DAMPING = 0.25
MOST_CATEGORIES = 100  # of a column; the rarer ones share one column
_MISSING = "missing"  # in the name of a column
_RARE = "infrequent_sklearn"  # as OneHotEncoder names it


def damped_one_hot(
    table: Table,
    damped_above: int = DAMPED_ABOVE,
    damping: float = DAMPING,
    most: int = MOST_CATEGORIES,
) -> Chain:
    """Return the step from the categories of a table to the columns of `DampedOneHotEncoder`.

    Raises
    ------
    DTypeError
        A value is no text, number or truth value.
    """
    levels, at, elsewhere, widths, factors = [], [], [], [], []
    for j, column in enumerate(table.columns()):
        texts = texts_of(column, lambda row, j=j: table.place(row, j))
        known, counts = np.unique(texts.astype(str), return_counts=True)
        rare = len(known) > most
        place, width = np.arange(len(known)), min(len(known), most)
        if rare:
            frequent = np.argsort(-counts, kind="stable")[: most - 1]
            place = np.full(len(known), most - 1)
            place[frequent] = np.arange(most - 1)
        levels.append(tuple(known.tolist()))
        at.append(place)
        elsewhere.append(width - 1 if rare else NOWHERE)
        widths.append(width)
        factors += [damping if len(known) > damped_above else 1.0] * width
    hot = OneHotEncoding(tuple(levels), tuple(at), tuple(elsewhere), tuple(widths))
    damped = RangeScaling(np.array(factors), np.zeros(len(factors)))
    return Chain((AsText(len(levels)), hot, damped))


@checks_keywords
class DampedOneHotEncoder(TableTransformer):
    """One-hot encoding that is damped for many categories, as a transformer of scikit-learn.

    A column of categories becomes a column of 0 and 1 for each category. Where there are more than
    `damped_above` categories, the 1 is `damping`. A category is a text: the number 3, 3.0 and "3"
    are the same.

    A gap, None or NaN, is a category of its own. A category that training has not seen has zeros
    alone; where rare categories share a column, it has that column.

    Parameters
    ----------
    damped_above : int
        The most categories of a column that is not damped, ≥ 0.
    damping : float
        The number in place of 1.
    max_categories : int
        The most columns for a column of categories, ≥ 2. Where there are more categories, the
        rarest share the last column.

    Attributes
    ----------
    step_ : Chain
        The fitted step: categories as texts, one-hot encoding, and a factor for each column.
    n_features_in_ : int
    feature_names_in_ : array (n,) of str

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError, DTypeError
        `fit`: a parameter is out of range; a value is no text, number or truth value.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees
    on tabular data", NeurIPS (2024), arXiv 2407.04491, for few and many categories apart.

    Examples
    --------
    >>> X = np.array([["red"], ["blue"], [None], ["red"]], dtype=object)
    >>> encoder = DampedOneHotEncoder(damped_above=2).fit(X)
    >>> encoder.transform([["red"], ["green"], [None]])
    array([[0.  , 0.  , 0.25],
           [0.  , 0.  , 0.  ],
           [0.25, 0.  , 0.  ]])
    >>> encoder.get_feature_names_out(["colour"]).tolist()
    ['colour_missing', 'colour_blue', 'colour_red']
    """

    def __init__(
        self,
        damped_above: int = DAMPED_ABOVE,
        *,
        damping: float = DAMPING,
        max_categories: int = MOST_CATEGORIES,
    ) -> None:
        self.damped_above = damped_above
        self.damping = damping
        self.max_categories = max_categories

    def _table(self, X: Any, *, reset: bool) -> Table:
        return checked_table(self, X, reset=reset)

    def _fitted(self, table: Table) -> Chain:
        check_count(self.damped_above, "damped_above", least=0)
        check_count(self.max_categories, "max_categories", least=2)
        damping = finite_number(self.damping, "damping")
        return damped_one_hot(table, self.damped_above, damping, self.max_categories)

    def _names_out(self, names: list[str]) -> list[str]:
        hot: Any = self.step_.steps[1]  # type: ignore[attr-defined]
        described = zip(names, hot.categories, hot.places, hot.widths, strict=True)
        return [f"{name}_{one}" for name, *of in described for one in _columns(*of)]

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: categories may be texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _columns(categories: tuple[str, ...], places: HostArray, width: int) -> list[str]:
    """Return the names of the columns of a column's categories."""
    found = [_RARE] * width
    for place in range(width):
        own = [one for one, at in zip(categories, places, strict=True) if at == place]
        if len(own) == 1:
            found[place] = own[0] or ("" if _MISSING in categories else _MISSING)
    return found
