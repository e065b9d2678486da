"""The arguments of ``backprop-xp train``, in groups, and the texts that its ``--help`` shows."""

import argparse
from typing import Any, Final

from backprop_xp.cli.picture_choice import PICTURES
from backprop_xp.cli.table_options import TableOptions
from backprop_xp.cli.train_options import EPOCHS, EPOCHS_SMALL, TrainOptions
from backprop_xp.cli.training_data import SHARE, SMALL, TRUTH_TABLES
from backprop_xp.optimizers.catalogue import OPTIMIZERS

__all__ = ["REPORT_HELP", "TEXTS", "TRAIN", "TRAIN_END", "add_train_arguments"]

TRAIN: Final = """\
Train on a table as it comes, or on a data set. Write the model, and what is asked for beside it.
Existing files of these names are replaced.

DATA is one of
  a table      .csv, .tsv or .txt, also packed as .gz, .bz2, .xz or .zip; .parquet. Columns of
               numbers, texts, dates and truth values, with gaps. An ensemble of networks is
               trained, and scored on rows that are held out. The decisions about the columns
               are shown, and kept in the model.
  a data set   digits, family_trees, mnist, symmetry or xor. One network is trained.
  .npz         an array X with a row of numbers for each case, and an array Y with class labels or
               with numbers to predict. One network is trained.
--single, or any other option of one network, trains one network on a .csv file of numbers: with
columns standardised to mean 0 and variance 1, and a target of numbers too.
"""
_PICTURES: Final = "".join(f"  {name:<13}{text}\n" for name, (_, text) in PICTURES.items())
TRAIN_END: Final = f"""\
pictures of --plot:
{_PICTURES}
examples:
  backprop-xp train table.csv --target y --report report.html
  backprop-xp train orders.csv --target paid --id order --dates %d.%m.%Y --order date
  backprop-xp train digits
  backprop-xp train mnist --learning-rate 0.02 --epochs 10
  backprop-xp train flowers.csv --target kind --hidden 32 --out flowers.safetensors
  backprop-xp train digits --plot curve,confusion,weights=pixels.pdf
"""
_UNSET: Final[dict[str, Any]] = {"default": argparse.SUPPRESS}  # only options that are given count


def add_train_arguments(
    command: argparse.ArgumentParser, data: str, header: str, device: str
) -> None:
    """Add the arguments of ``train`` to its parser, three of them with the texts given."""
    command.add_argument("data", metavar="DATA", help=data)
    _add_reading(command, header)
    _add_both(command, device)
    _add_table(command)
    _add_network(command)
    add = command.add_argument_group("files to write").add_argument
    add("--out", **_UNSET, metavar="FILE", help=_MODEL_HELP)
    add("--report", **_UNSET, metavar="FILE", help=REPORT_HELP)
    add("--json", **_UNSET, metavar="FILE", help="scores of an ensemble, as JSON")
    add("--plot", **_UNSET, metavar="NAMES", help=_PLOT_HELP)
    add("--checkpoint", **_UNSET, metavar="DIR", help=_CHECKPOINT_HELP)


TEXTS: Final = ("--target", "--categories", "--numbers", "--ignore", "--id", "--missing")
"""Options whose text may begin with a minus."""


def _add_reading(command: argparse.ArgumentParser, header: str) -> None:
    add = command.add_argument_group("what is read").add_argument
    add("--target", **_UNSET, metavar="NAME", help=_TARGET_HELP)
    add("--header", action=argparse.BooleanOptionalAction, **_UNSET, help=header)
    group = command.add_argument_group(
        "columns of a table, by name, or else by index, with commas between"
    )
    add = group.add_argument
    add("--categories", **_UNSET, metavar="COLUMNS", help="columns that are categories")
    add("--numbers", **_UNSET, metavar="COLUMNS", help="columns that are numbers")
    add("--ignore", **_UNSET, metavar="COLUMNS", help="columns to leave out")
    add("--id", **_UNSET, metavar="COLUMNS", help=_ID_HELP)
    add("--missing", **_UNSET, metavar="SIGNS", help=_MISSING_HELP)
    add("--dates", **_UNSET, metavar="FORMAT", help=_DATES_HELP)
    add("--decimal", **_UNSET, metavar="MARK", help="the decimal mark, . or , (default: found out)")
    add("--task", **_UNSET, metavar="TASK", help=_TASK_HELP)


def _add_both(command: argparse.ArgumentParser, device: str) -> None:
    add = command.add_argument_group("training").add_argument
    add("--epochs", type=int, **_UNSET, metavar="N", help=_EPOCHS_HELP)
    add("--batch-size", type=int, **_UNSET, metavar="N", help=_BATCH_HELP)
    add("--class-weights", **_UNSET, metavar="balanced", help=_WEIGHTS_HELP)
    add("--seed", type=int, **_UNSET, metavar="N", help=_SEED_HELP)
    add("--device", **_UNSET, metavar="NAME", help=f"{device} (default: {TrainOptions.device})")
    add("--dtype", **_UNSET, metavar="NAME", help=_DTYPE_HELP)
    add("--held-out", type=float, **_UNSET, metavar="SHARE", help=_HELD_OUT_HELP)


def _add_table(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("an ensemble on a table").add_argument
    networks = (
        f"networks to train, of which an ensemble is chosen (default: {TableOptions.networks})"
    )
    add("--networks", type=int, **_UNSET, metavar="N", help=networks)
    add("--group", **_UNSET, metavar="COLUMN", help=_GROUP_HELP)
    add("--order", **_UNSET, metavar="COLUMN", help=_ORDER_HELP)


def _add_network(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("one network").add_argument
    of = TrainOptions
    add("--single", action="store_true", **_UNSET, help="train one network, not an ensemble")
    add("--hidden", **_UNSET, metavar="SIZES", help=f"{_HIDDEN_HELP} (default: {of.hidden})")
    activation = f"{_ACTIVATION_HELP} (default: {of.activation})"
    add("--activation", **_UNSET, metavar="NAME", help=activation)
    add("--loss", **_UNSET, metavar="NAME", help=_LOSS_HELP)
    add("--optimizer", **_UNSET, metavar="NAME", help=_OPTIMIZER_HELP)
    add("--learning-rate", type=float, **_UNSET, metavar="RATE", help=_RATE_HELP)
    add("--momentum", type=float, **_UNSET, metavar="SHARE", help=_MOMENTUM_HELP)
    add(
        "--l2", type=float, **_UNSET, metavar="NUMBER", help="penalty on the squares of the weights"
    )
    add("--dropout", type=float, **_UNSET, metavar="SHARE", help=_DROPOUT_HELP)
    add("--patience", type=int, **_UNSET, metavar="N", help=_PATIENCE_HELP)
    add("--resume", action="store_true", **_UNSET, help="go on from the last file of --checkpoint")
    add("--mpi", action="store_true", **_UNSET, help=_MPI_HELP)


_TARGET_HELP: Final = (
    "the target's column, by name, or else by index from 0 (default: the last column); "
    "the target's array in an .npz file (default: Y)"
)
REPORT_HELP: Final = "page of an ensemble, in .html: scores and pictures"
_ID_HELP: Final = "columns that name the rows; predict carries them to its file"
_MISSING_HELP: Final = (
    "all signs of a missing value beside an empty cell, in place of NA, ?, null and the like"
)
_DATES_HELP: Final = "format of dates that are not like 2024-05-31, such as %%d.%%m.%%Y"
_TASK_HELP: Final = (
    "classes or numbers (default: classes for texts, truth values, two values and up to 10 "
    "different whole numbers)"
)
_HIDDEN_HELP: Final = "units of each hidden layer with commas between, '' for no hidden layer"
_ACTIVATION_HELP: Final = "activation of the hidden layers, such as relu, tanh or sigmoid"
_LOSS_HELP: Final = (
    "cross_entropy (with softmax outputs), binary_cross_entropy (sigmoid), poisson (exp), "
    "squared_error, absolute_error or huber (identity). Default: cross_entropy for classes, "
    "binary_cross_entropy for targets that are all 0 or 1, else squared_error"
)
_OPTIMIZER_HELP: Final = f"one of {', '.join(OPTIMIZERS)} (default: {TrainOptions.optimizer})"
_RATE_HELP: Final = "the size of a step (default: 0.1 for sgd, else that of the optimizer)"
_MOMENTUM_HELP: Final = "of sgd: share of the step before, from 0 to below 1 (default: 0.9)"
_DROPOUT_HELP: Final = "share of hidden units that each step leaves out, from 0 to below 1"
_PATIENCE_HELP: Final = (
    "epochs without a better cost on the held-out cases, after which training stops at the best"
)
_SMALL_DATA: Final = f"{', '.join(TRUTH_TABLES)} and for fewer than {SMALL} cases"
_EPOCHS_HELP: Final = (
    f"passes through all cases (default: {EPOCHS}; {EPOCHS_SMALL} for {_SMALL_DATA}; an ensemble "
    "chooses)"
)
_BATCH_HELP: Final = (
    f"cases in a batch (default: {TrainOptions.batch_size}; an ensemble chooses by the rows)"
)
_WEIGHTS_HELP: Final = "weigh cases so that all classes count the same"
_SEED_HELP: Final = (
    "seed of the initial weights, the order of the cases and the cases held out (default: 0)"
)
_DTYPE_HELP: Final = (
    f"precision of the computation: float16, float32 or float64 (default: {TrainOptions.dtype})"
)
_HELD_OUT_HELP: Final = (
    "share of the cases that are held out from training to test the model, from 0 to below 1 "
    f"(default: {SHARE}; mnist: its own test part; 0 for {_SMALL_DATA})"
)
_GROUP_HELP: Final = "column of groups, such as a customer: a group is held out as a whole"
_ORDER_HELP: Final = "column of numbers or dates, such as a time: the last rows are held out"
_MPI_HELP: Final = (
    "train in all processes that mpiexec starts, as one: mpiexec -n 4 backprop-xp train digits "
    "--mpi. Default of --dtype: float64, with the same digest for any number of processes"
)
_MODEL_HELP: Final = (
    "file of the model (default: the name of DATA with .safetensors, in the current folder); a "
    "name in .onnx writes an ONNX file, for other programs"
)
_PLOT_HELP: Final = (
    "pictures of one network by name with commas between (listed below), each alone or as "
    "NAME=FILE in .png, .pdf or .svg; a FILE alone is that of the learning curve, '' is no picture "
    "(default: curve, in the model's name with .png; none where matplotlib is not installed)"
)
_CHECKPOINT_HELP: Final = (
    "folder for the state of one network's training, from which --resume goes on"
)
