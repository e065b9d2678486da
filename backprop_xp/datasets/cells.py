"""What the texts in the cells of a table mean: a number, a class, or that a value is missing."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import DataError, nearest_name

__all__ = ["class_names_in", "is_missing", "is_number", "numbers_in", "targets_in"]

Names: TypeAlias = tuple[str, ...]

_MISSING: Final = frozenset(  # not Na, which is sodium
    ["", "?", "na", "NA", "n/a", "N/A", "nan", "NaN", "NAN", "null", "NULL"]
)


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or one of the usual signs of a missing value.

    Examples
    --------
    >>> is_missing(" "), is_missing("NA"), is_missing("Na"), is_missing("0")
    (True, True, False, False)
    """
    return cell.strip() in _MISSING


def numbers_in(cells: list[str]) -> list[float]:
    """Return the numbers that the cells are, written with a decimal point and no separators.

    Raises
    ------
    ValueError
        One of them is no number.

    Examples
    --------
    >>> numbers_in(["2", " -1.5e3"])
    [2.0, -1500.0]
    """
    if "_" in "".join(cells):  # Python's float takes 1_000, which in a table is a text
        raise ValueError("an underscore")
    return list(map(float, cells))


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, infinity and NaN included.

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
    """Return the names of the classes in a target's cells; none where they are numbers to predict.

    They are classes where all of them are texts, and where they are whole numbers without a decimal
    point, exactly 0 to K-1 each occurring, with K = 2 or at least two rows a class on average.

    Parameters
    ----------
    cells : list of str
        A cell for each row, stripped.

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
    """Return a target's class labels and their names, or its numbers and None.

    Parameters
    ----------
    cells : list of str
        A cell for each row, stripped.
    known : tuple of str or None
        The classes, where they are known; empty where the cells are known to be numbers.
    where : callable
        The words for the place of a row, to begin an error with.

    Returns
    -------
    Y : array
        Labels (m,) of int64, positions among the names, or numbers (m, 1) of float64, all finite.
    class_names : tuple of str or None
        The names of the labels.

    Raises
    ------
    DataError
        A value is missing, a class is not known, or texts and numbers are mixed.

    Examples
    --------
    >>> targets_in(["no", "yes", "no"], None, "row {}".format)
    (array([0, 1, 0]), ('no', 'yes'))
    """
    for row, cell in enumerate(cells):
        if is_missing(cell):
            advice = "Fill in the cell or leave the row out"
            raise DataError(where(row), f"{cell!r}, a missing value", "a target", advice)
    classes = class_names_in(cells) if known is None else known
    if classes:
        labels = {name: label for label, name in enumerate(classes)}
        for row, cell in enumerate(cells):
            if cell not in labels:
                expected = f"one of the classes {', '.join(map(repr, classes[:10]))}"
                if len(classes) > 10:
                    expected += ", …"
                advice = nearest_name(cell, classes)
                raise DataError(where(row), f"the class {cell!r}", expected, advice)
        return np.array([labels[cell] for cell in cells], dtype=np.int64), classes
    for row, cell in enumerate(cells):
        if not is_number(cell) or not np.isfinite(float(cell)):
            advice = "Correct it, or write a text in every row where they are classes"
            raise DataError(where(row), repr(cell), "a finite number as in other rows", advice)
    return np.array(numbers_in(cells))[:, None], None
