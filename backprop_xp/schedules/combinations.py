"""Constants, and schedules made of others: pieces, warm-up, products and sequences.

A number among the parameters may be an array over the networks of a stack as well.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import (
    FINITE,
    SHARE,
    Setting,
    check_range,
    constant,
    host_number,
    value_at,
)

__all__ = ["Constant", "Piecewise", "Product", "Sequential", "WarmUp"]


@checks_keywords
@dataclass(frozen=True)
class Constant:
    """The same value at every step.

    Parameters
    ----------
    value : number

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    value: Any

    def __call__(self, step: int) -> Any:
        """Return the value."""
        return self.value


@checks_keywords
@dataclass(frozen=True)
class Piecewise:
    """One value after another: the next value begins at each boundary.

    Parameters
    ----------
    boundaries : sequence of int
        The steps at which the next value begins, increasing.
    values : sequence of number
        One more than the boundaries.

    Raises
    ------
    OptionError
        The boundaries do not increase, or the two lengths do not fit.

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
        _check_pieces(self, "values")

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        return self.values[_piece(self.boundaries, step)]


@checks_keywords
@dataclass(frozen=True)
class WarmUp:
    """A line in n steps up to the first value of another schedule, which begins after them.

    The value is (start + (1 − start) t/n) · then(0) at step t < n, and then(t − n) from step n on.

    Parameters
    ----------
    steps : int
        n ≥ 0.
    then : number or schedule
        The schedule after the line, or the number at which the value stays.
    start : number
        The fraction of ``then(0)`` at step 0, from 0 to 1. With 0 the first update changes nothing.

    Raises
    ------
    OptionError
        A parameter is out of range.

    References
    ----------
    Goyal and others, "Accurate, large minibatch SGD: training ImageNet in 1 hour" (2017), section
    2.2.

    Examples
    --------
    >>> from backprop_xp.schedules import Step, WarmUp
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
        fraction = self.start + (1 - self.start) * (step / self.steps)
        return fraction * host_number(value_at(self.then, 0))


@checks_keywords
@dataclass(frozen=True)
class Product:
    """The product first(t) · second(t) of two schedules, or of a number and a schedule.

    Parameters
    ----------
    first, second : number or schedule

    Raises
    ------
    OptionError
        A number is not finite.

    Examples
    --------
    >>> from backprop_xp.schedules import InverseTime, Product, Step
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
        return host_number(value_at(self.first, step)) * host_number(value_at(self.second, step))


@checks_keywords
@dataclass(frozen=True)
class Sequential:
    """One schedule after another, each with its own steps counted from 0.

    Parameters
    ----------
    boundaries : sequence of int
        The steps at which the next schedule begins, increasing.
    schedules : sequence of number or schedule
        One more than the boundaries.

    Raises
    ------
    OptionError
        The boundaries do not increase, or the two lengths do not fit.

    Examples
    --------
    >>> from backprop_xp.schedules import Cosine, Sequential
    >>> rate = Sequential([100], [0.5, Cosine(0.5, steps=50)])
    >>> rate(99), rate(100), round(rate(125), 9), rate(150)
    (0.5, 0.5, 0.25, 0.0)
    """

    boundaries: Sequence[int]
    schedules: Sequence[Setting]

    def __post_init__(self) -> None:
        _check_pieces(self, "schedules")

    def __call__(self, step: int) -> Any:
        """Return the value at `step`, counted from 0."""
        piece = _piece(self.boundaries, step)
        first_step = self.boundaries[piece - 1] if piece else 0
        return value_at(self.schedules[piece], step - first_step)


def _piece(boundaries: Sequence[int], step: int) -> int:
    """Return the index of the piece in which `step` lies."""
    return sum(step >= boundary for boundary in boundaries)


def _check_pieces(schedule: Any, name: str) -> None:
    """Refuse boundaries that do not fit the pieces in the field `name`; store both as tuples."""
    owner, boundaries, pieces = (
        type(schedule).__name__,
        schedule.boundaries,
        getattr(schedule, name),
    )
    try:
        steps, kept = tuple(map(operator.index, boundaries)), tuple(pieces)
        increasing = all(a < b for a, b in pairwise(steps))
        good = increasing and len(kept) == len(steps) + 1
    except TypeError:
        good = False
    if not good:
        raise OptionError(
            owner,
            f"boundaries {boundaries!r} and {name} {pieces!r}",
            "increasing whole numbers, and one value more",
            f"Write it as in {owner}([20], [0.5, 0.9])",
        )
    object.__setattr__(schedule, "boundaries", steps)
    object.__setattr__(schedule, name, kept)
