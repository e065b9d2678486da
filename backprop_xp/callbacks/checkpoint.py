"""Checkpoints: files of a run, from which ``train(resume=...)`` resumes it bit-identically."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.checkpoint_files import BEST, is_checkpoint, name_of, numbered, remove
from backprop_xp.callbacks.memories import snapshot_of
from backprop_xp.callbacks.metrics import check_metric, entry_of, is_better
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import CheckpointWarning, OptionError
from backprop_xp.files.atomic_write import remove_abandoned_parts
from backprop_xp.files.locks import claimed
from backprop_xp.files.training_state import write_snapshot

__all__ = ["Checkpoint", "claimed_folders"]

FAILURES = ("warn", "stop", "raise")
_OTHER_FOLDER = "Choose another folder"


@checks_keywords
class Checkpoint:
    """Writes the state of training to files, from which ``train(resume=...)`` resumes the run.

    The file of epoch 10 is ``epoch-000010.safetensors``; the file of the best epoch is
    ``best.safetensors``. Each file is written completely or not at all, whenever the process ends:
    it is written under another name, flushed to the disk, and renamed. `load` reads the model in a
    file.

    Parameters
    ----------
    folder : path
        Created unless it exists. A folder with checkpoints of another run is refused, and so is a
        folder to which another run writes at this moment.
    every : int
        ≥ 1, the number of epochs between two files. The last epoch of a run has a file too, unless
        Ctrl-C ends the run within an epoch.
    keep : int
        ≥ 1, the number of newest files to keep, beside the best one.
    metric : str or None
        The name in the history whose entry decides which epoch is the best. In a stack the mean of
        the entry over the networks decides. None writes no ``best.safetensors``.
    on_failure : {"warn", "stop", "raise"}
        The reaction to a file that cannot be written or removed. The disk may be full; or the
        history or the memory of a callback may hold values that no file can hold, such as a text in
        the history. "warn" gives a `CheckpointWarning`, and training goes on. "stop" ends the run,
        and `Run.stopped` says why. "raise" raises the OSError or OptionError. Earlier files stay as
        they are.

    Raises
    ------
    OptionError
        `every` or `keep` is below 1, `metric` is no text, or `on_failure` is unknown.

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = bp.train(net, X, Y, epochs=2, callbacks=[Checkpoint(folder)])
    ...     resumed = bp.train(net, X, Y, epochs=5, resume=folder)
    >>> bool((resumed.theta == bp.train(net, X, Y, epochs=5).theta).all())
    True
    """

    built_in: ClassVar[bool] = True
    writes: ClassVar[bool] = True

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 1,
        keep: int = 2,
        metric: str | None = None,
        on_failure: str = "warn",
    ) -> None:
        self.folder = Path(folder)
        self.every = check_count(every, "Checkpoint(every)", least=1)
        self.keep = check_count(keep, "Checkpoint(keep)", least=1)
        if metric is not None:
            check_metric(metric, "Checkpoint(metric)")
        self.metric = metric
        if on_failure not in FAILURES:
            known = f"one of {', '.join(FAILURES)}"
            raise OptionError("Checkpoint(on_failure)", repr(on_failure), known, 'Use "warn"')
        self.on_failure = on_failure
        self._best: Any = None
        self._begun = False
        self._written = -1
        self._settings: Mapping[str, str] = {}
        self._callbacks: Sequence[Any] = ()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Claim the folder for the ``with`` block, in which a run trains.

        The folder is created unless it exists. Unfinished files of killed processes are removed. A
        new folder is removed again where the run is refused before it begins.

        Raises
        ------
        OptionError
            The folder cannot be created, or another run writes to it.

        Examples
        --------
        >>> import os, tempfile
        >>> import backprop_xp as bp
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with bp.Checkpoint(f"{folder}/first").claimed():
        ...         print(os.listdir(folder))
        ['first']
        """
        where, name = "Checkpoint(folder)", repr(str(self.folder))
        is_new, self._begun = not self.folder.exists(), False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(where, f"{name} ({error})", "a folder", _OTHER_FOLDER) from error
        with ExitStack() as claims:
            if is_new:
                claims.callback(self._remove_unless_begun)
            try:
                free = claims.enter_context(claimed(self.folder))
            except OSError as error:
                text = f"{str(self.folder)!r} is not protected from other runs: {error}"
                warnings.warn(text, CheckpointWarning, stacklevel=2)
            else:
                if not free:
                    came = f"{name}, to which another run or Checkpoint writes"
                    advice = f"Wait for its end. {_OTHER_FOLDER}"
                    raise OptionError(where, came, "a folder of its own for each", advice)
                remove_abandoned_parts(self.folder)
            yield

    def _remove_unless_begun(self) -> None:
        if not self._begun:
            with suppress(OSError):
                self.folder.rmdir()

    def begin(
        self, settings: Mapping[str, str], callbacks: Sequence[Any], resumed: Path | None
    ) -> None:
        """Look at the folder, before training begins; `settings` and `callbacks` go into each file.

        `resumed` is the file that the run is resumed from, None for a new run.

        Raises
        ------
        OptionError
            The folder cannot be read, or holds checkpoints of a run other than the resumed one.

        Examples
        --------
        >>> import tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = bp.train(net, *bp.datasets.xor(), callbacks=[bp.Checkpoint(folder)])
        ...     try:
        ...         bp.Checkpoint(folder).begin({}, [], None)
        ...     except bp.OptionError as error:
        ...         print("expected", error.parts[2])
        expected a folder without checkpoints, for a new run
        """
        self._begun, self._settings, self._callbacks = True, settings, callbacks
        where, name = "Checkpoint(folder)", repr(str(self.folder))
        try:
            there = [path for path in self.folder.iterdir() if is_checkpoint(path)]
        except OSError as error:
            raise OptionError(where, f"{name} ({error})", "a folder", _OTHER_FOLDER) from error
        if there and (resumed is None or resumed.parent.resolve() != self.folder.resolve()):
            advice = "Resume that run by resume=, or choose another folder"
            expected = "a folder without checkpoints, for a new run"
            raise OptionError(where, f"{name}, which holds checkpoints", expected, advice)

    def on_train_start(self, progress: Progress) -> None:
        """Forget an earlier run, unless this run resumes it.

        Examples
        --------
        >>> import os, tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> X, Y = bp.datasets.xor()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     both = [bp.Checkpoint(folder)]
        ...     run = bp.train(net, X, Y, epochs=2, callbacks=both)
        ...     run = bp.train(net, X, Y, epochs=3, callbacks=both, resume=folder)
        ...     print(*sorted(os.listdir(folder)))
        epoch-000002.safetensors epoch-000003.safetensors
        """
        self._written = progress.epoch
        if progress.epoch == 0:
            self._best = None

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the best file where the metric improved, and each `every` epochs the newest.

        Examples
        --------
        >>> import os, tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = bp.Checkpoint(folder, every=4, metric="cost")
        ...     run = bp.train(net, *bp.datasets.xor(), epochs=8, callbacks=[checkpoint])
        ...     print(*sorted(os.listdir(folder)))
        best.safetensors epoch-000004.safetensors epoch-000008.safetensors
        """
        if self.metric is not None:
            entry = float(np.mean(entry_of(progress, self.metric, "Checkpoint")))
            if self._best is None or bool(is_better(entry, self._best, self.metric)):
                self._best = entry
                self._write(progress, BEST)
        if progress.epoch % self.every == 0:
            self._write_newest(progress)

    def on_train_end(self, progress: Progress) -> None:
        """Write a file of the last epoch, unless training ended within an epoch.

        Examples
        --------
        >>> import os, tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = bp.Checkpoint(folder, every=100)
        ...     run = bp.train(net, *bp.datasets.xor(), epochs=8, callbacks=[checkpoint])
        ...     print(*sorted(os.listdir(folder)))
        epoch-000008.safetensors
        """
        if progress.batch == 0 and self._written != progress.epoch:
            self._write_newest(progress)

    def state(self) -> Mapping[str, Any]:
        """Return the best entry of the metric so far.

        Examples
        --------
        >>> import tempfile
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = bp.Checkpoint(folder, metric="cost")
        ...     run = bp.train(net, *bp.datasets.xor(), callbacks=[checkpoint])
        >>> checkpoint.state()["best"] == min(run.history["cost"])
        True
        """
        return {} if self._best is None else {"best": self._best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a memory that `state` returned.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> checkpoint = bp.Checkpoint("digits", metric="cost")
        >>> checkpoint.restore({"best": 0.25})  # only a lower cost writes best.safetensors
        >>> checkpoint.state()
        {'best': 0.25}
        """
        self._best = state.get("best")

    def _write_newest(self, progress: Progress) -> None:
        if self._write(progress, name_of(progress.epoch)):
            self._written = progress.epoch
            old = numbered(self.folder)[: -self.keep]
            self._try(progress, "an old checkpoint stays", lambda: remove(old))

    def _write(self, progress: Progress, name: str) -> bool:
        def write() -> None:
            snapshot = snapshot_of(progress, self._settings, self._callbacks)
            write_snapshot(self.folder / name, progress.network, snapshot)

        return self._try(progress, f"no checkpoint of epoch {progress.epoch}", write)

    def _try(self, progress: Progress, failure: str, work: Callable[[], None]) -> bool:
        """Tell whether `work` on files succeeded; react to its error as `on_failure` says."""
        try:
            work()
        except (OSError, OptionError) as error:
            if self.on_failure == "raise":
                raise
            text = f"{failure} in {str(self.folder)!r}: {error}"
            warnings.warn(text, CheckpointWarning, stacklevel=2)
            if self.on_failure == "stop":
                progress.stop(text)
            return False
        return True


@contextmanager
def claimed_folders(callbacks: Sequence[Any]) -> Iterator[None]:
    """Claim the folders of checkpoints for the ``with`` block, in which a run trains.

    The claim comes before the checkpoint to resume is read, so that no other run writes a newer one
    in between.

    Raises
    ------
    OptionError
        A folder cannot be created, or another run writes to it.
    """
    with ExitStack() as claims:
        for one in callbacks:
            if isinstance(one, Checkpoint):
                claims.enter_context(one.claimed())
        yield
