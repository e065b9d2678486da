"""Ctrl-C while training: the run ends after the current block of batches."""

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, ClassVar

__all__ = ["AT_ONCE_SECONDS", "Interrupts"]

AT_ONCE_SECONDS = 2.0


class Interrupts:
    """A context that notes the first Ctrl-C; a second Ctrl-C raises KeyboardInterrupt.

    A Ctrl-C within `AT_ONCE_SECONDS` after the last one raises KeyboardInterrupt too, although it
    is the first one in its context: two presses end a loop of trainings. Outside the main thread,
    and where the program has its own handler of Ctrl-C, the context does nothing.

    Attributes
    ----------
    noted : bool
        Whether there was a Ctrl-C.
    """

    _last_noted: ClassVar[float] = -math.inf  # of all trainings, in seconds of `time.monotonic`

    def __init__(self) -> None:
        self.noted = False
        self._before: Any = None

    def __enter__(self) -> "Interrupts":
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        before, Interrupts._last_noted = Interrupts._last_noted, time.monotonic()
        self._restore()
        if Interrupts._last_noted - before < AT_ONCE_SECONDS:
            signal.default_int_handler(number, frame)
        self.noted = True

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
