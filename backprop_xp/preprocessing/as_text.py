"""Categories as texts, whatever type they came in."""

import numbers
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DTypeError
from backprop_xp.preprocessing.step import ForEachColumn
from backprop_xp.preprocessing.table import WHERE, Table, shown

__all__ = ["AsText", "is_category", "texts_of"]

_GAPS: Final = ("NAType", "NaTType")  # of pandas
_INTERVAL: Final = "Interval"  # of pandas, such as the categories of pandas.cut


@dataclass(frozen=True)
class AsText(ForEachColumn):
    """The values of columns as texts. A missing value, None or NaN, is the empty text.

    A category is the same, whether it comes as the number 3, as 3.0 or as the text "3". An interval
    of pandas, as `pandas.cut` makes them, is the text that it prints.

    Attributes
    ----------
    n : int
        The number of columns.

    Examples
    --------
    >>> column = np.array(["red", None, 3.0], dtype=object)
    >>> AsText(1).apply(Table.of([column])).columns()[0].tolist()
    ['red', '', '3']
    """

    kind: ClassVar[str] = "as_text"

    def apply(self, table: Table) -> Table:
        """Return the columns as arrays of texts.

        Raises
        ------
        DTypeError
            A value is no text, number or truth value.
        """
        made = [
            texts_of(x, lambda row, j=j: table.place(row, j)) for j, x in enumerate(table.columns())
        ]
        return Table.of(made, table.names, table.start) if made else table.none()


def texts_of(column: HostArray, place: Any = lambda row: f"row {row}") -> NDArray[np.object_]:
    """Return the values of a column (m,) as an array of texts; `place` names a row in errors.

    Raises
    ------
    DTypeError
        A value is no text, number or truth value.

    Examples
    --------
    >>> texts_of(np.array([1.0, 2.5, np.nan])).tolist()
    ['1', '2.5', '']
    """
    made = np.empty(len(column), dtype=object)
    known: dict[Any, str] = {}
    for row, value in enumerate(column.tolist()):
        try:
            text = known.get((type(value), value))
        except TypeError:  # it has no hash
            text = None
        if text is None:
            text = _text(value, place, row)
            known[type(value), value] = text
        made[row] = text
    return made


def is_category(kind: type) -> bool:
    """Tell whether values of a type are categories, or gaps among them.

    Examples
    --------
    >>> [is_category(kind) for kind in (str, float, bool, type(None), list)]
    [True, True, True, True, False]
    """
    named = kind.__name__ in (*_GAPS, _INTERVAL)
    return named or issubclass(kind, str | bool | np.bool_ | numbers.Real | None)


def _text(value: Any, place: Any, row: int) -> str:
    if value is None or type(value).__name__ in _GAPS:
        return ""
    if type(value).__name__ == _INTERVAL:
        return str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        if np.isnan(number):
            return ""
        return str(int(number)) if np.isfinite(number) and number == int(number) else str(number)
    came = f"{shown(value)} at {place(row)} (counted from 0)"
    expected = "a category: the argument must be a string, a number or a truth value"
    raise DTypeError(WHERE, came, expected, "Turn it into a text")
