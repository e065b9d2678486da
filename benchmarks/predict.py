"""``predict``: the time of a forward pass over many cases, beside peers."""

import argparse
from typing import Any

from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.options import add_files, add_timing, at_least, device_name, integers
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import Figures
from benchmarks.tables import Table, number
from benchmarks.train import NETWORKS, ratios, threads_of

HEAD = [
    "peer",
    "median ms",
    "minimum ms",
    "× backprop_xp",
    "× (minima)",
    "samples/s",
    "GFLOP/s",
    "share of floor",
    "memory MB",
]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("predict", help="a forward pass over many cases")
    add_timing(parser, "predict", repeat=9)
    parser.add_argument("--hidden", choices=["relu", "sigmoid"], default="relu")
    parser.add_argument(
        "--sizes", type=integers(2, how_many=2), help="a network, such as 784,50,10"
    )
    parser.add_argument("--cases", type=at_least(1), default=10_000)
    parser.add_argument("--passes", type=at_least(1), default=3, help="timed as one (default: 3)")
    add_files(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the networks and publish the results."""
    device, cases = device_name(given), given.cases
    hidden = "" if given.hidden == "relu" else f" {given.hidden}"
    networks = [given.sizes] if given.sizes else [sizes for sizes, _ in NETWORKS[2:]]
    report = Report(
        f"predict{hidden} {device}",
        f"A forward pass over {cases:,} cases on {device}: {given.hidden}, float32",
    )
    begin(report, given)
    panels = {}
    for threads in given.threads:
        for sizes in networks:
            job = Job("predict", sizes, cases, cases, threads, device, hidden=given.hidden)
            figures = report.add(job, time_peers(job, given.peers, given.repeat, given.passes))
            title = f"{sizes}, {threads_of(job)}"
            report.show(table(title, figures))
            panels[title] = ratios(figures)
    report.notes.append("Memory: the peak of the first pass beyond the memory before it.")
    if given.plot:
        from benchmarks.pictures import draw_bars

        draw_bars(given.plot, report.title, panels)
    return publish(report, given)


def table(title: str, figures: dict[str, Figures]) -> Table:
    """Return the table of a job."""
    rows = [
        [
            peer,
            *(number(1e3 * (found[key] or 0)) for key in ("median", "minimum")),
            *(number(found[key]) for key in ("ratio", "ratio_of_minima")),
            *(number(found[key]) for key in ("samples_per_second", "gflop_per_second")),
            number(found["share_of_floor"]),
            "–" if peer == "floor" else number((found["memory"] or 0) / 1e6),
        ]
        for peer, found in figures.items()
    ]
    return Table(title, HEAD, rows)
