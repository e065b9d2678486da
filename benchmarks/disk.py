"""``disk``: training on a memory-mapped file beside training on an array in memory."""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interleave import Outcome, interleave
from benchmarks.job import Job, random_inputs
from benchmarks.options import (
    Refused,
    add_files,
    at_least,
    device_name,
    integers,
    positive,
    whole_batches,
)
from benchmarks.peers import OWN
from benchmarks.publishing import Report, begin, publish
from benchmarks.tables import Table, number
from benchmarks.train import name_of, threads_of

BLOCK_ROWS = 16_384
HEAD = ["X", "GB", "cases", "samples/s", "peak MB", "anonymous MB"]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("disk", help="training on a file that is larger than memory")
    parser.add_argument(
        "--gigabytes", type=positive, default=8.0, help="size of X in the file (default: 8)"
    )
    parser.add_argument(
        "--memory-gigabytes", type=positive, default=1.0, help="size of X in memory (default: 1)"
    )
    parser.add_argument("--folder", default=None, help="folder for the temporary file")
    parser.add_argument("--sizes", type=integers(2, how_many=2), default="784,100,10")
    parser.add_argument("--batch-size", type=at_least(1), default=128)
    parser.add_argument("--device", default="cpu", help="a device of backprop_xp (default: cpu)")
    parser.add_argument(
        "--threads", type=at_least(1), default=1, help="threads of the BLAS (default: 1)"
    )
    parser.add_argument("--repeat", type=at_least(1), default=3, help="rounds (default: 3)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Write the file, time epochs on it and on an array, and publish the results."""
    device = device_name(given)
    row = 4 * given.sizes[0]
    cases = whole_batches(int(given.gigabytes * 1e9) // row, given.batch_size)
    fitting = min(cases, max(int(given.memory_gigabytes * 1e9) // row, given.batch_size))
    if given.folder is not None and not Path(given.folder).is_dir():
        raise Refused(f"--folder: {given.folder!r} is not a folder; create it first")
    report = Report(f"disk {device}", f"Training on a memory-mapped file on {device}, plain SGD")
    begin(report, given)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        file = Path(folder) / "X.float32"
        _write(file, cases, given.sizes[0])
        common = {"threads": given.threads, "device": device}
        jobs = {
            "file": Job("train", given.sizes, given.batch_size, cases, file=str(file), **common),
            "array": Job(
                "train",
                given.sizes,
                given.batch_size,
                whole_batches(fitting, given.batch_size),
                **common,
            ),
        }
        work = {name: (OWN, job) for name, job in jobs.items()}
        outcome = interleave(work, given.repeat, times=1)
    _add(report, jobs, outcome)
    return publish(report, given)


def _write(file: Path, cases: int, n_in: int) -> None:
    """Write X row by row, as one block of rows repeated; the file stays in the page cache.

    Raises
    ------
    Refused
        The disk has no room for the file.
    """
    size, free = 4 * n_in * cases, shutil.disk_usage(file.parent).free
    if size > free:
        raise Refused(
            f"--gigabytes: {size / 1e9:.1f} GB do not fit on a disk with {free / 1e9:.1f} GB free"
        )
    block = random_inputs(np.random.default_rng(0), (min(BLOCK_ROWS, cases), n_in))
    with file.open("wb") as out:
        for start in range(0, cases, BLOCK_ROWS):
            block[: cases - start].tofile(out)


def _add(report: Report, jobs: dict[str, Job], outcome: Outcome) -> None:
    """Add the measurements to the report."""
    job = jobs["file"]
    rows, speed = [], {}
    for name, times in outcome.seconds.items():
        cases, memory = jobs[name].cases, outcome.memory[name]
        speed[name] = cases / statistics.median(times)
        gigabytes = 4 * job.sizes[0] * cases / 1e9
        anonymous = memory.get("anonymous")
        rows.append(
            [
                name,
                number(gigabytes),
                f"{cases:,}",
                number(speed[name]),
                number(memory["peak"] / 1e6),
                "–" if anonymous is None else number(anonymous / 1e6),
            ]
        )
        report.results.append(
            {
                "X": name,
                "gigabytes": gigabytes,
                "cases": cases,
                "seconds": times,
                "samples_per_second": speed[name],
                "memory": memory,
            }
        )
    report.show(Table(f"{name_of(job)}, {threads_of(job)}", HEAD, rows))
    report.results.append({"left_out": outcome.left_out})
    report.notes += [f"{name} is left out: {why}" for name, why in outcome.left_out.items()]
    report.notes.append(
        "Peak: the most resident memory beyond the start. Pages of the file count as long as the "
        "system has room for them. Anonymous: the part that is not pages of a file."
    )
    if len(speed) == 2:
        share = speed["file"] / speed["array"]
        report.notes.append(f"Samples/s on the file / samples/s in memory: {number(share)}.")
