"""The predictions of an ensemble for a table, as the text of a CSV file."""

import csv
import io

import numpy as np

from backprop_xp.cli.table_model import TableModel
from backprop_xp.datasets.mixed import MixedTable

__all__ = ["predictions"]


def predictions(model: TableModel, table: MixedTable) -> str:
    """Return a row for each row of a table: its ids, and the class or the number predicted.

    The probability of each class has a column too. Where an id has the name of such a column, this
    begins with "predicted_". Each number has the fewest digits that determine
    it.

    Parameters
    ----------
    model : TableModel
    table : MixedTable
        As `TableModel.read` returns it.
    """
    rows, ensemble = table.rows(), model.ensemble
    ids = [["" if cell is None else cell for cell in column] for column in table.ids.values()]
    predicted = np.asarray(ensemble.predict(rows))
    if ensemble.classes is None:
        head = list(table.target_names)
        columns = [list(map(str, column)) for column in predicted.reshape(len(rows), -1).T]
    else:
        head = ["class", *(f"probability_{name}" for name in ensemble.classes)]
        p = ensemble.predict_proba(rows)
        columns = [list(map(str, predicted)), *(list(map(str, column)) for column in p.T)]
    for j in range(len(head)):
        while head[j] in table.ids:
            head[j] = f"predicted_{head[j]}"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*table.ids, *head])
    writer.writerows(zip(*ids, *columns, strict=True))
    return text.getvalue()
