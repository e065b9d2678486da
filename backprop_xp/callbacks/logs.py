"""Callbacks that write the history: to a CSV file, or for TensorBoard."""

import csv
import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import CheckpointWarning, OptionError, needs_extra

__all__ = ["CSVLog", "TensorBoardLog"]


class CSVLog:
    """Writes the history to a CSV file, a row after each epoch.

    The columns are "epoch", counted from 1, and the names of the history. A stack has a column for
    each network, such as ``cost[3]``. A row that cannot be written gives a `CheckpointWarning`, and
    training goes on.

    Parameters
    ----------
    path : path
        An earlier log there is replaced after the first epoch. A resumed run writes the rows before
        its checkpoint too. Any other file there is refused.

    Raises
    ------
    OptionError
        When training begins: `path` is no log, or is in no folder.

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = CSVLog(f"{folder}/log.csv")
    ...     run = bp.train(net, X, Y, epochs=2, callbacks=[log])
    ...     rows = log.path.read_text().splitlines()
    >>> len(rows), rows[0]
    (3, 'epoch,cost')
    """

    built_in: ClassVar[bool] = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._begun = False

    def on_train_start(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Check that the file can be written, and that an earlier file there is a log.

        Raises
        ------
        OptionError
        """
        self._begun = False
        advice = "Choose the name of a log, or of a new file"
        if self.path.is_dir() or not self.path.parent.is_dir():
            expected = "a file in a folder that exists"
            raise OptionError("CSVLog(path)", repr(str(self.path)), expected, advice)
        if self.path.exists() and not self._is_log():
            came = f"{str(self.path)!r}, a file that is no log"
            raise OptionError("CSVLog(path)", came, "a log or a free name", advice)

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the row of the epoch; the first call writes the rows of all epochs before, too."""
        first = progress.epoch - 1 if self._begun else 0
        try:
            with self.path.open("a" if self._begun else "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                for epoch in range(first, progress.epoch):
                    self._write(writer, progress, epoch)
            self._begun = True
        except OSError as error:
            text = f"no row of epoch {progress.epoch} in {str(self.path)!r}: {error}"
            warnings.warn(text, CheckpointWarning, stacklevel=2)

    def _is_log(self) -> bool:
        with self.path.open("rb") as file:
            start = file.read(6)
        return start in (b"", b"epoch,")

    @staticmethod
    def _write(writer: Any, progress: Progress, epoch: int) -> None:
        row: dict[str, Any] = {"epoch": epoch + 1}
        for name, entries in progress.history.items():
            entry = np.asarray(entries[epoch] if epoch < len(entries) else np.nan)
            for place in np.ndindex(entry.shape):
                label = f"{name}[{', '.join(map(str, place))}]" if place else name
                row[label] = repr(float(entry[place]))
        if epoch == 0:
            writer.writerow(row)
        writer.writerow(row.values())


class TensorBoardLog:
    """Writes the history for TensorBoard, one number for each name after each epoch.

    For a stack the number is the mean over the networks. A stack of at most `each` networks also
    has the number of each network, under the name with its index, such as ``cost/3``.

    Parameters
    ----------
    folder : path
        The folder that TensorBoard is started with, ``tensorboard --logdir folder``.
    each : int
        ≥ 0, the largest stack whose networks are written one by one.

    Raises
    ------
    MissingExtraError
        TensorBoard is not installed.
    OptionError
        `each` is no integer of at least 0.

    Examples
    --------
    >>> log = TensorBoardLog("runs/first")  # doctest: +SKIP
    >>> run = bp.train(net, X, Y, callbacks=[log])  # doctest: +SKIP
    """

    built_in: ClassVar[bool] = True

    def __init__(self, folder: str | os.PathLike[str], each: int = 16) -> None:
        where, expected = "TensorBoardLog", "the package tensorboard"
        with needs_extra("tensorboard", where, "no tensorboard", expected):
            Writer = import_module("tensorboard.summary").Writer
        check_count(each, "TensorBoardLog(each)", least=0)
        self._writer_of, self._folder, self._each = Writer, str(folder), each
        self._writer: Any = None

    def on_train_start(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Open a file of events."""
        self._writer = self._writer_of(self._folder)

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the last entries."""
        for name, entries in progress.history.items():
            entry = np.asarray(entries[-1], dtype=np.float64)
            self._writer.add_scalar(name, float(entry.mean()), progress.epoch)
            for place in np.ndindex(entry.shape if 0 < entry.size <= self._each else (0,)):
                if place:
                    label = f"{name}/{'.'.join(map(str, place))}"
                    self._writer.add_scalar(label, float(entry[place]), progress.epoch)
        self._writer.flush()

    def on_train_end(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Close the file."""
        self._writer.close()
