"""Superscripts, subscripts and verdicts in the texts that the teaching scripts print."""

__all__ = ["lowered", "raised", "yes_or_no"]

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
