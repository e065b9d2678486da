"""``threads``: training with the threads that the library chooses, with all and with one.

It is measured on the machine as it is, and beside processes that compute. The library's choice
follows from sizes and never from the load. So both ratios say how far it is from the better number.
"""

import argparse
import os
import statistics
from dataclasses import replace
from typing import Any, TypedDict

from backprop_xp.arrays.threads import largest_product
from benchmarks import machine
from benchmarks.interleave import Outcome, interleave
from benchmarks.job import Job
from benchmarks.load import load
from benchmarks.options import Refused, add_files, at_least, device_name, integers, whole_batches
from benchmarks.peers import OWN, PEERS
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import ratio
from benchmarks.tables import Table, number
from benchmarks.train import name_of

ALL, ONE = "all threads", "one thread"
NETWORKS = [  # sizes, batch size, cases
    ([10, 64, 64, 2], 200, 37_500),
    ([784, 30, 10], 10, 12_800),
    ([784, 100, 10], 32, 12_800),
    ([784, 256, 256, 10], 128, 6_400),
    ([784, 1024, 1024, 10], 512, 5_120),
]
DEVICES = ("cpu", "torch:cpu")  # their libraries have a number of threads that can be set
HEAD = [
    "network",
    "Mflop",
    "threads chosen",
    f"{OWN} ms",
    f"{ALL} ms",
    f"{ONE} ms",
    f"× {ALL}",
    f"× {ONE}",
    "× the better",
]


class Ratios(TypedDict):
    """The library's time / the time with all threads, with one, and with the better of the two.

    None without a time.
    """

    to_all: float | None
    to_one: float | None
    to_better: float | None


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("threads", help="training with the library's choice of threads")
    parser.add_argument("--device", default="cpu", help="cpu or torch:cpu (default: cpu)")
    cores = machine.cores()
    parser.add_argument(
        "--threads",
        type=at_least(1),
        default=cores,
        help=f"all threads (default: the cores, {cores})",
    )
    parser.add_argument(
        "--load",
        type=at_least(0),
        default=cores,
        help=f"processes that make the machine busy, 0 for none (default: the cores, {cores})",
    )
    parser.add_argument(
        "--sizes", type=integers(2, how_many=2), help="a network, such as 784,50,10"
    )
    parser.add_argument("--batch-size", type=at_least(1), help="with --sizes (default: 200)")
    parser.add_argument("--cases", type=at_least(1), help="with --sizes (default: 6400)")
    parser.add_argument("--epochs", type=at_least(1), default=3, help="timed as one (default: 3)")
    parser.add_argument("--repeat", type=at_least(1), default=15, help="rounds (default: 15)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the networks on the machine as it is and on a busy one, and publish the results."""
    jobs = _jobs(given)
    device = jobs[0].device
    own_network = f" {','.join(map(str, given.sizes))}" if given.sizes else ""
    report = Report(
        f"threads {device}{own_network}",
        f"The library's choice of threads on {device}: an epoch of plain SGD, ReLU, float32",
    )
    begin(report, given)
    load_before = _load_average()
    for processes in (0, given.load) if given.load else (0,):
        rows = []
        for job in jobs:
            outcome = measured(job, processes, given.repeat, given.epochs)
            found = ratios(outcome)
            report.add(job, outcome)
            report.results[-1] |= {"load": processes, "threads": outcome.threads, "ratios": found}
            rows.append(_row(job, outcome, found))
        report.show(Table(_title(processes, given.threads), HEAD, rows))
    report.notes.append(
        "Mflop: of the largest product of a step, by which the library chooses. × all threads, "
        "× one thread: the library's time / the time with that number, the median over rounds. "
        "× the better: the larger of the two ratios."
    )
    report.notes.append(
        f"Load average of the last minute before the first measurement: {load_before}."
    )
    return publish(report, given)


def measured(job: Job, processes: int, repeat: int, epochs: int) -> Outcome:
    """Return the times of the library's choice, all threads and one, beside so many processes."""
    work = {
        name: (name, replace(job, threads=1) if name == ONE else job) for name in PEERS["threads"]
    }
    with load(processes):
        return interleave(work, repeat, epochs)


def ratios(outcome: Outcome) -> Ratios:
    """Return the medians over rounds of the library's time / the time of the others."""
    seconds = outcome.seconds

    def to(other: str) -> float | None:
        both = OWN in seconds and other in seconds
        return ratio(seconds[OWN], seconds[other]) if both else None

    to_all, to_one = to(ALL), to(ONE)
    to_better = None if to_all is None or to_one is None else max(to_all, to_one)
    return {"to_all": to_all, "to_one": to_one, "to_better": to_better}


def _jobs(given: argparse.Namespace) -> list[Job]:
    """Return the job of each network.

    Raises
    ------
    Refused
        Options do not go together, or a batch is larger than the cases.
    """
    if given.device not in DEVICES:
        raise Refused(
            f"--device: the threads of {given.device} are its own; choose {' or '.join(DEVICES)}"
        )
    device = device_name(given)
    if not given.sizes and (given.batch_size or given.cases):
        raise Refused("--batch-size and --cases go with --sizes; the default networks have theirs")
    own = (given.sizes, given.batch_size or 200, given.cases or 6_400)
    return [
        Job(
            "threads",
            sizes,
            batch_size,
            whole_batches(cases, batch_size),
            given.threads,
            device,
        )
        for sizes, batch_size, cases in ([own] if given.sizes else NETWORKS)
    ]


def _row(job: Job, outcome: Outcome, found: Ratios) -> list[str]:
    milliseconds = [
        number(1e3 * statistics.median(outcome.seconds[name]) if name in outcome.seconds else None)
        for name in PEERS["threads"]
    ]
    return [
        f"{name_of(job)}, {job.cases:,} cases",
        number(largest_product(job.sizes, job.batch_size) / 1e6),
        ", ".join(map(str, outcome.threads.get(OWN, []))) or "–",
        *milliseconds,
        number(found["to_all"]),
        number(found["to_one"]),
        number(found["to_better"]),
    ]


def _title(processes: int, threads: int) -> str:
    where = "The machine as it is" if not processes else f"Beside {processes} computing process"
    return f"{where}{'es' if processes > 1 else ''}; all threads: {threads}"


def _load_average() -> str:
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
