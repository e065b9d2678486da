"""Learning curves: cost and accuracy by epoch, drawn by matplotlib.

Figures are made without pyplot, which would keep each of them and choose a window system.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.errors import OptionError
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.inspection.plots import curves
from backprop_xp.inspection.plots.panel import drawn, matplotlib, shown_as_png

__all__ = ["FORMATS", "check_plotting", "learning_curve", "save_figure"]

FORMATS: Final = ("png", "pdf", "svg")


def check_plotting() -> None:
    """Refuse to plot without matplotlib.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    matplotlib("figure")


@checks_keywords
def learning_curve(history: Any, *, cost: str = "cost E (mean over the cases)") -> Any:
    """Return a figure of the cost by epoch, and of the accuracy where the history has it.

    Each panel is that of `plots.learning_curve`, which describes its lines.

    Parameters
    ----------
    history : dict of lists, or Run
        The history of a run, or the run itself: "cost" and, where they apply,
        "accuracy", "validation_cost", "validation_accuracy".
    cost : str
        The label of the cost's axis.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, or two side by side, in ``figure.axes``. `save_figure` writes it to a file, and a
        notebook shows it.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    OptionError
        The history has no epochs.

    Examples
    --------
    >>> figure = learning_curve({"cost": [0.7, 0.3, 0.2]})  # doctest: +SKIP
    >>> save_figure(figure, "curve.png")  # doctest: +SKIP
    """
    entries: Mapping[str, Sequence[Any]] = getattr(history, "history", history)
    if not entries.get("cost"):
        where, advice = "learning_curve(history)", "Train for one epoch at least"
        raise OptionError(where, "no epochs", 'a history with "cost"', advice)
    names = [name for name in ("cost", "accuracy") if entries.get(name)]
    size = (4.9 * len(names) if len(names) > 1 else 6.4, 3.9)
    figure = matplotlib("figure").Figure(figsize=size, layout="constrained")
    for name, panel in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        label = cost if name == "cost" else None
        curves.learning_curve(history, panel, name=name, label=label)
    shown_as_png(figure, figure)
    return figure


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file, in the format that its suffix names.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        A name in .png, .pdf or .svg. An existing file is replaced once the new one is complete.

    Raises
    ------
    OptionError
        The name has another suffix.
    OSError
        The file cannot be written.
    """
    format_name = Path(path).suffix.lower().removeprefix(".")
    if format_name not in FORMATS:
        expected = "a name in ." + ", .".join(FORMATS)
        raise OptionError("save_figure(path)", repr(str(path)), expected, "Use .png")
    write_atomically(path, drawn(figure, format_name, dpi=160))
