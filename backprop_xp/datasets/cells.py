"""Cells of a table, texts that mean a number, a class or a missing value."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import DataError, nearest_name

__all__ = ["class_names_in", "is_missing", "is_number", "numbers_in", "targets_in"]

Names: TypeAlias = tuple[str, ...]

_MISSING: Final = frozenset(  # without Na, which is sodium
    ["", "?", "na", "NA", "n/a", "N/A", "nan", "NaN", "NAN", "null", "NULL"]
)


def is_missing(cell: str) -> bool:
    """Tell whether a cell is empty or a usual sign of a missing value.

    Examples
    --------
    >>> is_missing(" "), is_missing("NA"), is_missing("Na"), is_missing("0")
    (True, True, False, False)
    """
    return cell.strip() in _MISSING


def numbers_in(cells: list[str]) -> list[float]:
    """Return the cells as numbers, written with a decimal point and no separators.

    Raises
    ------
    ValueError
        A cell is no number.

    Examples
    --------
    >>> numbers_in(["2", " -1.5e3"])
    [2.0, -1500.0]
    """
    if "_" in "".join(cells):  # float() takes 1_000, which is a text in a table
        raise ValueError("an underscore")
    return list(map(float, cells))


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, infinity and NaN included.

    Examples
    --------
    >>> is_number("-1.5e3"), is_number("1,5"), is_number("1_000"), is_number("x")
    (True, False, False, False)
    """
    try:
        numbers_in([cell])
    except ValueError:
        return False
    return True


def class_names_in(cells: list[str]) -> Names:
    """Return the names of the classes in a target's cells; () where the cells are numbers.

    The cells are classes where all of them are texts. They are also classes where they are whole
    numbers without a decimal point, each of 0 to K-1 occurs and no other, and K is 2 or there are
    at least two rows per class on average. All other cells are numbers to predict.

    Parameters
    ----------
    cells : list of str
        The stripped cell of each row.

    Returns
    -------
    tuple of str
        The texts in sorted order, or ``("0", ..., str(K - 1))``, or ``()``.

    Examples
    --------
    >>> class_names_in(["no", "yes", "no"])
    ('no', 'yes')
    >>> class_names_in(["1", "0", "2", "2", "1", "0"])
    ('0', '1', '2')
    >>> class_names_in(["1.0", "0.0"]), class_names_in(["1", "2"]), class_names_in(["2", "0", "1"])
    ((), (), ())
    """
    distinct = set(cells)
    if not any(map(is_number, distinct)):
        return tuple(sorted(distinct))
    counted = tuple(str(label) for label in range(len(distinct)))
    few = 2 <= len(distinct) <= max(2, len(cells) // 2)
    return counted if few and distinct == set(counted) else ()


def targets_in(
    cells: list[str], known: Names | None, where: Callable[[int], str]
) -> tuple[NDArray[np.int64] | NDArray[np.float64], Names | None]:
    """Return a target's class labels and the names of the classes, or its numbers and None.

    Parameters
    ----------
    cells : list of str
        The stripped cell of each row.
    known : tuple of str or None
        The names of the classes; empty for numbers; None to find out by `class_names_in`.
    where : callable
        From the number of a row to the text of its place, with which an error begins.

    Returns
    -------
    Y : array
        Labels (m,) of int64, positions among the names; or finite numbers (m, 1) of float64.
    class_names : tuple of str or None
        The names of the classes, ``class_names[label]``.

    Raises
    ------
    DataError
        A value is missing, a class is unknown, or texts and numbers are mixed.

    Examples
    --------
    >>> targets_in(["no", "yes", "no"], None, "row {}".format)
    (array([0, 1, 0]), ('no', 'yes'))
    """
    for row, cell in enumerate(cells):
        if is_missing(cell):
            advice = "Fill in the cell or delete the row"
            raise DataError(where(row), f"{cell!r}, a missing value", "a target", advice)
    classes = class_names_in(cells) if known is None else known
    if classes:
        labels = {name: label for label, name in enumerate(classes)}
        for row, cell in enumerate(cells):
            if cell not in labels:
                expected = f"one of the classes {', '.join(map(repr, classes[:10]))}"
                if len(classes) > 10:
                    expected += ", ..."
                advice = nearest_name(cell, classes)
                raise DataError(where(row), f"the class {cell!r}", expected, advice)
        return np.array([labels[cell] for cell in cells], dtype=np.int64), classes
    for row, cell in enumerate(cells):
        if not is_number(cell) or not np.isfinite(float(cell)):
            advice = "Correct the cell, or write a text in every row if the target is a class"
            raise DataError(where(row), repr(cell), "a finite number as in other rows", advice)
    return np.array(numbers_in(cells))[:, None], None
