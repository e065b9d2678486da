"""Numbers along a stack: one setting for all networks, from the settings of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.estimators.cases import Penalty
from backprop_xp.estimators.stopping import Rate
from backprop_xp.schedules.ranges import Setting, value_at

__all__ = ["along", "same"]

FEW = 8  # arrays to keep: the values of a schedule often come again


def along(settings: Sequence[Setting]) -> Setting:
    """Return a setting for a stack of networks from the settings of its networks.

    Equal settings stay as they are. Other numbers become an array (K,), and schedules a schedule
    whose value is an array (K,).

    Examples
    --------
    >>> along([0.5, 0.5]), along([0.5, 0.25]), along([0.5, lambda step: step])(3)
    (0.5, array([0.5 , 0.25]), array([0.5, 3. ]))
    """
    first = settings[0]
    if all(same(one, first) for one in settings):
        return first
    if all(isinstance(one, Penalty) and one.batches == first.batches for one in settings):
        whole, last = [one.whole for one in settings], [one.last for one in settings]
        return Penalty(along(whole), along(last), first.batches)
    if any(map(callable, settings)):
        return _Schedules(settings)
    return np.asarray([float(one) for one in settings])


def same(one: Setting, other: Setting) -> bool:
    """Tell whether two settings always have the same values.

    A `Rate` follows the fit of its own network, and equals no other.

    Examples
    --------
    >>> same(0.5, 0.5), same(np.ones(2), np.ones(2)), same(None, 0.5)
    (True, False, False)
    """
    if one is other:
        return True
    if isinstance(one, Rate) or type(one) is not type(other):
        return False
    equal = one == other
    return isinstance(equal, bool | np.bool_) and bool(equal)


class _Schedules:
    """The schedules of several networks as one; the same array while no value changes."""

    def __init__(self, settings: Sequence[Setting]) -> None:
        self._settings = tuple(settings)
        self._made: dict[tuple[float, ...], HostArray] = {}

    def __call__(self, step: int) -> Any:
        values = tuple(float(value_at(one, step)) for one in self._settings)
        if values not in self._made:
            if len(self._made) >= FEW:
                self._made.clear()
            self._made[values] = np.asarray(values)
        return self._made[values]
