"""The command `backprop-xp`: what it is asked, and how its errors look."""

import argparse
import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from backprop_xp import __version__
from backprop_xp.arrays.memory_errors import lack_of_memory
from backprop_xp.errors import BackpropError, DivergenceError, OutOfMemoryError

__all__ = ["main"]

_TRAIN: Final = """\
Train a network on a data set of the library or on a table in a file, and write the model and a
picture of the learning curve. Files of these names that are there already are replaced.

DATA is one of digits, family_trees, mnist, symmetry, xor, or a file:
  .csv   numbers in columns, the target in the last one or in --target; texts are classes, and
         so are whole numbers from 0 to K-1; 1.0, 2.0 and numbers that start at 1 are amounts
  .npz   arrays X (cases, numbers) and Y (labels, or targets), or --target in place of Y
The numbers of a file are standardised for training (mean 0 and variance 1 of each column), and so
are targets that are no classes; the model that is written takes and gives the file's own numbers.
"""
_TRAIN_END: Final = """\
examples:
  backprop-xp train digits
  backprop-xp train mnist --learning-rate 0.02 --epochs 10
  backprop-xp train flowers.csv --target kind --hidden 32 --out flowers.safetensors
"""
_PREDICT: Final = """\
Write what a model makes of data to a CSV file, a row for each case: the class and the share of
each class, or the outputs. Where the data have the target as well, say how good the outputs are.

DATA is a file or a data set's name, as for train; of mnist it is the test part. In a CSV file with
a header the columns are found by their names, in any order; other columns are ignored.
"""


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, and leaves the lines of the description as they are."""


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
    options = _parser().parse_args(arguments)
    try:
        _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # nobody reads on, as in: backprop-xp devices | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BackpropError, OSError, MemoryError, RuntimeError) as error:
        message = _message(error, options)
        if message is None:
            raise
        return _fail(message)
    return 0


def _message(error: Exception, options: argparse.Namespace) -> str | None:
    """Return what to say of an error; None of one that only a defect can raise."""
    less_memory = "Try fewer cases, a smaller --batch-size or smaller --hidden layers."
    if isinstance(error, DivergenceError):
        return (
            f"training diverged in epoch {error.epoch + 1}, batch {error.batch + 1}: the cost is "
            "no longer finite; nothing was written. Try a smaller --learning-rate, such as "
            f"{options.learning_rate / 10:.3g}, or a smaller --momentum."
        )
    if isinstance(error, OutOfMemoryError):
        return f"{error.parts[0]}: {error.parts[1]}; nothing was written. {less_memory}"
    if isinstance(error, BackpropError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    lack = lack_of_memory(error)
    return None if lack is None else f"not enough memory ({error}). {less_memory}"


def _fail(message: str, status: int = 1) -> int:
    """Say on one line of stderr what went wrong, and return the exit status."""
    print(f"backprop-xp: error: {' '.join(message.split())}", file=sys.stderr)
    return status


def _run(options: argparse.Namespace) -> None:
    given = {name: value for name, value in vars(options).items() if name != "command"}
    if options.command == "devices":
        _devices()
    elif options.command == "train":
        from backprop_xp.cli.job_options import TrainOptions
        from backprop_xp.cli.train_job import train_job

        train_job(TrainOptions(**given, progress=sys.stderr.isatty()), _say)
    else:
        from backprop_xp.cli.predict_job import PredictOptions, predict_job

        predict_job(PredictOptions(**given), _say)


def _say(line: str) -> None:
    print(line, flush=True)


def _devices() -> None:
    from backprop_xp.arrays.devices import devices, select_device

    for status in devices():
        what = str(status).removesuffix(status.advice).removesuffix(". ")
        _say(_wrapped(what, indent=13))
        if status.advice:
            _say(f"{'':13}{status.advice}")  # in one piece, for it may be a command to copy
    _say(f"\n{_wrapped(f'auto picks {select_device()}', indent=11)}")


def _wrapped(line: str, indent: int) -> str:
    """Return the line in as many as the terminal's width asks for, all but the first indented."""
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(line, width, subsequent_indent=" " * indent)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all the others."""

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(f"{message}. See {self.prog} --help.", 2))


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="backprop-xp",
        description="Train multi-layer perceptrons by backpropagation, on CPUs and GPUs.",
        epilog="See backprop-xp COMMAND --help.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    devices = "show which devices can be used, why the others cannot, and which one auto picks"
    commands.add_parser("devices", help=devices, description=devices.capitalize() + ".")
    _add_train(commands)
    _add_predict(commands)
    return parser


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "train",
        help="train a network on a data set or file",
        description=_TRAIN,
        epilog=_TRAIN_END,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    add = parser.add_argument
    unset: dict[str, Any] = {"default": argparse.SUPPRESS}  # those that depend on the data
    add("data", metavar="DATA", help="a data set's name or a .csv or .npz file")
    add(
        "--target",
        **unset,
        metavar="NAME",
        help="the target's column, by name or by index (from 0)",
    )
    add(
        "--hidden", default="64,64", metavar="SIZES", help="units of each hidden layer, '' for none"
    )
    add("--activation", default="relu", metavar="NAME", help="of the hidden layers")
    add("--loss", **unset, metavar="NAME", help=_LOSS_HELP)
    add("--optimizer", default="sgd", metavar="NAME", help="how a step uses the gradient")
    add("--learning-rate", type=float, default=0.1, metavar="RATE", help="the size of a step")
    add("--momentum", type=float, default=0.9, metavar="SHARE", help="of the step before, below 1")
    add("--epochs", type=int, **unset, metavar="N", help=_EPOCHS_HELP)
    add("--batch-size", type=int, default=32, metavar="N", help="cases in a batch")
    add("--seed", type=int, default=0, metavar="N", help="of the start, the order and the split")
    add("--device", default="auto", metavar="NAME", help="as in: backprop-xp devices")
    add("--dtype", default="float32", metavar="NAME", help="of the computation")
    add("--held-out", type=float, **unset, metavar="SHARE", help=_HELD_OUT_HELP)
    add("--out", **unset, metavar="FILE", help="the model (default: DATA's name in .safetensors)")
    add("--plot", **unset, metavar="FILE", help=_PLOT_HELP)


_LOSS_HELP: Final = (
    "cross_entropy (softmax outputs), binary_cross_entropy (sigmoid), poisson (exp), "
    "squared_error, absolute_error or huber (identity). Default: cross_entropy for classes, "
    "binary_cross_entropy for targets that are all 0 or 1, else squared_error"
)
_EPOCHS_HELP: Final = (
    "sweeps through the cases (default: 30; 200 for family_trees, symmetry, xor and fewer than "
    "50 cases)"
)
_HELD_OUT_HELP: Final = (
    "share of the cases that is not trained on but shows how good the network is (default: 0.2; "
    "mnist's own test part; 0 for family_trees, symmetry, xor and fewer than 50 cases)"
)
_PLOT_HELP: Final = (
    "the learning curve in .png, .pdf or .svg, '' for none (default: the model's name in .png, "
    "or none where matplotlib is not installed)"
)


def _add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "predict",
        help="write what a model makes of data",
        description=_PREDICT,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a file that train or backprop_xp.save wrote")
    add("data", metavar="DATA", help="a data set's name or a .csv or .npz file")
    add("--out", default="predictions.csv", metavar="FILE", help="replaced where it is there")
    add("--device", default="auto", metavar="NAME", help="as in: backprop-xp devices")
