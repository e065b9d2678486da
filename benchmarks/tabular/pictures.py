"""The picture of real tables: mean ranks, and the score of each method beside the ensemble's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import OWN as LIBRARY
from benchmarks.pictures import COLOURS, OTHER, figure_with, save

__all__ = ["draw_standings"]

COLUMNS = 4


def draw_standings(
    path: Path,
    title: str,
    ranks: Mapping[str, float],
    ratios: Mapping[str, Mapping[str, float]],
    own: str,
) -> None:
    """Draw a panel of mean ranks, and a panel of relative scores for each table.

    Parameters
    ----------
    path : Path
    title : str
    ranks : dict
        The mean rank by the name of the method.
    ratios : dict
        Score / score of the ensemble, by the name of the method, by the name of the table.
    own : str
        The name of the ensemble.
    """
    rows = -(-len(ratios) // COLUMNS)
    figure, axes = figure_with(COLUMNS * (rows + 1), COLUMNS, row_height=2.3)
    for axis in axes[1:COLUMNS]:
        axis.set_axis_off()
    first = axes[0]
    first.set_axis_off()
    whole = figure.add_subplot(first.get_gridspec()[0, :])
    whole.spines[["top", "right"]].set_visible(False)
    names = sorted(ranks, key=ranks.__getitem__)
    _bars(whole, names, ranks, own, start=0.0)
    whole.set_title("mean rank (less is better)")
    methods = list(dict.fromkeys(name for of_table in ratios.values() for name in of_table))
    peers = [name for name in methods if name != own]
    for i, (axis, (table, of_table)) in enumerate(
        zip(axes[COLUMNS:], ratios.items(), strict=False)
    ):
        _bars(axis, peers, of_table, own, start=1.0)
        axis.axvline(1, color=COLOURS[LIBRARY], linewidth=1.5)
        axis.set_title(table)
        if i % COLUMNS:
            axis.set_yticklabels([])
    for axis in axes[COLUMNS + len(ratios) :]:
        axis.set_axis_off()
    figure.suptitle(title)
    figure.supxlabel("score / score of the ensemble (right of 1: the ensemble is better)")
    save(figure, path)


def _bars(
    axis: Any, names: Sequence[str], values: Mapping[str, float], own: str, *, start: float
) -> None:
    """Draw a bar from `start` for each name; a name without a value has none."""
    for place, name in enumerate(names):
        if name not in values:
            continue
        colour = COLOURS[LIBRARY] if name == own else OTHER
        bar = axis.barh(place, values[name] - start, left=start, color=colour)
        axis.bar_label(bar, labels=[f"{values[name]:.2f}"], padding=3)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.margins(x=0.3)
