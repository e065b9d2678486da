"""The command `predict`: a model and data in, a table of its outputs out."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp import datasets
from backprop_xp.activations import Softmax
from backprop_xp.backend import dtype_name
from backprop_xp.checkpoint import Model, load, write_atomically
from backprop_xp.csv_file import first_rows
from backprop_xp.device_selection import select_device
from backprop_xp.errors import DataError, ModelFileError, OptionError
from backprop_xp.evaluation import are_labels, outputs, scores
from backprop_xp.job_data import is_file
from backprop_xp.job_files import check_destination
from backprop_xp.model_notes import ModelNotes, notes_in
from backprop_xp.tables import read_features, read_table
from backprop_xp.values import check_finite

__all__ = ["PredictOptions", "predict_job"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class PredictOptions:
    """What the command line says. See ``backprop-xp predict --help``."""

    model: str
    data: str
    out: str = "predictions.csv"
    device: str = "auto"


@dataclass(frozen=True)
class _Given:
    """What the data hold: X (m, n_in), and Y as in training or None with the reason."""

    X: NDArray[Any]
    Y: NDArray[Any] | None
    why_not: str = ""


def predict_job(options: PredictOptions, say: Say) -> None:
    """Write what a model makes of data to a CSV file, a row for each case in the data's order.

    Parameters
    ----------
    options : PredictOptions
    say : callable
        Takes each line that is to be shown.

    Raises
    ------
    BackpropError, OSError
    """
    out = Path(options.out)
    check_destination("--out", out, [options.data, options.model])
    from_file = is_file(options.data)
    device = select_device(options.device)
    model = load(options.model, device)
    net, theta = model
    if theta.ndim != 1:
        came = f"a stack of networks, {tuple(theta.shape[:-1])}"
        raise ModelFileError(options.model, came, "a single one", "Save one of them: theta[0]")
    notes = notes_in(options.model, net.sizes[0], net.sizes[-1])
    classes = _classes(model, notes)
    given = _of_file(options.data, net.sizes, notes, classes) if from_file else _of_set(options)
    _check_inputs(given.X, model, options.data)
    say(f"model     {options.model}: {'-'.join(map(str, net.sizes))}, {net.output.name}")
    say(f"device    {device}")
    a = outputs(net, theta, given.X)
    if (Y := _comparable(given, model, classes)) is not None:
        say(f"result    {scores(net, theta, given.X, Y)} ({net.loss.name})")
    elif given.why_not:
        say(f"          not compared with the target: {given.why_not}")
    write_atomically(out, _table(a, classes, notes).encode("utf-8", "backslashreplace"))
    say(f"written   {out}, {len(a):,} rows")


def _classes(model: Model, notes: ModelNotes) -> tuple[str, ...] | None:
    """Return the names of the classes, None where the outputs are no classes."""
    if notes.class_names is None and isinstance(model.network.output, Softmax):
        return tuple(map(str, range(model.network.sizes[-1])))
    return notes.class_names


def _of_set(options: PredictOptions) -> _Given:
    found = datasets.NAMES[options.data]()
    X, Y = found.test if isinstance(found, datasets.Split) else found
    return _Given(X, Y)


def _of_file(
    name: str, sizes: tuple[int, ...], notes: ModelNotes, classes: tuple[str, ...] | None
) -> _Given:
    target, features = notes.target, notes.feature_names
    if Path(name).suffix.lower() == ".csv" and not features and Path(name).is_file():
        # without names the number of columns tells whether the target is there
        spare = len(first_rows(Path(name))[0]) - sizes[0]
        target = (-1 if target is None or isinstance(target, str) else target) if spare else None
        if spare == 0:
            return _Given(read_features(name), None)
    X = read_features(name, target, features)
    for where in dict.fromkeys([target, None]):
        try:
            Y = read_table(name, where, feature_names=features, class_names=classes or ()).Y
        except OptionError:  # it has no such target
            continue
        except DataError as error:
            return _Given(X, None, str(error))
        return _Given(X, Y)
    return _Given(X, None)
