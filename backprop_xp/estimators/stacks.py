"""Fits that are trained together: the candidates of a search, along the axis of a stack.

Fits whose arguments of `train` differ in numbers alone share the cases, their order and the random
numbers of dropout. So they form a stack, and each of its networks trains as it would alone. Each
network ends by its own rule and keeps its θ, while the others go on. Networks that have ended are
trained in vain until as much work has been wasted as a new start takes. Training then goes on
without them. A network that diverges leaves the stack, and the others go on from the epoch before.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context,
    copied,
    from_host_like,
    namespace,
    to_host,
)
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import DivergenceError
from backprop_xp.estimators.along import along
from backprop_xp.estimators.stack_members import NUMBERS, Member
from backprop_xp.estimators.stopping import ctrl_c_raises
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.train import train

__all__ = ["train_stack"]

NEW_START = 16  # the updates of a stack that take as long as a new start without ended networks


class _Watches:
    """The callback of a stack: it calls the watch of each network, and keeps the last good state.

    Parameters
    ----------
    members : sequence of Member
        The networks of the stack.
    theta : array (K, P)
    state : OptimizerState or None
        θ and state at the start.
    """

    built_in: ClassVar[bool] = True

    def __init__(self, members: Sequence[Member], theta: Any, state: OptimizerState | None) -> None:
        m = members[0].fit.cases.count
        self._updates = -(-m // (members[0].arguments["batch_size"] or m))  # of an epoch
        self._members, self._idle = members, 0
        self._theta, self._state = theta, state
        self._epochs = 0 if state is None else state.epoch

    def on_epoch_end(self, progress: Progress) -> None:
        """Hand each network its entries; stop where all have ended, or too many train in vain."""
        self._epochs += 1
        self._theta = progress.theta
        arrays = tuple(map(copied, progress.state))
        self._state = OptimizerState(arrays, self._epochs, dict(progress.schedule_memory))
        theta_of = _Rows(self._theta)
        last = {
            name: np.asarray(entries[-1]).tolist() for name, entries in progress.history.items()
        }
        for k, member in enumerate(self._members):
            if member.ended:
                self._idle += self._updates
            else:
                entries = {name: of_all[k] for name, of_all in last.items()}
                member.after_epoch(entries, partial(theta_of, k))
        too_idle = self._idle >= NEW_START * len(self._members)
        if too_idle or all(member.ended for member in self._members):
            progress.stop("networks have ended")

    def part(self, kept: Sequence[int]) -> tuple[Any, OptimizerState | None]:
        """Return θ and state of some networks, after the last epoch that was good for all."""
        rows, state = list(kept), self._state
        if state is None:
            return _rows(self._theta, rows), None
        arrays = tuple(_rows(x, rows) for x in state.arrays)
        schedules = {
            at: {name: _of_networks(x, rows, len(self._members)) for name, x in one.items()}
            for at, one in state.memory.get("schedules", {}).items()
        }
        memory = {**state.memory, "schedules": schedules}
        return _rows(self._theta, rows), OptimizerState(arrays, state.epoch, memory)


class _Rows:
    """Copies of the rows of an array, which moves to the host when the first is asked for."""

    def __init__(self, x: Array) -> None:
        self._x = x
        self._on_host: HostArray | None = None

    def __call__(self, k: int) -> HostArray:
        if self._on_host is None:
            self._on_host = to_host(self._x)
        row: HostArray = self._on_host[k].copy()
        return row


def _rows(x: Array, rows: list[int]) -> Array:
    at = from_host_like(np.asarray(rows), x, "int32")
    with context(x):
        picked: Array = namespace(x).take(x, at, axis=0)
    return picked


def _of_networks(remembered: Any, rows: list[int], count: int) -> Any:
    """Return the memory of a schedule for some networks: numbers, or lists with one for each."""
    of_each = isinstance(remembered, list) and len(remembered) == count
    return [remembered[k] for k in rows] if of_each else remembered


def train_stack(stack: Sequence[Member]) -> list[Member]:
    """Train the members of a stack to the end of each; return those that have to be fitted alone.

    Each other member's `Member.run` is the run of a training of its network alone, up to rounding.
    """
    order = _Repeatable(stack[0].arguments["order"])
    theta: Any = np.stack([to_host(member.arguments["theta"]) for member in stack])
    state: OptimizerState | None = None
    alive, diverged = list(stack), list[Member]()
    start = perf_counter()
    while alive:
        watches, bad = _Watches(alive, theta, state), list[int]()
        arguments = _stacked(alive) | {"theta": theta, "state": state, "callbacks": [watches]}
        if arguments["order"] is not None:
            arguments["order"] = order
        arguments["epochs"] -= 0 if state is None else state.epoch
        try:
            with ctrl_c_raises():
                train(**arguments)
        except DivergenceError as error:
            bad = [k for (k,) in error.networks]
        except Exception:  # noqa: BLE001  a fit alone raises the error of its own numbers
            return [*diverged, *(member for member in alive if not member.ended)]
        diverged += [alive[k] for k in bad if not alive[k].ended]
        kept = [k for k, member in enumerate(alive) if not member.ended and k not in bad]
        if kept:
            theta, state = watches.part(kept)
        alive = [alive[k] for k in kept]
    share = (perf_counter() - start) / len(stack)
    for member in stack:
        member.seconds += share
    return diverged


class _Repeatable:
    """The order of the cases; the order of the last epoch can be asked for again."""

    def __init__(self, order: Callable[[int], Any]) -> None:
        self._order, self._epoch, self._rows = order, -1, None

    def __call__(self, epoch: int) -> Any:
        if epoch != self._epoch:
            self._epoch, self._rows = epoch, self._order(epoch)
        return self._rows


def _stacked(members: Sequence[Member]) -> dict[str, Any]:
    """Return the arguments of `train` for a stack, but for θ, state and callbacks."""
    each = [member.arguments for member in members]
    first = each[0]
    optimizers = [one["optimizer"] for one in each]
    numbers = {
        name: along([getattr(one, name) for one in optimizers]) for name in optimizers[0].ranges
    }
    weights = [one["case_weights"] for one in each]
    if weights[0] is not None:
        equal = all(np.array_equal(w, weights[0]) for w in weights)
        first = first | {"case_weights": weights[0] if equal else np.stack(weights)}
    return first | {
        "optimizer": replace(optimizers[0], **numbers),
        "epochs": max(one["epochs"] for one in each),
        **{name: along([one[name] for one in each]) for name in NUMBERS if name in first},
    }
