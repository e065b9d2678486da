"""The command `backprop-xp`: runs one of its commands and returns the exit status."""

import argparse
import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.cli.arguments import parser
from backprop_xp.cli.messages import error_message, fail, say, wrapped
from backprop_xp.cli.predict import PredictOptions, predict_job
from backprop_xp.cli.table_options import TableOptions, chooses_table
from backprop_xp.cli.train_options import TrainOptions
from backprop_xp.distributed.deadline import end_all
from backprop_xp.errors import BackpropError

__all__ = ["main"]

SECONDS_OF_RANK_0 = 1.0


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
    with _standard_streams():
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack letters of a file's name
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # results show infinity and NaN
            _run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed("interrupted", 130, options)
    except BrokenPipeError:  # the reader has stopped, as in: backprop-xp devices | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BackpropError, OSError, MemoryError, RuntimeError) as error:
        text = error_message(error, options)
        if text is None:
            raise
        return _failed(text, 1, options)
    return 0


def _failed(message: str, status: int, options: argparse.Namespace) -> int:
    """Print an error message and return the exit status; of several ranks of MPI, end all."""
    if not getattr(options, "mpi", False) or "mpi4py.MPI" not in sys.modules:
        return fail(message, status)
    world = sys.modules["mpi4py.MPI"].COMM_WORLD  # MPI() would wait for the other ranks
    rank, size = world.Get_rank(), world.Get_size()
    if rank:  # an error of all ranks is printed by rank 0, which ends the others
        time.sleep(SECONDS_OF_RANK_0)
    fail(f"rank {rank}: {message}" if size > 1 else message, status)
    if size > 1:
        end_all(world, status)
    return status


@contextmanager
def _standard_streams() -> Iterator[None]:
    """Open the null device in place of each standard stream that the shell has closed.

    Python sets such a stream to None, and the next file to be opened would get its number, to which
    libraries in C write their messages.
    """
    with ExitStack() as opened:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # numbers 0, 1, 2
            if getattr(sys, name) is None:
                null = opened.enter_context(Path(os.devnull).open(mode, encoding="utf-8"))
                setattr(sys, name, null)
                opened.callback(setattr, sys, name, None)
        yield


def _run(options: argparse.Namespace) -> None:
    given = {name: value for name, value in vars(options).items() if name != "command"}
    if options.command == "devices":
        _devices()
    elif options.command == "train":
        _train({**given, "progress": sys.stderr.isatty()})
    elif options.command == "evaluate":
        from backprop_xp.cli.table_evaluate import EvaluateOptions, evaluate_job

        evaluate_job(EvaluateOptions(**given), say)
    elif options.command == "explain":
        from backprop_xp.cli.explain import ExplainOptions, explain_job

        explain_job(ExplainOptions(**given), say)
    else:
        predict_job(PredictOptions(**given), say)


def _train(given: dict[str, Any]) -> None:
    if given.get("mpi"):
        given = {"dtype": "float64", **given}
    if chooses_table(given):
        from backprop_xp.cli.table_train import train_table_job

        train_table_job(TableOptions(**given), say)
    else:
        from backprop_xp.cli.train import train_job

        train_job(TrainOptions(**given), say)


def _devices() -> None:
    from backprop_xp.arrays.devices import devices, select_device

    for status in devices():
        without_advice = str(status).removesuffix(status.advice).removesuffix(". ")
        say(wrapped(without_advice, indent=13))
        if status.advice:
            say(f"{'':13}{status.advice}")  # unbroken: it may be a command to copy
    say(f"\n{wrapped(f'auto picks {select_device()}', indent=11)}")
