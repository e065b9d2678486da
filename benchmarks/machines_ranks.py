"""One network that several processes train together, by the ranks of MPI.

Beside the ranks, as many independent processes train a network of their own each, with as many
cases in a batch as a rank has. They do the work of the ranks without the sum. PyTorch's DDP trains
the network of the ranks on the same batches. ``mpiexec`` starts the processes of all three. Each
process has one thread of the BLAS. The peers take turns, the slowest process counts, and the start
of a training does not count.
"""

import argparse
import importlib.util
import shutil
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from benchmarks.interleave import Ended, Outcome, Worker
from benchmarks.job import Job
from benchmarks.options import Refused
from benchmarks.peers import OWN
from benchmarks.peers_ranks import ALONE, DDP
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import ratio
from benchmarks.tables import Table, number

APART = "apart"
NETWORKS = [([784, 1024, 1024, 10], 512, 16), ([784, 100, 10], 32, 512)]  # batch of a rank, steps
HEAD = [
    "peer",
    "median ms a step",
    "minimum ms",
    "ranks, of its speed",
    "(minima)",
    "in the sum",
    "of it waiting",
]
END_SECONDS = 10.0


def run(given: argparse.Namespace) -> int:
    """Time the networks and publish the results.

    Raises
    ------
    Refused
        mpiexec or mpi4py is missing.
    """
    mpiexec = shutil.which("mpiexec")
    if mpiexec is None or not importlib.util.find_spec("mpi4py"):
        raise Refused(
            "--part ranks: needs mpiexec and mpi4py: run python -m pip install mpi4py mpich"
        )
    starter = (mpiexec, "-n", str(given.jobs))
    title = f"One network on {given.jobs} ranks of MPI: SGD, ReLU, float32, one thread each"
    report = Report("machines ranks", title)
    begin(report, given)
    for sizes, of_a_rank, steps in NETWORKS:
        batch = of_a_rank * given.jobs
        job = Job("ranks", sizes, batch, batch * steps)
        epochs = given.epochs or 1
        outcome, laps = measured(job, of_a_rank, starter, given.repeat, epochs)
        report.add(job, outcome)
        report.results[-1] |= {"laps": laps, "ratios": ratios(outcome.seconds)}
        report.show(Table(_title(job, of_a_rank), HEAD, _rows(outcome, laps)))
    report.notes.append(
        f"{ALONE}: {given.jobs} independent ones, each with a network and batches of its own. "
        "Ranks, of its speed: the peer's time / the time of the ranks, the median over rounds. "
        "In the sum: the share of the time that the ranks spend in sums, with waiting for each "
        f"other. Of it waiting: from other rounds ({APART}), with a barrier before each sum."
    )
    return publish(report, given)


def measured(
    job: Job, of_a_rank: int, starter: Sequence[str], repeat: int, epochs: int
) -> tuple[Outcome, dict[str, list[float]]]:
    """Return the times of a step of each peer in turn, and the shares of the sums of the ranks.

    Parameters
    ----------
    job : Job
        The work of the ranks together.
    of_a_rank : int
        Cases in a batch of a rank.
    starter : sequence of str
        The command that starts the processes.
    repeat, epochs : int
        The rounds, and the epochs timed as one.
    """
    alone = replace(job, batch_size=of_a_rank, cases=of_a_rank * job.batches)
    outcome = Outcome(seconds={name: [] for name in (OWN, ALONE, DDP)})
    laps: dict[str, list[float]] = {"summing": [], "waiting": [], "summing apart": []}
    work = {OWN: job, ALONE: alone, DDP: job}
    with ExitStack() as stack:
        if not importlib.util.find_spec("torch"):
            outcome.leave_out(DDP, "torch is not installed")
        workers = {
            name: stack.enter_context(_Ranks(name, work[name], starter)) for name in outcome.seconds
        }
        for name, worker in workers.items():
            try:
                first = worker.answer()
            except Ended as ended:
                outcome.leave_out(name, ended)
                continue
            outcome.memory[name] = {"peak": 0}
            outcome.figures[name] = None if name == ALONE else first["figure"]
        for _ in range(repeat):
            for name in list(outcome.seconds):
                try:
                    answer = workers[name].seconds(epochs)
                except Ended as ended:
                    outcome.leave_out(name, ended)
                    continue
                outcome.seconds[name].append(answer["seconds"] / (epochs * job.batches))
                if name == OWN:
                    _note(laps, answer, workers[name].seconds(epochs, APART))
    return outcome, laps


def _note(laps: dict[str, list[float]], answer: dict[str, Any], apart: dict[str, Any]) -> None:
    laps["summing"].append(answer["summing"])
    laps["waiting"].append(apart["waiting"])
    laps["summing apart"].append(apart["summing"])


def ratios(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the ranks' share of each peer's speed: of the medians of rounds, and of the minima.

    Examples
    --------
    >>> ratios({"backprop_xp": [2.0, 4.0], "processes": [1.0, 3.0]})["processes"]
    {'median': 0.625, 'minima': 0.5}
    """
    own = seconds.get(OWN)
    return {
        name: {"median": ratio(times, own), "minima": min(times) / min(own)}
        for name, times in seconds.items()
        if own and name != OWN
    }


def _title(job: Job, of_a_rank: int) -> str:
    return f"{job.sizes}, batch {of_a_rank} a rank, {job.batch_size:,} in all, {job.batches} steps"


def _rows(outcome: Outcome, laps: dict[str, list[float]]) -> list[list[str]]:
    of, rows = ratios(outcome.seconds), []
    for name, times in outcome.seconds.items():
        found = [number(1e3 * statistics.median(times)), number(1e3 * min(times))]
        shares = [number(x) for x in of[name].values()] if name in of else ["1", "1"]
        sums = ["–", "–"]
        if name == OWN:
            of_sums = statistics.median(laps["waiting"]) / statistics.median(laps["summing apart"])
            sums = [f"{100 * statistics.median(laps['summing']):.1f} %", f"{100 * of_sums:.0f} %"]
        rows.append([name, *found, *shares, *sums])
    return rows


class _Ranks(Worker):
    """The processes of a peer, which `starter` starts."""

    def __init__(self, peer: str, job: Job, starter: Sequence[str]) -> None:
        super().__init__(peer, job, "benchmarks.ranks_worker", starter)

    def __exit__(self, *_: Any) -> None:
        """End the processes; they end by themselves, as a killed mpiexec may leave them behind."""
        self.end(END_SECONDS)
        super().__exit__()
