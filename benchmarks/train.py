"""``train``: the time of an epoch of training, beside peers."""

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

NETWORKS = [
    ([784, 30, 10], 10),
    ([784, 100, 10], 32),
    ([784, 256, 256, 10], 128),
    ([784, 1024, 1024, 10], 512),
]
CASES = {"cpu": 12_800, "cuda": 51_200}
HEAD = [
    "peer",
    "median ms",
    "minimum ms",
    "× backprop_xp",
    "× (minima)",
    "samples/s",
    "GFLOP/s",
    "share of floor",
    "cost",
]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("train", help="an epoch of training beside its peers")
    add_timing(parser, "train", repeat=9)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--hidden", choices=["relu", "sigmoid"], default="relu")
    parser.add_argument(
        "--sizes", type=integers(1, how_many=2), help="a network, such as 784,50,10"
    )
    parser.add_argument("--batch-size", type=at_least(1), help="with --sizes (default: 128)")
    parser.add_argument(
        "--cases", type=at_least(1), help=f"default: {CASES['cpu']}, on CUDA {CASES['cuda']}"
    )
    parser.add_argument("--epochs", type=at_least(1), default=3, help="timed as one (default: 3)")
    add_files(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the networks and publish the results."""
    jobs = _jobs(given)
    device = jobs[0].device
    own_network = f" {','.join(map(str, given.sizes))}" if given.sizes else ""
    hidden = "" if given.hidden == "relu" else f" {given.hidden}"
    report = Report(
        f"train {given.optimizer}{hidden} {device}{own_network}",
        f"An epoch of training on {device}: {given.optimizer}, {given.hidden}, float32",
    )
    begin(report, given)
    panels = {}
    for job in jobs:
        outcome = time_peers(job, given.peers, given.repeat, given.epochs)
        figures = report.add(job, outcome)
        title = f"{name_of(job)}, {job.cases} cases, {threads_of(job)}"
        report.show(table(title, figures))
        panels[f"{name_of(job)}, {threads_of(job)}"] = ratios(figures)
    if given.plot:
        from benchmarks.pictures import draw_bars

        draw_bars(given.plot, report.title, panels)
    return publish(report, given)


def _jobs(given: argparse.Namespace) -> list[Job]:
    """Return a job for each network and number of threads.

    Raises
    ------
    Refused
        Options do not go together, or a batch is larger than the cases.
    """
    if given.batch_size and not given.sizes:
        raise Refused(
            "--batch-size goes with --sizes; the default networks have batch sizes of their own"
        )
    if given.sizes and given.sizes[-1] < 2:
        raise Refused("--sizes: the softmax output needs 2 units or more")
    networks = [(given.sizes, given.batch_size or 128)] if given.sizes else NETWORKS
    device = device_name(given)
    cases = given.cases or CASES["cuda" if "cuda" in device else "cpu"]
    return [
        Job(
            "train",
            sizes,
            batch_size,
            whole_batches(cases, batch_size),
            threads,
            device,
            given.optimizer,
            given.hidden,
        )
        for threads in given.threads
        for sizes, batch_size in networks
    ]


def table(title: str, figures: dict[str, Figures]) -> Table:
    """Return the table of a job."""
    rows = [
        [
            peer,
            *(number(1e3 * (found[key] or 0)) for key in ("median", "minimum")),
            *(number(found[key]) for key in ("ratio", "ratio_of_minima", "samples_per_second")),
            *(number(found[key]) for key in ("gflop_per_second", "share_of_floor")),
            number(found["figure"], 5),
        ]
        for peer, found in figures.items()
    ]
    return Table(title, HEAD, rows)


def name_of(job: Job) -> str:
    """Return the network and the batch size in words."""
    return f"{job.sizes}, batch {job.batch_size}"


def threads_of(job: Job) -> str:
    """Return the number of threads in words."""
    return f"{job.threads} thread{'s' if job.threads > 1 else ''}"


def ratios(figures: dict[str, Figures]) -> dict[str, float]:
    """Return time of each peer / time of this library, where both were measured."""
    found = {peer: values["ratio"] for peer, values in figures.items()}
    return {peer: value for peer, value in found.items() if value is not None}
