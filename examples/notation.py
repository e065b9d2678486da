"""Superscripts, subscripts and verdicts in the texts that the scripts print, on any terminal."""

import codecs
import io
import sys

from backprop_xp.inspection.ascii_spelling import SYMBOLS, can_show, in_ascii

__all__ = ["ascii_where_needed", "lowered", "raised", "yes_or_no"]

RAISED, LOWERED = (str.maketrans("0123456789", digits) for digits in ("⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"))


def raised(layer: int) -> str:
    """Return the number of a layer as a superscript.

    Examples
    --------
    >>> "W" + raised(12)
    'W¹²'
    """
    return str(layer).translate(RAISED)


def lowered(unit: int) -> str:
    """Return the number of a unit, counted from 1, as a subscript; `unit` is counted from 0.

    Examples
    --------
    >>> "a" + lowered(0)
    'a₁'
    """
    return str(unit + 1).translate(LOWERED)


def yes_or_no(good: bool) -> str:
    """Return "yes" or, to be seen in a long text, "NO".

    Examples
    --------
    >>> yes_or_no(True), yes_or_no(False)
    ('yes', 'NO')
    """
    return "yes" if good else "NO"


def ascii_where_needed() -> None:
    """Print in ASCII from now on where the terminal cannot encode the symbols of the notation.

    Each symbol is spelled as in `Trace.to_text(ascii=True)`: σ′(z²) is ``sigma'(z^2)``.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and not can_show(SYMBOLS, sys.stdout):
        codecs.register_error("in_ascii", _spelled)
        sys.stdout.reconfigure(encoding="ascii", errors="in_ascii")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end
