"""A process that trains a network with others: ``python -m benchmarks.ranks_worker PEER JOB``.

``mpiexec`` starts the processes of each peer. The first one reads lines of its input: a number of
epochs, and "apart" where waiting is to be timed apart from the sums. It answers with a line of
JSON, the slowest process' seconds and the means over processes of the other shares.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np
from mpi4py import MPI

from benchmarks.job import Job
from benchmarks.peers_ranks import PEERS, Lap

PAUSE = 0.002  # seconds; a rank without work must not take the core of a process that is timed


def main() -> None:
    """Answer until the input ends."""
    answers = _own_output()
    name, job = sys.argv[1], Job(**json.loads(sys.argv[2]))
    comm = MPI.COMM_WORLD
    run = PEERS[name](job, comm)
    _answer(answers, comm, run(1, False))
    for line in _lines(comm):
        epochs, *options = line.split()
        comm.Barrier()
        _answer(answers, comm, run(int(epochs), "apart" in options))


def _lines(comm: Any) -> Iterator[str]:
    """Yield the lines that the first rank reads, in all ranks; the others sleep until one comes."""
    if comm.Get_rank() == 0:
        others = range(1, comm.Get_size())
        for line in sys.stdin:
            for rank in others:
                comm.send(line, dest=rank)
            yield line
        for rank in others:
            comm.send("", dest=rank)
        return
    while True:
        while not comm.iprobe(source=0):
            time.sleep(PAUSE)
        line = comm.recv(source=0)
        if not line:
            return
        yield line


def _answer(answers: TextIO, comm: Any, lap: Lap) -> None:
    laps = comm.gather(lap)
    if not laps:
        return
    seconds, _, summing, waiting = np.array(laps).T
    content = {
        "seconds": max(seconds),
        "figure": lap.figure,
        "summing": float(np.mean(summing / seconds)),
        "waiting": float(np.mean(waiting / seconds)),
    }
    print(json.dumps(content), file=answers, flush=True)


def _own_output() -> TextIO:
    """Return the stream for answers; the libraries' own prints go to the standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
