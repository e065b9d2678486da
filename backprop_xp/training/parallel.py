"""Pieces of work in several threads: results and errors do not depend on the number of threads.

The main thread takes a share of the work. Where pieces fail, the error of the lowest one is raised:
pieces above it are given up, and pieces below it are done, for one of them may fail too. A Ctrl-C
gives up all pieces. No thread works on after an error.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import Generic, TypeAlias, TypeVar

__all__ = ["GivenUp", "Threads"]

T = TypeVar("T")
GivenUp: TypeAlias = Callable[[], bool]  # whether a piece is to end before its time


class Threads:
    """The threads that do pieces of work, started with the first work for several.

    Parameters
    ----------
    count : int
        The threads, the main thread included.

    Examples
    --------
    >>> threads, squares = Threads(2), lambda piece, queue, given_up: piece * piece
    >>> both = deque(range(4))
    >>> threads.run([both, both], squares)
    {0: 0, 1: 1, 2: 4, 3: 9}
    >>> threads.close()
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None

    def run(
        self, queues: Sequence[deque[int]], task: Callable[[int, int, GivenUp], T]
    ) -> dict[int, T]:
        """Do the pieces of all queues, and return their results by number.

        Parameters
        ----------
        queues : sequence of deque of int
            The numbers of pieces. One thread at a time takes from a queue, but for a queue that is
            in the sequence more than once.
        task : callable
            ``task(piece, queue, given_up)`` does a piece of the queue of this number. It should
            look at ``given_up()`` from time to time.

        Raises
        ------
        Exception
            The error of the lowest piece that failed.
        """
        work, count = _Work(queues, task), min(self.count, len(queues))
        if count > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(self.count - 1, "backprop_xp")
        others = [
            self._pool.submit(copy_context().run, work.do, range(first, len(queues), count))
            for first in range(1, count)
            if self._pool is not None
        ]
        try:
            work.do(range(0, len(queues), count))
            for one in others:
                one.result()
        except BaseException:
            work.ended = True
            wait(others)
            raise
        if work.errors:
            raise work.errors[min(work.errors)]
        return {piece: work.results[piece] for piece in sorted(work.results)}

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class _Work(Generic[T]):
    """The state of one `Threads.run`."""

    def __init__(self, queues: Sequence[deque[int]], task: Callable[..., T]) -> None:
        self._queues, self._task = queues, task
        self.results: dict[int, T] = {}
        self.errors: dict[int, Exception] = {}
        self.ended = False

    def do(self, numbers: Sequence[int]) -> None:
        """Do what is left in the queues of these numbers, one queue after another."""
        for number in numbers:
            queue = self._queues[number]
            while queue:
                try:
                    piece = queue.popleft()
                except IndexError:  # another thread was faster
                    break
                self._do(piece, number)

    def _do(self, piece: int, queue: int) -> None:
        given_up = partial(self._is_given_up, piece)
        if not given_up():
            try:
                self.results[piece] = self._task(piece, queue, given_up)
            except Exception as error:  # noqa: BLE001  it is raised where all have ended
                self.errors[piece] = error

    def _is_given_up(self, piece: int) -> bool:
        return self.ended or any(failed < piece for failed in tuple(self.errors))
