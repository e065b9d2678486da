"""``fit``: a script for scikit-learn's MLPClassifier, as it is and with its import replaced.

Both estimators draw the same random numbers, and their costs agree epoch by epoch.
"""

import argparse
from typing import Any

from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.options import (
    Refused,
    add_files,
    add_timing,
    at_least,
    device_name,
    integers,
    whole_batches,
)
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import Figures
from benchmarks.tables import Table, number
from benchmarks.train import name_of, threads_of

NETWORKS = [  # sizes, cases; the estimators' own batch size is 200
    ([64, 100, 10], 1_600),
    ([784, 100, 10], 12_800),
    ([784, 256, 256, 10], 12_800),
]
HEAD = ["estimator", "median ms", "minimum ms", "× backprop_xp", "samples/s", "cost"]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("fit", help="an epoch of MLPClassifier beside scikit-learn's")
    add_timing(parser, "fit", repeat=7)
    parser.add_argument(
        "--sizes", type=integers(1, how_many=3), help="a network, such as 784,50,10"
    )
    parser.add_argument("--batch-size", type=at_least(1), default=200, help="default: 200")
    parser.add_argument("--cases", type=at_least(1), help="with --sizes (default: 12800)")
    parser.add_argument("--epochs", type=at_least(1), default=3, help="of a fit (default: 3)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the networks and publish the results."""
    jobs = _jobs(given)
    device = jobs[0].device
    own_network = f" {','.join(map(str, given.sizes))}" if given.sizes else ""
    report = Report(
        f"fit {device}{own_network}",
        f"An epoch of MLPClassifier on {device}, its import alone replaced: Adam, ReLU, float32",
    )
    begin(report, given)
    for job in jobs:
        figures = report.add(job, time_peers(job, given.peers, given.repeat, given.epochs))
        report.show(_table(job, figures))
    where = (
        "" if device == "cpu" else f" scikit-learn's fits on the CPU, this library's on {device}."
    )
    report.notes.append(f"A fit of {given.epochs} epochs, its set-up included, by epoch.{where}")
    return publish(report, given)


def _jobs(given: argparse.Namespace) -> list[Job]:
    """Return the job of each network and number of threads.

    Raises
    ------
    Refused
        Options do not go together, or a batch is larger than the cases.
    """
    if given.cases and not given.sizes:
        raise Refused("--cases goes with --sizes; the default networks have cases of their own")
    networks = [(given.sizes, given.cases or 12_800)] if given.sizes else NETWORKS
    device, size = device_name(given), given.batch_size
    return [
        Job("fit", sizes, size, whole_batches(cases, size), threads, device, "adam")
        for threads in given.threads
        for sizes, cases in networks
    ]


def _table(job: Job, figures: dict[str, Figures]) -> Table:
    rows = [
        [
            peer,
            *(number(1e3 * (found[key] or 0)) for key in ("median", "minimum")),
            *(number(found[key]) for key in ("ratio", "samples_per_second")),
            number(found["figure"], 5),
        ]
        for peer, found in figures.items()
    ]
    return Table(f"{name_of(job)}, {job.cases:,} cases, {threads_of(job)}", HEAD, rows)
