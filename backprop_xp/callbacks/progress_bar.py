"""A progress bar on the terminal."""

from typing import Any, ClassVar

import numpy as np

from backprop_xp.callbacks.progress import Progress

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows complete epochs as a bar, and the last entries of the history beside it."""

    built_in: ClassVar[bool] = True

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_start(self, progress: Progress) -> None:
        """Show an empty bar."""
        from tqdm.auto import tqdm

        self._bar = tqdm(total=progress.epochs, initial=progress.epoch, unit="epoch")

    def on_epoch_end(self, progress: Progress) -> None:
        """Move the bar by an epoch."""
        last = {name: f"{np.mean(of[-1]):.4g}" for name, of in progress.history.items()}
        self._bar.set_postfix(last, refresh=False)
        self._bar.update()

    def on_train_end(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Leave the bar on the terminal."""
        self.close()

    def close(self) -> None:
        """End the bar and leave it on the terminal, also after an error in training."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
