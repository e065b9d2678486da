"""The numbers of each step: learning rates and the like, checked, and moved to θ's device.

A number is moved only when it changes, so that constants and arrays cost nothing at a step.
"""

from collections.abc import Mapping
from copy import copy, deepcopy
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    broadcasts_to,
    device_of,
    dtype_name,
    from_host,
    namespace,
)
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.schedules.combinations import Constant
from backprop_xp.schedules.plateau import find_listeners, with_values
from backprop_xp.schedules.ranges import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    Setting,
    check_range,
    on_host,
    value_at,
)

__all__ = ["Numbers", "Settings", "parts_of"]


class Numbers(NamedTuple):
    """The numbers of one step, as arrays like θ: (), or (K, 1) for a stack of K networks.

    Attributes
    ----------
    optimizer : dict
        What the optimiser's `update` takes, by name.
    l2, dropout, l1, shrinkage, input_dropout, label_smoothing : array or None
        None where they are 0 throughout.
    clip_value, clip_norm, max_norm : array or None
        None where there is no such bound.
    """

    optimizer: dict[str, Array]
    l2: Array | None
    dropout: Array | None
    l1: Array | None = None
    shrinkage: Array | None = None
    input_dropout: Array | None = None
    label_smoothing: Array | None = None
    clip_value: Array | None = None
    clip_norm: Array | None = None
    max_norm: Array | None = None

    def part(self, group: slice) -> "Numbers":
        """Return the numbers of a group of the stack's networks."""
        optimizer, *own = self
        mine = {name: _part(x, group) for name, x in optimizer.items()}
        return Numbers(mine, *(_part(x, group) for x in own))


def parts_of(numbers: list[Numbers], group: slice) -> list[Numbers]:
    """Return the group's part of the numbers of some steps; the same object where they are."""
    made: dict[int, Numbers] = {}
    return [
        made[id(one)] if id(one) in made else made.setdefault(id(one), one.part(group))
        for one in numbers
    ]


def _part(x: Any, group: slice) -> Any:
    return x if x is None or x.ndim == 0 else x[group, ...]


_PROBABILITY = BELOW_1._replace(text="probabilities >= 0 and < 1")
_BOUND = ABOVE_0._replace(text="None or finite numbers > 0")
_LIMITS = {
    "l2": AT_LEAST_0,
    "l1": AT_LEAST_0,
    "dropout": _PROBABILITY,
    "input_dropout": _PROBABILITY,
    "shrinkage": BELOW_1,
    "label_smoothing": BELOW_1,
    "clip_value": _BOUND,
    "clip_norm": _BOUND,
    "max_norm": _BOUND,
}
_OPTIONAL = [name for name, limits in _LIMITS.items() if limits is _BOUND]


def _same(made: Numbers, before: Numbers) -> bool:
    """Tell whether all numbers are the very arrays of before."""
    if made.optimizer.keys() != before.optimizer.keys():
        return False
    theirs = all(made.optimizer[name] is before.optimizer[name] for name in made.optimizer)
    return theirs and all(x is y for x, y in zip(made[1:], before[1:], strict=True))


class Settings:
    """The numbers of each step in turn; the same object again while none of them changes.

    Parameters
    ----------
    optimizer : Optimizer
    theta : array (..., P)
        For its library, device and dtype.
    l2, dropout, **others : number, array or schedule
        The fields of `Numbers`, 0 unless given; for clip_value, clip_norm and max_norm None.
    stack : tuple of int, optional
        The leading axes that an array broadcasts against; θ's unless given.

    Raises
    ------
    OptionError, ShapeError
        A number is out of range, or an array does not fit θ's leading axes.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        theta: Array,
        l2: Setting = 0.0,
        dropout: Setting = 0.0,
        stack: tuple[int, ...] | None = None,
        **others: Setting,
    ) -> None:
        methods = (getattr(optimizer, name, None) for name in ("settings", "init", "update"))
        if isinstance(optimizer, type) or not all(map(callable, methods)):
            expected = "an object with settings, init and update"
            raise OptionError("train(optimizer)", repr(optimizer), expected, "Pass bp.SGD(0.1)")
        given = {"l2": l2, "dropout": dropout, **others}
        given = {name: s for name, s in given.items() if s is not None or name not in _OPTIONAL}
        for name, setting in given.items():
            check_range(f"train({name})", setting, _LIMITS[name])
        self._own = {name: s for name, s in given.items() if callable(s) or np.any(on_host(s))}
        self._scheduled = any(callable(setting) for setting in self._own.values())
        self._optimizer, self._theta = optimizer, theta
        self._tree = {"optimizer": optimizer, **self._own}
        self._told = find_listeners(self._tree)
        self._states = {at: one.start() for at, one in self._told.items()}
        self._set_values()
        self._stack = tuple(theta.shape[:-1]) if stack is None else stack
        self._step = 0
        self._group: slice | None = None
        self._moved: dict[str, tuple[Any, Array]] = {}
        self._seen: tuple[Any, Any] = (None, None)
        self._numbers = Numbers({}, None, None)
        self._at(0)

    @property
    def drops_units(self) -> bool:
        """Whether there is dropout at any step."""
        return "dropout" in self._own

    @property
    def drops_inputs(self) -> bool:
        """Whether inputs are dropped at any step."""
        return "input_dropout" in self._own

    @property
    def smooths_labels(self) -> bool:
        """Whether targets are smoothed at any step."""
        return "label_smoothing" in self._own

    def next(self) -> Numbers:
        """Return the numbers of the next step."""
        step, self._step = self._step, self._step + 1
        numbers = self._at(step)
        return numbers if self._group is None else numbers.part(self._group)

    def block(self, count: int) -> list[Numbers]:
        """Return the numbers of the next `count` steps."""
        if count and not self._scheduled and getattr(self._optimizer, "never_change", False):
            self._step += count - 1
            return [self.next()] * count
        return [self.next() for _ in range(count)]

    def part(self, group: slice) -> "Settings":
        """Return the settings of a group of the stack's networks, which count steps of their own.

        Schedules that listen are not told of epochs through it.
        """
        mine = copy(self)
        mine._group = group  # noqa: SLF001  it is of this class
        return mine

    @property
    def metrics(self) -> set[str]:
        """The names in the history that schedules look at after an epoch."""
        return {one.metric for one in self._told.values() if hasattr(one, "metric")}

    def after_epoch(self, history: Mapping[str, Any]) -> None:
        """Tell the schedules that listen (`plateau`) of an epoch, whose entries the history has."""
        if self._told:
            self._states = {
                at: one.after_epoch(self._states[at], history) for at, one in self._told.items()
            }
            self._set_values()

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes, as JSON holds it: the steps so far, and what was told."""
        return {"step": self._step, "schedules": deepcopy(self._states)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        OptionError
            It is of other schedules.
        """
        states = state.get("schedules", {})
        if states.keys() != self._states.keys():
            came, expected = (", ".join(of) or "none" for of in (states, self._states))
            advice = "Go on with the optimiser and the numbers of before"
            raise OptionError("restore", f"the state of schedules: {came}", expected, advice)
        self._step, self._states = int(state["step"]), deepcopy(dict(states))
        self._set_values()

    def _set_values(self) -> None:
        """Put what schedules that listen say now into their places."""
        if self._told:
            values = {at: Constant(one.value(self._states[at])) for at, one in self._told.items()}
            now = with_values(self._tree, values)
            self._optimizer = now["optimizer"]
            self._own = {name: now[name] for name in self._own}

    def _at(self, step: int) -> Numbers:
        of_optimizer = self._optimizer.settings(step)
        own = self._own_at(step) if self._scheduled else self._own
        unchangeable = type(of_optimizer) is MappingProxyType
        if not unchangeable or of_optimizer is not self._seen[0] or own is not self._seen[1]:
            if not isinstance(of_optimizer, Mapping):
                came, expected = type(of_optimizer).__name__, "a dict of numbers by name"
                raise OptionError("optimizer.settings", came, expected, "Such as {}")
            self._seen = of_optimizer, own
            mine = {name: self._like_theta(name, value) for name, value in own.items()}
            theirs = {name: self._like_theta(name, value) for name, value in of_optimizer.items()}
            made = Numbers(theirs, **{name: mine.get(name) for name in _LIMITS})
            if not _same(made, self._numbers):
                self._numbers = made
        return self._numbers

    def _own_at(self, step: int) -> dict[str, Any]:
        values = {name: value_at(setting, step) for name, setting in self._own.items()}
        for name, value in values.items():
            if callable(self._own[name]):
                check_range(f"train({name})", value, _LIMITS[name])
        return values

    def _like_theta(self, name: str, value: Any) -> Array:
        if name not in self._moved or self._moved[name][0] is not value:
            host = self._checked(name, value)
            theta = self._theta
            moved = from_host(host, namespace(theta), device_of(theta), dtype_name(theta.dtype))
            self._moved[name] = value, moved
        return self._moved[name][1]

    def _checked(self, name: str, value: Any) -> np.ndarray[Any, Any]:
        dtype = dtype_name(self._theta.dtype)
        try:
            host = on_host(value)
            good = bool(np.all(np.abs(host) <= np.finfo(dtype).max))
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            expected = f"finite numbers within the range of {dtype}"
            raise OptionError(name, repr(value), expected, "Such as 0.1")
        limits = {**getattr(self._optimizer, "limits", {}), **_LIMITS}.get(name)
        if limits is not None and not limits.hold(host.astype(dtype)):
            expected = f"{limits.text} after rounding to {dtype}"
            raise OptionError(name, repr(value), expected, "Choose another, or a wider dtype")
        if host.shape == self._stack:
            host = host[..., None]
        expected_shape = (*self._stack, 1)
        if not broadcasts_to(host.shape, expected_shape):
            raise ShapeError(
                name,
                f"an array of shape {host.shape}",
                f"{self._stack}, the stack's shape, or one that broadcasts to {expected_shape}",
                "Pass one number for each network",
            )
        return host.reshape(()) if host.size == 1 else self._flat(host)

    def _flat(self, host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return (K, 1), the networks of all axes of the stack one after another."""
        return np.broadcast_to(host, (*self._stack, 1)).reshape(-1, 1)
