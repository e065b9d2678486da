"""The kernel of a plan in place of the recorded step, for all networks of a stack.

Block k of the grid runs the step of a single network (`single`) on θ[k].
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from backprop_xp.arrays.backend import HostArray, namespace
from backprop_xp.arrays.native import rows as rows_at
from backprop_xp.execution.cuda.kept import kept_for
from backprop_xp.execution.cuda.one_kernel.pieces import pieces
from backprop_xp.execution.cuda.one_kernel.plan import Plan, Unfit, plan_of
from backprop_xp.execution.cuda.one_kernel.single import own_axes, recorded_network
from backprop_xp.execution.cuda.one_kernel.source import NAME, source_of
from backprop_xp.execution.plain_loop import Steps
from backprop_xp.execution.recordings import Form, form_of, names_of
from backprop_xp.execution.tape import NotReplayable, leaves, mapped

__all__ = ["OneKernel", "OneKernelLibrary"]


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


class OneKernel:
    """Steps on a GPU: each form of batch is one kernel that trains a network in each thread block.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step for NumPy, where θ is a NumPy array of one network.
    otherwise : callable
        Runs steps that do not fit, on batches without row numbers; called as this object is.
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
        self._made: dict[Form, _Made | None] = {}
        self.reasons: dict[Form, str] = {}
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
            self.execution = f"not one kernel, because {self.reasons[form]}"
            if source is not None:
                batches = (_gathered(source, batches[0]), *batches[1:])
            return self._otherwise(carry, numbers, None, *batches)
        self.execution = "one kernel"
        return self._run(made, carry, numbers, source, batches)

    def _make(self, carry: Any, numbers: Any, source: Any, batch: Sequence[Any]) -> _Made:
        own = own_axes(carry, numbers, source, batch)
        recorded = recorded_network(self._make_step, own, carry, numbers, source, batch)
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
        lead = tuple(leaves(carry)[0].shape[:-1])
        outs = [
            None if x is None else library.empty((count, *lead, *x[0]), x[1]) for x in made.outs
        ]
        arrays, by_step = self._arrays(made, carry, numbers, source, batches, outs)
        networks, (_, processors) = math.prod(lead), library.limits()
        rows = 0 if source is None else source.shape[-2]
        from_step_to_step = [
            math.prod(x.shape[1:]) * each
            for one, x, each in zip(made.plan.given, arrays, by_step, strict=True)
            if one.of == "number"
        ]
        for steps, group in pieces(made.plan.cycles, count, networks, processors):
            now = [x[steps, ...] if each else x for x, each in zip(arrays, by_step, strict=True)]
            longs = [steps.stop - steps.start, networks, group.start, rows, *from_step_to_step]
            made.launch(group.stop - group.start, [*now, *map(np.int64, longs)])
        return carry, tuple(outs)

    def _arrays(
        self,
        made: _Made,
        carry: Any,
        numbers: Sequence[Any],
        source: Any,
        batches: Sequence[Any],
        outs: Sequence[Any],
    ) -> tuple[list[Any], list[bool]]:
        """Return the arrays of the kernel, and whether the first axis of each counts the steps."""
        library = self._library
        by_leaf = list(zip(*map(leaves, numbers), strict=True))
        once = [all(x is of[0] for x in of) for of in by_leaf]
        given = {
            "carry": leaves(carry),
            "constant": made.constants,
            "source": [None if source is None else library.contiguous(source)],
            "batch": [library.contiguous(x) for x in batches],
            "out": outs,
            "number": [
                None if of[0] is None else library.stack(of[:1] if same else of)
                for of, same in zip(by_leaf, once, strict=True)
            ],
        }
        arrays = [given[one.of][one.number] for one in made.plan.given]
        by_step = [
            one.of in ("batch", "out") or (one.of == "number" and not once[one.number])
            for one in made.plan.given
        ]
        return arrays, by_step


def _gathered(source: Any, places: Any) -> Any:
    """Return the rows (count, ..., size, n) of a source at the row numbers (count, size)."""
    xp, (*lead, _, n) = namespace(source), source.shape
    taken = rows_at(source, xp.reshape(places, (-1,)))
    return xp.moveaxis(xp.reshape(taken, (*lead, *places.shape, n)), -3, 0)
