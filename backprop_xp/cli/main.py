"""The command `backprop-xp`: runs one of its commands and returns the exit status."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

import numpy as np

from backprop_xp.cli.arguments import parser
from backprop_xp.cli.messages import error_message, fail, say, wrapped
from backprop_xp.errors import BackpropError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 for an error, 130 for an interruption.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after ``backprop-xp``. Default: the arguments of this process.

    Raises
    ------
    SystemExit
        By argparse: 0 after ``--help``, 2 where the arguments are not understood.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack letters of a file's name
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # results show infinity and NaN
            _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except BrokenPipeError:  # the reader has stopped, as in: backprop-xp devices | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BackpropError, OSError, MemoryError, RuntimeError) as error:
        text = error_message(error, options)
        if text is None:
            raise
        return fail(text)
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
        without_advice = str(status).removesuffix(status.advice).removesuffix(". ")
        say(wrapped(without_advice, indent=13))
        if status.advice:
            say(f"{'':13}{status.advice}")  # unbroken: it may be a command to copy
    say(f"\n{wrapped(f'auto picks {select_device()}', indent=11)}")
