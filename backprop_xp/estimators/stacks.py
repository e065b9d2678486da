"""Fits that are trained together: the candidates of a search, along the axis of a stack.

Fits whose arguments of `train` differ in numbers alone share the cases, their order and the random
numbers of dropout. So they form a stack, and each of its networks trains as it would alone. Each
network ends by its own rule and keeps its θ, while the others go on. Networks that have ended are
trained in vain until as much work has been wasted as a new start takes. Training then goes on
without them. A network that diverges leaves the stack, and the others go on from the epoch before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context,
    copied,
    dtype_name,
    from_host,
    from_host_like,
    namespace,
    to_host,
)
from backprop_xp.callbacks.progress import History, Progress
from backprop_xp.errors import DivergenceError
from backprop_xp.estimators.along import along, same
from backprop_xp.estimators.base import BaseMLP
from backprop_xp.estimators.cases import Cases
from backprop_xp.estimators.fits import Fit
from backprop_xp.estimators.parameters import Undamped
from backprop_xp.estimators.stopping import ctrl_c_raises
from backprop_xp.optimizers import OPTIMIZERS
from backprop_xp.schedules.plateau import find_listeners
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.run import Run
from backprop_xp.training.step.stack_groups import most_at_once
from backprop_xp.training.train import train

__all__ = ["Member", "is_stackable", "members_of", "stacks_of", "train_stack"]

NEW_START = 16  # the updates of a stack that take as long as a new start without ended networks
NUMBERS = ("l2", "l1", "dropout", "label_smoothing", "clip_value", "clip_norm", "max_norm")
SHARED = ("net", "batch_size", "seed", "device", "dtype")


@dataclass(eq=False)
class Member:
    """A network of a stack: an estimator and its fit. It is the progress that the fit's watch sees.

    Attributes
    ----------
    mlp : BaseMLP
        The estimator, whose fit is ready to train.
    fit : Fit
    arguments : dict
        The arguments of `train` for this network alone.
    history : History
        As of a run of this network alone.
    stopped : str
        Why the watch ended the fit; empty where it did not.
    ended : bool
        Whether the fit has ended.
    seconds : float
        The time of the fit, as its share of the time of the stack.
    """

    mlp: BaseMLP
    fit: Fit
    arguments: dict[str, Any]
    history: History = field(default_factory=History)
    stopped: str = ""
    ended: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._theta: Callable[[], HostArray] = lambda: self.arguments["theta"]

    @property
    def theta(self) -> HostArray:
        """θ (P,) after the last epoch, on the host."""
        return self._theta()

    def stop(self, why: str) -> None:
        """End the fit after this epoch."""
        self.stopped = self.stopped or why

    def after_epoch(self, entries: dict[str, float], theta: Callable[[], HostArray]) -> None:
        """Add the entries of an epoch, and let the watch decide; `theta` returns θ after it."""
        for name, entry in entries.items():
            self.history.setdefault(name, []).append(entry)
        self._theta = theta
        progress: Any = self  # all that a watch reads
        self.fit.watch.on_epoch_end(progress)
        epochs = len(self.history["cost"])
        self.ended = bool(self.stopped) or epochs == self.arguments["epochs"]
        if self.ended:
            last = theta()
            self._theta = lambda: last

    def run(self) -> Run:
        """Return the run of this network."""
        epochs = len(self.history["cost"])
        return Run(self.theta, self.history, self.arguments["net"], self.stopped, epochs)


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


def members_of(fits: Iterator[tuple[BaseMLP, Fit]]) -> list[Member]:
    """Return the members of stacks for fits that are ready; equal cases share their memory."""
    known: list[Cases] = []
    members = []
    for mlp, fit in fits:
        start = perf_counter()
        fit.cases = _shared(fit.cases, known)
        fit.others = None if fit.others is None else _shared(fit.others, known)
        arguments = mlp._arguments(fit)  # noqa: SLF001  it is of this room
        members.append(Member(mlp, fit, arguments, seconds=perf_counter() - start))
    return members


def _shared(cases: Cases, known: list[Cases]) -> Cases:
    """Return the cases with X and Y of known equal cases; otherwise they become known."""
    for one in known:
        if _equal(cases.X, one.X) and _equal(cases.Y, one.Y):
            return replace(cases, X=one.X, Y=one.Y)
    known.append(cases)
    return cases


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two arrays or sparse matrices are of one form and hold the same numbers."""
    forms = [(type(x), x.shape, x.dtype) for x in (one, other)]
    if one is other or forms[0] != forms[1]:
        return one is other
    if hasattr(one, "indptr"):
        return all(
            _equal(getattr(one, n), getattr(other, n)) for n in ("indptr", "indices", "data")
        )
    return bool((one == other).all())


def stacks_of(members: Sequence[Member]) -> list[list[Member]]:
    """Return the stacks: members whose arguments differ in numbers alone, as many as fit."""
    found: list[list[Member]] = []
    for member in members:
        for stack in found:
            if _fit_together(member, stack[0]):
                stack.append(member)
                break
        else:
            found.append([member])
    return [part for stack in found for part in _cut(stack)]


def _cut(stack: list[Member]) -> list[list[Member]]:
    """Return equal parts of a stack whose working arrays fit into the memory of a group."""
    given = stack[0].arguments
    theta, device = to_host(given["theta"]), given["device"]
    dtype = dtype_name(theta.dtype if given["dtype"] is None else given["dtype"])
    like = from_host(theta, device.xp, device.handle, dtype)
    size = given["batch_size"] or stack[0].fit.cases.count
    most, count = most_at_once(like, given["net"].sizes, size), len(stack)
    each = -(-count // -(-count // most))
    return [stack[start : start + each] for start in range(0, count, each)]


def is_stackable(fit: Fit) -> bool:
    """Tell whether a fit can be trained in a stack: by steps of this library, without callbacks."""
    return not fit.chosen.callbacks and type(fit.chosen.optimizer) in (*OPTIMIZERS, Undamped)


def _fit_together(one: Member, other: Member) -> bool:
    ours, theirs = one.arguments, other.arguments
    return (
        all(ours[name] == theirs[name] for name in SHARED)
        and all(
            (ours[n] is None) == (theirs[n] is None)
            for n in ("case_weights", "order", "validation")
        )
        and all(
            mine is its
            for cases in ((one.fit.cases, other.fit.cases), (one.fit.others, other.fit.others))
            if cases[0] is not None and cases[1] is not None
            for mine, its in ((cases[0].X, cases[1].X), (cases[0].Y, cases[1].Y))
        )
        and type(ours["order"]) is type(theirs["order"])
        and _same_stream(one.fit.random, other.fit.random)
        and all(_go_together(ours.get(n), theirs.get(n)) for n in NUMBERS)
        and _same_rule(one.fit.chosen.optimizer, other.fit.chosen.optimizer)
    )


def _same_stream(one: np.random.RandomState, other: np.random.RandomState) -> bool:
    pairs = zip(one.get_state(), other.get_state(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def _go_together(one: Any, other: Any) -> bool:
    """Tell whether two settings can be those of two networks of a stack.

    A schedule that follows the history has its memory for all networks, which share its numbers.
    """
    if (one is None) != (other is None):
        return False
    listen = find_listeners([one]) or find_listeners([other])
    return same(one, other) if listen else True


def _same_rule(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    pairs = [(x.name, getattr(one, x.name), getattr(other, x.name)) for x in fields(one) if x.init]
    return all(
        _go_together(ours, theirs) if name in one.ranges else ours == theirs
        for name, ours, theirs in pairs
    )


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
