"""``search``: a search over 16 candidates on 5 folds of the digits, beside scikit-learn's.

Both estimators draw the same random numbers, so both searches have the same scores.
"""

import argparse
import math
from typing import Any

from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.options import Refused, add_files, add_timing, at_least, device_name, integers
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import Figures
from benchmarks.tables import Table, number
from benchmarks.train import name_of, threads_of

CASES = 1_797
INPUTS, CLASSES = 64, 10
FOLDS = 5
GRID = {
    "alpha": [1e-5, 1e-3, 1e-1, 1.0],
    "learning_rate_init": [3e-4, 1e-3, 3e-3, 1e-2],
}
CANDIDATES = math.prod(map(len, GRID.values()))
NETWORKS = [([100], 200), ([32], 32), ([16], 16)]  # hidden layers, batch size
HEAD = ["search", "median s", "minimum s", "× backprop_xp", "fits/s", "first score"]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("search", help="a search over parameters beside scikit-learn's")
    add_timing(parser, "search", repeat=3)
    parser.add_argument("--hidden", type=integers(1), help="hidden layers, such as 50,20")
    parser.add_argument(
        "--batch-size", type=at_least(1), default=200, help="with --hidden (default: 200)"
    )
    parser.add_argument("--cases", type=at_least(50), default=CASES, help=f"default: {CASES}")
    parser.add_argument("--epochs", type=at_least(1), default=20, help="of a fit (default: 20)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the searches and publish the results."""
    device = device_name(given)
    if given.cases > CASES:
        raise Refused(f"--cases: there are {CASES} digits")
    networks = [(given.hidden, given.batch_size)] if given.hidden else NETWORKS
    own_network = f" {','.join(map(str, given.hidden))}" if given.hidden else ""
    report = Report(
        f"search {device}{own_network}",
        f"A search over {CANDIDATES} candidates on {FOLDS} folds of the digits on {device}: "
        f"Adam, ReLU, float32, {given.epochs} epochs",
    )
    begin(report, given)
    for threads in given.threads:
        for hidden, size in networks:
            sizes = [INPUTS, *hidden, CLASSES]
            job = Job("search", sizes, size, given.cases, threads, device, "adam")
            outcome = time_peers(job, given.peers, given.repeat, given.epochs)
            report.show(_table(job, report.add(job, outcome), given.epochs, CANDIDATES * FOLDS))
    report.notes.append(
        "own-loop: scikit-learn's GridSearchCV over this library's estimator. First score: the "
        "mean over all fits of the accuracy after one epoch, by which the work is compared."
    )
    return publish(report, given)


def _table(job: Job, figures: dict[str, Figures], epochs: int, fits: int) -> Table:
    """Return the table of a network; the figures are of an epoch of all fits."""
    rows = [
        [
            peer,
            *(number(epochs * (found[key] or 0)) for key in ("median", "minimum")),
            number(found["ratio"]),
            number(fits / (epochs * (found["median"] or 1))),
            number(found["figure"], 4),
        ]
        for peer, found in figures.items()
    ]
    return Table(f"{name_of(job)}, {job.cases:,} cases, {threads_of(job)}", HEAD, rows)
