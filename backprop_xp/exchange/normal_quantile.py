"""The quantile function of the standard normal distribution, as an expression."""

from collections.abc import Sequence
from typing import Any

from backprop_xp.exchange.expressions import Symbol
from backprop_xp.preprocessing.normal_quantile import IN_MIDDLE, MIDDLE, NEAR_TAIL

__all__ = ["normal_quantile"]

_LEAST = 2e-11  # the formula of the near tail holds for shares from e^(-25) on


def normal_quantile(p: Symbol) -> Symbol:
    """Return the number below which a share p of the standard normal distribution lies.

    The coefficients are those of `backprop_xp.preprocessing.normal_quantile`.

    Parameters
    ----------
    p : Symbol
        From 2e-11 to 1 − 2e-11, which `QuantileMapping` keeps well within.

    Returns
    -------
    Symbol
        With a relative error of about 1e-16.

    Examples
    --------
    >>> normal_quantile(Symbol("input", name="p")).operation
    'where'
    """
    q = p - 0.5
    near = Symbol("minimum", abs(q), MIDDLE)
    centre = q * _ratio(IN_MIDDLE, MIDDLE**2 - near * near)
    share = Symbol("maximum", Symbol("minimum", p, 1.0 - p), _LEAST)
    r = Symbol("sqrt", -Symbol("log", share)) - 1.6
    tail = Symbol("sign", q) * _ratio(NEAR_TAIL, r)
    return Symbol("where", abs(q) <= MIDDLE, centre, tail)


def _ratio(coefficients: Sequence[Sequence[float]], x: Symbol) -> Symbol:
    above, below = (_polynomial(each, x) for each in coefficients)
    return above / below


def _polynomial(coefficients: Sequence[float], x: Symbol) -> Symbol:
    """Return the polynomial with these coefficients, from the highest power down."""
    found: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        found = found * x + coefficient
    made: Symbol = found
    return made
