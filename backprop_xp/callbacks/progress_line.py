"""A line on the terminal that shows where training stands, and the line of a log."""

import sys
from typing import Any

from backprop_xp.callbacks.standing import Standing

__all__ = ["ProgressLine"]

_WORDS = {"cost": "cost", "validation_cost": "validation"}


class ProgressLine:
    """A bar with the epoch, the cost, the accuracy, the validation, the pace and the time left.

    Where stderr is no terminal, the bar ends with the entries of the history.

    Attributes
    ----------
    interval : float
        Seconds from one state to the next.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._on_terminal = sys.stderr.isatty()
        self.interval = 0.1 if self._on_terminal else 10.0

    def start(self, standing: Standing) -> None:
        """Show an empty bar."""
        from tqdm import tqdm

        options = {"total": standing.epochs, "initial": standing.epoch, "unit": "epoch"}
        if self._on_terminal:
            options |= {"dynamic_ncols": True, "bar_format": "epoch {n_fmt}/{total_fmt} |{bar}|"}
        self._bar = tqdm(**options, mininterval=0, miniters=1)

    def show(self, standing: Standing) -> None:
        """Show where training stands."""
        bar, epoch = self._bar, standing.epoch
        if self._on_terminal:
            width = bar.format_dict["ncols"] or 80
            bar.bar_format = _line(standing, width)
        else:
            last = {name: f"{value:.4g}" for name, value in standing.last.items()}
            bar.set_postfix(last, refresh=False)
        if epoch > bar.n:
            bar.update(epoch - bar.n)
        else:
            bar.refresh()

    def end(self, standing: Standing) -> None:
        """Leave the last state on the terminal."""
        bar, self._bar = self._bar, None
        if bar is None:
            return
        try:
            self._bar = bar
            self.show(standing)
        finally:
            self._bar = None
            bar.close()


def _line(standing: Standing, width: int) -> str:
    """Return the longest of the lines that fits the width, as tqdm formats a bar."""
    epochs = f"{standing.epoch}/{standing.epochs}"
    many = "median " if standing.networks > 1 else ""
    full, short = (
        [many + text for text in [_scores(standing.last, digits, word)] if text]
        for digits, word in ((4, "accuracy "), (3, ""))
    )
    pace = [text for text in (standing.samples,) if text]
    time = [text for text in (standing.time,) if text]
    for parts, bar in ((full + pace + time, 10), (short + pace + time, 6)):
        text = ", ".join(parts)
        if len(f"epoch {epochs} || {text}") + bar <= width:
            return f"epoch {epochs} |{{bar}}| {text}"
    for parts in (short + pace + time, short + time):
        text = ", ".join([epochs, *parts])
        if len(text) <= width:
            break
    return text


def _scores(last: dict[str, float], digits: int, word: str) -> str:
    """Return the costs and accuracies, such as "cost 0.12 95.1%, validation 0.2 93.0%"."""
    parts = []
    for name, shown in _WORDS.items():
        if name in last:
            accuracy = last.get(name.replace("cost", "accuracy"))
            share = "" if accuracy is None else f"{',' if word else ''} {word}{100 * accuracy:.1f}%"
            parts.append(f"{shown} {last[name]:.{digits}g}{share}")
    return ", ".join(parts)
