"""The kernel of a plan in place of the recorded step, for all networks of a stack.

A stack is trained by what a single network is trained by: the step is recorded for θ (P,), and
block k of the grid runs it on θ[k]. An array has an axis for the networks where it has one more
than for a single network: matrices in a batch, numbers without axes.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.kept import kept_for
from backprop_xp.execution.cuda.one_kernel.plan import Plan, Unfit, plan_of
from backprop_xp.execution.cuda.one_kernel.source import NAME, Form, source_of
from backprop_xp.execution.plain_loop import Steps, execution_of
from backprop_xp.execution.recordings import Form as FormOfTree
from backprop_xp.execution.recordings import form_of, names_of, record
from backprop_xp.execution.tape import NotReplayable, leaves, mapped
from backprop_xp.execution.unread import unread

__all__ = ["MOST_SECONDS", "OneKernel", "OneKernelLibrary", "steps_at_once"]

MOST_SECONDS: Final = 0.05  # of a launch, so that a display or Ctrl-C waits no longer
CLOCK: Final = 1e9  # cycles per second of a slow GPU


class OneKernelLibrary(Protocol):
    """The functions of an array library that the kernel needs."""

    def setting(self) -> Hashable:
        """Return what a kernel depends on beside shapes and dtypes."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an uninitialised array in C order."""

    def constant(self, host: HostArray) -> Any:
        """Return the array of this library with the numbers of `host`."""

    def contiguous(self, x: Any) -> Any:
        """Return `x` itself where it lies in C order, else a copy in C order."""

    def stack(self, arrays: Sequence[Any]) -> Any:
        """Return the arrays stacked along a new first axis."""

    def limits(self) -> tuple[int, int]:
        """Return the most bytes of shared memory of a block, and the multiprocessors."""

    def from_source(
        self, source: str, name: str, threads: int, shared_bytes: int
    ) -> Callable[..., None]:
        """Return ``launch(blocks, arguments)`` of a kernel, compiled from its source."""


class _Made(NamedTuple):
    plan: Plan
    launch: Callable[..., None]
    constants: list[Any]
    outs: list[tuple[tuple[int, ...], Any] | None]


def steps_at_once(plan: Plan, networks: int, processors: int) -> int:
    """Return the steps of a launch that takes at most `MOST_SECONDS`, by rough counts of cycles."""
    rounds = -(-networks // processors)
    return max(int(MOST_SECONDS * CLOCK / (plan.cycles * rounds)), 1)


class OneKernel:
    """Steps on a GPU: each form of batch is one kernel that trains a network in each thread block.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step for NumPy, where θ is a NumPy array of one network.
    otherwise : callable
        Runs steps that do not fit; called as this object is.
    library : OneKernelLibrary
    tell : callable, optional
        Called with the reason once for each form that does not fit.
    rule : hashable, optional
        Equal rules share their kernels (`kept`).

    Attributes
    ----------
    reasons : dict
        Why a form runs otherwise.
    """

    def __init__(
        self,
        make_step: Callable[[HostArray], Callable[..., Any]],
        otherwise: Steps,
        library: OneKernelLibrary,
        tell: Callable[[str], None] = lambda _: None,
        rule: Hashable = None,
    ) -> None:
        self._make_step, self._otherwise = make_step, otherwise
        self._library, self._tell = library, tell
        self._rule, self._kept = rule, kept_for(rule)
        self._made: dict[FormOfTree, _Made | None] = {}
        self.reasons: dict[FormOfTree, str] = {}
        self.execution = "plain"

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: Any, *batches: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs; the arrays of the carry are written."""
        given = (carry, numbers[0], source, tuple(x[0, ...] for x in batches))
        form = form_of(given)
        if form not in self._made:
            try:
                key = (self._rule, NAME, self._library.setting(), names_of(numbers[0]), form)
                self._made[form] = self._kept.of(key, lambda: self._make(*given))
            except (Unfit, NotReplayable) as reason:
                self._made[form], self.reasons[form] = None, str(reason)
                self._tell(str(reason))
        made = self._made[form]
        if made is None:
            result = self._otherwise(carry, numbers, source, *batches)
            otherwise = execution_of(self._otherwise)
            self.execution = f"{otherwise}; not one kernel, because {self.reasons[form]}"
            return result
        self.execution = "one kernel"
        return self._run(made, carry, numbers, source, batches)

    def _make(self, carry: Any, numbers: Any, source: Any, batch: Sequence[Any]) -> _Made:
        stacked = leaves(carry)[0].ndim > 1
        own = _own(carry, numbers, source, batch)
        rows = batch[0].shape[-1] if source is not None else 0
        single = [
            mapped(lambda x: unread(x.shape[1:] if stacked else x.shape, x.dtype), carry),
            mapped(lambda x: unread((), x.dtype), numbers),
            tuple(
                unread((rows, source.shape[-1]), source.dtype)
                if source is not None and not number
                else unread(x.shape[1:] if own["batch", number] else x.shape, x.dtype)
                for number, x in enumerate(batch)
            ),
        ]
        step = self._make_step(leaves(single[0])[0])
        recorded = record(step, *single, runs_here=False)
        most_bytes, _ = self._library.limits()
        plan = plan_of(recorded, most_bytes, gathers=source is not None)
        text = source_of(plan, own)
        launch = self._library.from_source(text, NAME, plan.threads, plan.shared_bytes)
        outs = [None if x is None else (x.shape, x.dtype) for x in recorded.out]
        return _Made(plan, launch, [self._library.constant(x) for x in plan.constants], outs)

    def _run(
        self, made: _Made, carry: Any, numbers: Sequence[Any], source: Any, batches: Sequence[Any]
    ) -> tuple[Any, tuple[Any, ...]]:
        library, count = self._library, len(numbers)
        carry = mapped(library.contiguous, carry)
        theta = leaves(carry)[0]
        lead = tuple(theta.shape[:-1])
        networks = math.prod(lead)
        outs = [
            None if x is None else library.empty((count, *lead, *x[0]), x[1]) for x in made.outs
        ]
        blocks = [library.contiguous(x) for x in batches]
        by_leaf = list(zip(*map(leaves, numbers), strict=True))
        same = [all(x is of[0] for x in of) for of in by_leaf]
        stacks = [
            None if of[0] is None else library.stack(of[:1] if once else of)
            for of, once in zip(by_leaf, same, strict=True)
        ]
        _, processors = library.limits()
        at_once = steps_at_once(made.plan, networks, processors)
        fixed = {"carry": leaves(carry), "constant": made.constants, "source": [source]}
        if source is not None:
            fixed["source"] = [library.contiguous(source)]
        for start in range(0, count, at_once):
            stop = min(start + at_once, count)
            part = slice(start, stop)
            now = {
                **fixed,
                "batch": [x[part, ...] for x in blocks],
                "out": [None if x is None else x[part, ...] for x in outs],
                "number": [
                    x if x is None or once else x[part, ...]
                    for x, once in zip(stacks, same, strict=True)
                ],
            }
            arrays = [now[one.of][one.number] for one in made.plan.given]
            steps_of = [
                0 if same[one.number] else math.prod(by_leaf[one.number][0].shape)
                for one in made.plan.given
                if one.of == "number"
            ]
            rows = 0 if source is None else source.shape[-2]
            longs = [np.int64(x) for x in (stop - start, networks, rows, *steps_of)]
            made.launch(networks, [*arrays, *longs])
        return carry, tuple(outs)


def _own(carry: Any, numbers: Any, source: Any, batch: Sequence[Any]) -> Form:
    """Return whether each array has an axis for the networks, by its tree and number.

    Raises
    ------
    Unfit
        An array has another number of axes than one network, or a stack of one axis, gives it.
    """
    theta, *state = leaves(carry)
    if theta.ndim > 2 or any(x.shape[: theta.ndim - 1] != theta.shape[:-1] for x in state):
        raise Unfit(f"the stack has the shape {theta.shape[:-1]}")
    networks = theta.shape[0] if theta.ndim == 2 else 0
    own: Form = {}
    for number, x in enumerate(leaves(numbers)):
        if x is not None:
            own["number", number] = x.ndim > 0
            if x.shape not in ((), (networks, 1)):
                raise Unfit(f"a number has the shape {x.shape}")
    for number, x in enumerate(batch):
        rows_of_source = source is not None and not number
        labels = x.dtype.kind != "f"
        axes = 1 if labels else 2
        own["batch", number] = x.ndim > axes and not rows_of_source
        if x.ndim > axes + 1 or (own["batch", number] and x.shape[0] != networks):
            raise Unfit(f"an array of the batch has the shape {x.shape}")
    if source is not None:
        own["source", 0] = source.ndim > 2
    return own
