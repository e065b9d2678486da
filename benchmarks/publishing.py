"""Publishing results: on the terminal, in a JSON file, in a section of a Markdown file."""

import argparse
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backprop_xp.files.atomic_write import write_atomically
from benchmarks import machine
from benchmarks.documents import check_document, write_section
from benchmarks.interleave import Outcome, different_work
from benchmarks.job import Job
from benchmarks.peers import OWN
from benchmarks.sections import sentence
from benchmarks.summary import Figures, summarise
from benchmarks.tables import Table

NOT_OPTIONS = ("run", "json", "markdown", "plot", "folder", "cells")  # a function, and paths


@dataclass
class Report:
    """The results of a command.

    Attributes
    ----------
    key : str
        Name of the section, such as "train sgd cpu".
    title : str
    tables : list of Table
    notes : list of str
        Sentences below the tables.
    results : list of dict
        All results, for JSON.
    """

    key: str
    title: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    def show(self, table: Table) -> None:
        """Add a table and print it at once, so that an interruption does not lose it."""
        self.tables.append(table)
        print(f"\n{table.text()}", flush=True)

    def add(self, job: Job, outcome: Outcome, own: str = OWN) -> dict[str, Figures]:
        """Add the measurements of a job to the results and the notes, and return its figures."""
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


def begin(report: Report, given: argparse.Namespace) -> None:
    """Refuse a Markdown file that cannot be written, before any work, and print the title.

    Raises
    ------
    Unwritable
        The file cannot take the section.
    """
    if given.markdown:
        check_document(given.markdown, report.key)
    print(report.title, flush=True)


def publish(report: Report, given: argparse.Namespace) -> int:
    """Print the notes, write the files of the options, and return the exit status of `write`."""
    print_end(report)
    return write(report, given)


def print_end(report: Report) -> None:
    """Print the notes, and the machine."""
    print("\n".join(["", *report.notes, _where()]), flush=True)


def write(report: Report, given: argparse.Namespace) -> int:
    """Write the files of the options, and return the exit status.

    The status is 1 if this library itself was not measured.
    """
    if given.json:
        options = {key: value for key, value in vars(given).items() if key not in NOT_OPTIONS}
        content = {
            "command": report.key,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "options": options,
            "results": report.results,
        }
        write_atomically(given.json, (json.dumps(content, indent=1) + "\n").encode())
    if given.markdown:
        notes = "\n".join(f"- {note}" for note in report.notes)
        tables = (table.markdown() for table in report.tables)
        parts = [f"## {report.title}", sentence(report.key), f"{_where()}.", *tables, notes]
        body = "\n\n".join(part for part in parts if part)
        write_section(given.markdown, report.key, body, "# Results\n")
    missing = any(OWN in result.get("left_out", {}) for result in report.results)
    return 1 if missing else 0


def _where() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {machine.in_a_line(machine.describe())}"
