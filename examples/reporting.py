"""What the scripts that reproduce published results share: a report, and the file it goes to.

A script has a function ``report(quick, mnist)`` that computes a `Report`. Run by itself it prints
it; ``python -m examples --all`` runs them all and writes ``examples/RESULTS.md`` with its pictures.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import backprop_xp as bp
from backprop_xp.plotting import check_plotting, save_figure

sys.path.append(
    str(Path(__file__).resolve().parents[1])
)  # a script alone does not see its siblings

from benchmarks import machine
from benchmarks.tables import Table, number, replace_section

__all__ = ["Report", "Reproduction", "Table", "number", "publish", "script"]

HERE = Path(__file__).parent


@dataclass
class Report:
    """What was published, and what was found here.

    Attributes
    ----------
    key : str
        Names its section, such as "symmetry".
    title : str
    about : str
        Markdown: the source, and the settings that were used, seeds included.
    tables : list of Table
        With a column "published" and a column "here" where both are numbers.
    notes : list of str
        Sentences on what falls short and why, and on what is worth seeing.
    pictures : dict of str to Figure
        File name and the figure of matplotlib.
    """

    key: str
    title: str
    about: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report for a terminal."""
        notes = "\n".join(f"- {note}" for note in self.notes)
        parts = [self.title, self.about, *(table.text() for table in self.tables), notes]
        return "\n\n".join(part for part in parts if part)

    def markdown(self, when: str) -> str:
        """Return the section of a Markdown file; `when` says when and where it was computed."""
        pictures = [f"![{name_in_words(name)}]({name})" for name in self.pictures]
        notes = "\n".join(f"- {note}" for note in self.notes)
        tables = (table.markdown() for table in self.tables)
        parts = [f"## {self.title}", self.about, *tables, notes, *pictures, when]
        return "\n\n".join(part for part in parts if part)


class Reproduction(Protocol):
    """Computes a report."""

    def __call__(self, *, quick: bool, mnist: Path | None) -> Report:
        """Return the report; a quick one is of fewer seeds, starts, cases or epochs."""


def name_in_words(picture: str) -> str:
    """Return what a picture shows by its name.

    Examples
    --------
    >>> name_in_words("symmetry_sweeps.png")
    'symmetry sweeps'
    """
    return Path(picture).stem.replace("_", " ")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every script has."""
    parser.add_argument("--quick", action="store_true", help="fewer seeds, cases and epochs")
    parser.add_argument(
        "--mnist",
        type=Path,
        metavar="FOLDER",
        help="with the four files of MNIST; else see mnist()",
    )


def publish(reproduction: Reproduction, given: argparse.Namespace, folder: Path | None) -> Report:
    """Compute and print a report; write its section of RESULTS.md and pictures to the folder."""
    check_plotting()
    start = time.perf_counter()
    report = reproduction(quick=given.quick, mnist=given.mnist)
    seconds = time.perf_counter() - start
    about = machine.in_a_line(machine.describe())
    amount = "quick version, " if given.quick else ""
    when = f"*{datetime.now(UTC):%Y-%m-%d}, {amount}{seconds:.0f} s. {about}.*"
    print(f"{report.text()}\n\n{when.strip('*')}", flush=True)
    if folder is not None:
        for name, figure in report.pictures.items():
            save_figure(figure, folder / name)
        path = folder / "RESULTS.md"
        document = path.read_text(encoding="utf-8") if path.exists() else "# Published results\n"
        section = replace_section(document, report.key, report.markdown(when))
        path.write_text(section, encoding="utf-8")
    return report


def script(reproduction: Reproduction, about: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one script by itself and return the exit status; `about` is its docstring."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.add_argument("--folder", type=Path, help="write its section of RESULTS.md and pictures")
    given = parser.parse_args(argv)
    return guarded(lambda: publish(reproduction, given, given.folder))


def guarded(work: Callable[[], Any]) -> int:
    """Do the work; return 0, or 2 with the library's own message where it refuses."""
    try:
        work()
    except bp.BackpropError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
