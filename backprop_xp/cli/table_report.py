"""The report of an ensemble on a table: a page with scores and pictures, complete in one file."""

import base64
import warnings
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.cli.table_model import TableModel, targets_of
from backprop_xp.cli.table_words import ensemble_of, figures, gains, loss_of, reasons, rows_of
from backprop_xp.datasets.cells import in_a_line
from backprop_xp.datasets.mixed import MixedTable
from backprop_xp.display.html_table import with_references
from backprop_xp.errors import MissingExtraError
from backprop_xp.estimators.table_scores import ClassScores, TableScores
from backprop_xp.inspection.plots.classes import calibration_curve, confusion_matrix
from backprop_xp.inspection.plots.panel import drawn, frame, panel_of

__all__ = ["report"]

_POINTS: Final = 2000  # drawn at most
_BARS: Final = 20  # columns drawn at most
_LETTERS: Final = 24  # of a name in a picture, at most
_CELLS: Final = 12  # classes in a confusion matrix of the usual size
_HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1, p, figcaption, th:first-child {{ overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8886;
  vertical-align: bottom; }}
td {{ white-space: nowrap; }}
th:first-child {{ text-align: left; background: Canvas; position: sticky; left: 0;
  min-width: min(12rem, 36vw); max-width: min(24rem, 40vw); }}
th[scope=row] {{ font-weight: normal; }}
.wide {{ overflow-x: auto; }}
figure {{ margin: 1.5rem 0; }}
img {{ max-width: 100%; background: white; }}
figcaption {{ max-width: 44rem; }}
@media (prefers-color-scheme: dark) {{ img {{ filter: invert(.93) hue-rotate(180deg); }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""

Picture = tuple[str, str, Any]  # title, caption, axes


def report(
    name: str,
    model: TableModel,
    table: MixedTable,
    rows: NDArray[np.int64],
    scores: TableScores,
    importance: Mapping[str, float] | None,
    split: Sequence[str] = (),
) -> str:
    """Return the page, in ASCII; it loads nothing, and every text in it is escaped.

    Without matplotlib it has no pictures, and says so.

    Parameters
    ----------
    name : str
        The name of the table.
    model : TableModel
    table : MixedTable
        With its target.
    rows : array of int
        The rows that were scored.
    scores : TableScores
    importance : mapping or None
        What the loss gains where a column is mixed up.
    split : sequence of str
        Lines that say how the rows were held out.
    """
    title = escape(f"{', '.join(table.target_names)} from {name}")
    about = [*table.summary().splitlines(), *split, _ensemble(model)]
    parts = [_HEAD.format(title=title), *(f"<p>{escape(line)}</p>" for line in about)]
    beside = "by the class shares" if isinstance(scores, ClassScores) else "by the mean"
    head = ["score", f"on {rows_of(scores.rows)}", f"{beside} alone"]
    lines = [
        (_in_html(name) + (f", {over}" if over else ""), value, without)
        for name, value, without, over in figures(scores)
    ]
    parts += ["<h2>Scores</h2>", _table("Scores", head, lines)]
    parts += [f"<p>{_in_html(escape(reason))}</p>" for reason in reasons(scores)]
    if isinstance(scores, ClassScores):
        parts += ["<h2>Rows of each class, by predicted class</h2>", _confusion(scores)]
    if importance:
        text = (
            f"What the {loss_of(scores)} gains where the values of one column are mixed up among "
            "the rows. Columns that hold the same information share it."
        )
        head = ["column", "gain"]
        parts += [f"<h2>Columns</h2>\n<p>{text}</p>", _table("Columns", head, gains(importance))]
    parts += _pictures(model, table, rows, importance)
    return with_references("\n".join([*parts, "</main>\n</body>\n</html>\n"]))


def _ensemble(model: TableModel) -> str:
    members = model.ensemble.members
    of_each = "; ".join(
        f"{len(one.weights)} of {'-'.join(map(str, one.network.sizes))}" for one in members
    )
    return f"{ensemble_of(len(model.ensemble.weights)).capitalize()}: {of_each}"


def _in_html(label: str) -> str:
    return label.replace("R^2", "R²")


def _table(label: str, head: list[str], rows: Any) -> str:
    """Return a table that scrolls sideways, by the keyboard too."""

    def cell(tag: str, x: object) -> str:
        return f"<{tag}>{escape(str(x))}</{tag.split(maxsplit=1)[0]}>"

    first = "".join(cell('th scope="col"', x) for x in head)
    others = (
        cell('th scope="row"', name) + "".join(cell("td", x) for x in cells)
        for name, *cells in rows
    )
    body = "\n".join(f"<tr>{line}</tr>" for line in others)
    region = f'<div class="wide" role="region" tabindex="0" aria-label="{label}">'
    return f"{region}<table>\n<tr>{first}</tr>\n{body}\n</table></div>"


def _confusion(scores: ClassScores) -> str:
    rows = [
        (_cut(name), *(f"{n:,}" for n in counts))
        for name, counts in zip(scores.classes, scores.confusion, strict=True)
    ]
    return _table("Predicted classes", ["class", *map(_cut, scores.classes)], rows)


def _pictures(
    model: TableModel,
    table: MixedTable,
    rows: NDArray[np.int64],
    importance: Mapping[str, float] | None,
) -> list[str]:
    x, y = table.rows(rows), targets_of(table)[rows]
    classes = model.ensemble.classes
    draw: list[Callable[[], Picture]]
    if classes is None:
        a = model.ensemble.predict(x).reshape(len(y), -1)
        draw = [lambda: _scatter(y.reshape(len(y), -1), a, table.target_names)]
    else:
        known = np.isin(y, classes)
        labels = np.searchsorted(classes, y[known])
        p = model.ensemble.predict_proba(x[known])
        draw = [lambda: _of_confusion(labels, p, classes), lambda: _of_calibration(labels, p)]
        draw = draw if len(labels) else []
    if importance:
        draw.append(lambda: _bars(importance))
    found = ["<h2>Pictures</h2>"]
    try:
        for one in draw:
            with warnings.catch_warnings():  # letters that its font lacks are boxes
                warnings.filterwarnings("ignore", category=UserWarning)
                title, caption, ax = one()
                picture = drawn(ax.figure, "svg")
            svg = base64.b64encode(picture).decode()
            alt = escape(f"{title}. {caption}")
            image = f'<img alt="{alt}" src="data:image/svg+xml;base64,{svg}">'
            text = f"<b>{escape(title)}.</b> {escape(caption)}"
            found.append(f"<figure>{image}\n<figcaption>{text}</figcaption></figure>")
    except MissingExtraError as error:
        found.append(f"<p>No pictures: {escape(error.parts[1])}. {escape(error.parts[3])}.</p>")
    return found


def _short(name: str) -> str:
    """Return a name for a picture, whose text has no formulas."""
    return _cut(name).replace("$", r"\$")


def _cut(name: str) -> str:
    return in_a_line(name, _LETTERS)


def _of_confusion(labels: Any, p: Any, classes: Any) -> Picture:
    ax = confusion_matrix(labels, p.argmax(axis=1), classes=[_short(str(one)) for one in classes])
    if len(classes) > _CELLS:
        width, height = ax.figure.get_size_inches()
        factor = min(len(classes) / _CELLS, 4)
        ax.figure.set_size_inches(factor * width, factor * height)
    caption = "A line is a class, a column a predicted class; the colour is the share of the line."
    return "Confusion matrix", caption, ax


def _of_calibration(labels: Any, p: Any) -> Picture:
    caption = (
        "Where the points lie on the diagonal, predictions of 80 % are right in 8 of 10 rows; "
        "below it they are too sure."
    )
    return "Calibration", caption, calibration_curve(labels, p)


def _scatter(y: NDArray[Any], a: NDArray[Any], names: tuple[str, ...]) -> Picture:
    ax = panel_of(None, "report")
    chosen = np.random.default_rng(0).permutation(len(y))[:_POINTS]
    for j, name in enumerate(names):
        ax.plot(y[chosen, j], a[chosen, j], ".", markersize=4, alpha=0.5, label=name)
    low, high = float(min(y.min(), a.min())), float(max(y.max(), a.max()))
    ax.plot([low, high], [low, high], color="black", linewidth=0.8)
    ax.set_xlabel(f"{_short(names[0])} in the table" if len(names) == 1 else "in the table")
    ax.set_ylabel("predicted")
    if len(names) > 1:
        ax.legend()
    frame(ax)
    few = f" {_POINTS:,} of {len(y):,} rows." if len(y) > _POINTS else ""
    return "Predictions", f"A point is a row; right predictions lie on the line.{few}", ax


def _bars(importance: Mapping[str, float]) -> Picture:
    ax = panel_of(None, "report")
    shown = dict(list(importance.items())[:_BARS])
    names = list(map(_short, shown))
    places = np.arange(len(shown))
    ax.barh(places, list(shown.values()))
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_xlabel("gain of the loss where the column is mixed up")
    frame(ax)
    few = f" The first {_BARS} of {len(importance)}." if len(importance) > _BARS else ""
    return "Importance of the columns", f"More is more important.{few}", ax
