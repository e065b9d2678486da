"""Lines on the terminal: results, and errors and warnings of one line each."""

import argparse
import shutil
import sys
import textwrap

from backprop_xp.arrays.memory_errors import lack_of_memory
from backprop_xp.cli.table_options import chooses_ensemble
from backprop_xp.errors import BackpropError, DivergenceError, OutOfMemoryError

__all__ = ["error_message", "fail", "say", "warn", "wrapped"]


def error_message(error: Exception, options: argparse.Namespace) -> str | None:
    """Return the message for an error; None for an error that only a defect can raise."""
    rate = getattr(options, "learning_rate", None)
    such = "" if rate is None else f", such as {rate / 10:.3g}"
    less_memory = "Try fewer cases, a smaller --batch-size or smaller --hidden layers."
    if getattr(options, "command", "") in ("predict", "evaluate"):
        less_memory = "Try fewer cases."
    elif hasattr(options, "data") and chooses_ensemble(vars(options)):
        less_memory = "Try fewer columns (--ignore), fewer --networks or a smaller --batch-size."
    if isinstance(error, DivergenceError):
        return (
            f"training diverged in epoch {error.epoch + 1}, batch {error.batch + 1}: the cost is "
            "no longer finite; nothing was written. Try a smaller --learning-rate"
            f"{such}{', or a smaller --momentum' if such else ''}."
        )
    if isinstance(error, OutOfMemoryError):
        return f"{error.parts[0]}: {error.parts[1]}; nothing was written. {less_memory}"
    if isinstance(error, BackpropError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    lack = lack_of_memory(error)
    return None if lack is None else f"not enough memory ({error}). {less_memory}"


def fail(message: str, status: int = 1) -> int:
    """Print an error message as one line on stderr, and return the exit status."""
    print(f"backprop-xp: error: {' '.join(message.split())}", file=sys.stderr)
    return status


def warn(message: str) -> None:
    """Print a warning as one line on stderr."""
    print(f"backprop-xp: warning: {' '.join(message.split())}", file=sys.stderr)


def say(line: str) -> None:
    """Print a line on stdout, unbuffered."""
    print(line, flush=True)


def wrapped(line: str, indent: int) -> str:
    """Return the line broken to the terminal's width, with all lines but the first indented."""
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(line, width, subsequent_indent=" " * indent)
