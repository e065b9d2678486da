"""Ranks of MPI, by mpi4py."""

import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from types import TracebackType
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.arrays.backend import Array, from_host_like, to_host
from backprop_xp.arrays.devices import select_device
from backprop_xp.distributed.deadline import Deadline, end_all
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.errors import MissingExtraError
from backprop_xp.schedules.ranges import ABOVE_0, check_range

__all__ = ["MPI"]


@checks_keywords
class MPI(Ranks):
    """The processes of a communicator of MPI, which train one network together.

    Start the program with ``mpiexec -n 4 python program.py``. Each process calls `train` with the
    same arguments and ``reduce=bp.distributed.MPI()``. All of them make it: the first one waits for
    the last. A sum over ranks has equal bits in all of them, and in each run with the same number
    of ranks.

    The processes wait for each other. So an error that nothing catches, in any rank, is printed
    with the number of its rank, and ends all of them. Where a process is killed, ``mpiexec`` ends
    the others. For a process that hangs there is a deadline.

    Parameters
    ----------
    rows : {"common", "own"}
        Whether X and Y are the same in all ranks, in memory or in a file, or each rank has rows of
        its own. Common rows train as one process does, up to rounding. Own rows are shuffled among
        themselves. They give the same bits for the same number of ranks.
    accumulate : int
        ≥ 1, the number of parts in which a rank goes through its share of a batch. More parts take
        less memory.
    deadline : number, optional
        The seconds > 0 that a rank waits for the others, until all are ended. By default 600
        seconds in the first epoch of a training, and between two trainings. From the second epoch
        on it is ten times the longest time between two sums, but at least 30 seconds.
    comm : mpi4py.MPI.Intracomm, optional
        By default ``mpi4py.MPI.COMM_WORLD``.

    Attributes
    ----------
    rank : int
        The number of this process, counted from 0.
    size : int
        The number of processes.
    local_rank : int
        The number of this process among the processes on its machine.
    on_machine : int
        The number of processes on its machine. A product takes at most cores / processes threads.
    transport : str
        How sums go from rank to rank; for arrays on a GPU it is known after the first sum.

    Raises
    ------
    MissingExtraError
        mpi4py is not installed, or finds no MPI.
    OptionError
        An argument is out of its range.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, reduce=bp.distributed.MPI())  # doctest: +SKIP
    """

    def __init__(
        self,
        rows: str = "common",
        *,
        accumulate: int = 1,
        deadline: float | None = None,
        comm: Any = None,
    ) -> None:
        super().__init__(rows, accumulate)
        if deadline is not None:
            check_range("MPI(deadline)", deadline, ABOVE_0)
        with needs_extra("mpi", "MPI()", "no mpi4py", "mpi4py, and an MPI such as mpich"):
            importlib.import_module("mpi4py")
        library = _library()
        self._library = library
        self._comm = library.COMM_WORLD if comm is None else comm
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        if self.size > 1:
            _end_all_by_errors(self._comm)
        self._deadline = Deadline(library, self._comm, deadline)
        with self._deadline.waiting():
            on_machine = self._comm.Split_type(library.COMM_TYPE_SHARED)
        self.local_rank, self.on_machine = on_machine.Get_rank(), on_machine.Get_size()
        on_machine.Free()
        self.transport = "MPI"
        self._on_device: Any = None

    def sum(self, x: Array) -> Array:
        """Return the sum of `x` over the ranks, with equal bits in all ranks; `x` is consumed.

        Examples
        --------
        >>> MPI().sum(np.ones(3)) / MPI().size  # doctest: +SKIP
        array([1., 1., 1.])
        """
        if array_api_compat.is_cupy_array(x):
            return self._summed_on_device(x)
        host = to_host(x)
        if not (host.flags.c_contiguous and host.flags.writeable):
            host = np.array(host, order="C")
        with self._deadline.waiting():
            self._comm.Allreduce(self._library.IN_PLACE, host)
        is_same = isinstance(x, np.ndarray) and host is x
        return x if is_same else from_host_like(host, x)

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all ranks, by their numbers. A value can be pickled.

        Examples
        --------
        >>> MPI().gathered("a")  # doctest: +SKIP
        ['a', 'a']
        """
        with self._deadline.waiting():
            found: list[Any] = self._comm.allgather(value)
        return found

    def agree(self, texts: Mapping[str, str], where: str) -> None:
        """Check as `Ranks.agree`, with the deadline of the first epoch.

        Examples
        --------
        >>> MPI().agree({"seed": "0"}, "train(reduce)")  # doctest: +SKIP
        """
        self._deadline.began()
        super().agree(texts, where)

    def ended_epoch(self) -> None:
        """Note the end of an epoch: the deadline follows from the times of the first.

        Examples
        --------
        >>> MPI().ended_epoch()  # doctest: +SKIP
        """
        self._deadline.ended_epoch()

    def place(self, device: Any) -> Any:
        """Return the device of this rank: of several GPUs, the one with the number of its rank.

        A device with a number, such as "cuda:1", stays as it is.

        Examples
        --------
        >>> MPI().place("cuda:1")  # doctest: +SKIP
        'cuda:1'
        """
        if device == "auto":
            device = "cuda" if select_device().name.startswith("cuda") else "cpu"
        if device not in ("cuda", "torch:cuda"):
            return device
        from backprop_xp.distributed.cuda_sums import device_count

        return f"{device}:{self.local_rank % max(device_count(device), 1)}"

    def abort(self, status: int = 1) -> None:
        """End all ranks with a status ≠ 0.

        Examples
        --------
        >>> MPI().abort(3)  # doctest: +SKIP
        """
        end_all(self._comm, status)

    def _summed_on_device(self, x: Array) -> Array:
        from backprop_xp.distributed.cuda_sums import sum_on_device

        with self._deadline.waiting():
            if self._on_device is None:
                self._on_device = sum_on_device(self._library, self._comm)
                self.transport = self._on_device.transport
            summed: Array = self._on_device(x)
        return summed


def _library() -> Any:
    """Return ``mpi4py.MPI``, which loads an MPI."""
    try:
        return importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:  # a RuntimeError where there is none
        came = f"mpi4py, but no MPI that it can load ({' '.join(str(error).split())})"
        advice = "Run: python -m pip install mpich; or load the MPI of the cluster"
        raise MissingExtraError("MPI()", came, "an MPI such as mpich", advice) from error


def _end_all_by_errors(comm: Any) -> None:
    """Let an error that nothing catches end all ranks, after it is printed with its rank."""
    before = sys.excepthook
    if getattr(before, "ends_all_ranks", False):
        return

    def end_all_by(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        rank = f"rank {comm.Get_rank()} of {comm.Get_size()}"
        try:
            with redirect_stderr(StringIO()) as said:
                before(kind, error, trace)
            text = f"{rank}, process {os.getpid()}:\n{said.getvalue()}"
            print(text, end="", file=sys.stderr)  # at once: another rank prints before or after it
        finally:  # also where nobody reads the errors any longer
            end_all(comm, 1)

    end_all_by.ends_all_ranks = True  # type: ignore[attr-defined]
    sys.excepthook = end_all_by
