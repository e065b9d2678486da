"""Checkpoints while training: files from which a run goes on as if it had never been stopped."""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backprop_xp.arrays.backend import to_host
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.callback import is_built_in
from backprop_xp.callbacks.metrics import check_metric, entry_of, is_better
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import CheckpointWarning, MissingFileError, OptionError
from backprop_xp.files.training_state import Snapshot, write_snapshot

__all__ = ["Checkpoint", "file_to_resume", "newest", "restore_callbacks", "snapshot_of"]

_NAME, _BEST = re.compile(r"epoch-(\d{6,})\.safetensors"), "best.safetensors"
FAILURES = ("warn", "stop", "raise")


class Checkpoint:
    """Writes where training stands to files, from which ``train(resume=...)`` goes on.

    The files are ``epoch-000010.safetensors`` after epoch 10, and so on, and ``best.safetensors``.
    Each is complete or not there, whenever the process ends: it is written under another name,
    flushed to the disk, and renamed. `load` reads the model in them.

    Parameters
    ----------
    folder : path
        Made where it is not there. One that holds checkpoints of another run is refused.
    every : int
        ≥ 1, the epochs between two files. There is one after the last epoch of a run too, unless
        Ctrl-C ends it within an epoch.
    keep : int
        ≥ 1, how many of the newest files to keep; the best one is kept beside them.
    metric : str or None
        The entry of the history by which `best.safetensors` is the best, of a stack its mean; None,
        as it is unless told, writes none.
    on_failure : {"warn", "stop", "raise"}
        What to do where a file cannot be written, such as on a full disk: warn and go on, end the
        run, which says why, or raise the OSError. The files before stay as they are.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = bp.train(net, X, Y, epochs=2, callbacks=[Checkpoint(folder)])
    ...     further = bp.train(net, X, Y, epochs=5, resume=folder)
    >>> bool((further.theta == bp.train(net, X, Y, epochs=5).theta).all())
    True
    """

    built_in: ClassVar[bool] = True

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
        self._written = -1
        self._settings: Mapping[str, str] = {}
        self._callbacks: Sequence[Any] = ()

    def begin(
        self, settings: Mapping[str, str], callbacks: Sequence[Any], resumed: Path | None
    ) -> None:
        """Take what a file says of its run, and make the folder; training calls it before any work.

        Raises
        ------
        OptionError
            The folder cannot be made, or holds such files of another run than the one that is
            resumed.
        """
        self._settings, self._callbacks = settings, callbacks
        where, name = "Checkpoint(folder)", repr(str(self.folder))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = [path for path in self.folder.iterdir() if _is_ours(path)]
        except OSError as error:
            advice = "Choose another folder"
            raise OptionError(where, f"{name} ({error})", "a folder", advice) from error
        if there and (resumed is None or resumed.parent.resolve() != self.folder.resolve()):
            advice = "Go on with that run by resume=, or choose another folder"
            expected = "a folder without them, for a run that begins"
            raise OptionError(where, f"{name}, which holds checkpoints", expected, advice)

    def on_train_start(self, progress: Progress) -> None:
        """Forget a run before."""
        self._written = progress.epoch
        if progress.epoch == 0:
            self._best = None

    def on_epoch_end(self, progress: Progress) -> None:
        """Write the files that are due."""
        if self.metric is not None:
            entry = float(np.mean(entry_of(progress, self.metric, "Checkpoint")))
            if self._best is None or bool(is_better(entry, self._best, self.metric)):
                self._best = entry
                self._write(progress, _BEST)
        if progress.epoch % self.every == 0:
            self._write_newest(progress)

    def on_train_end(self, progress: Progress) -> None:
        """Write the last epoch, unless training ended within it."""
        if progress.batch == 0 and self._written != progress.epoch:
            self._write_newest(progress)

    def state(self) -> Mapping[str, Any]:
        """Return the best entry so far."""
        return {} if self._best is None else {"best": self._best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._best = state.get("best")

    def _write_newest(self, progress: Progress) -> None:
        if self._write(progress, f"epoch-{progress.epoch:06d}.safetensors"):
            self._written = progress.epoch
            for path in _numbered(self.folder)[: -self.keep]:
                path.unlink(missing_ok=True)

    def _write(self, progress: Progress, name: str) -> bool:
        snapshot = snapshot_of(progress, self._settings, self._callbacks)
        path = self.folder / name
        return self._try(progress, lambda: write_snapshot(path, progress.network, snapshot))

    def _try(self, progress: Progress, work: Any) -> bool:
        try:
            work()
        except OSError as error:
            if self.on_failure == "raise":
                raise
            text = f"no checkpoint of epoch {progress.epoch} in {str(self.folder)!r}: {error}"
            warnings.warn(text, CheckpointWarning, stacklevel=2)
            if self.on_failure == "stop":
                progress.stop(text)
            return False
        return True


def snapshot_of(
    progress: Progress, settings: Mapping[str, str], callbacks: Sequence[Any]
) -> Snapshot:
    """Return where training stands; nothing in it changes later."""
    remembered = [(_kind(one), one.state()) for one in callbacks if hasattr(one, "state")]
    return Snapshot(
        np.array(to_host(progress.theta)),
        tuple(np.array(to_host(x)) for x in progress.state),
        progress.epoch,
        {name: np.asarray(of, dtype=np.float64) for name, of in progress.history.items()},
        settings,
        progress.of_settings,
        remembered,
        progress.stopped,
    )


def restore_callbacks(snapshot: Snapshot, callbacks: Sequence[Any]) -> None:
    """Let each callback go on from what one of its kind remembered, the first from the first."""
    left = list(snapshot.callbacks)
    for one in callbacks:
        mine = next((each for each in left if _kind_today(each[0]) == _kind(one)), None)
        if mine is not None and hasattr(one, "restore"):
            left = [each for each in left if each is not mine]
            one.restore(mine[1])


def _kind(callback: Any) -> str:
    kind = type(callback)
    return kind.__qualname__ if is_built_in(callback) else f"{kind.__module__}.{kind.__qualname__}"


def _kind_today(kind: str) -> str:
    """Return the kind that a file names, where built-in ones once had their module before them."""
    return kind.rpartition(".")[2] if kind.startswith("backprop_xp.") else kind


def _is_ours(path: Path) -> bool:
    return path.name == _BEST or _NAME.fullmatch(path.name) is not None


def _numbered(folder: Path) -> list[Path]:
    """Return the files of epochs in a folder, the newest last."""
    found = [(int(m[1]), path) for path in folder.iterdir() if (m := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def newest(folder: str | os.PathLike[str]) -> Path | None:
    """Return the file of the last epoch in a folder of checkpoints, None where there is none.

    Where a run ended before the first of them, that is the best so far.
    """
    folder = Path(folder)
    found = _numbered(folder) if folder.is_dir() else []
    best = [folder / _BEST] if (folder / _BEST).is_file() else []
    return [*best, *found][-1] if best or found else None


def file_to_resume(resume: Any) -> Path | None:
    """Return the file that ``train(resume=...)`` means; None where training begins anew.

    Parameters
    ----------
    resume : path, Checkpoint or None
        A file, a folder of which the last epoch is meant, or a `Checkpoint`, whose folder may be
        empty or not there yet.

    Raises
    ------
    MissingFileError, OptionError
    """
    if resume is None:
        return None
    if isinstance(resume, Checkpoint):
        return newest(resume.folder)
    try:
        path = Path(resume)
    except TypeError as error:
        expected = "a path or a bp.Checkpoint"
        raise OptionError("train(resume)", repr(resume), expected, "Pass a folder") from error
    last = newest(path) if path.is_dir() else path
    if last is None:
        advice = "Pass the bp.Checkpoint itself, with which a run may also begin"
        where = f"train(resume={str(path)!r})"
        raise MissingFileError(where, "a folder without checkpoints", "one with some", advice)
    return last
