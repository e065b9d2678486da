"""Colours, panels and Hinton diagrams for the pictures of the scripts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PINK", "hinton", "panels"]

# the palette of Okabe and Ito, distinct for colour-blind readers too
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#555555"


def panels(
    columns: int, rows: int = 1, *, width: float = 9.0, height: float = 3.6, **shared: Any
) -> tuple[Figure, Any]:
    """Return a figure and its panels, an array (rows, columns); sizes are in inches.

    `shared` goes to `Figure.subplots`, such as ``sharey=True``. Panels have no box around them.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    for panel in axes.flat:
        panel.grid(which="major", color="#dddddd", linewidth=0.7)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(GREY)
        panel.tick_params(which="both", color=GREY)
    return figure, axes


def hinton(panel: Any, W: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw W (rows, columns) as squares: area by size, blue above 0, orange below, with numbers.

    The diagrams are named after their inventor. A NaN entry is left empty.
    """
    largest = np.nanmax(np.abs(W))
    for (row, column), w in np.ndenumerate(np.asarray(W)):
        if np.isnan(w):
            continue
        side = 0.72 * np.sqrt(abs(w) / largest)
        corner = (column - side / 2, row - 0.12 - side / 2)
        panel.add_patch(Rectangle(corner, side, side, facecolor=BLUE if w > 0 else ORANGE))
        panel.text(column, row + 0.4, f"{w:.2f}", ha="center", va="center", fontsize=8, color=GREY)
    panel.set_xlim(-0.5, len(columns) - 0.5)
    panel.set_ylim(len(rows) - 0.45, -0.55)  # the first row on top
    panel.set_aspect("equal")
    panel.set_xticks(range(len(columns)), columns)
    panel.set_yticks(range(len(rows)), rows)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
