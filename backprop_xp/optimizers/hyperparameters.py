"""Hyperparameters: the numbers of an optimiser, constant or scheduled, with a range each."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import Range, Setting, check_range, is_zero, value_at

__all__ = ["ADDED_LATER", "Hyperparameters", "WithMomentum"]

# The metadata of a field that checkpoints of before do not name: its default is left out of texts.
ADDED_LATER = MappingProxyType({"added_later": True})


class Hyperparameters:
    """The base class of optimisers: a frozen dataclass that checks the ranges of its fields.

    `ranges` of a subclass names the fields that are numbers. `settings` keeps its order.

    Raises
    ------
    OptionError
        A number is out of range.
    """

    ranges: ClassVar[Mapping[str, Range]] = {}

    def __post_init__(self) -> None:
        for name, limits in self.ranges.items():
            check_range(self._where(name), getattr(self, name), limits)
        all_fields: Sequence[Any] = fields(self) if is_dataclass(self) else ()
        for option in all_fields:
            value = getattr(self, option.name)
            if isinstance(option.default, bool) and not isinstance(value, bool):
                where = self._where(option.name)
                raise OptionError(where, repr(value), "True or False", f"Use {option.default}")

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a pickle holds: all but the cached properties."""
        kind = type(self)
        return {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }

    @property
    def limits(self) -> dict[str, Range]:
        """The range of each number by name; it holds after rounding to θ's dtype too.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> {name: limits.text for name, limits in bp.Adagrad().limits.items()}
        {'learning_rate': 'finite numbers >= 0', 'epsilon': 'finite numbers > 0'}
        """
        return {name: self.ranges[name] for name in self._constant}

    @property
    def never_change(self) -> bool:
        """Whether `settings` returns the same numbers at each step.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> rate = bp.schedules.Cosine(0.1, steps=1000)
        >>> bp.SGD(0.1).never_change, bp.SGD(rate).never_change
        (True, False)
        """
        return type(self).settings is Hyperparameters.settings and not self._scheduled

    @property
    def structure(self) -> Hashable:
        """All that `update` depends on beside its arguments.

        Optimisers of equal structure differ in numbers alone, and share what is compiled.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.SGD(0.1, momentum=0.5).structure == bp.SGD(0.2, momentum=0.9).structure
        True
        >>> bp.SGD(0.1, nesterov=True).structure == bp.SGD(0.1).structure
        False
        """
        own: Sequence[Any] = fields(self) if is_dataclass(self) else ()
        options = tuple(getattr(self, one.name) for one in own if one.name not in self.ranges)
        return type(self), options, tuple(self._names)

    def settings(self, step: int) -> Mapping[str, Any]:
        """Return the numbers at `step` by name; the same mapping every time if none is scheduled.

        Raises
        ------
        OptionError
            A schedule returns a number out of range.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> sgd = bp.SGD(bp.schedules.Step(0.5, every=100, factor=0.5), momentum=0.9)
        >>> sgd.settings(99), sgd.settings(100)
        ({'learning_rate': 0.5, 'momentum': 0.9}, {'learning_rate': 0.25, 'momentum': 0.9})
        """
        if not self._scheduled:
            return self._constant
        values = {name: value_at(setting, step) for name, setting in self._constant.items()}
        for name in self._scheduled:
            check_range(self._where(name), values[name], self.ranges[name])
        return values

    @cached_property
    def _names(self) -> list[str]:
        """The names of the numbers that `update` takes."""
        return list(self.ranges)

    @cached_property
    def _constant(self) -> Mapping[str, Any]:
        return MappingProxyType({name: getattr(self, name) for name in self._names})

    @cached_property
    def _scheduled(self) -> list[str]:
        return [name for name, setting in self._constant.items() if callable(setting)]

    def _where(self, name: str) -> str:
        return f"{type(self).__name__}({name})"


class WithMomentum(Hyperparameters):
    """The base class of optimisers with a momentum, which is left out where it is always 0."""

    momentum: Setting

    @cached_property
    def _without_momentum(self) -> bool:
        return is_zero(self.momentum)

    @cached_property
    def _names(self) -> list[str]:
        return [name for name in self.ranges if not (self._without_momentum and name == "momentum")]
