"""Callbacks that write the history: to a CSV file, or for TensorBoard."""

import csv
import os
import warnings
from bisect import bisect_left
from collections.abc import Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import CheckpointWarning, OptionError
from backprop_xp.files.formats import check_format

__all__ = ["CSVLog", "TensorBoardLog"]


@checks_keywords
class CSVLog:
    """Writes the history to a CSV file, a row after each epoch.

    The columns are "epoch", counted from 1, and the names of the history. A stack has a column for
    each network, such as ``cost[3]``. An epoch without an entry of a name has an empty cell, and an
    epoch with several entries has a row for each of them. A name that appears later adds a column.
    An entry from before the first epoch is in the row of epoch 1. A file that cannot be written
    gives a `CheckpointWarning`, and training goes on.

    Parameters
    ----------
    path : path
        An earlier log there is replaced after the first epoch. A resumed run writes the rows before
        its checkpoint too. Any other file there is refused.

    Raises
    ------
    OptionError
        When training begins: `path` is no log, is in no folder, or has the suffix of another
        format.

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
    writes: ClassVar[bool] = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._columns: list[str] = []  # of the file; none before it is written
        self._epochs: dict[str, list[int]] = {}  # of each entry, by the names of the history

    def on_train_start(self, progress: Progress) -> None:
        """Check that the file can be written, and that an earlier file there is a log.

        Raises
        ------
        OptionError

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> bp.train(net, *bp.datasets.xor(), callbacks=[bp.CSVLog("no such folder/log.csv")])
        Traceback (most recent call last):
        backprop_xp.errors.OptionError: CSVLog(path): got 'no such folder/log.csv'; expected a file
            in a folder that exists. Choose the name of a log, or of a new file.
        """
        check_format(self.path, "CSVLog(path)", ".csv")
        self._columns = []
        self._epochs = self._epochs if progress.epoch else {}
        for name, entries in progress.history.items():  # of which no memory tells the epochs
            known = self._epochs.setdefault(name, [])
            known += [max(min(k + 1, progress.epoch), 1) for k in range(len(known), len(entries))]
        advice = "Choose the name of a log, or of a new file"
        if self.path.is_dir() or not self.path.parent.is_dir():
            expected = "a file in a folder that exists"
            raise OptionError("CSVLog(path)", repr(str(self.path)), expected, advice)
        if self.path.exists() and not self._is_log():
            came = f"{str(self.path)!r}, a file that is no log"
            raise OptionError("CSVLog(path)", came, "a log or a free name", advice)

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the rows of the epoch; the first call writes the rows of all epochs before, too.

        Examples
        --------
        >>> import tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = bp.CSVLog(f"{folder}/log.csv")
        ...     run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[log])
        ...     print([row.split(",")[0] for row in log.path.read_text().splitlines()])
        ['epoch', '1', '2']
        """
        self._note(progress)
        rows = self._rows(progress, progress.epoch)
        if self._columns and set(self._columns).issuperset(chain(*rows)):
            self._write(progress, rows, "a")
        else:
            self._write(progress, self._rows(progress, 1), "w")

    def on_train_end(self, progress: Progress) -> None:
        """Write all rows anew where entries came after the rows of their epoch.

        Examples
        --------
        >>> import tempfile
        >>> import backprop_xp as bp
        >>> class Note:
        ...     def on_epoch_end(self, progress):
        ...         progress.history.setdefault("note", []).append(f"epoch {progress.epoch}")
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = bp.CSVLog(f"{folder}/log.csv")
        ...     run = bp.train(net, *bp.datasets.xor(), epochs=2, callbacks=[log, Note()])
        ...     print([row.split(",")[-1] for row in log.path.read_text().splitlines()])
        ['note', 'epoch 1', 'epoch 2']
        """
        if self._note(progress):
            self._write(progress, self._rows(progress, 1), "w")

    def state(self) -> Mapping[str, Any]:
        """Return the epoch of each entry of the history.

        Examples
        --------
        >>> import tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = bp.CSVLog(f"{folder}/log.csv")
        ...     run = bp.train(net, *bp.datasets.xor(), epochs=3, callbacks=[log])
        >>> log.state()
        {'epochs': {'cost': array([1, 2, 3])}}
        """
        return {"epochs": {name: np.asarray(of) for name, of in self._epochs.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a memory that `state` returned.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> log = bp.CSVLog("log.csv")
        >>> log.restore({"epochs": {"cost": [1, 2, 3]}})
        >>> log.state()
        {'epochs': {'cost': array([1, 2, 3])}}
        """
        self._epochs = {name: list(map(int, of)) for name, of in state.get("epochs", {}).items()}

    def _is_log(self) -> bool:
        with self.path.open("rb") as file:
            start = file.read(6)
        return start in (b"", b"epoch,")

    def _note(self, progress: Progress) -> bool:
        """Note the epoch of the entries since the last call; tell whether there are any."""
        epoch = max(progress.epoch + (progress.batch > 0), 1)
        before = sum(map(len, self._epochs.values()))
        for name, entries in progress.history.items():
            known = self._epochs.setdefault(name, [])
            known += [epoch] * (len(entries) - len(known))
        return sum(map(len, self._epochs.values())) > before

    def _rows(self, progress: Progress, first: int) -> list[dict[str, str]]:
        """Return the rows from an epoch on, a cell by each column."""
        rows = {epoch: [{"epoch": str(epoch)}] for epoch in range(first, progress.epoch + 1)}
        for name, entries in progress.history.items():
            epochs = self._epochs[name]
            for number in range(bisect_left(epochs, first), len(entries)):
                epoch = epochs[number]
                of_epoch = rows.setdefault(epoch, [{"epoch": str(epoch)}])
                at = number - bisect_left(epochs, epoch)
                while len(of_epoch) <= at:
                    of_epoch.append({"epoch": str(epoch)})
                of_epoch[at].update(_cells(name, entries[number]))
        return [row for epoch in sorted(rows) for row in rows[epoch]]

    def _write(self, progress: Progress, rows: list[dict[str, str]], mode: str) -> None:
        """Write rows after those in the file, or in their place with the mode "w"."""
        columns = self._columns if mode == "a" else list(dict.fromkeys(chain(*rows)))
        self._columns = []  # after a failure the next call writes all rows
        try:
            with self.path.open(mode, newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                if mode == "w":
                    writer.writeheader()
                writer.writerows(rows)
            self._columns = columns
        except OSError as error:
            text = f"no row of epoch {progress.epoch} in {str(self.path)!r}: {error}"
            warnings.warn(text, CheckpointWarning, stacklevel=2)


def _cells(name: str, entry: Any) -> dict[str, str]:
    """Return the cells of an entry by their columns."""
    of_networks = np.asarray(entry)
    return {
        f"{name}[{', '.join(map(str, place))}]" if place else name: _text(of_networks[place])
        for place in np.ndindex(of_networks.shape)
    }


def _text(x: Any) -> str:
    """Return a number with all its digits; anything else, such as a note, as it is."""
    return repr(float(x)) if np.issubdtype(np.asarray(x).dtype, np.number) else str(x)


@checks_keywords
class TensorBoardLog:
    """Writes the history for TensorBoard, the last number of each name after each epoch.

    A name without a new entry in an epoch is left out in that epoch. Texts are left out. For a
    stack the number is the mean over the networks. A stack of at most `each` networks also has the
    number of each network, under the name with the network's index, such as ``cost/3``.

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
    writes: ClassVar[bool] = True

    def __init__(self, folder: str | os.PathLike[str], each: int = 16) -> None:
        where, expected = "TensorBoardLog", "the package tensorboard"
        with needs_extra("tensorboard", where, "no tensorboard", expected):
            Writer = import_module("tensorboard.summary").Writer
        check_count(each, "TensorBoardLog(each)", least=0)
        self._writer_of, self._folder, self._each = Writer, str(folder), each
        self._writer: Any = None
        self._lengths: dict[str, int] = {}  # of the lists in the history

    def on_train_start(self, progress: Progress) -> None:
        """Open a file of events.

        Examples
        --------
        >>> import os
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([64, 10]), bp.datasets.digits()  # doctest: +SKIP
        >>> log = bp.TensorBoardLog("runs/first")  # doctest: +SKIP
        >>> run = bp.train(net, X, Y, callbacks=[log])  # doctest: +SKIP
        >>> len(os.listdir("runs/first"))  # doctest: +SKIP
        1
        """
        self._writer = self._writer_of(self._folder)
        before = progress.history if progress.epoch else {}  # of a resumed run
        self._lengths = {name: len(entries) for name, entries in before.items()}

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the last entries.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([64, 10]), bp.datasets.digits()  # doctest: +SKIP
        >>> log = bp.TensorBoardLog("runs/first")  # doctest: +SKIP
        >>> run = bp.train(net, X, Y, stack=2, callbacks=[log])  # doctest: +SKIP
        >>> # the curves cost, cost/0, cost/1, accuracy, accuracy/0 and accuracy/1
        """
        for name, entries in progress.history.items():
            before, self._lengths[name] = self._lengths.get(name, 0), len(entries)
            if len(entries) <= before or np.asarray(entries[-1]).dtype.kind not in "biuf":
                continue
            entry = np.asarray(entries[-1], dtype=np.float64)
            self._writer.add_scalar(name, float(entry.mean()), progress.epoch)
            for place in np.ndindex(entry.shape if 0 < entry.size <= self._each else (0,)):
                if place:
                    label = f"{name}/{'.'.join(map(str, place))}"
                    self._writer.add_scalar(label, float(entry[place]), progress.epoch)
        self._writer.flush()

    def on_train_end(self, progress: Progress) -> None:  # noqa: ARG002  every callback takes it
        """Close the file.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([64, 10]), bp.datasets.digits()  # doctest: +SKIP
        >>> log = bp.TensorBoardLog("runs/first")  # doctest: +SKIP
        >>> run = bp.train(net, X, Y, callbacks=[log])  # doctest: +SKIP
        >>> # in a shell: tensorboard --logdir runs/first
        """
        self._writer.close()
