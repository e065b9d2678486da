"""The parser of the command line, and the texts that ``--help`` shows."""

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from backprop_xp import __version__
from backprop_xp.cli.messages import fail
from backprop_xp.cli.predict import PredictOptions
from backprop_xp.cli.train_arguments import (
    REPORT_HELP,
    TEXTS,
    TRAIN,
    TRAIN_END,
    add_train_arguments,
)

__all__ = ["parser"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

_UNSET: Final[dict[str, Any]] = {"default": argparse.SUPPRESS}  # TrainOptions says None, help why

_PREDICT: Final = """\
Predict the cases of a data set or file with a trained model. Write a CSV file with a row for each
case: its ids, the predicted class and the probability of each class, or the numbers predicted.
Where one network predicts and DATA has the target, show the cost and the accuracy (or R^2).

DATA is a data set or a file, as for train; mnist is its test part. In a table with a header the
columns are found by name, in any order; other columns are ignored.
"""
_PREDICT_END: Final = """\
examples:
  backprop-xp predict digits.safetensors digits
  backprop-xp predict flowers.safetensors new_flowers.csv --out kinds.csv
"""
_EVALUATE: Final = """\
Show how well a trained model predicts data with their target. For classes these are accuracy,
balanced accuracy, log loss, AUC, Brier score and the confusion matrix; for numbers RMSE, MAE and
R^2. Beside them stands what is reached without any column. For an ensemble the importance of the
columns follows.
"""
_EVALUATE_END: Final = """\
examples:
  backprop-xp evaluate model.safetensors test.csv
  backprop-xp evaluate model.safetensors test.csv --report report.html --json scores.json
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

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        known = self._option_string_actions
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args(_with_texts(given, known), namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(fail(f"{message}. See {self.prog} --help.", 2))


def _with_texts(given: Sequence[str], known: Collection[str]) -> list[str]:
    """Return arguments in which a text that begins with a minus is one with its option.

    Examples
    --------
    >>> _with_texts(["--missing", "-,NA", "--header"], ["--missing", "--header"])
    ['--missing=-,NA', '--header']
    """
    found: list[str] = []
    for one in given:
        before = found[-1] if found else ""
        is_text = one.startswith("-") and one.partition("=")[0] not in known
        if is_text and before in TEXTS and before in known:
            found[-1] = f"{before}={one}"
        else:
            found.append(one)
    return found


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
    _add_evaluate(commands)
    _add_explain(commands)
    return whole


def _command(
    commands: Commands, name: str, about: str, description: str, end: str
) -> argparse.ArgumentParser:
    """Add a command with a page of help, and return its parser."""
    return commands.add_parser(
        name,
        help=about,
        description=description,
        epilog=end,
        formatter_class=_Help,
        allow_abbrev=False,
    )


def _add_train(commands: Commands) -> None:
    about = "train on a table, a data set or a file"
    command = _command(commands, "train", about, TRAIN, TRAIN_END)
    add_train_arguments(command, _DATA_HELP, _HEADER_HELP, _DEVICE_HELP)


_DATA_HELP: Final = "a data set, a table such as a .csv file, or an .npz file"
_TRAINED_HELP: Final = (
    "a model file of backprop-xp train, or one network of backprop_xp.save; an ensemble of "
    "backprop_xp.save is used in Python, by bp.load(path).predict(X)"
)
_HEADER_HELP: Final = (
    "whether the first line of a table names the columns (default: it does where it can be nothing "
    "else; a line that may also be a row of values is refused)"
)
_DEVICE_HELP: Final = "name of a device, as listed by: backprop-xp devices"


def _add_predict(commands: Commands) -> None:
    about = "predict the cases of a data set or a file with a trained model"
    add = _command(commands, "predict", about, _PREDICT, _PREDICT_END).add_argument
    add("model", metavar="MODEL", help=_TRAINED_HELP)
    add("data", metavar="DATA", help=_DATA_HELP)
    add("--out", default=PredictOptions.out, metavar="FILE", help=_TABLE_HELP)
    add("--device", default=PredictOptions.device, metavar="NAME", help=_DEVICE_HELP)
    add("--header", action=argparse.BooleanOptionalAction, **_UNSET, help=_HEADER_HELP)


_TABLE_HELP: Final = "file of the predictions; an existing file is replaced"


def _add_evaluate(commands: Commands) -> None:
    about = "show the scores of a trained model on data with their target"
    add = _command(commands, "evaluate", about, _EVALUATE, _EVALUATE_END).add_argument
    add("model", metavar="MODEL", help=_TRAINED_HELP)
    add("data", metavar="DATA", help=_DATA_HELP)
    add("--report", **_UNSET, metavar="FILE", help=REPORT_HELP)
    add("--json", **_UNSET, metavar="FILE", help="scores as JSON")
    add("--device", default=PredictOptions.device, metavar="NAME", help=_DEVICE_HELP)
    add("--header", action=argparse.BooleanOptionalAction, **_UNSET, help=_HEADER_HELP)


def _add_explain(commands: Commands) -> None:
    about = "show backpropagation step by step on a network"
    add = _command(commands, "explain", about, _EXPLAIN, _EXPLAIN_END).add_argument
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
