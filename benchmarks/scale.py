"""``scale``: time and memory of an epoch by width, depth, batch, cases and stack, with slopes.

The floor of the time is the matrix products alone, the floor of the memory the bytes of a step.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.options import Refused, add_files, add_timing, at_least, device_name
from benchmarks.peers import OWN
from benchmarks.pictures import Curve
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import slope
from benchmarks.tables import Table, number

T = TypeVar("T")


@dataclass(frozen=True)
class Sweep:
    """One quantity that grows while all others stay fixed.

    Attributes
    ----------
    label : str
    values : list of int
    at : function
        Returns the sizes, the batch size, the cases and the stack of a job for a value.
    """

    label: str
    values: list[int]
    at: Callable[[int], tuple[list[int], int, int, int]]


@dataclass(frozen=True)
class Point:
    """The measurements at one value: seconds and bytes of an epoch, by peer."""

    value: int
    seconds: dict[str, float]
    memory: dict[str, int]


SWEEPS = {
    "width": Sweep(
        "units in each of 2 hidden layers",
        [2**i for i in range(4, 12)],
        lambda width: ([784, width, width, 10], 128, 1280, 0),
    ),
    "depth": Sweep(
        "hidden layers of 128 units",
        [2**i for i in range(6)],
        lambda depth: ([784, *[128] * depth, 10], 128, 2560, 0),
    ),
    "batch": Sweep(
        "cases in a batch",
        [4**i for i in range(7)],
        lambda batch: ([784, 256, 256, 10], batch, 4096, 0),
    ),
    "cases": Sweep(
        "cases", [2**i for i in range(10, 17)], lambda cases: ([784, 100, 10], 128, cases, 0)
    ),
    "stack": Sweep(
        "networks 64-32-10", [4**i for i in range(6)], lambda stack: ([64, 32, 10], 32, 1024, stack)
    ),
}


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("scale", help="time and memory by width, depth, batch, …")
    add_timing(parser, "train", repeat=3)
    parser.set_defaults(peers=[OWN, "floor"])
    parser.add_argument(
        "--sweeps", default=",".join(SWEEPS), help=f"some of {','.join(SWEEPS)} (default: all)"
    )
    parser.add_argument(
        "--points", type=at_least(1), help="the number of values of each sweep (default: all)"
    )
    parser.add_argument("--epochs", type=at_least(1), default=1, help="timed as one (default: 1)")
    add_files(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure the sweeps, fit the slopes and publish the results."""
    names = [name.strip() for name in given.sweeps.split(",")]
    if set(names) - set(SWEEPS):
        raise Refused(f"--sweeps: {given.sweeps!r} is not some of {','.join(SWEEPS)}")
    if len(given.threads) > 1:
        raise Refused("--threads: give one number; all points are in one picture")
    device = device_name(given)
    title = f"Growth of time and memory on {device}, {given.threads[0]} BLAS thread(s), float32"
    report = Report(f"scale {device}", title)
    begin(report, given)
    rows, curves = [], []
    for name in names:
        points = _measured(report, SWEEPS[name], given, device)
        if points:
            report.show(_table(name, SWEEPS[name], points))
            rows += _slopes(report, name, points)
            curves.append(_curves(name, SWEEPS[name], points))
    report.show(Table("Slopes in log-log", ["sweep", "all points", "the upper half"], rows))
    if given.plot and curves:
        from benchmarks.pictures import draw_curves

        draw_curves(given.plot, title, [list(row) for row in zip(*curves, strict=True)])
    return publish(report, given)


def _measured(report: Report, sweep: Sweep, given: argparse.Namespace, device: str) -> list[Point]:
    """Return the points of a sweep, each measured in new processes, if this library has a time."""
    points = []
    for value in sweep.values[: given.points]:
        sizes, batch_size, cases, stack = sweep.at(value)
        task = "stack" if stack else "train"
        job = Job(task, sizes, batch_size, cases, given.threads[0], device, stack=stack)
        figures = report.add(job, time_peers(job, given.peers, given.repeat, given.epochs))
        if OWN in figures:
            seconds = {peer: found["minimum"] or 0.0 for peer, found in figures.items()}
            memory = {
                peer: int(found["memory"] or 0)
                for peer, found in figures.items()
                if peer != "floor"
            }
            points.append(Point(value, seconds, memory | {"floor": job.bytes_of_a_step()}))
    return points


def _common(values: list[dict[str, T]]) -> dict[str, list[T]]:
    """Return the values of each peer along a sweep, for peers measured at every point."""
    return {
        peer: [value[peer] for value in values]
        for peer in values[0]
        if all(peer in value for value in values)
    }


def _table(name: str, sweep: Sweep, points: list[Point]) -> Table:
    seconds = _common([point.seconds for point in points])
    memory = _common([point.memory for point in points])
    columns = {f"{peer} ms": [1e3 * value for value in of] for peer, of in seconds.items()}
    columns |= {f"{peer} MB": [value / 1e6 for value in of] for peer, of in memory.items()}
    rows = [
        [f"{point.value:,}", *(number(column[i]) for column in columns.values())]
        for i, point in enumerate(points)
    ]
    title = f"{name}: an epoch (minimum), and the peak of memory beyond the start"
    return Table(title, [sweep.label, *columns], rows)


def _slopes(report: Report, name: str, points: list[Point]) -> list[list[str]]:
    """Return the table rows of a sweep's slopes, and add the slopes to the results."""
    x, upper = [point.value for point in points], len(points) // 2
    rows = []
    for measure, values in (
        ("time", _common([point.seconds for point in points])),
        ("memory", _common([point.memory for point in points])),
    ):
        for peer, y in values.items():
            fitted = {"all": slope(x, y), "upper_half": slope(x[upper:], y[upper:])}
            rows.append(
                [
                    f"{name}, {measure}, {peer}",
                    *("–" if p is None else f"{p:.2f}" for p in fitted.values()),
                ]
            )
            report.results.append({"sweep": name, "measure": measure, "peer": peer} | fitted)
    return rows


def _curves(name: str, sweep: Sweep, points: list[Point]) -> list[Curve]:
    """Return the panels of a sweep, one of time and one of memory."""
    x = [point.value for point in points]
    seconds = _common([point.seconds for point in points])
    megabytes = {
        peer: [value / 1e6 for value in of]
        for peer, of in _common([point.memory for point in points]).items()
    }
    return [
        Curve(name, sweep.label, "seconds for an epoch", x, seconds),
        Curve(name, sweep.label, "megabytes", x, megabytes),
    ]
