"""Pictures of results: bars of ratios, and curves of time and memory on log-log axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import OWN

COLOURS = {OWN: "#d1495b", "floor": "#8d99ae"}
OTHER = "#30638e"


@dataclass(frozen=True)
class Curve:
    """A panel with the curves of one measure along a sweep.

    Attributes
    ----------
    title, x_label, y_label : str
    x : sequence of float
    lines : dict
        Values along x, by the name of the peer.
    """

    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float]]


def draw_bars(path: Path, title: str, panels: dict[str, dict[str, float]]) -> None:
    """Draw a panel of bars for each job: time of each peer / time of this library.

    Parameters
    ----------
    path : Path
    title : str
    panels : dict
        The ratios by the name of the peer, by the name of the job; this library's ratio is 1.
    """
    figure, axes = figure_with(len(panels), columns=min(len(panels), 2), row_height=2.9)
    for axis, (name, ratios) in zip(axes, panels.items(), strict=True):
        colours = [COLOURS.get(peer, OTHER) for peer in ratios]
        bars = axis.barh(list(ratios), list(ratios.values()), color=colours)
        axis.bar_label(
            bars, fmt="%.2f", padding=3, bbox={"facecolor": "white", "linewidth": 0, "pad": 1}
        )
        axis.axvline(1, color="black", linewidth=0.8)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.set_title(name)
    figure.suptitle(title)
    figure.supxlabel(f"time as a multiple of {OWN}'s (less is faster)")
    save(figure, path)


def draw_curves(path: Path, title: str, rows: list[list[Curve]]) -> None:
    """Draw a row of panels for each measure and a column for each sweep."""
    columns = max(len(row) for row in rows)
    figure, axes = figure_with(len(rows) * columns, columns, row_height=3.1)
    for i, row in enumerate(rows):
        for axis, curve in zip(axes[i * columns :], row, strict=False):
            for peer, values in curve.lines.items():
                colour = COLOURS.get(peer, OTHER)
                axis.loglog(curve.x, values, "o-", color=colour, label=peer, markersize=3)
            axis.set_title(curve.title)
            axis.set_xlabel(curve.x_label)
            axis.set_ylabel(curve.y_label)
            axis.grid(visible=True, alpha=0.3)
            _plain_ticks(axis, curve.x)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    save(figure, path)


def _plain_ticks(axis: Any, x: Sequence[float]) -> None:
    """Write ticks as plain numbers, along x at about three of the values."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_xticks(x[:: -(-len(x) // 3)])
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        one.set_minor_locator(NullLocator())


def figure_with(panels: int, columns: int, row_height: float) -> tuple[Any, Any]:
    """Return a figure, 1200 pixels wide, and its panels row by row."""
    from matplotlib.figure import Figure

    rows = -(-panels // columns)
    figure = Figure(figsize=(12, 0.8 + row_height * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[panels:]:
        axis.set_axis_off()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes[:panels]


def save(figure: Any, path: Path) -> None:
    """Write a figure to a file."""
    figure.savefig(path)
