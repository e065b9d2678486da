"""The inverse of the normal distribution function, for arrays, with NumPy alone.

A rational function of q = p − ½ in the middle, and of r = √(−ln min(p, 1 − p)) in the two tails.

References
----------
Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
(1988), routine PPND16: a relative error of about 1e-16.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["IN_MIDDLE", "MIDDLE", "NEAR_TAIL", "normal_quantile"]

Float64s = NDArray[np.float64]

MIDDLE: Final = 0.425  # |p − ½| below it
_FAR: Final = 5.0  # r above it
# numerators and denominators, from the highest power down
IN_MIDDLE: Final = (
    (
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.3871328727963666080,
    ),
    (
        5226.4952788528545610,
        28729.085735721942674,
        39307.895800092710610,
        21213.794301586595867,
        5394.1960214247511077,
        687.18700749205790830,
        42.313330701600911252,
        1.0,
    ),
)
NEAR_TAIL: Final = (
    (
        7.7454501427834140764e-4,
        0.022723844989269184583,
        0.24178072517745061177,
        1.2704582524523683826,
        3.6478483247632045733,
        5.7694972214606914055,
        4.6303378461565452959,
        1.4234371107496835773,
    ),
    (
        1.0507500716444168432e-9,
        5.475938084995344946e-4,
        0.015198666563616457194,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.0531916266377588361,
        1.0,
    ),
)
_FAR_TAIL: Final = (
    (
        2.0103343992922881329e-7,
        2.7115555687434875782e-5,
        1.2426609473880784386e-3,
        0.026532189526576123093,
        0.29656057182850489123,
        1.7848265399172913358,
        5.4637849111641143699,
        6.6579046435011037772,
    ),
    (
        2.0442631033899397446e-15,
        1.4215117583164458887e-7,
        1.8463183175100546820e-5,
        7.8686913114561325910e-4,
        0.014875361290850614860,
        0.13692988092273580532,
        0.59983220655588793769,
        1.0,
    ),
)


def normal_quantile(p: Any) -> Float64s:
    """Return z with Φ(z) = p, of p's shape: the quantiles of the normal distribution.

    Parameters
    ----------
    p : array of float64
        From 0, where z is −∞, to 1, where it is ∞. NaN stays NaN.

    Examples
    --------
    >>> normal_quantile(np.array([0.0, 0.5, 0.975])).round(6)
    array([    -inf, 0.      , 1.959964])
    """
    p = np.asarray(p, dtype=np.float64)
    q = p - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sqrt(-np.log(np.minimum(p, 1 - p)))
        middle = q * _ratio(IN_MIDDLE, MIDDLE**2 - q * q)
        near, far = _ratio(NEAR_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - _FAR)
    tail = np.copysign(np.where(r <= _FAR, near, np.where(np.isinf(r), np.inf, far)), q)
    z: Float64s = np.where(np.abs(q) <= MIDDLE, middle, tail)
    return z


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Float64s) -> Float64s:
    """Return the quotient of two polynomials of x."""
    above, below = coefficients
    quotient: Float64s = np.polyval(above, x) / np.polyval(below, x)
    return quotient
