"""The model of a table in a file: an ensemble, and how a table is read for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.cli.model_notes import ModelNotes
from backprop_xp.cli.table_columns import named_as_here
from backprop_xp.datasets.mixed import MixedTable, read_like
from backprop_xp.datasets.mixed.dates import PARTS
from backprop_xp.datasets.mixed.plan import DATE
from backprop_xp.errors import BackpropError, ModelFileError
from backprop_xp.estimators.column_importance import permutation_importance
from backprop_xp.estimators.table_scores import (
    TableScores,
    class_scores,
    number_scores,
)
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.preprocessing.table import Table
from backprop_xp.preprocessing.unknown_levels import UnknownLevels, unknown_levels

__all__ = ["TableModel", "classes_of", "source_columns", "table_model", "targets_of"]

_ROWS: Final = 2000  # by which the importance of columns is measured, at most
_LEAST_ROWS: Final = 200
_PREDICTIONS: Final = 100_000  # of rows, for one order of all columns
_LEAST: Final = 1e-15  # probability of the right class in the loss


@dataclass(frozen=True)
class TableModel:
    """An ensemble, and the decisions by which a table is read for it.

    Attributes
    ----------
    ensemble : EnsembleModel
        It takes the rows of a table that `read` returns, and has no decisions of its own.
    decided : dict
        As `MixedTable.decided`.
    """

    ensemble: EnsembleModel
    decided: Mapping[str, Any]

    def notes(self, data: str) -> dict[str, str]:
        """Return the texts of the model file: the names of the data and of the target."""
        target = self.decided["target"]["columns"][0]["name"]
        return {"data": json.dumps(data), "target": json.dumps(target)}

    def read(self, path: str, *, with_target: bool, header: bool | None = None) -> MixedTable:
        """Return another table, read the way the first one was read.

        Raises
        ------
        BackpropError
            As `read_like`.
        """
        try:
            return read_like(path, self.decided, with_target=with_target, header=header)
        except BackpropError as error:
            raise named_as_here(error) from None

    def unknown_levels(self, table: MixedTable) -> list[UnknownLevels]:
        """Return the columns in which at least a tenth of the cells are unknown levels."""
        step = self.ensemble.preprocessing
        return [] if step is None else unknown_levels(step, Table.of(table.columns, table.names))

    def scores(
        self,
        table: MixedTable,
        rows: NDArray[np.int64],
        trained_on: NDArray[np.int64] | None = None,
    ) -> TableScores:
        """Return the scores for rows of a table with a target.

        The class that is most frequent in the rows of training, if they are given, is the one that
        is named for every row without any column.
        """
        targets, model = targets_of(table), self.ensemble
        x, y = table.rows(rows), targets[rows]
        if model.classes is None:
            return number_scores(y, model.predict(x))
        most_frequent = None
        if trained_on is not None:
            known = [np.count_nonzero(targets[trained_on] == one) for one in model.classes]
            most_frequent = model.classes[int(np.argmax(known))]
        p = model.predict_proba(x)
        return class_scores(
            y, model.predict(x), p, list(model.classes), most_frequent=most_frequent
        )

    def importance(
        self, table: MixedTable, rows: NDArray[np.int64], seed: int = 0
    ) -> dict[str, float]:
        """Return what the loss gains when a column is mixed up, the largest first.

        The loss is the log loss of classes, or the root mean squared error. It is that of at most
        2,000 rows; of fewer where there are more than 50 columns, each of which takes a prediction
        of these rows.
        """
        groups = source_columns(self.decided)
        most = min(max(_PREDICTIONS // max(len(groups), 1), _LEAST_ROWS), _ROWS)
        if len(rows) > most:
            rows = np.random.default_rng(seed).permutation(rows)[:most]
        y, model = targets_of(table)[rows], self.ensemble
        if model.classes is not None:
            known = np.isin(y, model.classes)
            rows, y = rows[known], y[known]
            place = np.searchsorted(model.classes, y)

        def loss(x: Any) -> float:
            if model.classes is None:
                return float(np.sqrt(((model.predict(x) - y) ** 2).mean()))
            of_right = model.predict_proba(x)[np.arange(len(y)), place]
            return float(-np.log(np.maximum(of_right, _LEAST)).mean())

        if not len(y):
            return {}
        repeats = 3 if len(groups) * _ROWS <= _PREDICTIONS else 1
        return permutation_importance(loss, table.rows(rows), groups, repeats=repeats, seed=seed)


def table_model(path: str, ensemble: EnsembleModel) -> TableModel:
    """Return the model of a table with the decisions in its file.

    Raises
    ------
    ModelFileError
        The file has none, or they cannot be used.
    """
    if ensemble.decided is None:
        came, expected = "an ensemble without the columns of a table", "a file of backprop-xp train"
        advice = f"Use an ensemble of backprop_xp.save in Python by bp.load({path!r}).predict(X)"
        raise ModelFileError(path, came, expected, advice)
    return TableModel(replace(ensemble, decided=None), ensemble.decided)


def classes_of(table: MixedTable) -> NDArray[Any] | None:
    """Return the classes by their labels: integers where all names are; None for numbers."""
    if table.class_names is None:
        return None
    return ModelNotes(class_names=table.class_names).classes


def targets_of(table: MixedTable) -> NDArray[Any]:
    """Return the classes of the rows, or their numbers, (m,) for one target."""
    classes, Y = classes_of(table), np.asarray(table.Y)
    if classes is not None:
        return np.asarray(classes[Y])
    return np.asarray(Y[:, 0] if Y.shape[1] == 1 else Y)


def source_columns(decided: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the features that each column of the file has become: four for a date, else one.

    Examples
    --------
    >>> columns = [{"name": "when", "kind": "date"}, {"name": "area", "kind": "number"}]
    >>> source_columns({"columns": columns})
    {'when': [0, 1, 2, 3], 'area': [4]}
    """
    place = 0
    groups: dict[str, list[int]] = {}
    for column in decided["columns"]:
        count = len(PARTS) if column["kind"] == DATE else 1
        groups[column["name"]] = list(range(place, place + count))
        place += count
    return groups
