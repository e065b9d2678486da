"""Schedules by a formula of the step: a repeated factor, a power of time, a cosine wave.

A number among the parameters may be an array over the networks of a stack as well.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import AT_LEAST_0, FINITE, SHARE, Range, constant

__all__ = ["Cosine", "Exponential", "InverseTime", "OneCycle", "Step"]


@checks_keywords
@dataclass(frozen=True)
class Step:
    """A value multiplied by a factor every n steps: initial · factor^⌊t/n⌋ at step t.

    Parameters
    ----------
    initial : number
    every : int
        n ≥ 1, in steps. PyTorch's ``StepLR`` counts epochs: multiply its ``step_size`` by the
        number of batches in an epoch.
    factor : number
        ≥ 0.

    Raises
    ------
    OptionError
        A parameter is out of range.

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


@checks_keywords
@dataclass(frozen=True)
class Exponential:
    """A value multiplied by a factor in the course of n steps: initial · factor^(t/n) at step t.

    Parameters
    ----------
    initial : number
    factor : number
        ≥ 0. Above 1 the value grows, as in a search for the largest useful learning rate.
    every : int
        n ≥ 1, in steps. For a factor per epoch, the number of batches in an epoch.

    Raises
    ------
    OptionError
        A parameter is out of range.

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


@checks_keywords
@dataclass(frozen=True)
class InverseTime:
    """A value divided by a power of time: initial / (1 + d t)^p at step t.

    Parameters
    ----------
    initial : number
    decay : number
        d ≥ 0, per step.
    power : number
        p ≥ 0.

    Raises
    ------
    OptionError
        A parameter is out of range.

    Notes
    -----
    d = 1 and p = ½ give ``learning_rate="invscaling"`` of scikit-learn's MLPClassifier, which
    counts cases in place of steps.

    References
    ----------
    Robbins, Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22
    (1951): for ½ < p ≤ 1 the sum of the values is infinite, and the sum of their squares finite.

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


@checks_keywords
@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from the initial to the final value in n steps.

    The value is final + ½ (initial − final) (1 + cos(π t/n)) at step t ≤ n, and final afterwards.

    Parameters
    ----------
    initial : number
    steps : int
        n ≥ 1.
    final : number

    Raises
    ------
    OptionError
        A parameter is out of range.

    Notes
    -----
    PyTorch's ``CosineAnnealingLR`` with ``T_max=n`` rises again after n steps.

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


@checks_keywords
@dataclass(frozen=True)
class OneCycle:
    """A rise from the initial value to the peak and a fall to the final value, in n steps.

    The peak is at step rise · n − 1; where that is below 0, the fall has begun before step 0. The
    final value is at step n − 1 and stays from there on. A momentum that falls while the learning
    rate rises has its peak below its initial value.

    Parameters
    ----------
    peak : number
    steps : int
        n ≥ 1, the steps of the whole training.
    rise : float
        The fraction of the steps before the peak, from 0 to 1.
    initial : number, optional
        By default peak / 25.
    final : number, optional
        By default initial / 10,000.
    shape : {"cosine", "linear"}
        Half a cosine wave or a straight line, up and down.

    Raises
    ------
    OptionError
        A parameter is out of range.

    Notes
    -----
    The values and the defaults are the same as in PyTorch's ``OneCycleLR``. Smith's cycle has two
    straight lines of equal length, up and down, and a short last fall.

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
        top, last = self.rise * self.steps - 1, self.steps - 1
        if step <= top and top > 0:
            return between(self.initial, self.peak, step / top)
        return between(self.peak, self.final, min((step - top) / max(last - top, 1e-9), 1.0))


def _check(schedule: Any, **limits: Range) -> None:
    """Refuse numbers out of range; store arrays as NumPy arrays of float64."""
    for name, of in limits.items():
        value = constant(f"{type(schedule).__name__}({name})", getattr(schedule, name), of)
        object.__setattr__(schedule, name, value)


def _power(base: Any, exponent: Any) -> Any:
    try:
        with np.errstate(over="ignore"):  # infinity is refused where it is used, with a reason
            return base**exponent
    except OverflowError:
        return math.inf


def _wave(start: Any, end: Any, fraction: float) -> Any:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * fraction))


def _line(start: Any, end: Any, fraction: float) -> Any:
    return start + (end - start) * fraction
