"""Reports of published results beside the results here, and the document that keeps them.

A script defines ``report(quick, mnist)``, which computes a `Report`. Run alone, the script prints
its report. ``python -m examples --all`` runs all scripts and writes ``examples/RESULTS.md`` with
its pictures.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from notation import ascii_where_needed

import backprop_xp as bp
from backprop_xp.inspection.learning_curve import check_plotting, save_figure

# `benchmarks` lies beside the folder of the scripts, where a script run alone does not look
sys.path.append(str(Path(__file__).resolve().parents[1]))

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
    "joined",
    "number",
    "percent",
    "publish",
    "script",
]

INTERRUPTED = 130  # 128 + SIGINT, the exit status that shells give
HEAD = """# Published results

Published results beside the results here, by `python -m examples --all --mnist FOLDER`.
"""


@dataclass
class Report:
    """Published results beside the results here: a section of RESULTS.md.

    Attributes
    ----------
    key : str
        Name of the section, such as "symmetry".
    title : str
    about : str
        The source, and the settings with their seeds, in Markdown.
    tables : list of Table
        Numbers are in a column "published" and a column "here".
    notes : list of str
        Sentences: results that fall short and why, and results worth seeing.
    pictures : dict of str to Figure
        Figures of matplotlib by file name.
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
        """Return the section of RESULTS.md; `when` is its last line: date, duration, machine."""
        pictures = [f"![{name_in_words(name)}]({name})" for name in self.pictures]
        notes = "\n".join(f"- {note}" for note in self.notes)
        tables = (table.markdown() for table in self.tables)
        parts = [f"## {self.title}", self.about, *tables, notes, *pictures, when]
        return "\n\n".join(part for part in parts if part)


class Reproduction(Protocol):
    """A function that computes a report."""

    def __call__(self, *, quick: bool, mnist: Path | None) -> Report:
        """Return the report; `quick` means fewer seeds, starts, cases or epochs."""


def name_in_words(picture: str) -> str:
    """Return the name of a picture in words, as its alternative text.

    Examples
    --------
    >>> name_in_words("symmetry_sweeps.png")
    'symmetry sweeps'
    """
    return Path(picture).stem.replace("_", " ")


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0 to 1, in percent.

    Examples
    --------
    >>> percent(0.978), percent(1, 0)
    ('97.8 %', '100 %')
    """
    return f"{100 * share:.{digits}f} %"


def joined(sizes: Sequence[int]) -> str:
    """Return the sizes of layers as a name.

    Examples
    --------
    >>> joined((784, 30, 10))
    '784-30-10'
    """
    return "-".join(map(str, sizes))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every script."""
    parser.add_argument("--quick", action="store_true", help="fewer seeds, cases and epochs")
    parser.add_argument(
        "--mnist",
        type=_path,
        metavar="FOLDER",
        help="the four files of MNIST (default: BACKPROP_XP_MNIST, else a download)",
    )
    parser.add_argument("--folder", type=_path, help="where to write RESULTS.md and the pictures")


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def check_folder(folder: Path | None, keys: Sequence[str]) -> None:
    """Refuse a folder that cannot take the sections of these keys, before any work.

    Raises
    ------
    Unwritable
        The folder does not exist, or its RESULTS.md cannot take a section.
    """
    if folder is not None:
        if not folder.is_dir():
            raise Unwritable(f"--folder {folder} is not a folder; create it first")
        for key in keys:
            check_document(folder / "RESULTS.md", key)


def publish(reproduction: Reproduction, given: argparse.Namespace, folder: Path | None) -> Report:
    """Compute a report, write its section of RESULTS.md and pictures to the folder, and print it.

    Raises
    ------
    Unwritable
        RESULTS.md cannot take the section.
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
    finally:  # a report that took minutes is printed even where it cannot be written
        _say(f"{report.text()}\n\n{when}\n\n{written}\n")
    return report


def _say(text: str) -> None:
    """Print, without an error where the reader has gone, as behind ``| head``."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def script(reproduction: Reproduction, about: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one script alone and return its exit status; `about`, its docstring, is its help."""
    ascii_where_needed()
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
    """Do the work and return the exit status: 0, 2 after a refusal (one line), 130 after Ctrl-C.

    At Ctrl-C `bp.train` would end early and return normally, and half a run would be published as a
    whole one. Here Ctrl-C raises KeyboardInterrupt at once.
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
        print("interrupted; the unfinished report is not written", file=sys.stderr)
        return INTERRUPTED
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
    return 0
