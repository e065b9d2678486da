"""Blocks of steps as one launch: a CUDA graph, captured once, with arrays of its own.

A graph holds addresses, not arrays. Its inputs are copied into its own arrays before a launch, and
its outputs are copied out after it. The first block of each length is run step by step, since a
capture pays only for a block that comes again. Large blocks are always run step by step: their
arithmetic takes longer than their launches.
"""

import gc
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from backprop_xp.execution.cuda.kept import forget
from backprop_xp.execution.tape import leaves, mapped

__all__ = [
    "MOST_BYTES",
    "MOST_STEPS",
    "Capturing",
    "Graphed",
    "Outs",
    "bytes_of",
    "captured",
]

MOST_STEPS: Final = 64  # per graph: more steps save little, and cost memory and time to capture
MOST_BYTES: Final = 2**26  # of all batches of a graph, which holds a copy of them
MOST_GRAPHS: Final = 8  # of a recording, each of another length
TRIES: Final = 2  # of a capture, which the work of another library may spoil once

Outs: TypeAlias = tuple[Any, ...]
Run: TypeAlias = Callable[..., tuple[Any, Outs]]
R = TypeVar("R")


class Capturing(Protocol):
    """The functions of an array library that graphs need."""

    def copy(self, x: Any) -> Any:
        """Return a copy in C order."""

    def assign(self, target: Any, x: Any) -> None:
        """Copy the numbers of `x` into `target`."""

    def stack(self, arrays: Sequence[Any], target: Any = None) -> Any:
        """Return the arrays stacked along a new first axis, in `target` if it is given."""

    def join(self, arrays: Sequence[Any]) -> Any:
        """Return the arrays concatenated along their first axis."""

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Return the launch of a graph of all launches in `work`, and the result of `work()`.

        The capture itself launches nothing.

        Raises
        ------
        RuntimeError, MemoryError
            The launches cannot be captured.
        """


class _Graph(NamedTuple):
    launch: Callable[[], None]
    numbers: Any  # a tree of arrays; the first axis counts the steps, or is 1 where all are equal
    blocks: list[Any]
    outs: Outs


class Graphed:
    """Steps of a recording, run as graphs from the second block of a length on.

    Parameters
    ----------
    run : callable
        ``run(carry, numbers, *batches) -> (carry, outs)``, such as `replay.FusedRecording.run`. It
        writes the carry, and makes the same launches for the same arrays.
    library : Capturing

    Attributes
    ----------
    without : str
        Why the last block was run step by step; empty where it was a graph.
    """

    def __init__(self, run: Run, library: Capturing) -> None:
        self._run, self._library = run, library
        self.without = ""
        self._carry: Any = None
        self._graphs: dict[tuple[int, int], _Graph | None] = {}
        self._met: set[tuple[int, int]] = set()

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of all graphs."""
        graphs = [one for one in self._graphs.values() if one is not None]
        trees = [self._carry, *((one.numbers, one.blocks, one.outs) for one in graphs)]
        return bytes_of(leaves(trees))

    def run(self, carry: Any, numbers: Sequence[Any], *batches: Any) -> tuple[Any, Outs]:
        """Return the carry after a step for each batch, and the outs of all steps."""
        parts = []
        for start in range(0, len(numbers), MOST_STEPS):
            at = slice(start, start + MOST_STEPS)
            carry, outs = self._part(carry, numbers[at], *(x[at, ...] for x in batches))
            parts.append(outs)
        if len(parts) == 1:
            return carry, parts[0]
        join = self._library.join
        return carry, tuple(None if x[0] is None else join(x) for x in zip(*parts, strict=True))

    def _part(self, carry: Any, numbers: Sequence[Any], *batches: Any) -> tuple[Any, Outs]:
        distinct = numbers[:1] if all(each is numbers[0] for each in numbers) else numbers
        key = (len(numbers), len(distinct))
        large = bytes_of(batches) > MOST_BYTES
        if large or key not in self._met:
            self._met.add(key)
            self.without = "the batches are large" if large else "no block came a second time"
            return self._run(carry, numbers, *batches)
        if key not in self._graphs:
            while len(self._graphs) >= MOST_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            self._graphs[key], self.without = captured(
                lambda: self._captured(len(numbers), carry, distinct, batches)
            )
        graph, library = self._graphs[key], self._library
        if graph is None:
            return self._run(carry, numbers, *batches)
        self.without = ""
        pairs = zip(leaves(self._carry), leaves(carry), strict=True)
        carried = [pair for pair in pairs if pair[0] is not None]
        for own, given in (*carried, *zip(graph.blocks, batches, strict=True)):
            library.assign(own, given)
        for own, of_steps in zip(leaves(graph.numbers), _by_leaf(distinct), strict=True):
            if own is not None:
                library.stack(of_steps, own)
        graph.launch()
        for own, given in carried:
            library.assign(given, own)
        return carry, tuple(None if x is None else library.copy(x) for x in graph.outs)

    def _captured(
        self, count: int, carry: Any, distinct: Sequence[Any], batches: Sequence[Any]
    ) -> _Graph:
        library = self._library
        if self._carry is None:
            self._carry = mapped(library.copy, carry)
        blocks = [library.copy(x) for x in batches]
        stacks = iter([library.stack(x) for x in _by_leaf(distinct) if x[0] is not None])
        numbers = mapped(lambda _: next(stacks), distinct[0])
        of_steps = [mapped(itemgetter((k, ...)), numbers) for k in range(len(distinct))]
        if len(distinct) < count:
            of_steps *= count
        launch, (_, outs) = library.capture(lambda: self._run(self._carry, of_steps, *blocks))
        return _Graph(launch, numbers, blocks, outs)


def captured(capture: Callable[[], R]) -> tuple[R | None, str]:
    """Return ``capture()`` and an empty text; None and the reason, with a warning, if it fails."""
    why = ""
    for _ in range(TRIES):
        try:
            with _undisturbed():
                return capture(), ""
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError):
                forget()
            why = f"a capture failed ({type(error).__name__}: {error})"
    text = f"no CUDA graph, the kernels are launched one by one, which is slower: {why}"
    warnings.warn(text, stacklevel=2)
    return None, why


def bytes_of(arrays: Iterable[Any]) -> int:
    """Return the bytes of some arrays; None has none."""
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in arrays if x is not None)


_capturing = threading.RLock()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let one thread capture at a time, and nothing be collected: freed memory spoils a capture."""
    with _capturing:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()


def _by_leaf(numbers: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the arrays of all steps, for each leaf of the tree of numbers."""
    return list(zip(*map(leaves, numbers), strict=True))
