"""The command `backprop-xp`: what it is asked, and how its errors look."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from backprop_xp.cli.arguments import parser
from backprop_xp.cli.messages import fail, message, say, wrapped
from backprop_xp.errors import BackpropError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 for an error, 130 for an interruption.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those after the command's name; default: of this process.

    Raises
    ------
    SystemExit
        By argparse: 0 after ``--help``, 2 where the arguments are not understood.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that a terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except BrokenPipeError:  # nobody reads on, as in: backprop-xp devices | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BackpropError, OSError, MemoryError, RuntimeError) as error:
        said = message(error, options)
        if said is None:
            raise
        return fail(said)
    return 0


def _run(options: argparse.Namespace) -> None:
    given = {name: value for name, value in vars(options).items() if name != "command"}
    if options.command == "devices":
        _devices()
    elif options.command == "train":
        from backprop_xp.cli.train import train_job
        from backprop_xp.cli.train_options import TrainOptions

        train_job(TrainOptions(**given, progress=sys.stderr.isatty()), say)
    else:
        from backprop_xp.cli.predict import PredictOptions, predict_job

        predict_job(PredictOptions(**given), say)


def _devices() -> None:
    from backprop_xp.arrays.devices import devices, select_device

    for status in devices():
        what = str(status).removesuffix(status.advice).removesuffix(". ")
        say(wrapped(what, indent=13))
        if status.advice:
            say(f"{'':13}{status.advice}")  # in one piece, for it may be a command to copy
    say(f"\n{wrapped(f'auto picks {select_device()}', indent=11)}")
