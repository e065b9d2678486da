"""The progress of training: a line on the terminal, or a live curve in a notebook."""

import contextlib
import time
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from backprop_xp.callbacks.live_curve import LiveCurve
from backprop_xp.callbacks.pace import Pace
from backprop_xp.callbacks.progress import Progress
from backprop_xp.callbacks.progress_line import ProgressLine
from backprop_xp.callbacks.standing import Standing
from backprop_xp.display.notebooks import place_in_notebook

__all__ = ["ProgressBar"]

_LARGEST_SHARE = 0.05  # of the time, spent on showing it


class _View(Protocol):
    """Shows where training stands."""

    interval: float

    def start(self, standing: Standing) -> None:
        """Show where training stands before the first epoch."""

    def show(self, standing: Standing) -> None:
        """Show where training stands, in the place of the last state."""

    def end(self, standing: Standing) -> None:
        """Show where training ended."""


class ProgressBar:
    """Shows where training stands, a few times a second, and its end.

    It reads the history alone. A view that fails is given up with a warning, and training goes on.

    Parameters
    ----------
    cases : int
        The cases of an epoch.
    """

    built_in: ClassVar[bool] = True
    writes: ClassVar[bool] = True

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._view: _View | None = None
        self._progress: Any = None  # a Progress while a run is trained
        self._pace = Pace(cases, 0)
        self._next = 0.0  # seconds of `time.monotonic`

    def on_train_start(self, progress: Progress) -> None:
        """Show an empty line or curve."""
        self._progress, self._pace = progress, Pace(self._cases, progress.epoch, time.monotonic)
        self._guarded(self._start)

    def on_epoch_end(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Show where training stands, unless it was shown a moment ago."""
        if self._view is not None and time.monotonic() >= self._next:
            self._guarded(self._show)

    def close(self) -> None:
        """Leave the last state on the screen, also after an error in training."""
        if self._view is not None:
            self._guarded(self._end)
        self._view = self._progress = None

    def _start(self) -> None:
        place = place_in_notebook()
        self._view = ProgressLine() if place is None else LiveCurve(place)
        self._view.start(self._standing())

    def _show(self) -> None:
        view, start = self._view, time.monotonic()
        if view is not None:
            self._pace.mark(self._progress.epoch)
            view.show(self._standing())
            end = time.monotonic()
            self._next = end + max(view.interval, (end - start) / _LARGEST_SHARE)

    def _end(self) -> None:
        self._pace.mark(self._progress.epoch)
        if self._view is not None:
            self._view.end(self._standing(ended=True))

    def _standing(self, *, ended: bool = False) -> Standing:
        progress: Progress = self._progress
        sizes = "-".join(map(str, progress.network.sizes))
        return Standing(
            progress.epoch,
            progress.epochs,
            progress.history,
            self._pace,
            f"Network {sizes}",
            ended,
            progress.stopped,
        )

    def _guarded(self, act: Callable[[], None]) -> None:
        """Act; where that fails, show nothing more, and warn."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  a screen can fail in any way
            self._view = None
            text = f"train(progress): no more progress is shown: {type(error).__name__}: {error}"
            with contextlib.suppress(ValueError):  # of a stderr that is closed
                warnings.warn(text, UserWarning, stacklevel=2)
