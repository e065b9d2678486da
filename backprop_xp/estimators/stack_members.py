"""The members of stacks: fits that are ready, and which of them can be trained together.

Fits whose arguments of `train` differ in numbers alone share the cases, their order and the random
numbers of dropout. So they form a stack.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from time import perf_counter
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.backend import HostArray, dtype_name, from_host, to_host
from backprop_xp.callbacks.progress import History
from backprop_xp.estimators.along import same
from backprop_xp.estimators.base import BaseMLP
from backprop_xp.estimators.cases import Cases
from backprop_xp.estimators.fits import Fit
from backprop_xp.estimators.parameters import Undamped
from backprop_xp.optimizers import OPTIMIZERS
from backprop_xp.schedules.plateau import find_listeners
from backprop_xp.training.run import Run
from backprop_xp.training.step.stack_groups import most_at_once

__all__ = ["NUMBERS", "Member", "is_stackable", "members_of", "stacks_of"]

NUMBERS: Final[tuple[str, ...]] = (
    "l2",
    "l1",
    "dropout",
    "label_smoothing",
    "clip_value",
    "clip_norm",
    "max_norm",
)
"""The arguments of `train` that may differ along a stack."""
GROUPS: Final = 4  # of a stack, which train at the same time on several cores
SHARED: Final = ("net", "batch_size", "seed", "device", "dtype")
"""The arguments of `train` that are equal along a stack."""


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
    """Return equal parts of a stack, each of at most `GROUPS` groups."""
    given = stack[0].arguments
    theta, device = to_host(given["theta"]), given["device"]
    dtype = dtype_name(theta.dtype if given["dtype"] is None else given["dtype"])
    like = from_host(theta, device.xp, device.handle, dtype)
    size = given["batch_size"] or stack[0].fit.cases.count
    most, count = GROUPS * most_at_once(like, given["net"].sizes, size), len(stack)
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
