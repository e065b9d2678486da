"""The command `train` for a table: an ensemble, its scores on held-out rows, and a report."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import needs_extra
from backprop_xp.arrays.devices import select_device
from backprop_xp.cli.table_columns import table_to_train
from backprop_xp.cli.table_model import TableModel, classes_of, targets_of
from backprop_xp.cli.table_options import TableOptions
from backprop_xp.cli.table_report import report
from backprop_xp.cli.table_split import Rows, rows_of_split
from backprop_xp.cli.table_words import (
    counted,
    ensemble_of,
    importance_lines,
    rows_of,
    score_lines,
)
from backprop_xp.datasets.cells import in_a_line
from backprop_xp.datasets.mixed import MixedTable
from backprop_xp.errors import OptionError
from backprop_xp.exchange import saving
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.files.model_file import save_ensemble

__all__ = ["train_table_job"]

Say = Callable[[str], None]


def train_table_job(options: TableOptions, say: Say) -> None:
    """Train an ensemble on a table; write its file, and on request scores and a report.

    Parameters
    ----------
    options : TableOptions
    say : callable
        Shows a line to the user.

    Raises
    ------
    BackpropError, OSError
    """
    options.check()
    needs = "the package scikit-learn, or --single for one network"
    with needs_extra("sklearn", "backprop-xp train", "no scikit-learn", needs):
        import sklearn  # noqa: F401  before the table is read
    device = select_device(options.device)
    table, groups, order, by = table_to_train(options)
    split = rows_of_split(table, options.held_out, options.seed, groups=groups, order=order)
    _check_held_out(options, split)
    first, *others = table.summary().splitlines()
    of_split = _lines_of(options, table, split, by)
    say(f"data      {Path(options.data).name}: {first}")
    for line in (*others, *of_split):
        say(f"          {line}")
    say(f"device    {device}")
    begun = time.perf_counter()
    fitted = _fit(options, table, split, groups, ordered=order is not None)
    took = time.perf_counter() - begun
    model = TableModel(_of_table(saving.ensemble_of(fitted), table), table.decided)
    _write_model(options, model)  # before lines that a closed pipe may refuse
    say(f"training  {counted(options.networks, 'candidate')} in {took:.1f} s")
    say(f"          {ensemble_of(len(fitted.weights_))}, each after its best epoch")
    scores = importance = None
    if len(split.held_out):
        scores = model.scores(table, split.held_out, split.train)
        importance = model.importance(table, split.held_out, options.seed)
        for line in (*score_lines(scores), *importance_lines(importance, scores)):
            say(line)
    say(f"written   {options.model}")
    if options.json is not None and scores is not None:
        content = {**scores.to_json(), "importance": importance}
        write_atomically(options.json, (json.dumps(content, indent=1) + "\n").encode())
        say(f"written   {options.json}")
    if options.report is not None and scores is not None:
        shown = Path(options.data).name, model, table, split.held_out
        page = report(*shown, scores, importance, of_split)
        write_atomically(options.report, page.encode())
        say(f"written   {options.report}")


def _check_held_out(options: TableOptions, split: Rows) -> None:
    for name in ("report", "json"):
        if getattr(options, name) is not None and not len(split.held_out):
            came, expected = f"no row held out of {len(split.train)}", "rows that are held out"
            raise OptionError(f"--{name}", came, expected, "Such as --held-out 0.2")


def _lines_of(options: TableOptions, table: MixedTable, split: Rows, by: str) -> list[str]:
    """Return how the rows are held out, and the classes that rows held out alone have."""
    how = f", the last by {in_a_line(by)}" if options.order is not None else ""
    how = f", by {in_a_line(by)}" if options.group is not None else how
    lines = [f"{rows_of(len(split.train))} to train on, {len(split.held_out):,} held out{how}"]
    if table.class_names is not None and len(split.held_out):
        y = np.asarray(table.Y)
        alone = sorted(set(y[split.held_out].tolist()) - set(y[split.train].tolist()))
        for label in alone:
            name = in_a_line(table.class_names[label])
            lines.append(f"the class {name} is in rows held out alone")
    return lines


def _fit(
    options: TableOptions,
    table: MixedTable,
    split: Rows,
    groups: NDArray[Any] | None,
    *,
    ordered: bool,
) -> Any:
    from backprop_xp.estimators.ensemble_classifier import MLPEnsembleClassifier
    from backprop_xp.estimators.ensemble_regressor import MLPEnsembleRegressor

    chosen: dict[str, Any] = {
        "networks": options.networks,
        "epochs": options.epochs or "auto",
        "batch_size": options.batch_size or "auto",
        "random_state": options.seed,
        "device": options.device,
        "dtype": options.dtype,
        "verbose": options.progress,
    }
    rows, y = split.train, targets_of(table)
    eval_set = None
    if ordered:  # the newest rows to train on choose the epochs, as the newest of all score them
        last = max(len(rows) // 5, 1)
        later = rows[-last:]
        rows, eval_set = rows[:-last], (table.rows(later), y[later])
    if classes_of(table) is None:
        if options.class_weights is not None:
            came, expected = "a target of numbers", "classes"
            raise OptionError("--class-weights", came, expected, "Leave it out")
        estimator: Any = MLPEnsembleRegressor(**chosen)
    else:
        estimator = MLPEnsembleClassifier(**chosen, class_weight=options.class_weights)
        if eval_set is not None:  # a class that comes later alone cannot be learnt
            known = np.isin(eval_set[1], y[rows])
            eval_set = eval_set[0][known], eval_set[1][known]
    of = None if groups is None else groups[rows]
    return estimator.fit(table.rows(rows), y[rows], groups=of, eval_set=eval_set)


def _of_table(ensemble: Any, table: MixedTable) -> EnsembleModel:
    """Return the ensemble with the names of the columns."""
    meaning = replace(ensemble.meaning, feature_names=table.names)
    named: EnsembleModel = replace(ensemble, meaning=meaning)
    return named


def _write_model(options: TableOptions, model: TableModel) -> None:
    if options.is_onnx:
        from backprop_xp.exchange import onnx_file  # which most calls do without

        onnx_file.to_onnx(model.ensemble, path=options.model)
    else:
        ensemble = replace(model.ensemble, decided=model.decided)
        save_ensemble(options.model, ensemble, model.notes(Path(options.data).name))
