"""Where results go: the terminal, a JSON file, a section of a Markdown file."""

import argparse
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.interleave import Outcome, different_work
from benchmarks.job import Job
from benchmarks.peers import OWN
from benchmarks.summary import Figures, summarise
from benchmarks.tables import Table, replace_section

NOT_OPTIONS = ("run", "json", "markdown", "plot", "folder")  # a function, and paths


@dataclass
class Report:
    """What a command found.

    Attributes
    ----------
    key : str
        Names its section, such as "train sgd cpu".
    title : str
    tables : list of Table
    notes : list of str
        Sentences below the tables.
    results : list of dict
        Everything, as JSON takes it.
    """

    key: str
    title: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    def add(self, job: Job, outcome: Outcome, own: str = OWN) -> dict[str, Figures]:
        """Add what was measured of a job to the results and notes, and return the figures."""
        figures = summarise(job, outcome, own)
        warnings = different_work(outcome, own)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        left_out = [f"{peer} is left out: {why}" for peer, why in outcome.left_out.items()]
        self.notes += [note for note in left_out + warnings if note not in self.notes]
        about = {key: value for key, value in vars(job).items() if key != "file"}
        peers = {
            peer: {**figures[peer], "seconds": outcome.seconds[peer]} for peer in outcome.seconds
        }
        self.results.append(
            {"job": about, "peers": peers, "left_out": outcome.left_out, "warnings": warnings}
        )
        return figures


def publish(report: Report, given: argparse.Namespace) -> int:
    """Print the report, write the files that were asked for, and return the exit status.

    It is 1 where this library itself was not measured.
    """
    where = save(report, given)
    print("\n\n".join([report.title, *(table.text() for table in report.tables)]))
    print("\n".join(["", *report.notes, where]))
    missing = any(OWN in result.get("left_out", {}) for result in report.results)
    return 1 if missing else 0


def save(report: Report, given: argparse.Namespace) -> str:
    """Write the files that were asked for, and return date and machine.

    A command does it after each network, so that one that is stopped leaves what it measured.
    """
    about, now = machine.describe(), datetime.now(UTC)
    where = f"{now:%Y-%m-%d %H:%M} UTC. {machine.in_a_line(about)}"
    if given.json:
        options = {key: value for key, value in vars(given).items() if key not in NOT_OPTIONS}
        content = {
            "command": report.key,
            "date": now.isoformat(timespec="seconds"),
            "machine": about,
            "options": options,
            "results": report.results,
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        _write_section(given.markdown, report, f"{where}.")
    return where


def _write_section(path: Path, report: Report, where: str) -> None:
    document = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    notes = [f"- {note}" for note in report.notes]
    parts = [f"## {report.title}", where, *(table.markdown() for table in report.tables)]
    body = "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])
    path.write_text(replace_section(document, report.key, body), encoding="utf-8")
