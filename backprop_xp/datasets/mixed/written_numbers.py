"""Numbers as people write them: with a decimal point or a decimal comma, with or without groups."""

import math
import re
from typing import Final

from backprop_xp.datasets.cells import numbers_in

__all__ = [
    "COMMA",
    "POINT",
    "canonical",
    "is_signed",
    "is_whole",
    "is_written",
    "number_of",
    "unit_of",
    "written_numbers",
]

POINT: Final = "."
"""The decimal mark of 1,234.5."""

COMMA: Final = ","
"""The decimal mark of 1.234,5."""

_SPACES: Final = " \u00a0\u202f'’"  # between groups of three digits, beside the other mark
_SIGN: Final = "[+\\-−]?"
_CURRENCY: Final = "[€$£¥₹]"


def _pattern(decimal: str) -> str:
    """Return the pattern of numbers with a decimal mark, in which groups have one separator."""
    other = COMMA if decimal == POINT else POINT
    grouped = rf"[1-9][0-9]{{0,2}}([{other}{_SPACES}])[0-9]{{3}}(?:\1[0-9]{{3}})*"
    mark = re.escape(decimal)
    return rf"(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"


_WRITTEN: Final = {mark: re.compile(_SIGN + _pattern(mark)) for mark in (POINT, COMMA)}
_WHOLE: Final = re.compile("[+-]?[0-9]+")
_SIGNED: Final = re.compile(
    rf"\([0-9.,{_SPACES}]+\)|[0-9][0-9.,{_SPACES}]*-|"
    rf"{_SIGN}[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}(?:\.[0-9]*)?|"
    rf"[<>≤≥~≈]=? ?{_SIGN}[0-9.,][0-9.,{_SPACES}]*|"
    rf"{_SIGN} ?{_CURRENCY} ?[+-]?[0-9][0-9.,{_SPACES}]*|"
    rf"{_SIGN}[0-9.,][0-9.,{_SPACES}]*?[ \u00a0\u202f]?(?:{_CURRENCY}|%|EUR|USD|GBP|CHF)"
)
_UNIT: Final = re.compile(
    rf"{_SIGN}[0-9.,]+[ \u00a0\u202f]?([^\W\d_]{{1,6}}|°[CF]|[^\W\d_]+/[^\W\d_]+)"
)
_REMOVED: Final = {
    POINT: str.maketrans("−", "-", COMMA + _SPACES),
    COMMA: str.maketrans("−,", "-.", POINT + _SPACES),
}


def number_of(cell: str, decimal: str) -> float:
    """Return the number that a cell writes.

    Parameters
    ----------
    cell : str
        Without spaces around it.
    decimal : {".", ","}
        The decimal mark.

    Raises
    ------
    ValueError
        The cell is no number. NaN is none.

    Examples
    --------
    >>> number_of("1.234,5", COMMA), number_of("1,234.5", POINT), number_of("-2e3", POINT)
    (1234.5, 1234.5, -2000.0)
    >>> number_of("12 345", COMMA), number_of("1.234", COMMA), number_of("1.234", POINT)
    (12345.0, 1234.0, 1.234)
    """
    if decimal == POINT:
        try:
            value = numbers_in([cell])[0]
        except ValueError:
            value = math.nan
        if not math.isnan(value):
            return value
    if _WRITTEN[decimal].fullmatch(cell) is None:
        raise ValueError(cell)
    return float(cell.translate(_REMOVED[decimal]))


def written_numbers(cells: list[str], decimal: str) -> list[float]:
    """Return the numbers of cells, as `number_of` each.

    Raises
    ------
    ValueError
        A cell is no number.

    Examples
    --------
    >>> written_numbers(["1,5", "2"], COMMA)
    [1.5, 2.0]
    """
    if decimal == POINT:
        try:
            values = numbers_in(cells)
        except ValueError:
            values = [math.nan]
        if not math.isnan(sum(values)):
            return values
    return [number_of(cell, decimal) for cell in cells]


def is_written(cell: str, decimal: str) -> bool:
    """Tell whether a cell is a number with a decimal mark.

    Examples
    --------
    >>> is_written("1.234,5", COMMA), is_written("1.234,5", POINT), is_written("0.123", COMMA)
    (True, False, False)
    """
    try:
        number_of(cell, decimal)
    except ValueError:
        return False
    return True


def is_whole(cell: str) -> bool:
    """Tell whether a cell is a whole number, written without a decimal mark and without groups.

    Examples
    --------
    >>> is_whole("-12"), is_whole("1.0"), is_whole("1,234")
    (True, False, False)
    """
    return _WHOLE.fullmatch(cell) is not None


def is_signed(cell: str) -> bool:
    """Tell whether a cell is a number with a sign of currency, of comparison or %.

    Numbers in brackets, before their minus sign, or in groups of two digits count, too.

    Examples
    --------
    >>> is_signed("(1,234)"), is_signed("(a)")
    (True, False)
    >>> is_signed("<0.1"), is_signed("~ 5"), is_signed("<none>")
    (True, True, False)
    >>> is_signed("$1,234.50"), is_signed("12,5 %"), is_signed("12"), is_signed("$ off")
    (True, True, False, False)
    >>> is_signed("5.1-"), is_signed("1,23,456"), is_signed("1,234")
    (True, True, False)
    """
    return _SIGNED.fullmatch(cell) is not None


def unit_of(cell: str) -> str:
    """Return the letters that follow a number, such as kg; "" where the cell is something else.

    Examples
    --------
    >>> unit_of("5.1 kg"), unit_of("12°C"), unit_of("12"), unit_of("A 12"), unit_of("12 a 3")
    ('kg', '°C', '', '', '')
    """
    found = _UNIT.fullmatch(cell)
    return "" if found is None else found[1]


def canonical(number: float) -> str:
    """Return the one text of a number, whichever way a file writes it.

    Examples
    --------
    >>> canonical(3.0), canonical(-1.0), canonical(0.5)
    ('3', '-1', '0.5')
    """
    whole = math.isfinite(number) and number == int(number) and abs(number) < 2**53
    return str(int(number)) if whole else repr(float(number))
