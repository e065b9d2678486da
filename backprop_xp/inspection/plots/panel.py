"""Panels: axes of matplotlib without pyplot, which would keep figures and choose a window system.

Colours are the palette of Okabe and Ito, distinct for colour-blind readers too. Numbers above and
below 0 are blue and orange.
"""

import importlib
import io
from functools import partial
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.advice import needs_extra
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DTypeError

__all__ = [
    "ABOVE_0",
    "BELOW_0",
    "COLOURS",
    "GREY",
    "by_depth",
    "colour_bar",
    "diverging",
    "drawn",
    "frame",
    "hide_frame",
    "matplotlib",
    "panel_of",
    "shown_as_png",
    "whole_numbers",
]

COLOURS: Final = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"),
    *("#7F7F7F", "#8C564B"),
)
ABOVE_0: Final = COLOURS[0]
BELOW_0: Final = COLOURS[1]
GREY: Final = "#555555"


def matplotlib(module: str) -> Any:
    """Return a module of matplotlib, such as "figure".

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    with needs_extra("plot", "plotting", "no matplotlib", "the package matplotlib"):
        return importlib.import_module(f"matplotlib.{module}")


def panel_of(ax: Any, where: str) -> Any:
    """Return the axes `ax`, or new axes in a figure of their own where `ax` is None.

    A notebook shows new axes, and their figure, as a picture.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    DTypeError
        `ax` is neither axes nor None.
    """
    if ax is None:
        figure = matplotlib("figure").Figure(figsize=(5.4, 3.9), layout="constrained")
        panel = figure.subplots()
        shown_as_png(figure, figure)
        shown_as_png(panel, figure)
        return panel
    if not isinstance(ax, matplotlib("axes").Axes):
        advice = "Pass one of figure.axes, or leave it out"
        raise DTypeError(f"{where}(ax)", type(ax).__name__, "axes of matplotlib, or None", advice)
    return ax


def shown_as_png(one: Any, figure: Any) -> None:
    """Have notebooks show an object as the picture of a figure, without pyplot."""
    vars(one)["_repr_png_"] = partial(drawn, figure, "png")


def drawn(figure: Any, format_name: str, dpi: int = 96) -> bytes:
    """Return the bytes of a figure's file in a format, such as "png"."""
    content = io.BytesIO()
    figure.savefig(content, format=format_name, dpi=dpi)
    return content.getvalue()


def frame(panel: Any) -> None:
    """Draw a grid behind the curves of a panel, and no lines above them and on their right."""
    panel.grid(which="major", color="#dddddd", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(GREY)
    panel.tick_params(which="both", color=GREY)


def hide_frame(panel: Any) -> None:
    """Leave out the grid, the lines around a panel, and the marks beside its numbers."""
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)


def whole_numbers(axis: Any) -> None:
    """Have the marks of an axis, ``panel.xaxis`` or ``panel.yaxis``, at whole numbers alone."""
    axis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True, min_n_ticks=1))


def colour_bar(panel: Any, mappable: Any, label: str) -> Any:
    """Draw the scale of colours beside a panel, within its own axes; return the colour bar."""
    inset = panel.inset_axes([1.03, 0.0, 0.05, 1.0])
    bar = panel.figure.colorbar(mappable, cax=inset, label=label)
    bar.outline.set_visible(False)
    return bar


def diverging() -> Any:
    """Return the colour map from orange, below 0, over white to blue, above 0; NaN is grey."""
    colours = matplotlib("colors").LinearSegmentedColormap
    made = colours.from_list("orange-white-blue", [BELOW_0, "#ffffff", ABOVE_0])
    return made.with_extremes(bad="#c4c4c4")


def by_depth(count: int) -> HostArray:
    """Return a colour for each of `count` layers, (count, 4), from dark to light with depth."""
    viridis = matplotlib("cm").viridis
    return np.asarray(viridis(np.linspace(0.0, 0.85, count)))
