"""Scores and importances as lines on the terminal."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from backprop_xp.datasets.cells import in_a_line
from backprop_xp.estimators.table_scores import ClassScores, NumberScores, TableScores

__all__ = [
    "Figure",
    "counted",
    "ensemble_of",
    "figures",
    "gains",
    "importance_lines",
    "loss_of",
    "reasons",
    "rows_of",
    "score_lines",
]

_MOST_CLASSES = 10  # of which the confusion matrix is shown
_MOST_COLUMNS = 10
_MOST_LACKING = 3  # classes that are named


def counted(count: int, thing: str) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "epoch"), counted(1200, "case")
    ('1 epoch', '1,200 cases')
    """
    return f"{count:,} {thing}{'s' * (count != 1)}"


def rows_of(count: int) -> str:
    """Return a number of rows in words.

    Examples
    --------
    >>> rows_of(1), rows_of(1200)
    ('1 row', '1,200 rows')
    """
    return counted(count, "row")


def ensemble_of(count: int) -> str:
    """Return a number of networks in words.

    Examples
    --------
    >>> ensemble_of(1)
    'an ensemble of 1 network'
    """
    return f"an ensemble of {counted(count, 'network')}"


class Figure(NamedTuple):
    """A score as texts.

    Attributes
    ----------
    name, value : str
    without : str
        The score that is reached without any column.
    over : str
        The rows that the score is over; "" for all.
    """

    name: str
    value: str
    without: str
    over: str = ""


def figures(scores: TableScores) -> list[Figure]:
    """Return each score beside the score that is reached without any column.

    Examples
    --------
    >>> from backprop_xp.estimators.table_scores import number_scores
    >>> figures(number_scores([1.0, 3.0], [1.0, 2.0]))[0]
    Figure(name='RMSE', value='0.7071', without='1', over='')
    """
    if isinstance(scores, NumberScores):
        return [
            Figure("RMSE", _number(scores.rmse), _number(scores.rmse_of_mean)),
            Figure("MAE", _number(scores.mae), _number(scores.mae_of_mean)),
            Figure("R^2", _number(scores.r_squared), "0"),
        ]
    n = sum(map(any, scores.confusion))  # classes that the rows have
    balanced = 1 / n if scores.largest_share else 0.0  # of one class for every row
    known = scores.rows_of_known_classes
    over = f"over the {rows_of(known)} of known classes" if known < scores.rows else ""
    log_loss, brier = _number(scores.log_loss_of_shares), _number(scores.brier_of_shares)
    return [
        Figure("accuracy", _share(scores.accuracy), _share(scores.largest_share)),
        Figure("balanced accuracy", _share(scores.balanced_accuracy), _share(balanced)),
        Figure("log loss", _number(scores.log_loss), log_loss, over),
        Figure("AUC", _number(scores.auc), "0.5", over),
        Figure("Brier score", _number(scores.brier), brier, over),
    ]


def reasons(scores: TableScores) -> list[str]:
    """Return why a score is missing, if one is.

    Examples
    --------
    >>> from backprop_xp.estimators.table_scores import number_scores
    >>> reasons(number_scores([2.0, 2.0], [1.0, 2.0]))
    ['no R^2: the target is the same in all rows']
    """
    if isinstance(scores, NumberScores):
        same = scores.r_squared is None
        return ["no R^2: the target is the same in all rows"] * same
    known = len(scores.classes) - len(scores.unknown)
    rows = [sum(counts) for counts in scores.confusion[:known]]
    if scores.auc is not None or not any(rows):
        return []
    lacking = [in_a_line(scores.classes[at], 12) for at, count in enumerate(rows) if not count]
    few, more = lacking[:_MOST_LACKING], len(lacking) - _MOST_LACKING
    named = ", ".join(few) + (f" and {more} more" if more > 0 else "")
    return [f"no AUC: it needs rows of each class, and there are none of {named}"]


def score_lines(scores: TableScores) -> list[str]:
    """Return the scores on held-out rows as lines."""
    beside = "the mean" if isinstance(scores, NumberScores) else "the shares of the classes"
    lines = [f"result    on {rows_of(scores.rows)} held out; in brackets by {beside} alone:"]
    for name, value, without, over in figures(scores):
        lines.append(f"          {name:<18}{value:>9}  ({without})" + (f"  {over}" if over else ""))
    lines += [f"          {reason}" for reason in reasons(scores)]
    if isinstance(scores, ClassScores):
        lines += _confusion(scores)
    return lines


def _confusion(scores: ClassScores) -> list[str]:
    names, counts = scores.classes, scores.confusion
    lines = [
        f"          the class {in_a_line(name)} is unknown to the model: its rows count as wrong"
        for name in scores.unknown
    ]
    if len(names) > _MOST_CLASSES:
        return [*lines, f"          {len(names)} classes: their confusion matrix is in --report"]
    short = [in_a_line(name, 12) for name in names]
    width = max(len(text) for text in (*short, *(f"{n:,}" for row in counts for n in row)))
    lines.append("          rows of a class, by predicted class:")
    lines.append(f"          {'':<{width}}  {'  '.join(name.rjust(width) for name in short)}")
    for name, row in zip(short, counts, strict=True):
        cells = "  ".join(f"{n:,}".rjust(width) for n in row)
        lines.append(f"          {name:<{width}}  {cells}")
    return lines


def importance_lines(importance: Mapping[str, float], scores: TableScores) -> list[str]:
    """Return the most important columns as lines."""
    if not importance:
        return []
    lines = [f"columns   by what the {loss_of(scores)} gains where the values of one are mixed up:"]
    shown = [(in_a_line(name), gain) for name, gain in gains(importance)[:_MOST_COLUMNS]]
    width = max(len(name) for name, _ in shown)
    lines += [f"          {name:<{width}}  {gain:>9}" for name, gain in shown]
    if len(importance) > _MOST_COLUMNS:
        lines.append(f"          and {len(importance) - _MOST_COLUMNS} more, which gain less")
    return lines


def loss_of(scores: TableScores) -> str:
    """Return the name of the loss that measures the importance of columns."""
    if isinstance(scores, NumberScores):
        return "RMSE"
    return "log loss" + " of known classes" * (scores.rows_of_known_classes < scores.rows)


def gains(importance: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return each column with its gain, to as many places as the largest has with four digits.

    Examples
    --------
    >>> gains({"area": 0.65428, "when": -0.00001})
    [('area', '0.6543'), ('when', '0.0000')]
    """
    largest = max((abs(gain) for gain in importance.values()), default=0.0)
    places = 4 if largest == 0 else min(max(3 - math.floor(math.log10(largest)), 0), 15)
    return [(name, f"{round(gain, places) + 0.0:,.{places}f}") for name, gain in importance.items()]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"
