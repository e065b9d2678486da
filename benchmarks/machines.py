"""``machines``: training on more than one core.

The part ``jobs`` times a stack whose groups train in threads, beside as many independent processes,
each of which trains an equal share of the networks. Threads and processes have one thread of the
BLAS each. The processes begin together, and the last one to end counts.
"""

import argparse
import statistics
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from benchmarks import machine
from benchmarks.interleave import Ended, Outcome, Worker
from benchmarks.job import Job
from benchmarks.options import Refused, add_files, at_least
from benchmarks.peers import COMPILED, OWN
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import ratio
from benchmarks.tables import Table, number
from benchmarks.train import name_of

ONE, PROCESSES = "one job", "processes"
PARTS = ("jobs",)
STEPS = {"recorded": OWN, "compiled": COMPILED}  # the peer by the kind of its steps
STACKS = [  # sizes, networks, batch size, cases, epochs timed as one
    ([64, 32, 10], 64, 32, 1440, 20),
    ([6, 2, 1], 1000, 64, 64, 500),
]
HEAD = [
    "steps",
    f"{ONE} ms",
    f"{OWN}, jobs ms",
    "processes ms",
    f"× {ONE}",
    "of the processes",
    "of the processes (minima)",
]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("machines", help="training on more than one core")
    parser.add_argument("--part", choices=PARTS, default=PARTS[0], help="what is timed")
    cores = machine.cores()
    parser.add_argument(
        "--jobs",
        type=at_least(2),
        default=max(cores, 2),
        help=f"jobs, and processes (default: the cores, {cores}, at least 2)",
    )
    parser.add_argument("--repeat", type=at_least(1), default=9, help="rounds (default: 9)")
    parser.add_argument("--epochs", type=at_least(1), help="timed as one (default: 20 and 500)")
    parser.add_argument("--steps", choices=STEPS, help="one kind of steps (default: both)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the stacks by jobs and by processes, and publish the results.

    Raises
    ------
    Refused
        There are more jobs than networks.
    """
    if given.jobs > min(networks for _, networks, *_ in STACKS):
        raise Refused("--jobs: more than the networks of a stack")
    report = Report("machines jobs", f"The groups of a stack in {given.jobs} threads: float32")
    begin(report, given)
    for sizes, networks, batch_size, cases, epochs in STACKS:
        job = Job(
            "machines",
            sizes,
            batch_size,
            cases,
            given.jobs,
            hidden="relu" if sizes[-1] > 1 else "sigmoid",
            stack=networks,
        )
        rows = []
        for steps in [given.steps] if given.steps else STEPS:
            outcome = measured(job, STEPS[steps], given.repeat, given.epochs or epochs)
            report.add(job, outcome)
            found = ratios(outcome)
            report.results[-1] |= {"steps": steps, "ratios": found}
            if outcome.left_out:
                continue
            rows.append([steps, *_milliseconds(outcome), *map(number, found.values())])
        report.show(Table(f"{networks:,} networks {name_of(job)}, {cases:,} cases", HEAD, rows))
    report.notes.append(
        f"{given.jobs} jobs, and {given.jobs} processes with an equal share of the networks each. "
        "× one job: the time of one job / the time of the jobs. Of the processes: the time of the "
        "processes / the time of the jobs, the median over rounds; 1 where threads cost nothing."
    )
    return publish(report, given)


def measured(job: Job, peer: str, repeat: int, times: int) -> Outcome:
    """Return the times of the jobs, of one job and of the processes, in turn."""
    count = job.threads
    share = replace(job, threads=1, stack=job.stack // count)
    work = {OWN: [job], ONE: [replace(job, threads=1)], PROCESSES: [share] * count}
    outcome = Outcome(seconds={name: [] for name in work})
    with ExitStack() as stack:
        workers = {
            name: [stack.enter_context(Worker(peer, one)) for one in jobs]
            for name, jobs in work.items()
        }
        try:
            for name, group in workers.items():
                first = [worker.answer() for worker in group]
                outcome.memory[name] = first[0]["memory"]
                outcome.figures[name] = None if name == PROCESSES else first[0]["figure"]
            for _ in range(repeat):
                for name, group in workers.items():
                    for worker in group:
                        worker.begin(times)
                    outcome.seconds[name].append(max(one.answer()["seconds"] for one in group))
        except Ended as ended:
            for name in work:
                outcome.leave_out(name, ended)
    return outcome


def ratios(outcome: Outcome) -> dict[str, float | None]:
    """Return how many times as fast as one job the jobs are, and their share of the processes."""
    seconds = outcome.seconds
    if len(seconds) < 3 or not seconds[OWN]:
        return {"to_one": None, "of_processes": None, "of_processes_minima": None}
    return {
        "to_one": ratio(seconds[ONE], seconds[OWN]),
        "of_processes": ratio(seconds[PROCESSES], seconds[OWN]),
        "of_processes_minima": min(seconds[PROCESSES]) / min(seconds[OWN]),
    }


def _milliseconds(outcome: Outcome) -> list[str]:
    names = (ONE, OWN, PROCESSES)
    return [number(1e3 * statistics.median(outcome.seconds[name])) for name in names]
