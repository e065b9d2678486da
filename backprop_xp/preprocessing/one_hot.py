"""A column of 0 and 1 for each category."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DataError
from backprop_xp.preprocessing.missing import is_nan
from backprop_xp.preprocessing.step import as_indices, check_counts
from backprop_xp.preprocessing.table import WHERE, Table, shown

__all__ = ["NOWHERE", "REFUSED", "OneHotEncoding"]

NOWHERE: Final = -1  # a category without a column
REFUSED: Final = -2  # an unknown category, which is an error

Indices = NDArray[np.int64]
Categories: TypeAlias = HostArray | tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class OneHotEncoding:
    """For each column its categories, and the place of the 1 for each category.

    Attributes
    ----------
    categories : tuple of (array (n,) of numbers, or tuple of texts, numbers and None)
        The known categories of each column.
    places : tuple of array (n,) of int
        For each category the number of its column among the `widths` columns that are made;
        `NOWHERE` for a category of zeros alone. Rare categories may share a column.
    unknown : tuple of int
        The place of a category that is not known: a number, `NOWHERE`, or `REFUSED`.
    widths : tuple of int
        How many columns are made of each column.

    Examples
    --------
    >>> step = OneHotEncoding((("blue", "red"),), (np.array([0, 1]),), (NOWHERE,), (2,))
    >>> step.apply(Table.of([np.array(["red", "green"])])).numbers()
    array([[0., 1.],
           [0., 0.]])
    """

    categories: tuple[Categories, ...]
    places: tuple[Indices, ...]
    unknown: tuple[int, ...]
    widths: tuple[int, ...]

    kind: ClassVar[str] = "one_hot_encoding"

    def __post_init__(self) -> None:
        n = len(self.categories)
        check_counts("columns", n, len(self.places), len(self.unknown), len(self.widths))
        known = [_checked(one) for one in self.categories]
        for one, place, width in zip(known, self.places, self.widths, strict=True):
            check_counts("categories and places", len(one), len(place))
            if not 0 <= width <= len(one):
                raise ValueError(f"{width} columns for {len(one)} categories")
        for elsewhere, width in zip(self.unknown, self.widths, strict=True):
            as_indices([elsewhere], width, REFUSED)
        places = [as_indices(x, w, NOWHERE) for x, w in zip(self.places, self.widths, strict=True)]
        for name, values in (
            ("categories", known),
            ("places", places),
            ("unknown", self.unknown),
            ("widths", self.widths),
        ):
            object.__setattr__(self, name, tuple(values))

    @property
    def n_in(self) -> int:
        """The number of columns that come."""
        return len(self.categories)

    @property
    def n_out(self) -> int:
        """The number of columns that are made."""
        return sum(self.widths)

    def apply(self, table: Table) -> Table:
        """Return the columns of 0 and 1, as numbers of float64.

        Raises
        ------
        DataError
            A category is unknown, and unknown categories are refused.
        """
        m = table.shape[0]
        made = np.zeros((m, self.n_out))
        start, rows = 0, np.arange(m)
        for j, column in enumerate(table.columns()):
            places = self._places(table, column, j)
            there = places >= 0
            made[rows[there], start + places[there]] = 1.0
            start += self.widths[j]
        return Table((made,), (), table.start)

    def _places(self, table: Table, column: HostArray, j: int) -> Indices:
        """Return the place of the 1 for each row of a column."""
        known = self.categories[j]
        if isinstance(known, np.ndarray) and column.dtype.kind in "biuf":
            found = _among_numbers(column, known)
        else:
            found = _among_objects(column, known)
        strange = found < 0
        if self.unknown[j] == REFUSED and strange.any():
            row = int(np.argmax(strange))
            some = ", ".join(shown(value) for value in list(known)[:10])
            came = f"{shown(column[row])} at {table.place(row, j)} (counted from 0)"
            more = ", ..." if len(known) > 10 else ""
            advice = "Train with OneHotEncoder(handle_unknown='ignore'), or leave the row out"
            raise DataError(WHERE, came, f"a category of training: {some}{more}", advice)
        return np.where(strange, self.unknown[j], np.append(self.places[j], 0)[found])


def _checked(categories: Categories) -> Categories:
    """Return the categories of a column after a check of their types."""
    if isinstance(categories, np.ndarray):
        good = categories.ndim == 1 and categories.dtype.kind in "biuf"
    else:
        categories = tuple(categories)
        good = all(isinstance(one, str | bool | int | float | None) for one in categories)
    if not good or len(categories) == 0:
        raise TypeError("categories that are no list of numbers, texts and None")
    return categories


def _among_numbers(column: HostArray, known: HostArray) -> Indices:
    """Return the index of each value of a column among numbers, −1 where it is none of them."""
    order = np.argsort(known, kind="stable")  # NaN comes last
    ascending = known[order]
    at = np.minimum(np.searchsorted(ascending, column), len(known) - 1)
    equal = ascending[at] == column
    if column.dtype.kind == "f" and known.dtype.kind == "f":
        equal |= np.isnan(ascending[at]) & np.isnan(column)
    return np.where(equal, order[at], -1)


def _among_objects(column: HostArray, known: Categories) -> Indices:
    """Return the index of each value of a column among objects, −1 where it is none of them."""
    values = known.tolist() if isinstance(known, np.ndarray) else known
    indices = {value: i for i, value in enumerate(values) if not is_nan(value)}
    nan = next((i for i, value in enumerate(values) if is_nan(value)), -1)
    given = column.tolist()
    found = np.fromiter((indices.get(value, -1) for value in given), np.int64, len(given))
    if nan >= 0:
        for row in np.flatnonzero(found < 0):
            found[row] = nan if is_nan(given[row]) else -1
    return found
