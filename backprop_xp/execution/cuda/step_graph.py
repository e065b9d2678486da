"""One step as a CUDA graph, launched once for each batch of a block.

A graph holds addresses, and so its step works on arrays of its own. A counter on the device holds
the number of steps done. The first kernel of the graph copies the batch and the numbers of the next
step into these arrays, and gathers rows of the inputs by their numbers. The last kernel copies the
outs to their place in the block, and counts.

The addresses of the block's arrays stand in a table on the device, beside the counter. The table is
written anew for each block. So one graph serves blocks of any length, and no block begins with the
count of another.
"""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.graphs import MOST_BYTES, Capturing, Outs, bytes_of, captured
from backprop_xp.execution.cuda.kept import with_room
from backprop_xp.execution.cuda.kernel import BLOCKWISE
from backprop_xp.execution.cuda.switches import CUDA_GRAPHS, is_on
from backprop_xp.execution.tape import leaves, mapped

__all__ = ["COPIES", "NAME", "THREADS", "Library", "Recording", "StepGraph", "batch_of"]

NAME: Final = "backprop_xp_copies"
THREADS: Final = 256
MOST_ROUNDS: Final = 512  # thread blocks of an array; larger arrays are copied in several rounds
COUNTERS: Final = 2  # at the head of the table: the steps done, and the step that is going on


class _Copied(NamedTuple):
    """An array of the step and one of the block, (steps, networks, rows, columns), in the table."""

    size: int  # numbers of a step
    width: int  # bytes of a number
    own: int  # address of the step's array, in C order
    given: int  # address of the block's array
    by_step: int  # strides in the block's array
    by_network: int
    by_row: int
    by_column: int
    rows: int
    columns: int
    row_numbers: int  # address of the numbers (steps, rows) of the rows to gather; 0 for all rows


FIELDS: Final = len(_Copied._fields)
COPIES: Final = f"""{BLOCKWISE}
struct Copied {{ whole {", ".join(_Copied._fields)}; }};

template <class T> __device__ void copy(const Copied& one, whole i, whole at, whole stores) {{
  if (stores) ((T*)one.given)[at] = ((const T*)one.own)[i];
  else ((T*)one.own)[i] = ((const T*)one.given)[at];
}}

extern "C" __global__ void {NAME}(whole* table, whole first, whole arrays, whole stores) {{
  const whole step = table[stores], rounds = gridDim.x / arrays;
  const Copied& one = ((const Copied*)(table + {COUNTERS}))[first + blockIdx.x % arrays];
  const int* row_numbers = (const int*)one.row_numbers;
  TOGETHER(
    if (blockIdx.x == 0 && thread == 0) table[1 - stores] = step + stores;
    const whole begin = blockIdx.x / arrays * blockDim.x + thread;
    for (whole i = begin; i < one.size; i += rounds * blockDim.x) {{
      const whole c = i % one.columns, k = i / one.columns / one.rows;
      const whole own_row = i / one.columns % one.rows;
      const whole r = row_numbers ? row_numbers[step * one.rows + own_row] : own_row;
      const whole at = step * one.by_step + k * one.by_network + r * one.by_row + c * one.by_column;
      if (one.width == 8) copy<whole>(one, i, at, stores);
      else if (one.width == 4) copy<int>(one, i, at, stores);
      else if (one.width == 2) copy<short>(one, i, at, stores);
      else copy<char>(one, i, at, stores);
    }}
  )
}}
"""


class Library(Capturing, Protocol):
    """The functions of an array library that a graph of a step needs."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an uninitialised array in C order."""

    def constant(self, host: HostArray) -> Any:
        """Return the array of this library with the numbers of `host`."""

    def contiguous(self, x: Any) -> Any:
        """Return `x` itself where it lies in C order, else a copy in C order."""

    def address(self, x: Any) -> int:
        """Return the address of the first number of `x`."""

    def from_source(
        self, source: str, name: str, threads: int, shared_bytes: int
    ) -> Callable[..., None]:
        """Return ``launch(blocks, arguments)`` of a kernel, compiled from its source."""


class Recording(Protocol):
    """The functions of `replay.FusedRecording` that a graph of its step needs."""

    def empty_outs(self, count: int) -> list[Any]:
        """Return uninitialised arrays for the outs of some steps."""

    def into(self, outs: Sequence[Any], carry: Any, numbers: Sequence[Any], *blocks: Any) -> None:
        """Take a step for each batch, which writes the carry and the outs."""

    def run(self, carry: Any, numbers: Sequence[Any], *batches: Any) -> tuple[Any, Outs]:
        """Return the carry after a step for each batch, and the outs of all steps."""


class _Own(NamedTuple):
    """The arrays of a step; batch and outs as a block of one step."""

    carry: Any
    numbers: Any
    batch: list[Any]
    outs: list[Any]
    table: Any


def batch_of(source: Any, batches: Sequence[Any]) -> tuple[Any, ...]:
    """Return objects with the shape and dtype of each array of a batch.

    Where a source is given, the first of them holds rows of it.
    """
    likes = [SimpleNamespace(shape=tuple(x.shape[1:]), dtype=x.dtype) for x in batches]
    if source is not None:
        *lead, _, n = source.shape
        likes[0] = SimpleNamespace(shape=(*lead, *likes[0].shape, n), dtype=source.dtype)
    return tuple(likes)


class StepGraph:
    """Steps of a recording, each a launch of one graph.

    The first step is launched kernel by kernel, which compiles the kernels. The second is captured.

    Parameters
    ----------
    recording : Recording
    library : Library

    Attributes
    ----------
    without : str
        Why the last steps were no graph; empty where they were.
    """

    def __init__(self, recording: Recording, library: Library) -> None:
        self._recording, self._library = recording, library
        self._copies = library.from_source(COPIES, NAME, THREADS, 0)
        self._own: _Own | None = None
        self._launch: Callable[[], None] | None = None
        self._compiled, self._refused = False, ""
        self.without = ""

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of its own."""
        return bytes_of(leaves(self._own))

    def run(
        self, carry: Any, numbers: Sequence[Any], source: Any, *batches: Any
    ) -> tuple[Any, Outs]:
        """Return the carry after a step for each batch, and the outs of all steps.

        Parameters
        ----------
        carry : tree of array
            Arrays in C order, which are written.
        numbers : sequence of tree of array
            One tree for each step.
        source : array (..., m, n) or None
            Where it is given, the first of the batches holds numbers of its rows, int32.
        batches : array
            The first axis counts the steps.

        Raises
        ------
        TypeError
            The row numbers are not int32.
        """
        like = batch_of(source, batches)
        if source is None and bytes_of(like) > MOST_BYTES:
            self.without = "the batches are large"
            return self._recording.run(carry, numbers, *batches)
        if self._own is None:
            self._own = with_room(lambda: self._made(carry, numbers[0], like))
        own, library = self._own, self._library
        outs = with_room(lambda: self._recording.empty_outs(len(numbers)))
        given = self._given(own, numbers, source, batches)
        arrays = [*given, *((mine, 1, x, None) for mine, x in _pairs(own.outs, outs))]
        table = np.zeros(own.table.shape, np.int64)  # with the counter at 0
        rows = [self._copied(*one) for one in arrays]
        table[COUNTERS : COUNTERS + len(rows) * FIELDS] = np.ravel(rows)
        library.assign(own.table, library.constant(table))
        carried = _pairs(leaves(own.carry), leaves(carry))
        for mine, x in carried:
            library.assign(mine, x)
        self._take(own, len(numbers))
        for mine, x in carried:
            library.assign(x, mine)
        return carry, tuple(outs)

    def _made(self, carry: Any, numbers: Any, like: Sequence[Any]) -> _Own:
        def new(x: Any) -> Any:
            return self._library.empty(tuple(x.shape), x.dtype)

        batch = [self._library.empty((1, *x.shape), x.dtype) for x in like]
        outs = self._recording.empty_outs(1)
        arrays = [x for x in (*batch, *leaves(numbers), *outs) if x is not None]
        size = COUNTERS + (len(arrays) + 1) * FIELDS  # and an empty one, for steps without outs
        table = self._library.empty((size,), np.dtype(np.int64))
        return _Own(mapped(new, carry), mapped(new, numbers), batch, outs, table)

    def _given(
        self, own: _Own, numbers: Sequence[Any], source: Any, batches: Sequence[Any]
    ) -> list[tuple[Any, int, Any, Any]]:
        """Return each array that a step is given: its own, 1 if that is a block, the given, rows.

        The arrays must be kept until all steps are launched.
        """
        given: list[tuple[Any, int, Any, Any]] = [
            (mine, 1, x, None) for mine, x in zip(own.batch, batches, strict=True)
        ]
        if source is not None:
            if batches[0].dtype != np.int32:
                raise TypeError(
                    f"row numbers are int32, which the kernel reads, not {batches[0].dtype}"
                )
            given[0] = (own.batch[0], 1, source, self._library.contiguous(batches[0]))
        by_leaf = zip(*map(leaves, numbers), strict=True)
        for mine, of_steps in zip(leaves(own.numbers), by_leaf, strict=True):
            if mine is not None:
                same = all(x is of_steps[0] for x in of_steps)
                given.append(
                    (mine, 0, of_steps[0] if same else self._library.stack(of_steps), None)
                )
        return given

    def _copied(self, mine: Any, lead: int, x: Any, rows: Any) -> _Copied:
        address, item = self._library.address, x.dtype.itemsize
        shape, strides = list(mine.shape[lead:]), [step // item for step in x.strides]
        by_step = strides.pop(0) if len(strides) > len(shape) else 0
        more = 3 - len(shape)
        strides, (_, *lengths) = [0] * more + strides, [1] * more + shape
        places = (math.prod(shape), item, address(mine), address(x), by_step)
        of_rows = 0 if rows is None else address(rows)
        return _Copied._make([*places, *strides, *lengths, of_rows])

    def _take(self, own: _Own, count: int) -> None:
        """Take the steps, as launches of the graph where there is one."""
        done = 0
        if not self._compiled:
            self._step(own)
            self._compiled, done = True, 1
        asked = is_on(CUDA_GRAPHS)
        if asked and done < count and self._launch is None and not self._refused:
            made, self._refused = captured(lambda: self._library.capture(lambda: self._step(own)))
            self._launch = None if made is None else made[0]
        take = self._launch if asked and self._launch else lambda: self._step(own)
        for _ in range(done, count):
            take()
        self.without = f"{CUDA_GRAPHS} is 0"
        if asked:
            self.without = self._refused or ("" if self._launch else "no second step came")

    def _step(self, own: _Own) -> None:
        inputs = [x for x in (*own.batch, *leaves(own.numbers)) if x is not None]
        self._copy(own, 0, inputs, stores=False)
        self._recording.into(own.outs, own.carry, [own.numbers], *own.batch)
        self._copy(own, len(inputs), [x for x in own.outs if x is not None], stores=True)

    def _copy(self, own: _Own, first: int, arrays: Sequence[Any], *, stores: bool) -> None:
        count, most = max(len(arrays), 1), max((math.prod(x.shape) for x in arrays), default=1)
        rounds = min(-(-most // THREADS), MOST_ROUNDS)
        numbers = [np.int64(x) for x in (first, count, stores)]
        self._copies(count * max(rounds, 1), [own.table, *numbers])


def _pairs(own: Sequence[Any], given: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [pair for pair in zip(own, given, strict=True) if pair[0] is not None]
