"""The command line: commands, their arguments, and what ``--help`` shows."""

import argparse
from typing import Any, Final, NoReturn

from backprop_xp import __version__
from backprop_xp.cli.messages import fail

__all__ = ["parser"]

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


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all the others."""

    def error(self, message: str) -> NoReturn:
        self.exit(fail(f"{message}. See {self.prog} --help.", 2))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    whole: argparse.ArgumentParser = _Parser(
        prog="backprop-xp",
        description="Train multi-layer perceptrons by backpropagation, on CPUs and GPUs.",
        epilog="See backprop-xp COMMAND --help.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = whole.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    devices = "show which devices can be used, why the others cannot, and which one auto picks"
    commands.add_parser("devices", help=devices, description=devices.capitalize() + ".")
    _add_train(commands)
    _add_predict(commands)
    return whole


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
