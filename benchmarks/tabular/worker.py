"""A process for one cell: ``python -m benchmarks.tabular.worker TABLE METHOD SPLIT``.

It prints a line of JSON: the score, CPU seconds of fit and prediction, peak bytes, and versions.
"""

import contextlib
import json
import resource
import sys
import warnings
from typing import Any

import numpy as np

from benchmarks.meters import resident
from benchmarks.tabular.catalogue import NAMES
from benchmarks.tabular.methods import METHODS, SLOW_ROWS

__all__ = ["cell", "score"]

LEAST_PROBABILITY = 1e-15


def cell(table_name: str, method_name: str, split_number: int) -> dict[str, Any]:
    """Return the result of a method on a split of a table."""
    table, method = NAMES[table_name], METHODS[method_name]
    split = table.split(split_number, SLOW_ROWS if method.slow else None)
    classes = table.task == "classes"
    before = _cpu_seconds()
    predicted = method.predict(split, classes, split_number)
    return {
        "score": score(split.y, split.y_test, predicted, classes=classes),
        "cpu_seconds": _cpu_seconds() - before,
        "peak_bytes": resident(),
        "rows": len(split.X),
    }


def score(y: Any, y_test: Any, predicted: Any, *, classes: bool) -> float:
    """Return the log loss of probabilities of the sorted classes, or the RMSE of numbers.

    Parameters
    ----------
    y : array
        The classes of training, which are the columns of `predicted`.
    y_test : array (m,)
    predicted : array (m, n_classes) or (m,)
    classes : bool

    Examples
    --------
    >>> score([0.0], np.array([1.0, 3.0]), np.array([1.0, 1.0]), classes=False)
    1.4142135623730951
    >>> round(score(["a", "b"], ["b"], np.array([[0.5, 0.5]]), classes=True), 4)
    0.6931
    """
    if not classes:
        return float(np.sqrt(np.mean((np.asarray(predicted).reshape(-1) - y_test) ** 2)))
    place = {name: k for k, name in enumerate(np.unique(y))}
    p = np.asarray(predicted, dtype=np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    of_right = p[np.arange(len(p)), [place[name] for name in y_test]]
    return float(-np.log(np.maximum(of_right, LEAST_PROBABILITY)).mean())


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return float(sum(each.ru_utime + each.ru_stime for each in used))


def main() -> None:
    """Print the result of the cell that the arguments name."""
    table, method, split = sys.argv[1:]
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        found = cell(table, method, int(split))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
