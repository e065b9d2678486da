"""Steps on NumPy as compiled functions: each form of batch is recorded once, then compiled."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.compiled.cache import compiled_block
from backprop_xp.execution.compiled.loops import loops_are_found
from backprop_xp.execution.compiled.memory import LINE
from backprop_xp.execution.compiled.program import Compilable, Place, compilable
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.plain_loop import Steps, is_repeated
from backprop_xp.execution.recordings import Form, form_of, names_of, record
from backprop_xp.execution.repeats import without_repeats
from backprop_xp.execution.tape import NotReplayable, leaves, mapped
from backprop_xp.execution.unread import like, unread

__all__ = ["Compiled", "CompiledRecording", "compiled_form"]

MOST_RECORDINGS: Final = 16  # forms of batches, each with working memory of its own
MOST_PROGRAMS: Final = 64


def compiled_form(
    step: Callable[..., Any],
    carry: Any,
    numbers: Any,
    batch: Sequence[Any],
    *,
    gathers: bool,
    by_cases: bool = False,
) -> Compilable:
    """Return what is compiled for a step: it holds no array of a training, and no work is lost.

    Parameters
    ----------
    step : callable
        ``step(carry, numbers, *batch) -> (carry, out)``, a function of trees of arrays.
    carry, numbers : tree of ndarray
    batch : sequence of ndarray
        Arrays of the shapes and dtypes to come. None of the three is changed.
    gathers : bool
        Whether the first array of a batch will be gathered from a source.
    by_cases : bool
        As `Tape` takes it.

    Raises
    ------
    NotReplayable
        The step does something that is not recorded or not compiled; the message says what.
    """
    import numba

    if numba.config.DISABLE_JIT:
        raise NotReplayable("NUMBA_DISABLE_JIT is set")
    if not loops_are_found():
        raise NotReplayable("the loops of this NumPy are not found")
    given = (mapped(like, x) for x in (carry, numbers, tuple(batch)))
    recorded = without_repeats(record(step, *given, runs_here=False, by_cases=by_cases), Memories())
    return compilable(recorded, gathers=gathers)


class CompiledRecording:
    """A compiled step with memory of its own.

    Parameters
    ----------
    program : Compilable
    """

    def __init__(self, program: Compilable) -> None:
        self._program, self._forms = program, program.forms
        self._block = compiled_block(program.text)
        self._table, self._memory = program.in_use()
        self._numbers = _Numbers(self._forms[1])

    @property
    def text(self) -> str:
        """The module that was compiled."""
        return self._program.text

    def run(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[HostArray | None, ...]]:
        """Return the carry after a step for each batch, and the outs of all steps.

        The arrays of the carry are written.

        Raises
        ------
        ValueError
            An array has another shape or dtype than the recorded one, or must be written and is
            read-only.
        """
        count = len(numbers)
        begin = leaves(carry)
        now = [_in_order(x) for x in begin]
        which, rows = self._numbers.packed(numbers)
        blocks = [_blocks_in_order(x) for x in batches]
        outs: list[Any] = [
            None if form is None else np.empty((count, *form[0]), form[1])
            for form in self._forms[3]
        ]
        self._point("carry", now, self._forms[0])
        for number in self._program.written:
            if not begin[number].flags.writeable:
                raise ValueError(f"compiled step: carry {number} is read-only")
        self._point("batch", blocks, self._forms[2], count, skip=source is not None)
        self._point("out", outs, self._forms[3], count)
        for number, at in enumerate(self._numbers.offsets):
            self._set(Place("number", number), rows.ctypes.data + at, rows.strides[0])
        if (source is None) != (self._program.gathers is None):
            raise ValueError("compiled step: with a source, where it was recorded without, or so")
        if source is not None:
            source = self._gather(source, blocks, count)
        self._block(self._table, which, count)
        for number in self._program.written:
            if now[number] is not begin[number]:
                begin[number][...] = now[number]
        return carry, tuple(outs)

    def _set(self, place: Place, address: int, stride: int) -> None:
        at = self._program.bases.get(place)
        if at is not None:
            self._table[at], self._table[at + 1] = address, stride

    def _point(
        self,
        of: str,
        arrays: Sequence[Any],
        forms: Form,
        count: int | None = None,
        *,
        skip: bool = False,
    ) -> None:
        """Write addresses into the table, after a check of each array.

        `count` steps have one array each, one behind the other; None for an array of all steps. A
        repeated batch is an array of all steps.
        """
        if len(arrays) != len(forms):
            raise ValueError(f"compiled step: {len(arrays)} arrays of the {of}, not {len(forms)}")
        for number, (given, form) in enumerate(zip(arrays, forms, strict=True)):
            if form is None or (skip and not number):
                continue
            x, lead = given, () if count is None else (count,)
            if lead and given.shape[:1] == lead and is_repeated(given):
                x, lead = given[0, ...], ()
            address = _address(x, (*lead, *form[0]), form[1], f"{of} {number}")
            step = math.prod(form[0]) * form[1].itemsize if lead else 0
            self._set(Place(of, number), address, step)

    def _gather(self, source: HostArray, blocks: list[HostArray], count: int) -> HostArray:
        shape, dtype = self._forms[2][0]
        source = _in_order(source)
        begin = _address(source, (*shape[:-2], source.shape[-2], shape[-1]), dtype, "source")
        rows = blocks[0] = np.ascontiguousarray(blocks[0], np.int32)
        of_rows = _address(rows, (count, shape[-2]), np.dtype(np.int32), "rows")
        if not source.shape[-2]:
            raise ValueError("compiled step: a source without rows")
        at = self._program.gathers
        if at is None:
            raise ValueError("compiled step: a source, where the step was recorded without one")
        each = source.shape[-2] * shape[-1]
        self._table[at : at + 4] = begin, source.shape[-2], each, of_rows
        return source


def _address(x: Any, shape: tuple[int, ...], dtype: Any, name: str) -> int:
    """Return the address of an array.

    Raises
    ------
    ValueError
        The compiled function would read or write the array in the wrong places.
    """
    if type(x) is not np.ndarray or x.shape != shape or x.dtype != dtype:
        raise ValueError(f"compiled step: {name} is {x.dtype} {x.shape}, not {dtype} {shape}")
    address: int = x.ctypes.data  # takes more than a microsecond
    if not x.flags.c_contiguous or address % x.itemsize:
        raise ValueError(f"compiled step: {name} has strides {x.strides}, not those of C order")
    return address


def _in_order(x: HostArray) -> HostArray:
    """Return `x` itself where its numbers are aligned and in C order, else a copy."""
    if type(x) is np.ndarray and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.require(x, requirements=["C", "A", "E"])


def _blocks_in_order(x: HostArray) -> HostArray:
    """Return batches each in C order; a repeated one stays repeated."""
    if is_repeated(x):
        return np.broadcast_to(_in_order(x[0, ...]), x.shape)
    return _in_order(x)


class _Numbers:
    """The numbers of steps, packed into rows of bytes."""

    def __init__(self, forms: Form) -> None:
        self._forms = forms
        self.offsets: list[int] = []
        self._size = 0
        for shape, dtype in forms:
            self.offsets.append(self._size)
            self._size += -(-math.prod(shape) * dtype.itemsize // LINE) * LINE

    def packed(self, numbers: Sequence[Any]) -> tuple[HostArray, HostArray]:
        """Return the row of each step, and the rows; equal objects share a row."""
        which, distinct, seen = [], list[Any](), None
        for given in numbers:
            if given is not seen:
                distinct.append(leaves(given))
                seen = given
            which.append(len(distinct) - 1)
        rows = np.zeros((len(distinct), max(self._size, LINE)), np.uint8)
        for number, (at, (shape, dtype)) in enumerate(zip(self.offsets, self._forms, strict=True)):
            column = [of[number] for of in distinct]
            for x in column:
                if x.shape != shape or x.dtype != dtype:
                    came = f"number {number} is {x.dtype} {x.shape}"
                    raise ValueError(f"compiled step: {came}, not {dtype} {shape}")
            size = math.prod(shape) * dtype.itemsize
            bits = np.array(column, dtype).reshape(len(column), -1).view(np.uint8)
            rows[:, at : at + size] = bits
        return np.array(which, np.int64), rows


class Compiled:
    """Steps on NumPy: each form of batch is recorded and compiled once.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a new step, as `compiled_form` takes it, for θ of this shape.
    otherwise : callable
        Runs steps that are not compiled; called as this object is.
    programs : dict
        The programs of earlier objects for the same step, by form; new ones are added. A text is
        the reason why a form is not compiled.
    tell : callable
        Called once with the reason why a form is not compiled.
    by_cases : bool
        Whether products lie in memory case by case, as `Tape` says.
    """

    def __init__(
        self,
        make_step: Callable[[HostArray], Callable[..., Any]],
        otherwise: Steps,
        programs: dict[Form, Compilable | str] | None = None,
        tell: Callable[[str], Any] = str,
        by_cases: bool = False,
    ) -> None:
        self._make_step, self._otherwise, self._tell = make_step, otherwise, tell
        self._programs = {} if programs is None else programs
        self._told, self._reason, self.execution = False, "", ""
        self._by_cases = by_cases
        self.recordings: dict[Form, CompiledRecording | None] = {}

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs, as `CompiledRecording.run` does."""
        recording = self.recording(carry, numbers[0], source, batches)
        self.execution = "compiled" if recording else f"not compiled, because {self._reason}"
        steps = self._otherwise if recording is None else recording.run
        return steps(carry, numbers, source, *batches)

    def recording(
        self, carry: Any, numbers: Any, source: HostArray | None, batches: Sequence[HostArray]
    ) -> CompiledRecording | None:
        """Return the compiled step for arrays of this form; None where it is not compiled."""
        first, *others = (x[0, ...] for x in batches)
        shape = (
            first.shape if source is None else (*source.shape[:-2], *first.shape, source.shape[-1])
        )
        of_first = shape, first.dtype if source is None else source.dtype
        form = (source is not None, names_of(numbers), of_first, form_of((carry, numbers, others)))
        if form not in self.recordings:
            _make_room(self.recordings, MOST_RECORDINGS)
            self.recordings[form] = self._made(form, carry, numbers, source, (first, *others))
        return self.recordings[form]

    def _made(
        self, form: Form, carry: Any, numbers: Any, source: HostArray | None, batch: Any
    ) -> CompiledRecording | None:
        program = self._programs.get(form)
        if program is None:
            program = self._program_of(carry, numbers, source, batch)
            _make_room(self._programs, MOST_PROGRAMS)
            self._programs[form] = program
        if isinstance(program, Compilable):
            return CompiledRecording(program)
        self._reason = program
        if not self._told:
            self._told = True
            self._tell(program)
        return None

    def _program_of(
        self, carry: Any, numbers: Any, source: HostArray | None, batch: Any
    ) -> Compilable | str:
        """Return the program of a step, or the reason why it is not compiled."""
        first, *others = batch
        if source is not None:
            shape = (*source.shape[:-2], *first.shape, source.shape[-1])
            first = unread(shape, source.dtype)
        step, gathers = self._make_step(leaves(carry)[0]), source is not None
        given = carry, numbers, (first, *others)
        try:
            return compiled_form(step, *given, gathers=gathers, by_cases=self._by_cases)
        except NotReplayable as error:
            return str(error)


def _make_room(known: dict[Any, Any], most: int) -> None:
    """Forget the first of what is known, so that one more is not more than `most`.

    Other threads may add to it meanwhile: a list is made at once, an iteration is not.
    """
    for form in [*known][: max(len(known) - most + 1, 0)]:
        known.pop(form, None)
