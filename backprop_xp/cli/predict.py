"""The command `predict`: writes the outputs of a model for data to a table."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import Array, dtype_name, to_host
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.cli.destinations import check_destination
from backprop_xp.cli.evaluation import scores
from backprop_xp.cli.messages import warn
from backprop_xp.cli.model_notes import ModelNotes, notes_in
from backprop_xp.cli.predict_data import given_cases
from backprop_xp.cli.table_model import table_model
from backprop_xp.cli.table_predict import predictions
from backprop_xp.cli.table_words import ensemble_of, rows_of
from backprop_xp.cli.training_data import is_file
from backprop_xp.datasets.mixed.source import is_table
from backprop_xp.errors import ModelFileError, OptionError, check_is_file
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.files.formats import check_format
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model import Model
from backprop_xp.files.model_file import load
from backprop_xp.network.data_values import check_finite
from backprop_xp.network.decisions import decided
from backprop_xp.network.prediction import predict

__all__ = ["PredictOptions", "predict_job"]


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command line; ``backprop-xp predict --help`` describes them."""

    model: str
    data: str
    out: str = "predictions.csv"
    device: str = "auto"
    header: bool | None = None


def predict_job(options: PredictOptions, say: Callable[[str], None]) -> None:
    """Write the outputs of a model to a CSV file, a row for each case in the order of the data.

    Parameters
    ----------
    options : PredictOptions
    say : callable
        Shows a line to the user.

    Raises
    ------
    BackpropError, OSError
    """
    if is_table(options.data):
        check_is_file(Path(options.data), "DATA", "a table", f"{options.data!r}, ")
    else:
        is_file(options.data)  # refuses an unknown name before any file is read
    check_format(options.out, "--out", ".csv")
    check_destination("--out", Path(options.out), [options.data, options.model])
    device = select_device(options.device)
    loaded = load(options.model, device)
    if isinstance(loaded, EnsembleModel):
        _predict_table(options, loaded, device, say)
        return
    is_file(options.data)
    model, notes = _single(options.model, loaded)
    net, theta = model
    X, Y, why_not = given_cases(options.data, notes, model, options.header)
    if model.preprocessing is None:
        check_finite(X, options.data, dtype_name(theta.dtype))
    inputs = model.inputs(X)
    say(f"model     {options.model}: {'-'.join(map(str, net.sizes))}, {net.output.name}")
    say(f"device    {device}")
    if Y is not None:
        say(f"result    {scores(net, theta, inputs, Y)} ({net.loss.name})")
    elif why_not:
        say(f"          not compared with the target: {why_not}")
    text = _table(model, inputs, notes)
    write_atomically(options.out, text.encode("utf-8", "backslashreplace"))
    say(f"written   {options.out}: {rows_of(len(inputs))}")


def _predict_table(
    options: PredictOptions, ensemble: EnsembleModel, device: Device, say: Callable[[str], None]
) -> None:
    if not is_table(options.data):
        came, expected = repr(options.data), "a table, as the ensemble was trained on"
        raise OptionError("DATA", came, expected, "Such as new.csv")
    model = table_model(options.model, ensemble)
    table = model.read(options.data, with_target=False, header=options.header)
    for column in model.unknown_levels(table):
        warn(str(column))
    say(f"model     {options.model}: {ensemble_of(len(ensemble.weights))}")
    say(f"device    {device}")
    text = predictions(model, table)
    write_atomically(options.out, text.encode("utf-8", "backslashreplace"))
    say(f"written   {options.out}: {rows_of(len(table))}")


def _single(path: str, model: Model[Array]) -> tuple[Model[Array], ModelNotes]:
    """Return the model and the notes of a file; softmax outputs have class names."""
    net, theta = model
    if theta.ndim != 1:
        came = f"a stack of networks {tuple(theta.shape[:-1])}"
        advice = "Save one of its networks, theta[0]"
        raise ModelFileError(path, came, "a single network", advice)
    return model, notes_in(path, model).for_outputs(net)


def _table(model: Model[Array], inputs: NDArray[Any], notes: ModelNotes) -> str:
    """Return the CSV text; each number has the fewest digits that determine it in its dtype.

    Classes have a column, and so has the probability of each class, or its output where outputs are
    no probabilities. Several labels of a case have a column each.
    """
    net, names, own = model.network, notes.class_names, model.meaning
    a = to_host(predict(net, model.theta, inputs))
    meaning = Meaning(own.classes, own.flat) if names is None else Meaning(np.array(names), True)
    several = names is None and own.classes is not None
    two = names is not None and a.shape[1] == 1
    numbers = a
    if two:
        numbers = Model(net, model.theta, meaning).predict_proba(inputs)
    of = "probability" if two or several or isinstance(net.output, Softmax) else "output"
    if several:
        labels = range(a.shape[1])
        header = [*(f"label_{j}" for j in labels), *(f"probability_{j}" for j in labels)]
    elif names is not None:
        header = ["class", *(f"{of}_{name}" for name in names)]
    elif a.shape[1] == 1 and isinstance(notes.target, str):
        header = [notes.target]
    else:
        header = [f"output_{number}" for number in range(a.shape[1])]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    if names is None and not several:
        writer.writerows(map(str, row) for row in a)
    else:
        predicted = decided(a, meaning.classes, meaning.flat).reshape(len(a), -1)
        rows = zip(predicted, numbers, strict=True)
        writer.writerows([*map(str, left), *map(str, right)] for left, right in rows)
    return text.getvalue()
