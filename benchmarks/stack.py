"""``stack``: the time of many small networks trained at once, beside peers."""

import argparse
from typing import Any

from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.options import add_files, add_timing, at_least, device_name, integers, whole_batches
from benchmarks.peers import OWN
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import Figures
from benchmarks.tables import Table, number
from benchmarks.train import ratios, threads_of

HEAD = [
    "peer",
    "µs per network and step",
    "minimum µs",
    "× backprop_xp",
    "× (minima)",
    "GFLOP/s",
    "share of floor",
    "cost",
]
SYMMETRY_CASES = 64


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("stack", help="many small networks trained at once")
    add_timing(parser, "stack", repeat=9)
    parser.add_argument("--sizes", type=integers(2, how_many=2), default="64,32,10")
    parser.add_argument("--stack", type=at_least(1), default=64, help="networks (default: 64)")
    parser.add_argument("--batch-size", type=at_least(1), default=32)
    parser.add_argument("--cases", type=at_least(1), default=3200)
    parser.add_argument("--epochs", type=at_least(1), default=1, help="timed as one (default: 1)")
    parser.add_argument(
        "--starts",
        type=at_least(0),
        default=1000,
        help="starts of the symmetry network, 0 for none",
    )
    parser.add_argument("--sweeps", type=at_least(1), default=5000, help="for each start")
    add_files(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the stack, then the starts of the symmetry network, and publish the results."""
    device = device_name(given)
    cases = whole_batches(given.cases, given.batch_size)
    report = Report(
        f"stack {device}", f"Many networks at once on {device}: plain SGD, ReLU, float32"
    )
    begin(report, given)
    panels = {}
    for threads in given.threads:
        job = Job("stack", given.sizes, given.batch_size, cases, threads, device, stack=given.stack)
        figures = report.add(job, time_peers(job, given.peers, given.repeat, given.epochs))
        title = f"{job.stack} networks {job.sizes}, batch {job.batch_size}, {threads_of(job)}"
        report.show(table(title, job, figures))
        panels[title] = ratios(figures)
        if given.starts:
            _solve_symmetry(report, given, device, threads)
    if given.plot:
        from benchmarks.pictures import draw_bars

        draw_bars(given.plot, report.title, panels)
    return publish(report, given)


def table(title: str, job: Job, figures: dict[str, Figures]) -> Table:
    """Return the table of a stack; its times are for one network and one step."""
    to_microseconds = 1e6 / (job.networks * job.batches)
    rows = [
        [
            peer,
            *(number(to_microseconds * (found[key] or 0)) for key in ("median", "minimum")),
            *(number(found[key]) for key in ("ratio", "ratio_of_minima")),
            *(number(found[key]) for key in ("gflop_per_second", "share_of_floor")),
            number(found["figure"], 5),
        ]
        for peer, found in figures.items()
    ]
    return Table(title, HEAD, rows)


def _solve_symmetry(report: Report, given: argparse.Namespace, device: str, threads: int) -> None:
    """Train many starts of the symmetry network as one run, and add its time and success."""
    job = Job(
        "starts",
        [6, 2, 1],
        SYMMETRY_CASES,
        SYMMETRY_CASES,
        threads,
        device,
        hidden="sigmoid",
        stack=given.starts,
    )
    outcome = time_peers(job, [OWN], repeat=1, times=given.sweeps)
    report.add(job, outcome)
    if OWN not in outcome.seconds:
        return
    seconds = given.sweeps * outcome.seconds[OWN][0]
    solved = outcome.last_figures[OWN]
    report.results[-1]["symmetry"] = {
        "sweeps": given.sweeps,
        "seconds": seconds,
        "share_solved": solved,
    }
    report.notes.append(
        f"{given.starts:,} starts of the 6-2-1 symmetry network of 1986, {given.sweeps:,} sweeps "
        f"each, as one run on {threads_of(job)}: {number(seconds)} s; "
        f"{number(100 * (solved or 0))} % of the starts solved it."
    )
