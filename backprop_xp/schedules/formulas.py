"""Schedules that follow a formula of the step: by a factor, a power of time, a wave.

Where a parameter is a number, it may be an array over the networks of a stack as well.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import AT_LEAST_0, FINITE, SHARE, Range, constant

__all__ = ["Cosine", "Exponential", "InverseTime", "OneCycle", "Step"]


@dataclass(frozen=True)
class Step:
    """The initial value times a factor once every n steps: initial · factor^⌊t/n⌋ at step t.

    Parameters
    ----------
    initial : number
    every : int
        n ≥ 1, in steps; the batches of an epoch times its number of epochs for PyTorch's
        ``StepLR``.
    factor : number
        ≥ 0.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> halved = Step(0.8, every=10, factor=0.5)
    >>> halved(9), halved(10), halved(29)
    (0.8, 0.4, 0.2)
    """

    initial: Any
    every: int
    factor: Any = 0.1

    def __post_init__(self) -> None:
        _check(self, initial=FINITE, factor=AT_LEAST_0)
        check_count(self.every, "Step(every)", least=1)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.initial * _power(self.factor, step // self.every)


@dataclass(frozen=True)
class Exponential:
    """The initial value times a factor, spread over n steps: initial · factor^(t/n) at step t.

    Parameters
    ----------
    initial : number
    factor : number
        ≥ 0; above 1 the value grows, as in a search for the largest rate that learns.
    every : int
        n ≥ 1; the batches of an epoch for a factor by the epoch.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> Exponential(0.8, factor=0.25, every=10)(5)
    0.4
    """

    initial: Any
    factor: Any
    every: int = 1

    def __post_init__(self) -> None:
        _check(self, initial=FINITE, factor=AT_LEAST_0)
        check_count(self.every, "Exponential(every)", least=1)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.initial * _power(self.factor, step / self.every)


@dataclass(frozen=True)
class InverseTime:
    """The initial value over the time to a power: initial / (1 + d t)^p at step t.

    Parameters
    ----------
    initial : number
    decay : number
        d ≥ 0, by the step.
    power : number
        p ≥ 0; with ½ and d = 1 it is the rule that scikit-learn names invscaling, which counts
        cases in place of steps.

    Raises
    ------
    OptionError

    References
    ----------
    Robbins, Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22
    (1951): Σ ε(t) is infinite and Σ ε(t)² finite for ½ < p ≤ 1.

    Examples
    --------
    >>> InverseTime(0.5, decay=0.25)(4)
    0.25
    """

    initial: Any
    decay: Any
    power: Any = 1.0

    def __post_init__(self) -> None:
        _check(self, initial=FINITE, decay=AT_LEAST_0, power=AT_LEAST_0)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.initial / _power(1 + self.decay * step, self.power)


@dataclass(frozen=True)
class Cosine:
    """Half a wave from the initial to the final value in n steps, which stays from there on.

    final + ½ (initial − final) (1 + cos(π t/n)) at step t.

    Parameters
    ----------
    initial : number
    steps : int
        n ≥ 1.
    final : number

    Raises
    ------
    OptionError

    Notes
    -----
    PyTorch's ``CosineAnnealingLR`` with ``T_max`` of n goes up again after n steps.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR (2017),
    equation 5, without restarts.

    Examples
    --------
    >>> falling = Cosine(1.0, steps=10)
    >>> falling(0), round(falling(5), 9), falling(10), falling(99)
    (1.0, 0.5, 0.0, 0.0)
    """

    initial: Any
    steps: int
    final: Any = 0.0

    def __post_init__(self) -> None:
        _check(self, initial=FINITE, final=FINITE)
        check_count(self.steps, "Cosine(steps)", least=1)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return _wave(self.initial, self.final, min(step / self.steps, 1.0))


@dataclass(frozen=True)
class OneCycle:
    """Up from the initial value to the peak, then down to the final one, in n steps.

    The rise takes the steps up to rise · n − 1, the fall those up to n − 1; then the value stays.
    For a momentum that falls while the rate rises, the peak is below the initial value.

    Parameters
    ----------
    peak : number
    steps : int
        n ≥ 1, those of the whole training.
    rise : float
        The share of the steps in which the value rises, from 0 to 1.
    initial : number, optional
        peak / 25 unless given.
    final : number, optional
        initial / 10,000 unless given.
    shape : {"cosine", "linear"}

    Raises
    ------
    OptionError

    Notes
    -----
    Shape, shares and defaults are those of PyTorch's ``OneCycleLR``; Smith has straight lines up
    and down of equal length, and a short last one.

    References
    ----------
    Smith, "A disciplined approach to neural network hyper-parameters: part 1" (2018), section 4.
    Smith, Topin, "Super-convergence: very fast training of neural networks using large learning
    rates" (2018).

    Examples
    --------
    >>> rate = OneCycle(1.0, steps=11, rise=0.5454, initial=0.5, final=0.0, shape="linear")
    >>> rate(0), round(rate(5), 3), rate(10)
    (0.5, 1.0, 0.0)
    >>> momentum = OneCycle(0.85, steps=100, initial=0.95, final=0.95)
    >>> momentum(0), momentum(29), momentum(99)
    (0.95, 0.85, 0.95)
    """

    peak: Any
    steps: int
    rise: float = 0.3
    initial: Any = None
    final: Any = None
    shape: str = "cosine"

    def __post_init__(self) -> None:
        _check(self, peak=FINITE, rise=SHARE)
        if self.initial is None:
            object.__setattr__(self, "initial", self.peak / 25)
        _check(self, initial=FINITE)
        if self.final is None:
            object.__setattr__(self, "final", self.initial / 10_000)
        _check(self, final=FINITE)
        check_count(self.steps, "OneCycle(steps)", least=1)
        if self.shape not in ("cosine", "linear"):
            came, known = repr(self.shape), "'cosine' or 'linear'"
            raise OptionError("OneCycle(shape)", came, known, "Use one of these names")

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        between = _wave if self.shape == "cosine" else _line
        top, last = max(self.rise * self.steps - 1, 0.0), self.steps - 1
        if step <= top and top > 0:
            return between(self.initial, self.peak, step / top)
        return between(self.peak, self.final, min((step - top) / max(last - top, 1e-9), 1.0))


def _check(schedule: Any, **limits: Range) -> None:
    """Refuse numbers out of range, and have arrays on the host in float64."""
    for name, of in limits.items():
        value = constant(f"{type(schedule).__name__}({name})", getattr(schedule, name), of)
        object.__setattr__(schedule, name, value)


def _power(base: Any, exponent: Any) -> Any:
    try:
        with np.errstate(over="ignore"):  # where it is used, infinity is refused with its reason
            return base**exponent
    except OverflowError:
        return math.inf


def _wave(start: Any, end: Any, share: float) -> Any:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _line(start: Any, end: Any, share: float) -> Any:
    return start + (end - start) * share
