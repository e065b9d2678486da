"""Steps on NumPy, recorded once and then replayed: the same operations on the same memory.

On small arrays most of a step is not arithmetic. It is Python between the operations, and the
allocation of results. So a `tape` notes the operations once, and from then on these alone are run,
on memory that lasts. Results are bit-identical, since operations and their order are the same.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.numpy_calls import Call, calls_of
from backprop_xp.execution.placement import placed
from backprop_xp.execution.plain_loop import Steps, is_repeated
from backprop_xp.execution.recordings import Form, Recordings, form_of, record
from backprop_xp.execution.repeats import without_repeats
from backprop_xp.execution.tape import Instruction, leaves

__all__ = ["Recording", "Replayer"]

CallsOf: TypeAlias = Callable[[Instruction], list[Call]]
# Limits of the bytes of a batch. New arrays of some hundred kB are mapped into memory at every
# step, a third of its time, which replay saves. Arrays over MOST_BYTES wait for memory either way.
# A recording takes as long as several steps of a large batch. So a batch over BYTES_AT_ONCE is
# recorded when its form comes a second time, and never where θ is larger than the batch, since
# matrix products then take most of the time.
MOST_BYTES = 2**24
BYTES_AT_ONCE = 2**20


class Recording:
    """A recorded step, as a list of calls on memory of its own.

    Parameters
    ----------
    step : callable
        ``step(carry, numbers, *batch) -> (carry, out)``, a function of trees of arrays. It keeps no
        array of another recording.
    carry, numbers : tree of ndarray
    batch : sequence of ndarray
        Arrays of the shapes and dtypes to come. None of the three is changed.
    calls_of : callable
        Returns the functions that do an instruction of the tape, as `numpy_calls.calls_of` does.
    planned : bool
        As `steps.over_batches` takes it.

    Raises
    ------
    NotReplayable
        The step does something that a tape cannot hold, or that `calls_of` refuses.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        carry: Any,
        numbers: Any,
        batch: Sequence[Any],
        calls_of: CallsOf = calls_of,
        *,
        planned: bool = False,
    ) -> None:
        recorded = record(step, carry, numbers, batch, runs_here=not planned)
        if planned:
            memories = Memories()
            recorded = placed(without_repeats(recorded, memories), memories)
        self._carry, self._numbers, self._batch, self._out, instructions = recorded
        self._calls = [call for one in instructions for call in calls_of(one)]

    def run(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[HostArray | None, ...]]:
        """Return the carry after a step for each batch, and the outs of all steps.

        The arrays of the carry are written. Where `source` is given, the first of the batches holds
        row numbers.
        """
        count, seen, calls = len(numbers), None, self._calls
        outs: list[Any] = [
            None if x is None else np.empty((count, *x.shape), x.dtype) for x in self._out
        ]
        results = [(x, kept) for x, kept in zip(self._out, outs, strict=True) if x is not None]
        feeds = list(zip(self._batch, batches, strict=True))
        if source is not None:
            rows = batches[0].astype(np.intp)  # once, or `take` would convert at every step
            del feeds[0]
        _copy(self._carry, leaves(carry))
        for x, block in (feed for feed in feeds if is_repeated(feed[1])):
            x[...] = block[0]
        feeds = [feed for feed in feeds if not is_repeated(feed[1])]
        for k, given in enumerate(numbers):
            if given is not seen:
                _copy(self._numbers, leaves(given))
                seen = given
            if source is not None:
                source.take(rows[k], -2, self._batch[0], "clip")
            for x, block in feeds:
                x[...] = block[k]
            for call in calls:
                call()
            for x, kept in results:
                kept[k] = x
        _copy(leaves(carry), self._carry)
        return carry, tuple(outs)


def _copy(targets: list[Any], sources: list[Any]) -> None:
    for target, source in zip(targets, sources, strict=True):
        if target is not None:
            target[...] = source


class Replayer:
    """Steps on NumPy: each form of batch is recorded once, then replayed.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a new step, as `Recording` takes it, for θ of this shape.
    otherwise : callable
        Runs steps that no tape can hold, and steps of large batches; called as this object is.
    calls_of : callable
        As `Recording` takes it.
    planned : bool
        As `steps.over_batches` takes it.
    """

    def __init__(
        self,
        make_step: Callable[[HostArray], Callable[..., Any]],
        otherwise: Steps,
        calls_of: CallsOf = calls_of,
        *,
        planned: bool = False,
    ) -> None:
        self._make_step, self._otherwise, self._calls_of = make_step, otherwise, calls_of
        self._planned = planned
        self.recordings: Recordings[Recording] = Recordings()
        self._seen: set[Form] = set()
        self.execution = "plain"

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs, as `Recording.run` does."""
        recording = self.recording(carry, numbers[0], source, batches)
        self._note(recording)
        steps = self._otherwise if recording is None else recording.run
        return steps(carry, numbers, source, *batches)

    def _note(self, recording: Any) -> None:
        reason = f", because {self.recordings.reason}" if self.recordings.reason else ""
        self.execution = f"plain{reason}" if recording is None else "recorded"

    def recording(
        self,
        carry: Any,
        numbers: Any,
        source: HostArray | None,
        batches: Sequence[HostArray],
        *,
        at_once: bool = False,
    ) -> Recording | None:
        """Return the recording for arrays of this form; None where `otherwise` is to run the steps.

        Forms of large batches are recorded when they come a second time; never with `at_once`.
        """
        X, *others = (x[0, ...] for x in batches)
        batch = (X if source is None else source.take(X, -2), *others)
        size = sum(x.nbytes for x in batch)
        small, parameters = size <= BYTES_AT_ONCE, max(x.nbytes for x in leaves(carry))
        if not small and (at_once or not parameters <= size <= MOST_BYTES):
            return None
        form = form_of((carry, numbers, batch))
        if not small and form not in self._seen:
            self._seen.add(form)
            return None

        def make() -> Recording:
            step = self._make_step(leaves(carry)[0])
            return Recording(step, carry, numbers, batch, self._calls_of, planned=self._planned)

        return self.recordings.of(form, make)
