"""Learning curves: cost and accuracy by epoch, drawn by matplotlib.

Figures are made without pyplot, which would keep each of them and choose a window system.
"""

import importlib
import io
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.errors import OptionError
from backprop_xp.files.atomic_write import write_atomically

__all__ = ["FORMATS", "check_plotting", "learning_curve", "save_figure"]

FORMATS: Final = ("png", "pdf", "svg")
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"  # colour-blind readers tell them apart
_GREY: Final = "#555555"
_MOST_LINES: Final = 200
_SMALL_SPAN: Final = 0.06  # of accuracies; below it, the labels of the axis have a decimal place
_LOG_RANGE: Final = 10  # greatest over least cost; above it, the axis is logarithmic


def check_plotting() -> None:
    """Refuse to plot without matplotlib.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    _matplotlib("figure")


@checks_keywords
def learning_curve(
    history: Mapping[str, Sequence[Any]], *, cost: str = "cost E (mean over the cases)"
) -> Any:
    """Return a figure of the cost by epoch, and of the accuracy where the history has it.

    A training curve is the mean over the batches of an epoch, each taken before its update. A
    validation curve is taken after the epoch. For a stack of networks, each network is a thin
    line, 200 of them at most, and the median over the stack is a thick line.

    Parameters
    ----------
    history : dict of lists
        The history of a `Run`: "cost" and, where they apply, "accuracy", "validation_cost",
        "validation_accuracy". Each list has one entry per epoch, a number or an array over the
        stack.
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
    if not history.get("cost"):
        where, advice = "learning_curve(history)", "Train for one epoch at least"
        raise OptionError(where, "no epochs", 'a history with "cost"', advice)
    names = [name for name in ("cost", "accuracy") if history.get(name)]
    size = (4.9 * len(names) if len(names) > 1 else 6.4, 3.9)
    figure = _matplotlib("figure").Figure(figsize=size, layout="constrained")
    for name, panel in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        curves = {_TRAINING: history[name], _VALIDATION: history.get(f"validation_{name}", ())}
        _draw(panel, {colour: _by_network(of) for colour, of in curves.items() if len(of)}, name)
        panel.set_ylabel(cost if name == "cost" else "accuracy (% of cases)")
    vars(figure)["_repr_png_"] = partial(_drawn, figure, "png")  # notebooks call it without pyplot
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
    write_atomically(path, _drawn(figure, format_name, dpi=160))


def _drawn(figure: Any, format_name: str, dpi: int = 96) -> bytes:
    """Return the bytes of a file of this format."""
    content = io.BytesIO()
    figure.savefig(content, format=format_name, dpi=dpi)
    return content.getvalue()


def _matplotlib(module: str) -> Any:
    with needs_extra("plot", "plotting", "no matplotlib", "the package matplotlib"):
        return importlib.import_module(f"matplotlib.{module}")


def _by_network(entries: Sequence[Any]) -> NDArray[np.float64]:
    """Return a curve of the history as (epochs, networks); a single network is one column."""
    return np.asarray(entries, dtype=np.float64).reshape(len(entries), -1)


def _draw(panel: Any, curves: Mapping[str, NDArray[np.float64]], name: str) -> None:
    """Draw the curves, (epochs, networks) by colour, and the axes of "cost" or "accuracy"."""
    ticker = _matplotlib("ticker")
    for colour, values in curves.items():
        _draw_curve(panel, values, colour, name)
    epochs = max(len(values) for values in curves.values())
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
    margin = max(0.02 * (epochs - 1), 0.2)
    panel.set_xlim(1 - min(margin, 0.9), epochs + margin)
    low = min(values.min() for values in curves.values())
    high = max(values.max() for values in curves.values())
    if name == "accuracy":
        decimals = 0 if high - low > _SMALL_SPAN else 1
        panel.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals, symbol=" %"))
        margin = 0.05 * max(high - low, _SMALL_SPAN)
        panel.set_ylim(low - margin, high + margin)
    elif low > 0 and high > _LOG_RANGE * low:
        panel.set_yscale("log")
    panel.grid(which="major", color="#dddddd", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(_GREY)
    panel.tick_params(which="both", color=_GREY)
    where = "lower right" if name == "accuracy" else "upper right"
    panel.legend(loc=where, edgecolor="none", framealpha=0.8)


def _draw_curve(panel: Any, values: NDArray[np.float64], colour: str, name: str) -> None:
    """Draw a curve, (epochs, networks); its legend has the last value of the median."""
    epochs, networks = np.arange(1, len(values) + 1), values.shape[1]
    middle = np.median(values, axis=1)
    if networks > 1:
        shown = np.linspace(0, networks - 1, min(networks, _MOST_LINES)).astype(int)
        panel.plot(epochs, values[:, shown], color=colour, linewidth=0.6, alpha=0.25)
    last = f"{100 * middle[-1]:.1f} %" if name == "accuracy" else f"{middle[-1]:.3g}"
    part = "training" if colour == _TRAINING else "validation"
    of = f", median of {networks}" if networks > 1 else ""
    marker = "o" if len(values) == 1 else None
    panel.plot(
        epochs,
        middle,
        color=colour,
        linewidth=1.8,
        marker=marker,
        label=f"{part}{of} (last {last})",
    )
