"""The parser of the command line, and the texts that ``--help`` shows."""

import argparse
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from backprop_xp import __version__
from backprop_xp.cli.messages import fail
from backprop_xp.cli.picture_choice import PICTURES
from backprop_xp.cli.predict import PredictOptions
from backprop_xp.cli.train_options import EPOCHS, EPOCHS_SMALL, TrainOptions
from backprop_xp.cli.training_data import SHARE, SMALL, TRUTH_TABLES

__all__ = ["parser"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

_UNSET: Final[dict[str, Any]] = {"default": argparse.SUPPRESS}  # TrainOptions says None, help why

_TRAIN: Final = """\
Train a network on a data set or on a table in a file. Write the model and pictures, of the
learning curve unless told otherwise. Existing files of these names are replaced.

DATA is a data set (digits, family_trees, mnist, symmetry or xor) or a file:
  .csv   a row for each case, with columns of numbers and a target column. A target of texts, or
         of whole numbers from 0 to K-1, holds classes. A target of other numbers, such as 1.5,
         2.0 or 1 to K, holds numbers to predict. A first line that may be a header or a row
         needs --header or --no-header.
  .npz   an array X with a row of numbers for each case, and an array Y with class labels or with
         numbers to predict.
Training on a file standardises each column of numbers to mean 0 and variance 1, and a target of
numbers too. The written model takes and returns the file's own numbers.
"""
_PICTURES: Final = "".join(f"  {name:<13}{text}\n" for name, (_, text) in PICTURES.items())
_TRAIN_END: Final = f"""\
pictures of --plot:
{_PICTURES}
examples:
  backprop-xp train digits
  backprop-xp train mnist --learning-rate 0.02 --epochs 10
  backprop-xp train flowers.csv --target kind --hidden 32 --out flowers.safetensors
  backprop-xp train digits --plot curve,confusion,weights=pixels.pdf
"""
_PREDICT: Final = """\
Predict the cases of a data set or file with a trained model. Write a CSV file with a row for each
case: the predicted class and the probability of each class, or the outputs of the network. Where
DATA has the target, show the cost and the accuracy (or R^2) of the predictions.

DATA is a data set or a file, as for train; mnist is its test part. In a CSV file with a header the
columns are found by name, in any order; other columns are ignored.
"""
_PREDICT_END: Final = """\
examples:
  backprop-xp predict digits.safetensors digits
  backprop-xp predict flowers.safetensors new_flowers.csv --out kinds.csv
"""
_EXPLAIN: Final = """\
Show backpropagation step by step on a network: z, a, the cost, the error carried backward and the
gradients, each with its equation and its numbers. Write a page for a browser, complete in one file,
in which every number can be changed.

Without arguments it shows the four-layer network of examples/four_layer_network.py. DATA is a data
set or a file, as for train. A network that is not trained has sigmoid units and random weights.
"""
_EXPLAIN_END: Final = """\
examples:
  backprop-xp explain --open
  backprop-xp explain --network 2,3,1 --data xor
  backprop-xp explain digits.safetensors --case 7 --out seven.html
  backprop-xp explain --text
"""


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """A help page with the defaults of options, and with a description that keeps its lines."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all errors of the command are."""

    def error(self, message: str) -> NoReturn:
        self.exit(fail(f"{message}. See {self.prog} --help.", 2))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole: argparse.ArgumentParser = _Parser(
        prog="backprop-xp",
        description="Train multi-layer perceptrons by backpropagation, on CPUs and GPUs.",
        epilog="backprop-xp COMMAND --help shows the options of a command.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands: Commands = whole.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    devices = "list the devices, why some cannot be used, and the one that auto picks"
    commands.add_parser("devices", help=devices, description=devices.capitalize() + ".")
    _add_train(commands)
    _add_predict(commands)
    _add_explain(commands)
    return whole


def _command(
    commands: Commands, name: str, about: str, description: str, end: str
) -> Callable[..., Any]:
    """Add a command with a page of help; return the method that adds an argument to it."""
    command = commands.add_parser(
        name,
        help=about,
        description=description,
        epilog=end,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    return command.add_argument


def _add_train(commands: Commands) -> None:
    about = "train a network on a data set or a file"
    add = _command(commands, "train", about, _TRAIN, _TRAIN_END)
    add("data", metavar="DATA", help=_DATA_HELP)
    add("--target", **_UNSET, metavar="NAME", help=_TARGET_HELP)
    add("--header", action=argparse.BooleanOptionalAction, **_UNSET, help=_HEADER_HELP)
    add("--hidden", default=TrainOptions.hidden, metavar="SIZES", help=_HIDDEN_HELP)
    add("--activation", default=TrainOptions.activation, metavar="NAME", help=_ACTIVATION_HELP)
    add("--loss", **_UNSET, metavar="NAME", help=_LOSS_HELP)
    add(
        "--optimizer",
        default=TrainOptions.optimizer,
        metavar="NAME",
        help="sgd, gradient descent with momentum",
    )
    add(
        "--learning-rate",
        type=float,
        default=TrainOptions.learning_rate,
        metavar="RATE",
        help="the size of a step",
    )
    add(
        "--momentum",
        type=float,
        default=TrainOptions.momentum,
        metavar="SHARE",
        help=_MOMENTUM_HELP,
    )
    add("--epochs", type=int, **_UNSET, metavar="N", help=_EPOCHS_HELP)
    add(
        "--batch-size",
        type=int,
        default=TrainOptions.batch_size,
        metavar="N",
        help="cases in a batch",
    )
    add("--seed", type=int, default=TrainOptions.seed, metavar="N", help=_SEED_HELP)
    add("--device", default=TrainOptions.device, metavar="NAME", help=_DEVICE_HELP)
    add("--dtype", default=TrainOptions.dtype, metavar="NAME", help=_DTYPE_HELP)
    add("--held-out", type=float, **_UNSET, metavar="SHARE", help=_HELD_OUT_HELP)
    add("--out", **_UNSET, metavar="FILE", help=_MODEL_HELP)
    add("--plot", **_UNSET, metavar="NAMES", help=_PLOT_HELP)


_DATA_HELP: Final = "a data set, or a .csv or .npz file"
_TARGET_HELP: Final = (
    "the target's column in a .csv file, by name or by index from 0 (default: the last column); "
    "the target's array in an .npz file (default: Y)"
)
_HEADER_HELP: Final = (
    "whether the first line of a .csv file names the columns (default: it does where a cell is "
    "text; a line that may also be a row of values is refused)"
)
_HIDDEN_HELP: Final = "units of each hidden layer with commas between, '' for no hidden layer"
_ACTIVATION_HELP: Final = "activation of the hidden layers, such as relu, tanh or sigmoid"
_LOSS_HELP: Final = (
    "cross_entropy (with softmax outputs), binary_cross_entropy (sigmoid), poisson (exp), "
    "squared_error, absolute_error or huber (identity). Default: cross_entropy for classes, "
    "binary_cross_entropy for targets that are all 0 or 1, else squared_error"
)
_MOMENTUM_HELP: Final = "share of the previous step that each step adds, from 0 to below 1"
_SMALL_DATA: Final = f"{', '.join(TRUTH_TABLES)} and for fewer than {SMALL} cases"
_EPOCHS_HELP: Final = (
    f"passes through all cases (default: {EPOCHS}; {EPOCHS_SMALL} for {_SMALL_DATA})"
)
_SEED_HELP: Final = "seed of the initial weights, the order of the cases and the cases held out"
_DEVICE_HELP: Final = "name of a device, as listed by: backprop-xp devices"
_DTYPE_HELP: Final = "precision of the computation: float16, float32 or float64"
_HELD_OUT_HELP: Final = (
    "share of the cases that are held out from training to test the network, from 0 to below 1 "
    f"(default: {SHARE}; mnist: its own test part; 0 for {_SMALL_DATA})"
)
_MODEL_HELP: Final = (
    "file of the model (default: the name of DATA with .safetensors); a name in .onnx writes an "
    "ONNX file, for other programs"
)
_PLOT_HELP: Final = (
    "pictures by name with commas between (listed below), each alone or as NAME=FILE in .png, .pdf "
    "or .svg; a FILE alone is that of the learning curve, '' is no picture (default: curve, in the "
    "model's name with .png; none where matplotlib is not installed)"
)


def _add_predict(commands: Commands) -> None:
    about = "predict the cases of a data set or a file with a trained model"
    add = _command(commands, "predict", about, _PREDICT, _PREDICT_END)
    add("model", metavar="MODEL", help="a model file of backprop-xp train or backprop_xp.save")
    add("data", metavar="DATA", help=_DATA_HELP)
    add("--out", default=PredictOptions.out, metavar="FILE", help=_TABLE_HELP)
    add("--device", default=PredictOptions.device, metavar="NAME", help=_DEVICE_HELP)
    add("--header", action=argparse.BooleanOptionalAction, **_UNSET, help=_HEADER_HELP)


_TABLE_HELP: Final = "file of the predictions; an existing file is replaced"


def _add_explain(commands: Commands) -> None:
    about = "show backpropagation step by step on a network"
    add = _command(commands, "explain", about, _EXPLAIN, _EXPLAIN_END)
    model = "a model file, shown on its data set or on DATA"
    add("model", metavar="MODEL", nargs="?", **_UNSET, help=model)
    add("--network", **_UNSET, metavar="SIZES", help=_NETWORK_HELP)
    add("--data", **_UNSET, metavar="DATA", help=_DATA_HELP)
    add("--case", type=int, **_UNSET, metavar="INDEX", help=_CASE_HELP)
    add("--text", action="store_true", **_UNSET, help=_TEXT_HELP)
    add("--out", **_UNSET, metavar="FILE", help=_PAGE_HELP)
    add("--open", action="store_true", **_UNSET, help="open the page in a browser")


_NETWORK_HELP: Final = (
    "units of each layer with commas between, the inputs first, such as 2,3,1 (default: with DATA "
    "one hidden layer of 3 units)"
)
_CASE_HELP: Final = (
    "the case that is shown, counted from 0 (default: all cases on the page, the first as text)"
)
_TEXT_HELP: Final = "print every equation with its numbers; no page is written unless it is named"
_PAGE_HELP: Final = "file of the page; an existing file is replaced (default: explain.html)"
