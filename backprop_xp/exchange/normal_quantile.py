"""The quantile function of the standard normal distribution, as an expression."""

from collections.abc import Sequence
from typing import Any

from backprop_xp.exchange.expressions import Symbol

__all__ = ["normal_quantile"]

_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
"""Coefficients of numerators and denominators, of the lowest power first."""

_LEAST = 2e-11  # the tail formula holds for shares from e^(-25) on


def normal_quantile(p: Symbol) -> Symbol:
    """Return the number below which a share p of the standard normal distribution lies.

    Parameters
    ----------
    p : Symbol
        From 2e-11 to 1 − 2e-11, which `QuantileTransformer` keeps well within.

    Returns
    -------
    Symbol
        With a relative error of about 1e-16.

    References
    ----------
    Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
    Statistics 37 (1988), PPND16.

    Examples
    --------
    >>> normal_quantile(Symbol("input", name="p")).operation
    'where'
    """
    q = p - 0.5
    near = Symbol("minimum", abs(q), 0.425)
    r = 0.180625 - near * near
    centre = q * _ratio(_CENTRE, r)
    share = Symbol("maximum", Symbol("minimum", p, 1.0 - p), _LEAST)
    s = Symbol("sqrt", -Symbol("log", share)) - 1.6
    tail = Symbol("sign", q) * _ratio(_TAIL, s)
    return Symbol("where", abs(q) <= 0.425, centre, tail)


def _ratio(coefficients: Sequence[Sequence[float]], x: Symbol) -> Symbol:
    above, below = (_polynomial(each, x) for each in coefficients)
    return above / below


def _polynomial(coefficients: Sequence[float], x: Symbol) -> Symbol:
    """Return Σ_k c_k x^k, by Horner's rule."""
    found: Any = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        found = found * x + coefficient
    made: Symbol = found
    return made
