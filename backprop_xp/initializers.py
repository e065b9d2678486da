"""Initial weights and biases, drawn in float64 on the host.

An initializer is called as ``initializer(rng, n_in, n_out)`` with a NumPy generator and returns
W (n_out, n_in) and b (n_out, 1). It counts all n_in connections of a unit, removed ones too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError, nearest_name

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "Nielsen",
    "Scaled",
    "Uniform",
    "find_initializer",
]


class Initializer(Protocol):
    """What the library asks of an initializer, built in or a user's own."""

    def __call__(
        self, rng: "np.random.Generator", n_in: int, n_out: int
    ) -> tuple[HostArray, HostArray]:
        """Return W (n_out, n_in) and b (n_out, 1), float64."""


@dataclass(frozen=True)
class Scaled:
    """Weights of mean 0 and variance gain / fan, biases 0.

    Parameters
    ----------
    gain : float
        Above 0.
    fan : {"in", "mean"}
        Divide by n_in, or by the mean of n_in and n_out.
    distribution : {"uniform", "normal"}

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient backprop" (1998): gain 1, fan "in".
    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010): gain 1, fan "mean". He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015): gain 2,
    fan "in".
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


@dataclass(frozen=True)
class Uniform:
    """Weights and biases uniform in ±limit, as in Rumelhart, Hinton and Williams (1986).

    Parameters
    ----------
    limit : float
        0.3 as in the paper unless told; 0 makes all parameters 0.
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


@dataclass(frozen=True)
class Nielsen:
    """Biases N(0, 1); weights N(0, 1/n_in), or N(0, 1) where `large`.

    Parameters
    ----------
    large : bool

    References
    ----------
    Nielsen, "Neural Networks and Deep Learning" (2015), chapter 3; `large` is that of chapter 1.
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
    """Return the initializer of that name, or a user's own as it is.

    Raises
    ------
    OptionError
        The name is unknown, or the object cannot be called.
    """
    if isinstance(initializer, str):
        if initializer not in INITIALIZERS:
            known = ", ".join(INITIALIZERS)
            advice = nearest_name(initializer, INITIALIZERS)
            raise OptionError("init(initializer)", repr(initializer), f"one of {known}", advice)
        return INITIALIZERS[initializer]
    if isinstance(initializer, type) or not callable(initializer):
        raise OptionError(
            "init(initializer)",
            repr(initializer),
            "a name, or an object called as initializer(rng, n_in, n_out)",
            "See the module backprop_xp.initializers",
        )
    return initializer
