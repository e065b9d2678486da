"""Schedules put together: constants and pieces, warm-up, products and sequences.

Where a parameter is a number, it may be an array over the networks of a stack as well.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import (
    FINITE,
    SHARE,
    Setting,
    check_range,
    constant,
    on_host,
    value_at,
)

__all__ = ["Constant", "Piecewise", "Product", "Sequential", "WarmUp"]


@dataclass(frozen=True)
class Constant:
    """The same value at every step.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    value: Any

    def __call__(self, step: int) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Piecewise:
    """One value up to each boundary, another from there on.

    Parameters
    ----------
    boundaries : sequence of int
        Increasing steps, at which the next value begins.
    values : sequence
        One more than there are boundaries.

    Raises
    ------
    OptionError
        The boundaries do not increase, or the counts do not fit.

    Examples
    --------
    The momentum of Rumelhart, Hinton and Williams (1986) for the family trees:

    >>> momentum = Piecewise([20], [0.5, 0.9])
    >>> momentum(19), momentum(20)
    (0.5, 0.9)
    """

    boundaries: Sequence[int]
    values: Sequence[Any]

    def __post_init__(self) -> None:
        parts = _parts("Piecewise", self.boundaries, self.values, "values")
        object.__setattr__(self, "boundaries", parts[0])
        object.__setattr__(self, "values", parts[1])

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.values[sum(step >= boundary for boundary in self.boundaries)]


@dataclass(frozen=True)
class WarmUp:
    """In n steps along a line up to a number or the first value of a schedule, which then begins.

    (start + (1 − start) t/n) · then(0) at step t < n, then(t − n) from step n on.

    Parameters
    ----------
    steps : int
        n ≥ 0.
    then : number or schedule
    start : number
        The share of ``then(0)`` at step 0, from 0 to 1. With 0 the first step does nothing.

    Raises
    ------
    OptionError

    References
    ----------
    Goyal and others, "Accurate, large minibatch SGD: training ImageNet in 1 hour" (2017), section
    2.2.

    Examples
    --------
    >>> rate = WarmUp(4, then=Step(0.8, every=10, factor=0.5), start=0.0)
    >>> rate(0), rate(2), rate(4), rate(13), rate(14)
    (0.0, 0.4, 0.8, 0.8, 0.4)
    """

    steps: int
    then: Setting
    start: Any = 0.1

    def __post_init__(self) -> None:
        check_count(self.steps, "WarmUp(steps)", least=0)
        object.__setattr__(self, "start", constant("WarmUp(start)", self.start, SHARE))
        check_range("WarmUp(then)", self.then, FINITE)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        if step >= self.steps:
            return value_at(self.then, step - self.steps)
        share = self.start + (1 - self.start) * (step / self.steps)
        return share * _number(value_at(self.then, 0))


@dataclass(frozen=True)
class Product:
    """The product of two schedules, or of a number and a schedule, at the same step.

    Parameters
    ----------
    first, second : number or schedule

    Raises
    ------
    OptionError

    Examples
    --------
    >>> Product(Step(0.8, every=10, factor=0.5), InverseTime(1.0, decay=0.1))(10)
    0.2
    """

    first: Setting
    second: Setting

    def __post_init__(self) -> None:
        check_range("Product(first)", self.first, FINITE)
        check_range("Product(second)", self.second, FINITE)

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return _number(value_at(self.first, step)) * _number(value_at(self.second, step))


@dataclass(frozen=True)
class Sequential:
    """Schedules one after another, each of which counts its steps from 0.

    Parameters
    ----------
    boundaries : sequence of int
        Increasing steps, at which the next schedule begins.
    schedules : sequence of numbers or schedules
        One more than there are boundaries.

    Raises
    ------
    OptionError
        The boundaries do not increase, or the counts do not fit.

    Examples
    --------
    >>> rate = Sequential([100], [0.5, Cosine(0.5, steps=50)])
    >>> rate(99), rate(100), round(rate(125), 9), rate(150)
    (0.5, 0.5, 0.25, 0.0)
    """

    boundaries: Sequence[int]
    schedules: Sequence[Setting]

    def __post_init__(self) -> None:
        parts = _parts("Sequential", self.boundaries, self.schedules, "schedules")
        object.__setattr__(self, "boundaries", parts[0])
        object.__setattr__(self, "schedules", parts[1])

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        number = sum(step >= boundary for boundary in self.boundaries)
        begun = self.boundaries[number - 1] if number else 0
        return value_at(self.schedules[number], step - begun)


def _number(value: Any) -> Any:
    """Return a number of Python as it is, all else as an array of NumPy."""
    return value if isinstance(value, int | float) else on_host(value)


def _parts(
    owner: str, boundaries: Any, values: Any, name: str
) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return increasing boundaries, and the values between them."""
    try:
        numbers, parts = tuple(map(operator.index, boundaries)), tuple(values)
        increasing = all(a < b for a, b in pairwise(numbers))
        good = increasing and len(parts) == len(numbers) + 1
    except TypeError:
        good = False
    if not good:
        raise OptionError(
            owner,
            f"boundaries {boundaries!r} and {name} {values!r}",
            "increasing whole numbers, and one value more",
            f"Such as {owner}([20], [0.5, 0.9])",
        )
    return numbers, parts
