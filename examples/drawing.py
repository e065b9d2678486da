"""Colours and panels for the pictures of the scripts."""

from typing import Any

from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PINK", "panels"]

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
