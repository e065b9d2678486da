"""A deadline for each sum over ranks: where one of them hangs, all end, and its rank is said.

A thread looks each second whether the program has waited for too long. It then asks the others
where they are. A rank whose main thread computes, or sleeps, answers with the line of its program;
a rank that does not answer is named too.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

__all__ = ["Deadline", "end_all"]

FIRST_SECONDS: Final = 600.0
LEAST_SECONDS: Final = 30.0
TIMES: Final = 10.0
QUESTION, ANSWER = 32_101, 32_102  # tags of messages
ANSWER_SECONDS: Final = 3.0
READ_SECONDS: Final = 0.3
_ALL_WAIT: Final = (
    "All of them wait, for different sums: call train in all ranks, in the same order, with the "
    "same arguments"
)


class Deadline:
    """Ends all ranks where one of them waits for too long.

    Parameters
    ----------
    library : module
        ``mpi4py.MPI``.
    comm : mpi4py.MPI.Intracomm
    seconds : float or None
        None for 600 in the first epoch of a training, and between two trainings; then ten times
        the longest time between two sums of the first epoch, at least 30.
    """

    def __init__(self, library: Any, comm: Any, seconds: float | None) -> None:
        self._library, self._comm, self._given = library, comm, seconds
        self._since: float | None = None  # when the main thread began to wait
        self._last: float | None = None  # when it has waited before
        self._slowest, self._epochs = 0.0, 0
        self._main = threading.get_ident()
        self._answers = library.Query_thread() >= library.THREAD_MULTIPLE
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """The most seconds that a rank waits."""
        if self._given is not None:
            return self._given
        return max(LEAST_SECONDS, TIMES * self._slowest) if self._epochs else FIRST_SECONDS

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for the others in the ``with`` block, for at most `seconds`."""
        if self._comm.Get_size() == 1:
            yield
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        self._main = threading.get_ident()
        self._since = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            if self._last is not None and not self._epochs:
                self._slowest = max(self._slowest, now - self._last)
            self._since, self._last = None, now

    def began(self) -> None:
        """Note the start or the end of a training: what comes next has the first deadline."""
        self._last, self._slowest, self._epochs = None, 0.0, 0

    def ended_epoch(self) -> None:
        """Note the end of an epoch."""
        self._epochs += 1

    def _watch(self) -> None:
        while not self._library.Is_finalized():
            time.sleep(min(1.0, self.seconds / 4))
            if self._library.Is_finalized():
                return
            if self._answers:
                self._answer()
            since = self._since
            if since is not None and time.monotonic() - since > self.seconds:
                self._end_all(since)

    def _answer(self) -> None:
        """Answer the questions of other ranks."""
        status = self._library.Status()
        while self._comm.iprobe(tag=QUESTION, status=status):
            asking = status.Get_source()
            self._comm.recv(source=asking, tag=QUESTION)
            self._comm.isend(self._place(), dest=asking, tag=ANSWER)

    def _place(self) -> str | None:
        """Return the line that the main thread is at; None where it waits for the others."""
        if self._since is not None:
            return None
        frame = sys._current_frames().get(self._main)  # noqa: SLF001  Python documents it
        at = traceback.extract_stack(frame)[-1] if frame is not None else None
        return "computes" if at is None else f"is at {at.filename}, line {at.lineno}: {at.line}"

    def _end_all(self, since: float) -> None:
        """Print which ranks hang, and end all."""
        found: dict[int, str | None] = {}
        others = [rank for rank in range(self._comm.Get_size()) if rank != self._comm.Get_rank()]
        if self._answers:
            for rank in others:
                self._comm.isend(None, dest=rank, tag=QUESTION)
            until = time.monotonic() + ANSWER_SECONDS
            while time.monotonic() < until and len(found) < len(others):
                self._answer()
                status = self._library.Status()
                while self._comm.iprobe(tag=ANSWER, status=status):
                    rank = status.Get_source()
                    found[rank] = self._comm.recv(source=rank, tag=ANSWER)
                time.sleep(0.05)
        if self._since != since:  # the others have come at last
            return
        hang = {rank: found.get(rank, "does not answer") for rank in others}
        said = "; ".join(f"rank {rank} {at}" for rank, at in hang.items() if at is not None)
        with suppress(OSError):  # nobody reads the errors any longer
            print(
                f"rank {self._comm.Get_rank()}, process {os.getpid()}: waited {self.seconds:.0f} s "
                f"for the others. {said or _ALL_WAIT}. All ranks are ended. Pass a larger deadline "
                "to MPI() where a step takes so long.",
                file=sys.stderr,
            )
        end_all(self._comm, 1)


def end_all(comm: Any, status: int) -> None:
    """End all ranks with a status ≠ 0, after a moment in which mpiexec reads what they printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
            stream.flush()
    time.sleep(READ_SECONDS)
    comm.Abort(status)
