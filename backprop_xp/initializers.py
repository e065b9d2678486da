"""Initial weights and biases, drawn in float64 on the host.

An initializer is called as ``initializer(rng, n_in, n_out)`` with a NumPy generator. It returns
W (n_out, n_in) and b (n_out, 1). Where a network has sparse connections, n_in still counts all
units of the layer below.

A user's own initializer is a function:

.. code-block:: python

    def constant(rng, n_in, n_out):
        return np.full((n_out, n_in), 0.1), np.zeros((n_out, 1))
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, nearest_name
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.scalars import named
from backprop_xp.errors import OptionError

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "Nielsen",
    "Scaled",
    "Uniform",
    "find_initializer",
]


class Initializer(Protocol):
    """The interface of an initializer, built in or a user's own.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> def constant(rng, n_in, n_out):
    ...     return np.full((n_out, n_in), 0.1), np.zeros((n_out, 1))
    >>> bp.Network([2, 1]).init(initializer=constant, dtype="float64")
    array([0.1, 0.1, 0. ])
    """

    def __call__(
        self, rng: "np.random.Generator", n_in: int, n_out: int, /
    ) -> tuple[HostArray, HostArray]:
        """Return W (n_out, n_in) and b (n_out, 1), float64."""


@checks_keywords
@dataclass(frozen=True)
class Scaled:
    """Weights of mean 0 and variance gain / fan, and biases 0.

    Parameters
    ----------
    gain : float
        Above 0.
    fan : {"in", "mean"}
        The fan is n_in, or the mean of n_in and n_out.
    distribution : {"uniform", "normal"}
        The distribution of the weights.

    Raises
    ------
    OptionError
        The gain is out of range, or a name is unknown.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient backprop" (1998): gain 1, fan "in".
    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010): gain 1, fan "mean". He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015): gain 2,
    fan "in".

    Examples
    --------
    >>> import numpy as np
    >>> W, b = Scaled(gain=2.0, fan="in")(np.random.default_rng(0), n_in=200, n_out=300)
    >>> W.shape, b.shape, round(float(W.var()), 3)
    ((300, 200), (300, 1), 0.01)
    """

    gain: float = 1.0
    fan: Literal["in", "mean"] = "in"
    distribution: Literal["uniform", "normal"] = "uniform"

    def __post_init__(self) -> None:
        if not 0 < self.gain < math.inf:
            raise OptionError("Scaled(gain)", repr(self.gain), "a finite number > 0", "Use 1")
        for name, known in (("fan", ("in", "mean")), ("distribution", ("uniform", "normal"))):
            value = getattr(self, name)
            if value not in known:
                advice = nearest_name(value, known)
                raise OptionError(f"Scaled({name})", repr(value), " or ".join(known), advice)

    def __call__(
        self, rng: "np.random.Generator", n_in: int, n_out: int
    ) -> tuple[HostArray, HostArray]:
        """Return W (n_out, n_in) and b = 0 (n_out, 1)."""
        fan = n_in if self.fan == "in" else (n_in + n_out) / 2
        deviation = math.sqrt(self.gain / fan)
        if self.distribution == "normal":
            W = rng.standard_normal((n_out, n_in)) * deviation
        else:  # a uniform distribution over ±r has variance r²/3
            W = rng.uniform(-1, 1, (n_out, n_in)) * (math.sqrt(3) * deviation)
        return W, np.zeros((n_out, 1))


@checks_keywords
@dataclass(frozen=True)
class Uniform:
    """Weights and biases, uniform between −limit and limit.

    Parameters
    ----------
    limit : float
        ≥ 0, by default 0.3 as in the paper. With 0 all parameters are 0.

    Raises
    ------
    OptionError
        The limit is out of range.

    References
    ----------
    Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
    (1986).

    Examples
    --------
    >>> import numpy as np
    >>> W, b = Uniform(0.5)(np.random.default_rng(0), n_in=2, n_out=1)
    >>> W.round(3), b.round(3)
    (array([[ 0.137, -0.23 ]]), array([[-0.459]]))
    """

    limit: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.limit < math.inf:
            raise OptionError("Uniform(limit)", repr(self.limit), "a finite number >= 0", "Use 0.3")

    def __call__(
        self, rng: "np.random.Generator", n_in: int, n_out: int
    ) -> tuple[HostArray, HostArray]:
        """Return W (n_out, n_in) and b (n_out, 1)."""
        parameters = rng.uniform(-1, 1, (n_out, n_in + 1)) * self.limit
        return parameters[:, :-1], parameters[:, -1:]


@checks_keywords
@dataclass(frozen=True)
class Nielsen:
    """Normal weights of mean 0 and variance 1/n_in, and normal biases of mean 0 and variance 1.

    Parameters
    ----------
    large : bool
        Whether the weights have variance 1 in place of 1/n_in.

    References
    ----------
    Nielsen, "Neural Networks and Deep Learning" (2015): chapter 3, and chapter 1 for `large`.

    Examples
    --------
    >>> import numpy as np
    >>> W, b = Nielsen()(np.random.default_rng(1), n_in=100, n_out=3000)
    >>> round(float(W.var()), 3), round(float(b.var()), 1)
    (0.01, 1.0)
    """

    large: bool = False

    def __call__(
        self, rng: "np.random.Generator", n_in: int, n_out: int
    ) -> tuple[HostArray, HostArray]:
        """Return W (n_out, n_in) and b (n_out, 1)."""
        W = rng.standard_normal((n_out, n_in))
        b = rng.standard_normal((n_out, 1))
        return (W if self.large else W / math.sqrt(n_in)), b


INITIALIZERS: dict[str, Initializer] = {
    "glorot": Scaled(1, "mean", "uniform"),
    "glorot_normal": Scaled(1, "mean", "normal"),
    "he": Scaled(2, "in", "normal"),
    "he_uniform": Scaled(2, "in", "uniform"),
    "lecun": Scaled(1, "in", "normal"),
    "lecun_uniform": Scaled(1, "in", "uniform"),
    "nielsen": Nielsen(),
    "nielsen_large": Nielsen(large=True),
    "uniform": Uniform(),
}


def find_initializer(initializer: str | Initializer) -> Callable[..., tuple[HostArray, HostArray]]:
    """Return the built-in initializer of this name, or a user's own initializer unchanged.

    Parameters
    ----------
    initializer : str or Initializer

    Raises
    ------
    OptionError
        The name is unknown, or the object cannot be called.

    Examples
    --------
    >>> find_initializer("he")
    Scaled(gain=2, fan='in', distribution='normal')
    """
    if isinstance(initializer, str):
        return named(initializer, INITIALIZERS, "init(initializer)")
    if isinstance(initializer, type) or not callable(initializer):
        raise OptionError(
            "init(initializer)",
            repr(initializer),
            "a name, or an object called as initializer(rng, n_in, n_out)",
            "See the module backprop_xp.initializers",
        )
    return initializer
