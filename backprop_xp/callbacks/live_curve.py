"""A curve of the cost in a notebook, which grows while a network trains."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.callbacks.standing import Standing
from backprop_xp.display.bands import by_network, middle_half
from backprop_xp.display.curve_chart import curve_chart
from backprop_xp.display.html_table import table, with_references
from backprop_xp.display.notebooks import Place

__all__ = ["LiveCurve"]

_CURVES: Final = {"training": "cost", "validation": "validation_cost"}


class LiveCurve:
    """The cost and the validation cost by epoch, with the last numbers in a table below.

    For a stack the curve is the median over the networks, and a band is their middle half.

    Parameters
    ----------
    place : Place
        Where the notebook shows the curve.

    Attributes
    ----------
    interval : float
        Seconds from one state to the next.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[str, list[NDArray[np.float64]]] = {}  # of a stack: (3,) at each epoch
        self.interval = 0.4

    def start(self, standing: Standing) -> None:
        """Show the numbers before the first epoch."""
        self.show(standing)

    def show(self, standing: Standing) -> None:
        """Show where training stands."""
        history = standing.history
        found = {
            part: self._quartiles(name, history[name])
            for part, name in _CURVES.items()
            if history.get(name)
        }
        chart = with_references(curve_chart(found, "cost E")) if found else ""
        last = [f"{name} {value:.4g}" for name, value in standing.last.items()]
        text = ", ".join([f"epoch {standing.epoch}/{standing.epochs}", *last])
        self._place.show(chart + _numbers(standing), text)

    def end(self, standing: Standing) -> None:
        """Leave the last state in the notebook."""
        self.show(standing)

    def _quartiles(self, name: str, entries: Sequence[Any]) -> NDArray[np.float64]:
        """Return the quartiles and the median of all epochs, (3, epochs); a stack's are kept."""
        if np.ndim(entries[-1]) == 0:
            return middle_half(by_network(entries))
        known = self._known.setdefault(name, [])
        if len(entries) > len(known):
            known.extend(middle_half(by_network(entries[len(known) :])).T)
        return np.stack(known[: len(entries)], axis=-1)


def _numbers(standing: Standing) -> str:
    """Return the last numbers as a table in HTML."""
    many = standing.networks
    caption = standing.title + (f", median of {many} networks" if many > 1 else "")
    if standing.stopped:
        caption += f"; stopped: {standing.stopped}"
    cells = {"epoch": f"{standing.epoch} of {standing.epochs}"}
    for name, value in standing.last.items():
        share = name.endswith("accuracy")
        cells[name.replace("_", " ")] = f"{100 * value:.1f} %" if share else f"{value:.4g}"
    cells["samples/s"] = standing.samples.removesuffix(" samples/s")
    ended = standing.ended
    cells["time" if ended else "time left"] = standing.time.removeprefix("in ").removesuffix(
        " left"
    )
    cells = {name: text for name, text in cells.items() if text}
    return table(list(cells), [list(cells.values())], caption=caption, texts=())
