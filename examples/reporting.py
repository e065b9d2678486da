"""What the scripts that reproduce published results share: a report, and the file it goes to.

A script has a function ``report(quick, mnist)`` that computes a `Report`. Run by itself it prints
it; ``python -m examples --all`` runs them all and writes ``examples/RESULTS.md`` with its pictures.
"""

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import backprop_xp as bp
from backprop_xp.inspection.learning_curve import check_plotting, save_figure

sys.path.append(
    str(Path(__file__).resolve().parents[1])
)  # a script alone does not see its siblings

from benchmarks import machine
from benchmarks.documents import Unwritable, check_document, write_section
from benchmarks.tables import Table, number

__all__ = [
    "Report",
    "Reproduction",
    "Table",
    "add_options",
    "check_folder",
    "guarded",
    "number",
    "percent",
    "publish",
    "script",
]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
HEAD = """# Published results

Written by `python -m examples --all --mnist FOLDER`: what was published, beside what is found here.
"""


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


def percent(share: float, digits: int = 1) -> str:
    """Return a share as text.

    Examples
    --------
    >>> percent(0.978), percent(1, 0)
    ('97.8 %', '100 %')
    """
    return f"{100 * share:.{digits}f} %"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every script has."""
    parser.add_argument("--quick", action="store_true", help="fewer seeds, cases and epochs")
    parser.add_argument(
        "--mnist",
        type=_path,
        metavar="FOLDER",
        help="of the four files of MNIST; else that of BACKPROP_XP_MNIST, else they are downloaded",
    )
    parser.add_argument(
        "--folder", type=_path, help="where sections of RESULTS.md and pictures are written"
    )


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty text is no folder")
    return Path(text)


def check_folder(folder: Path | None, keys: Sequence[str]) -> None:
    """Refuse a folder that cannot take the sections of these keys, before any work.

    Raises
    ------
    Unwritable
    """
    if folder is not None:
        if not folder.is_dir():
            raise Unwritable(f"--folder {folder} is no folder; make it first")
        for key in keys:
            check_document(folder / "RESULTS.md", key)


def publish(reproduction: Reproduction, given: argparse.Namespace, folder: Path | None) -> Report:
    """Compute a report, write its section of RESULTS.md and pictures to the folder, and print it.

    Raises
    ------
    Unwritable
    """
    check_plotting()
    start = time.perf_counter()
    report = reproduction(quick=given.quick, mnist=given.mnist)
    seconds = time.perf_counter() - start
    about = machine.in_a_line(machine.describe())
    amount = "quick version, " if given.quick else ""
    when = f"{datetime.now(UTC):%Y-%m-%d}, {amount}{seconds:.0f} s. {about}."
    written = "Nothing is written."
    try:
        if folder is not None:
            section = report.markdown(f"*{when}*")
            write_section(folder / "RESULTS.md", report.key, section, HEAD)
            for name, figure in report.pictures.items():
                save_figure(figure, folder / name)
            written = f"Written to {folder}: RESULTS.md, {', '.join(report.pictures)}."
    finally:  # what took minutes is at least seen
        _say(f"{report.text()}\n\n{when}\n\n{written}\n")
    return report


def _say(text: str) -> None:
    """Print, also where nobody reads any more, as behind ``| head``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack σ and Σ
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def script(reproduction: Reproduction, about: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one script by itself and return the exit status; `about` is its docstring."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    given = parser.parse_args(argv)

    def work() -> None:
        check_folder(given.folder, [""])
        publish(reproduction, given, given.folder)

    return guarded(work)


def guarded(work: Callable[[], Any]) -> int:
    """Do the work; return 0, 2 with one line where something is refused, 130 after a Ctrl-C.

    `train` would end a run early at a Ctrl-C, and what it returned would pass for the whole.
    """
    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
        work()
    except (bp.BackpropError, Unwritable, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; of the report that was under way nothing is written", file=sys.stderr)
        return INTERRUPTED
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
    return 0
