r"""The formulas of the built-in activations and losses, as they are written beside their numbers.

Each is written in LaTeX, of which `rendering` understands the commands that stand here. a is σ(z),
d a unit, and ``s`` a number of the activation.
"""

from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

__all__ = ["Formula", "formula_of"]


class Formula(NamedTuple):
    """The formula of a function and of its derivative, in LaTeX.

    Attributes
    ----------
    value : str
        σ(z) of an activation, E_c of a loss.
    slope : str
        σ′(z) of an activation, ∂E_c/∂a of a loss; of softmax ∂a_d/∂z_k.
    """

    value: str
    slope: str


ACTIVATIONS = {
    "sigmoid": Formula(r"1/(1 + e^{-z})", r"a (1 - a)"),
    "tanh": Formula(r"\tanh z", r"1 - a^{2}"),
    "relu": Formula(r"\max(z, 0)", r"1 \text{ for } z > 0, \text{ else } 0"),
    "leaky_relu": Formula(
        r"z \text{ for } z > 0, \text{ else } s z, \text{ with } s = {negative_slope}",
        r"1 \text{ for } z > 0, \text{ else } {negative_slope}",
    ),
    "elu": Formula(
        r"z \text{ for } z > 0, \text{ else } s (e^{z} - 1), \text{ with } s = {alpha}",
        r"1 \text{ for } z > 0, \text{ else } a + {alpha}",
    ),
    "gelu": Formula(
        r"z (1 + t)/2, \text{ with } t = \tanh(\sqrt{2/\pi} (z + 0.044715 z^{3}))",
        r"(1 + t)/2 + z (1 - t^{2}) \sqrt{2/\pi} (1 + 0.134145 z^{2})/2, "
        r"\text{ with } t = \tanh(\sqrt{2/\pi} (z + 0.044715 z^{3}))",
    ),
    "silu": Formula(
        r"z s, \text{ with } s = 1/(1 + e^{-z})",
        r"s (1 + z (1 - s)), \text{ with } s = 1/(1 + e^{-z})",
    ),
    "softplus": Formula(r"\ln(1 + e^{z})", r"1/(1 + e^{-z})"),
    "identity": Formula(r"z", r"1"),
    "exp": Formula(r"e^{z}", r"a"),
    "softmax": Formula(
        r"e^{z_d}/\sum_{k} e^{z_k}",
        r"a_{d} (1 - a_{d}) \text{ for } k = d, \text{ else } -a_{d} a_{k}",
    ),
}
LOSSES = {
    "squared_error": Formula(r"1/2 \sum_{d} (a_{d} - y_{d})^{2}", r"a - y"),
    "cross_entropy": Formula(r"-\sum_{d} y_{d} \ln a_{d}", r"-y/a"),
    "binary_cross_entropy": Formula(
        r"-\sum_{d} (y_{d} \ln a_{d} + (1 - y_{d}) \ln(1 - a_{d}))", r"(1 - y)/(1 - a) - y/a"
    ),
    "poisson": Formula(r"\sum_{d} (a_{d} - y_{d} \ln a_{d})", r"1 - y/a"),
    "absolute_error": Formula(
        r"\sum_{d} |a_{d} - y_{d}|", r"1 \text{ for } a > y, -1 \text{ for } a < y, \text{ else } 0"
    ),
    "huber": Formula(
        r"\sum_{d} h(a_{d} - y_{d}), \text{ with } h(r) = r^{2}/2 \text{ for } |r| < {threshold}, "
        r"\text{ else } {threshold} (|r| - {threshold}/2)",
        r"a - y, \text{ within } \pm {threshold}",
    ),
}


def formula_of(part: Any) -> Formula | None:
    r"""Return the formula of a built-in activation or loss; None for a user's own.

    Examples
    --------
    >>> from backprop_xp.activations import LeakyReLU, Tanh
    >>> formula_of(Tanh()).slope, formula_of(LeakyReLU(0.1)).slope
    ('1 - a^{2}', '1 \\text{ for } z > 0, \\text{ else } 0.1')
    """
    if not type(part).__module__.startswith(__name__.partition(".")[0] + "."):
        return None
    found = {**ACTIVATIONS, **LOSSES}.get(part.name)
    if found is None:
        return None
    numbers = (
        {one.name: getattr(part, one.name) for one in fields(part)} if is_dataclass(part) else {}
    )
    value, slope = found
    for name, number in numbers.items():
        value, slope = (text.replace(f"{{{name}}}", f"{number:g}") for text in (value, slope))
    return Formula(value, slope)
