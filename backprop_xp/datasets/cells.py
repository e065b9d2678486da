"""Cells of a table, texts that mean a number, a class or a missing value."""

import math
import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.errors import DataError

__all__ = [
    "class_names_in",
    "in_a_line",
    "is_missing",
    "is_name",
    "is_number",
    "is_value",
    "numbers_in",
    "shown",
    "targets_in",
    "usual_signs",
]

Names: TypeAlias = tuple[str, ...]

_MISSING: Final = frozenset(  # without Na, which is sodium
    ["", "?", "na", "NA", "n/a", "N/A", "nan", "NaN", "NAN", "null", "NULL", "#N/A", "#NA", "<NA>"]
)
_TRUTHS: Final = frozenset(["true", "false", "yes"])  # in lower case, of any case
_VALUES: Final = _TRUTHS | frozenset(
    ["none", "nil", "null", "undefined", "n/a", "nat", "n.a.", "n.d.", "nan(ind)", "div/0"]
)
_DATE: Final = re.compile(
    r"((mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[ ,.]+)?"
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[ .,/-]+\d[\d ,:./-]*",
    re.IGNORECASE,
)
_SHOWN: Final = 80  # characters of a cell in an error, at most


def is_missing(cell: str) -> bool:
    """Tell whether a cell is empty or a usual sign of a missing value.

    Examples
    --------
    >>> is_missing(" "), is_missing("NA"), is_missing("Na"), is_missing("0")
    (True, True, False, False)
    """
    return cell.strip() in _MISSING


def usual_signs() -> frozenset[str]:
    """Return the usual signs of a missing value, as cells without spaces around them.

    Examples
    --------
    >>> "NA" in usual_signs(), "" in usual_signs(), "none" in usual_signs()
    (True, True, False)
    """
    return _MISSING


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


def is_value(cell: str) -> bool:
    """Tell whether a text that is no number is written as a value, not as the name of a column.

    Values are texts without a letter, the usual signs of a missing value, truth values and dates.

    Examples
    --------
    >>> [is_value(cell) for cell in ("5 000", "5%", "<1", "1,234", "TRUE", "NA", "Jan 5, 2020")]
    [True, True, True, True, True, True, True]
    >>> is_value("length"), is_value("x1"), is_value("may_1"), is_value("5 kg")
    (False, False, False, False)
    """
    cell = cell.strip()
    if not any(map(str.isalpha, cell)) or is_missing(cell) or cell.lower() in _VALUES:
        return True
    error_of_excel = cell.startswith("#") and cell.endswith(("!", "?"))
    return error_of_excel or _DATE.fullmatch(cell) is not None


def is_name(cell: str) -> bool:
    """Tell whether a cell is beyond doubt the name of a column: it starts with a letter.

    Examples
    --------
    >>> is_name("length"), is_name("_id"), is_name("NA"), is_name("5 kg"), is_name("1x1")
    (True, True, False, False, False)
    """
    start = cell.strip()[:1]
    return (start.isalpha() or start == "_") and not is_value(cell)


def shown(cell: str) -> str:
    """Return a cell in quotation marks for an error, cut to `_SHOWN` characters.

    Examples
    --------
    >>> shown("setosa"), len(shown("a" * 1000))
    ("'setosa'", 86)
    """
    return repr(cell) if len(cell) <= _SHOWN else f"{cell[:_SHOWN]!r} ..."


def in_a_line(name: str, most: int = 60) -> str:
    r"""Return a name for a line of text: with spaces for breaks and control characters, and short.

    The middle of a long name is left out, since names often differ at their ends.

    Examples
    --------
    >>> in_a_line("two\nlines"), in_a_line("number of the first")
    ('two lines', 'number of the first')
    >>> in_a_line("number of the first", 12)
    'number..irst'
    """
    words = "".join(" " if unicodedata.category(c) == "Cc" else c for c in name).split()
    text, end = " ".join(words), (most - 2) * 2 // 5
    return text if len(text) <= most else f"{text[: most - 2 - end]}..{text[-end:]}"


def class_names_in(cells: Collection[str], count: int | None = None) -> Names:
    """Return the names of the classes in a target's cells; () where the cells are numbers.

    The cells are classes where all of them are texts. They are also classes where they are whole
    numbers without a decimal point, each of 0 to K-1 occurs and no other, and K is 2 or there are
    at least two rows per class on average. All other cells are numbers to predict.

    Parameters
    ----------
    cells : collection of str
        The stripped cell of each row, or each different cell.
    count : int, optional
        The number of rows. Default: the number of cells.

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
    most = max(2, (len(cells) if count is None else count) // 2)
    distinct: set[str] = set()
    numbers = False
    for cell in cells:
        if cell not in distinct:
            distinct.add(cell)
            numbers = numbers or is_number(cell)
            if numbers and not _is_label(cell, most):
                return ()
    if not numbers:
        return tuple(sorted(distinct))
    counted = tuple(map(str, range(len(distinct))))
    return counted if 2 <= len(distinct) <= most and distinct == set(counted) else ()


def _is_label(cell: str, most: int) -> bool:
    """Tell whether a cell is a whole number from 0 to `most` - 1."""
    return cell.isdecimal() and len(cell) < 20 and int(cell) < most


def targets_in(
    cells: Collection[str],
    known: Names | None,
    where: Callable[[int], str],
    rows: NDArray[np.intp] | None = None,
) -> tuple[NDArray[np.int64] | NDArray[np.float64], Names | None]:
    """Return a target's class labels and the names of the classes, or its numbers and None.

    Parameters
    ----------
    cells : collection of str
        The stripped cell of each row; with `rows`, each different cell.
    known : tuple of str or None
        The names of the classes; empty for numbers; None to find out by `class_names_in`.
    where : callable
        From the number of a row to the text of its place, with which an error begins.
    rows : array (m,), optional
        Row r has the cell ``cells[rows[r]]``. Default: the cells are the rows.

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

    def refusal(place: int, came: str, expected: str, advice: str) -> DataError:
        row = place if rows is None else int(np.argmax(rows == place))
        return DataError(where(row), came, expected, advice)

    for place, cell in enumerate(cells):
        if is_missing(cell):
            advice = "Fill in the cell or delete the row"
            raise refusal(place, f"{shown(cell)}, a missing value", "a target", advice)
    classes = class_names_in(cells, None if rows is None else len(rows)) if known is None else known
    if classes:
        labels = {name: label for label, name in enumerate(classes)}
        for place, cell in enumerate(cells):
            if cell not in labels:
                expected = f"one of the classes {', '.join(map(shown, classes[:10]))}"
                if len(classes) > 10:
                    expected += ", ..."
                advice = nearest_name(cell, classes)
                raise refusal(place, f"the class {shown(cell)}", expected, advice)
        Y = np.fromiter(map(labels.__getitem__, cells), np.int64, len(cells))
        return Y if rows is None else Y[rows], classes
    for place, cell in enumerate(cells):
        if not is_number(cell) or not math.isfinite(float(cell)):
            advice = "Correct the cell, or write a text in every row if the target is a class"
            raise refusal(place, shown(cell), "a finite number as in other rows", advice)
    numbers = np.fromiter(map(float, cells), np.float64, len(cells))[:, None]
    return numbers if rows is None else numbers[rows], None
