"""The command `evaluate`: the scores of a model file on a table with its target."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.arrays.devices import select_device
from backprop_xp.cli.destinations import check_destination, check_page
from backprop_xp.cli.messages import warn
from backprop_xp.cli.model_notes import notes_in
from backprop_xp.cli.predict_data import given_cases
from backprop_xp.cli.table_model import table_model
from backprop_xp.cli.table_report import report
from backprop_xp.cli.table_words import ensemble_of, importance_lines, score_lines
from backprop_xp.cli.training_data import is_file
from backprop_xp.errors import DataError, ModelFileError, OptionError
from backprop_xp.estimators.table_scores import TableScores, class_scores, number_scores
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model import Model
from backprop_xp.files.model_file import load

__all__ = ["EvaluateOptions", "evaluate_job"]


@dataclass(frozen=True)
class EvaluateOptions:
    """The options of the command line; ``backprop-xp evaluate --help`` describes them."""

    model: str
    data: str
    header: bool | None = None
    report: str | None = None
    json: str | None = None
    device: str = "auto"


def evaluate_job(options: EvaluateOptions, say: Callable[[str], None]) -> None:
    """Show the scores of a model on data with their target.

    Parameters
    ----------
    options : EvaluateOptions
    say : callable
        Shows a line to the user.

    Raises
    ------
    BackpropError, OSError
    """
    _check_files(options)
    model = load(options.model, select_device(options.device))
    if isinstance(model, EnsembleModel):
        scores, importance, page = _of_table(options, model, say)
    else:
        if options.report is not None:
            came, advice = "the model of one network", "Leave --report out"
            raise OptionError("--report", came, "an ensemble", advice)
        scores, importance, page = _of_network(options, model), None, ""
    for line in score_lines(scores):
        say(line.replace(" held out;", f" of {Path(options.data).name};"))
    if importance is not None:
        for line in importance_lines(importance, scores):
            say(line)
    content = {**scores.to_json(), **({} if importance is None else {"importance": importance})}
    if options.json is not None:
        write_atomically(options.json, (json.dumps(content, indent=1) + "\n").encode())
        say(f"written   {options.json}")
    if options.report is not None:
        write_atomically(options.report, page.encode())
        say(f"written   {options.report}")


def _check_files(options: EvaluateOptions) -> None:
    """Refuse files that cannot be written, before any work."""
    read: list[str | Path] = [options.model, options.data]
    for option, path in (("--report", options.report), ("--json", options.json)):
        if path is not None:
            check_destination(option, Path(path), read)
            read.append(path)
    if options.report is not None:
        check_page("--report", Path(options.report))


def _of_table(
    options: EvaluateOptions, ensemble: EnsembleModel, say: Callable[[str], None]
) -> tuple[TableScores, dict[str, float], str]:
    model = table_model(options.model, ensemble)
    table = model.read(options.data, with_target=True, header=options.header)
    for column in model.unknown_levels(table):
        warn(str(column))
    say(f"model     {options.model}: {ensemble_of(len(ensemble.weights))}")
    rows = np.arange(len(table))
    scores, importance = model.scores(table, rows), model.importance(table, rows)
    page = ""
    if options.report is not None:
        page = report(Path(options.data).name, model, table, rows, scores, importance)
    return scores, importance, page


def _of_network(options: EvaluateOptions, model: Model[Any]) -> TableScores:
    if model.theta.ndim != 1:
        came = f"a stack of networks {tuple(model.theta.shape[:-1])}"
        advice = "Save one of its networks, theta[0]"
        raise ModelFileError(options.model, came, "a single network", advice)
    is_file(options.data)  # refuses an unknown name
    notes = notes_in(options.model, model).for_outputs(model.network)
    X, Y, why_not = given_cases(options.data, notes, model, options.header)
    if Y is None:
        came = f"no target to compare with{f' ({why_not})' if why_not else ''}"
        raise DataError(options.data, came, "the target of training", "Add its column")
    names = notes.class_names
    if names is None:
        return number_scores(Y, np.asarray(model.predict(X)).reshape(len(X), -1))
    labels, known = np.asarray(Y).reshape(-1).astype(np.int64), np.array(names)
    served = Model(model.network, model.theta, Meaning(known, flat=True))
    found = served.predict_proba(model.inputs(X))
    return class_scores(known[labels], known[found.argmax(axis=1)], found, names)
