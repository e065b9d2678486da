"""Options of the sub-commands, checked before any work."""

import argparse
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import backprop_xp as bp
from benchmarks.peers import OWN, PEERS

PICTURES = (".png", ".svg", ".pdf")


class Refused(Exception):  # noqa: N818  its text is the whole message
    """Options that cannot be used together, or on this machine."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End the command with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def at_least(least: int) -> Callable[[str], int]:
    """Return the parser of an integer >= least."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= {least}")
        return int(text)

    return parse


def integers(least: int, how_many: int = 1) -> Callable[[str], list[int]]:
    """Return the parser of a list such as ``784,30,10``, of `how_many` integers or more."""
    one = at_least(least)

    def parse(text: str) -> list[int]:
        found = [one(word.strip()) for word in text.split(",")]
        if len(found) < how_many:
            raise argparse.ArgumentTypeError(f"{text!r} has fewer than {how_many} numbers")
        return found

    return parse


def positive(text: str) -> float:
    """Parse a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number > 0")
    return number


def peers_of(task: str) -> Callable[[str], list[str]]:
    """Return the parser of a list of a task's peers, which puts this library first."""

    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in PEERS[task]]
        if unknown:
            known = ", ".join(PEERS[task])
            raise argparse.ArgumentTypeError(f"unknown peers: {', '.join(unknown)}; known: {known}")
        return list(dict.fromkeys([OWN, *names]))

    return parse


def writable(text: str) -> Path:
    """Parse the path of a file whose folder exists."""
    path = Path(text)
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a file in a writable folder")
    return path


def picture(text: str) -> Path:
    """Parse the path of a picture, which needs matplotlib."""
    path = writable(text)
    if path.suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(PICTURES)}")
    if not importlib.util.find_spec("matplotlib"):
        raise argparse.ArgumentTypeError("needs matplotlib: run python -m pip install matplotlib")
    return path


def add_files(parser: argparse.ArgumentParser, *, plot: bool = True) -> None:
    """Add the options for the files of the results."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write all results to FILE")
    parser.add_argument(
        "--markdown",
        type=writable,
        metavar="FILE",
        help="write or replace the command's section of FILE",
    )
    if plot:
        parser.add_argument("--plot", type=picture, metavar="FILE", help="draw the results to FILE")


def add_timing(parser: argparse.ArgumentParser, task: str, repeat: int) -> None:
    """Add the options of commands that time peers."""
    known = ",".join(PEERS[task])
    parser.add_argument("--device", default="cpu", help="a device of backprop_xp (default: cpu)")
    parser.add_argument(
        "--peers", type=peers_of(task), default=known, help=f"some of {known} (default: all)"
    )
    parser.add_argument(
        "--threads",
        type=integers(1),
        default="1",
        help="threads of the BLAS, such as 1,2 (default: 1)",
    )
    parser.add_argument(
        "--repeat", type=at_least(1), default=repeat, help=f"rounds (default: {repeat})"
    )


def device_name(given: Any) -> str:
    """Return the full name of the chosen device.

    Raises
    ------
    BackpropError
        The device cannot be used.
    """
    return bp.select_device(given.device).name


def whole_batches(cases: int, batch_size: int) -> int:
    """Return the number of cases in whole batches, with which all peers make the same steps.

    Raises
    ------
    Refused
        The cases do not fill one batch.
    """
    if batch_size > cases:
        raise Refused(f"a batch of {batch_size} is larger than the {cases} cases")
    return cases - cases % batch_size
