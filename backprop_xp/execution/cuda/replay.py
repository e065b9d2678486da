"""Steps on a GPU as a program (`fusion`): matrix products, and one kernel between two of them.

The step is recorded once on NumPy, on `unread` arrays of the same shapes. Its program then runs on
the device's arrays. A kernel reads a batch and writes outputs through views of the blocks, not
copies.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda import graphs, step_graph
from backprop_xp.execution.cuda.case_sums import NAME, THREADS, CaseSums, source_of, with_case_sums
from backprop_xp.execution.cuda.fusion import Program, program_of
from backprop_xp.execution.cuda.kept import kept_for, with_room
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, STEP_GRAPH, is_asked_for, is_on
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.plain_loop import Steps
from backprop_xp.execution.recordings import Recordings, form_of, names_of, record
from backprop_xp.execution.tape import Instruction, NotReplayable, leaves, mapped, plain_array
from backprop_xp.execution.unread import contents, like

__all__ = ["FusedRecording", "FusedReplayer", "Library"]


class Library(step_graph.Library, Protocol):
    """The functions of an array library that a program needs."""

    def setting(self) -> Hashable:
        """Return what kernels and products depend on beside their shapes and dtypes."""

    def view(self, base: Any, offset: int, view: View) -> Any:
        """Return a view with the shape and strides of `view`, `offset` bytes after `base`."""

    def kernel(self, kernel: Kernel) -> Callable[..., Any]:
        """Return the kernel as a function of its arrays, in the order of `Kernel.places`."""

    def call(self, instruction: Instruction) -> Callable[..., Any]:
        """Return the instruction as a function of its inputs and its target."""


class _Place(NamedTuple):
    """An array that is given to a step or returned by it, by its tree and its number there."""

    of: str  # "carry", "number", "batch" or "out"
    number: int


class _Entry(NamedTuple):
    """A function with its arguments: constant ones, and views to be made, by their position."""

    function: Callable[..., Any]
    arguments: list[Any]
    views: list[tuple[int, _Place, View]]


class FusedRecording:
    """A step as a program on the arrays of a library.

    Parameters
    ----------
    step : callable
        A step for NumPy, as `recordings.record` takes it.
    carry, numbers : tree of ndarray
    batch : sequence of ndarray
        Arrays on the host in C order, of the shapes and dtypes to come; any numbers will do.
    library : Library
    sums_cases : bool
        Whether sums over cases are kernels (`case_sums`), else products with ones.

    Attributes
    ----------
    program : Program

    Raises
    ------
    NotReplayable
        The step does something that a tape cannot hold, or it returns a part of another array.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        carry: Any,
        numbers: Any,
        batch: Sequence[HostArray],
        library: Library,
        sums_cases: bool = False,
    ) -> None:
        recorded, memories = record(step, carry, numbers, batch, runs_here=False), Memories()
        self._library, instructions = library, recorded.instructions
        self._places: dict[int, _Place] = {}
        for of, arrays in zip(("carry", "number", "batch", "out"), recorded[:4], strict=True):
            for number, x in enumerate(arrays):
                if x is not None:
                    self._note(memories, x, _Place(of, number))
        kept = {m for m, place in self._places.items() if place.of in ("carry", "out")}
        self.program: Program = program_of(instructions, kept, memories)
        self._outs = form_of(recorded.out)
        written = {memories.view(each.target).memory for each in instructions}
        self._own = self._own_arrays(memories, written)
        entries = with_case_sums(self.program) if sums_cases else self.program.entries
        self._entries = [self._entry(entry, memories) for entry in entries]

    def _note(self, memories: Memories, x: HostArray, place: _Place) -> None:
        view = memories.view(x)
        whole = memories.arrays[view.memory]
        if view.memory in self._places or (x.shape, x.strides) != (whole.shape, whole.strides):
            raise NotReplayable("an output is a part of another array")
        self._places[view.memory] = place

    def _own_arrays(self, memories: Memories, written: set[int]) -> dict[int, Any]:
        """Return an array for each piece of memory that is neither an argument nor an output."""
        library, own = self._library, {}
        for number, host in enumerate(memories.arrays):
            if number in written and number not in self._places:
                own[number] = library.empty((host.size,), host.dtype)
            elif number not in self._places:  # a constant, in the order of its memory
                own[number] = library.constant(contents(plain_array(host)).ravel(order="K"))
        return own

    def _entry(self, entry: Kernel | Instruction | CaseSums, memories: Memories) -> _Entry:
        library = self._library
        if isinstance(entry, Kernel):
            function, given = library.kernel(entry), list(entry.places)
            given = [  # a kernel indexes its arrays, and a 0-d array has no index
                view if view.shape else view._replace(shape=(1,), strides=(view.dtype.itemsize,))
                for view in given
            ]
        elif isinstance(entry, CaseSums):
            launch, rows = library.from_source(source_of(entry.pairs), NAME, THREADS, 0), entry.rows
            function, given = lambda *arrays: launch(rows, arrays), list(entry.places)
        else:
            function = library.call(entry)
            given = [
                memories.view(x) if isinstance(x, np.ndarray) else x
                for x in (*entry.inputs, entry.target)
            ]
        views = []
        for position, x in enumerate(given):
            if isinstance(x, View) and x.memory in self._places:
                views.append((position, self._places[x.memory], x))
            elif isinstance(x, View):
                given[position] = library.view(self._own[x.memory], x.offset, x)
        return _Entry(function, given, views)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of its own."""
        return graphs.bytes_of(self._own.values())

    def empty_outs(self, count: int) -> list[Any]:
        """Return uninitialised arrays for the outs of some steps."""
        empty = self._library.empty
        return [None if x is None else empty((count, *x[0]), x[1]) for x in self._outs]

    def run(self, carry: Any, numbers: Sequence[Any], *batches: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after a step for each batch, and the outs of all steps.

        The arrays of the carry, which lie in C order, are written.
        """
        contiguous = self._library.contiguous
        blocks, outs = with_room(
            lambda: (list(map(contiguous, batches)), self.empty_outs(len(numbers)))
        )
        self.into(outs, carry, numbers, *blocks)
        return carry, tuple(outs)

    def into(self, outs: Sequence[Any], carry: Any, numbers: Sequence[Any], *blocks: Any) -> None:
        """Take a step for each batch, which writes the carry and the outs, arrays in C order."""
        library = self._library
        bases = {"carry": leaves(carry), "batch": blocks, "out": outs}
        entries = []
        for function, arguments, views in self._entries:
            now, later = list(arguments), []
            for position, (of, number), view in views:
                if of == "carry":
                    now[position] = library.view(bases[of][number], view.offset, view)
                else:
                    later.append((position, of, number, view))
            entries.append((function, now, later))
        for k, given in enumerate(numbers):
            bases["number"] = leaves(given)
            for function, arguments, later in entries:
                for position, of, number, view in later:
                    base = bases[of][number]
                    past = 0 if of == "number" else k * base.strides[0]
                    arguments[position] = library.view(base, view.offset + past, view)
                function(*arguments)


class _Graphed(NamedTuple):
    recording: FusedRecording
    graphs: graphs.Graphed | step_graph.StepGraph

    @property
    def nbytes(self) -> int:
        return self.recording.nbytes + self.graphs.nbytes


class FusedReplayer:
    """Steps on a GPU: each form of batch is recorded once, then run as a program.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step for NumPy, where θ is a NumPy array of the shape to
        come.
    otherwise : callable
        Runs steps that no tape can hold; called as this object is.
    library : Library
    rule : hashable, optional
        Equal rules share their recordings (`kept`).

    Attributes
    ----------
    recordings : Recordings
        The recordings in use, with their graphs.
    execution : str
        How the last steps were run.
    """

    def __init__(
        self,
        make_step: Callable[[HostArray], Callable[..., Any]],
        otherwise: Steps,
        library: Library,
        rule: Hashable = None,
    ) -> None:
        self._make_step, self._otherwise, self._library = make_step, otherwise, library
        self._rule, self._kept = rule, kept_for(rule)
        self.recordings: Recordings[_Graphed] = Recordings()
        self.execution = "plain"

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: Any, *batches: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs, as `FusedRecording.run` does."""
        recording, by_step = None, is_asked_for(STEP_GRAPH)
        if source is None or by_step:
            given = (carry, numbers[0], step_graph.batch_of(source, batches))
            form = (by_step, form_of(given))
            recording = self.recordings.of(form, lambda: self._recorded(form, *given))
        if recording is None:
            gathers = source is not None and not by_step
            why = "rows are gathered in each step" if gathers else self.recordings.reason
            self.execution = f"plain, because {why}"
            return self._otherwise(carry, numbers, source, *batches)
        carry = mapped(self._library.contiguous, carry)
        if isinstance(recording.graphs, step_graph.StepGraph):
            result, name = recording.graphs.run(carry, numbers, source, *batches), "step graph"
        elif is_on(CUDA_GRAPHS):
            result, name = recording.graphs.run(carry, numbers, *batches), "graphs"
        else:
            self.execution = f"kernels, because {CUDA_GRAPHS} is 0"
            return recording.recording.run(carry, numbers, *batches)
        without = recording.graphs.without
        self.execution = f"kernels, because {without}" if without else name
        return result

    def _recorded(self, form: Hashable, carry: Any, numbers: Any, batch: Any) -> _Graphed:
        key = (self._rule, self._library.setting(), names_of(numbers), form)
        return self._kept.of(key, lambda: self._record(*mapped(like, (carry, numbers, batch))))

    def _record(self, carry: Any, numbers: Any, batch: Any) -> _Graphed:
        step, by_step = self._make_step(leaves(carry)[0]), is_asked_for(STEP_GRAPH)
        recording = FusedRecording(step, carry, numbers, batch, self._library, by_step)
        if by_step:
            return _Graphed(recording, step_graph.StepGraph(recording, self._library))
        return _Graphed(recording, graphs.Graphed(recording.run, self._library))
