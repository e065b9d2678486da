"""The numbers of each step, such as the learning rate, checked and moved to θ's device.

A number moves to the device only when it changes, so that constants cost nothing at a step.
"""

from collections.abc import Mapping
from copy import copy, deepcopy
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    broadcasts_to,
    copied,
    dtype_name,
    from_host_like,
    namespace,
)
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.schedules.combinations import Constant
from backprop_xp.schedules.plateau import find_listeners, with_values
from backprop_xp.schedules.ranges import (
    check_range,
    on_host,
    value_at,
)
from backprop_xp.training.data.networks import Networks, rows_of_networks
from backprop_xp.training.options import Regularisation

__all__ = ["Numbers", "StepNumbers", "parts_of"]


class Numbers(NamedTuple):
    """The numbers of one step, as arrays like θ: (), or (K, 1) for a stack of K networks.

    Attributes
    ----------
    optimizer : dict of array
        The numbers that the optimiser's `update` takes, by name.
    regularisation : dict of array
        The numbers of `options.Regularisation` that are in use, by name.
    """

    optimizer: dict[str, Array]
    regularisation: dict[str, Array]

    def part(self, group: Networks) -> "Numbers":
        """Return the numbers of a group of the stack's networks."""
        return Numbers(*({name: _part(x, group) for name, x in of.items()} for of in self))


def parts_of(numbers: list[Numbers], group: Networks) -> list[Numbers]:
    """Return the numbers of some steps for a group; steps with the same object share its part."""
    made: dict[int, Numbers] = {}
    return [
        made[id(one)] if id(one) in made else made.setdefault(id(one), one.part(group))
        for one in numbers
    ]


def _part(x: Array, group: Networks) -> Array:
    return x if x.ndim == 0 else rows_of_networks(x, group)


def _of_one_shape(numbers: list[Numbers]) -> list[Numbers]:
    """Return the numbers of some steps, all (K, 1) where a schedule returns (K, 1) at one of them.

    A schedule may return a single number at one step, and a number for each network at another.
    """
    whole: tuple[dict[str, Array], ...] = ({}, {})  # numbers that have two shapes, as (K, 1)
    for each in numbers:
        if each is not numbers[0]:
            for found, of, first in zip(whole, each, numbers[0], strict=True):
                pairs = ((name, of[name], first[name]) for name in of.keys() & first)
                found |= {n: x if x.ndim else y for n, x, y in pairs if x.ndim != y.ndim}
    if not any(whole):
        return numbers

    def shaped(name: str, x: Array, found: dict[str, Array]) -> Array:
        like = found.get(name, x)
        return x if x.ndim == like.ndim else copied(namespace(x).broadcast_to(x, like.shape))

    return [
        Numbers(
            *(
                {name: shaped(name, x, found) for name, x in of.items()}
                for found, of in zip(whole, each, strict=True)
            )
        )
        for each in numbers
    ]


def _same(made: Numbers, before: Numbers) -> bool:
    """Tell whether all numbers are the same array objects as before."""
    return all(
        ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in ours)
        for ours, theirs in zip(made, before, strict=True)
    )


class StepNumbers:
    """The numbers of one step after another; the same object while no number changes.

    Parameters
    ----------
    optimizer : Optimizer
    theta : array (..., P)
        An example of θ: its library, device and dtype.
    regularisation : Regularisation
    stack : tuple of int, optional
        The shape that arrays of numbers broadcast against, by default θ's leading axes.

    Attributes
    ----------
    noise_per_network : bool
        Whether each network of a stack drops units of its own.

    Raises
    ------
    OptionError, ShapeError
        A number is out of range, or an array does not fit θ's leading axes.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        theta: Array,
        regularisation: Regularisation = Regularisation(),  # noqa: B008  it is frozen
        stack: tuple[int, ...] | None = None,
    ) -> None:
        self._ranges, self._regularisation = regularisation.ranges, regularisation.in_use
        self._scheduled = any(callable(setting) for setting in self._regularisation.values())
        self.noise_per_network = regularisation.dropout_per_network
        self._optimizer, self._theta = optimizer, theta
        self._tree = {"optimizer": optimizer, **self._regularisation}
        self._listeners = find_listeners(self._tree)
        self._states = {at: one.start() for at, one in self._listeners.items()}
        self._set_values()
        self._stack = tuple(theta.shape[:-1]) if stack is None else stack
        self._step = 0
        self._group: slice | None = None
        self._moved: dict[str, tuple[Any, Array]] = {}
        self._seen: tuple[Any, Any] = (None, None)
        self._numbers = Numbers({}, {})
        self._at(0)

    def uses(self, name: str) -> bool:
        """Tell whether a number of the regularisation is in use at any step."""
        return name in self._regularisation

    def next(self) -> Numbers:
        """Return the numbers of the next step."""
        step, self._step = self._step, self._step + 1
        numbers = self._at(step)
        return numbers if self._group is None else numbers.part(self._group)

    def block(self, count: int) -> list[Numbers]:
        """Return the numbers of the next `count` steps, each number in one shape."""
        if count and not self._scheduled and getattr(self._optimizer, "never_change", False):
            self._step += count - 1
            return [self.next()] * count
        return _of_one_shape([self.next() for _ in range(count)])

    def part(self, group: slice) -> "StepNumbers":
        """Return the numbers of a group of the stack's networks, with a step counter of their own.

        Its listeners (`schedules.plateau`) are not told of epochs.
        """
        mine = copy(self)
        mine._group = group  # noqa: SLF001  it is of this class
        return mine

    @property
    def metrics(self) -> set[str]:
        """The names in the history that listeners (`schedules.plateau`) read."""
        return {one.metric for one in self._listeners.values() if hasattr(one, "metric")}

    @property
    def listens(self) -> bool:
        """Whether a number follows the history, by a listener (`schedules.plateau`)."""
        return bool(self._listeners)

    def after_epoch(self, history: Mapping[str, Any]) -> None:
        """Update the listeners (`schedules.plateau`) after an epoch, from the history."""
        if self._listeners:
            self._states = {
                at: one.after_epoch(self._states[at], history)
                for at, one in self._listeners.items()
            }
            self._set_values()

    def state(self) -> dict[str, Any]:
        """Return the number of steps so far and the states of the listeners, as JSON holds them."""
        return {"step": self._step, "schedules": deepcopy(self._states)}

    def restore(self, state: Mapping[str, Any], where: str = "restore") -> None:
        """Take over a state that `state` returned; errors name `where`.

        Raises
        ------
        OptionError
            The state is of other schedules.
        """
        states = state.get("schedules", {})
        if states.keys() != self._states.keys():
            came, expected = (", ".join(of) or "none" for of in (states, self._states))
            advice = "Pass the optimiser and the numbers of the earlier run"
            raise OptionError(where, f"the state of schedules: {came}", expected, advice)
        self._step, self._states = int(state["step"]), deepcopy(dict(states))
        self._set_values()

    def _set_values(self) -> None:
        """Replace each listener by its current value."""
        if self._listeners:
            values = {
                at: Constant(one.value(self._states[at])) for at, one in self._listeners.items()
            }
            now = with_values(self._tree, values)
            self._optimizer = now["optimizer"]
            self._regularisation = {name: now[name] for name in self._regularisation}

    def _at(self, step: int) -> Numbers:
        of_optimizer = self._optimizer.settings(step)
        own = self._regularisation_at(step) if self._scheduled else self._regularisation
        unchangeable = type(of_optimizer) is MappingProxyType
        if not unchangeable or of_optimizer is not self._seen[0] or own is not self._seen[1]:
            if not isinstance(of_optimizer, Mapping):
                came, expected = type(of_optimizer).__name__, "a dict of numbers by name"
                raise OptionError("optimizer.settings", came, expected, "Such as {}")
            self._seen = of_optimizer, own
            made = Numbers(
                {name: self._like_theta(name, value) for name, value in of_optimizer.items()},
                {name: self._like_theta(name, value) for name, value in own.items()},
            )
            if not _same(made, self._numbers):
                self._numbers = made
        return self._numbers

    def _regularisation_at(self, step: int) -> dict[str, Any]:
        values = {name: value_at(setting, step) for name, setting in self._regularisation.items()}
        for name, value in values.items():
            if callable(self._regularisation[name]):
                check_range(f"train({name})", value, self._ranges[name])
        return values

    def _like_theta(self, name: str, value: Any) -> Array:
        if name not in self._moved or self._moved[name][0] is not value:
            host = self._checked(name, value)
            theta = self._theta
            moved = from_host_like(host, theta)
            self._moved[name] = value, moved
        return self._moved[name][1]

    def _checked(self, name: str, value: Any) -> HostArray:
        dtype = dtype_name(self._theta.dtype)
        where = f"train({name})" if name in self._ranges else name
        try:
            host = on_host(value)
            good = bool(np.all(np.abs(host) <= np.finfo(dtype).max))
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            expected = f"finite numbers within the range of {dtype}"
            raise OptionError(where, repr(value), expected, "Such as 0.1")
        limits = {**getattr(self._optimizer, "limits", {}), **self._ranges}.get(name)
        if limits is not None and not limits.hold(host.astype(dtype)):
            expected = f"{limits.text} after rounding to {dtype}"
            advice = "Choose another number, or a wider dtype"
            raise OptionError(where, repr(value), expected, advice)
        if host.shape == self._stack:
            host = host[..., None]
        expected_shape = (*self._stack, 1)
        if not broadcasts_to(host.shape, expected_shape):
            raise ShapeError(
                where,
                f"an array of shape {host.shape}",
                f"{self._stack}, the stack's shape, or one that broadcasts to {expected_shape}",
                "Pass one number for each network",
            )
        return host.reshape(()) if host.size == 1 else self._flat(host)

    def _flat(self, host: HostArray) -> HostArray:
        """Return the numbers of all networks as (K, 1), row by row over the stack."""
        return np.broadcast_to(host, (*self._stack, 1)).reshape(-1, 1)
