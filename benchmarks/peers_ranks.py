"""Networks trained by several processes: by this library's ranks, by none, and by PyTorch's DDP.

Each function returns the peer of one process. Its `run` trains for some epochs and returns a `Lap`.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import backprop_xp as bp
from benchmarks.job import Job
from benchmarks.peers import OWN

ALONE, DDP = "processes", "torch-ddp"


class Lap(NamedTuple):
    """The times of some epochs in one process.

    Attributes
    ----------
    seconds : float
        From the start of the first epoch to the end of the last one.
    figure : float
        The mean training cost of the first epoch.
    summing : float
        Seconds in sums over ranks, waiting for the others included.
    waiting : float
        Seconds in which this process waited for the others before a sum; 0 unless `apart`.
    """

    seconds: float
    figure: float
    summing: float = 0.0
    waiting: float = 0.0


Run = Callable[[int, bool], Lap]  # epochs, and whether waiting is timed apart from the sums


class _Clock:
    """A callback that notes when the first epoch begins, and when training ends."""

    began, ended = 0.0, 0.0

    def on_epoch_start(self, progress: Any) -> None:
        """Note the time of the first epoch."""
        self.began = self.began or time.perf_counter()
        del progress

    def on_train_end(self, progress: Any) -> None:
        """Note the time."""
        self.ended = time.perf_counter()
        del progress


class _TimedRanks(bp.distributed.MPI):
    """Ranks of MPI that time their sums."""

    summing = waiting = 0.0
    apart = False

    def sum(self, x: Any) -> Any:
        """Return the sum of `x` over the ranks."""
        start = time.perf_counter()
        if self.apart:
            self._comm.Barrier()
            self.waiting += time.perf_counter() - start
        summed = super().sum(x)
        self.summing += time.perf_counter() - start
        return summed


def ranks(job: Job, comm: Any) -> Run:
    """Return this library's rank; all ranks have all cases, and share each batch."""
    return _own(job, comm)


def alone(job: Job, comm: Any) -> Run:
    """Return this library in a process that sums nothing."""
    del comm
    return _own(job, None)


def _own(job: Job, comm: Any) -> Run:
    X, Y = job.data()
    net, optimizer = job.network(), bp.SGD(job.learning_rate)
    theta = net.init(seed=0)

    def run(epochs: int, apart: bool) -> Lap:
        clock, others = _Clock(), None if comm is None else _TimedRanks(comm=comm)
        if others is not None:
            others.apart = apart
        done = bp.train(
            net,
            X,
            Y,
            theta,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=job.batch_size,
            device="cpu",
            callbacks=[clock],
            reduce=others,
        )
        seconds, figure = clock.ended - clock.began, float(done.history["cost"][0])
        if others is None:
            return Lap(seconds, figure)
        return Lap(seconds, figure, others.summing, others.waiting)

    return run


def ddp(job: Job, comm: Any) -> Run:
    """Return PyTorch's DistributedDataParallel with gloo; buckets are summed during backward."""
    import torch
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    from benchmarks.peers_torch import Trained

    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    rank, size = comm.Get_rank(), comm.Get_size()
    folder = comm.bcast(tempfile.mkdtemp() if rank == 0 else None)
    store = (Path(folder) / "store").as_uri()
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    torch.set_num_threads(job.threads)
    X, Y = (torch.from_numpy(x) for x in job.data())
    Y, share = Y.long(), job.batch_size // size
    trained = Trained(job)
    trained.model = DistributedDataParallel(trained.model, gradient_as_bucket_view=True)

    def run(epochs: int, apart: bool) -> Lap:
        del apart
        trained.restart()
        costs, start = [], time.perf_counter()
        for epoch in range(epochs):
            total = torch.zeros(())
            for batch in torch.from_numpy(job.order(epoch)).split(job.batch_size):
                rows = batch[rank * share : (rank + 1) * share]
                total += trained.step(X[rows], Y[rows])
            distributed.all_reduce(total)
            costs.append(float(total) / (job.batches * size))
        return Lap(time.perf_counter() - start, costs[0])

    return run


PEERS: dict[str, Callable[[Job, Any], Run]] = {OWN: ranks, ALONE: alone, DDP: ddp}
