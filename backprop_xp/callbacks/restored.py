"""A resumed run: the file that it begins from, and its callbacks with their memories."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backprop_xp.callbacks.callback import is_built_in
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.checkpoint_files import newest
from backprop_xp.callbacks.memories import is_of
from backprop_xp.errors import MissingFileError, OptionError
from backprop_xp.files.training_state import Snapshot

__all__ = ["file_to_resume", "restore_callbacks", "stopper"]


def file_to_resume(resume: Any) -> Path | None:
    """Return the file from which ``train(resume=...)`` resumes a run; None for a new run.

    Parameters
    ----------
    resume : path, Checkpoint or None
        A file, a folder or a `Checkpoint`. A folder stands for the file of its last epoch. The
        folder of a `Checkpoint` may be empty or not exist yet; the run is new then.

    Raises
    ------
    MissingFileError
        The folder holds no checkpoints.
    OptionError
        `resume` is none of these.
    """
    if resume is None:
        return None
    if isinstance(resume, Checkpoint):
        return newest(resume.folder)
    try:
        path = Path(resume)
    except TypeError as error:
        came, expected = f"a {type(resume).__name__}", "a path or a bp.Checkpoint"
        advice = "Pass a folder; a run in memory goes on by theta=run.theta, state=run.state"
        raise OptionError("train(resume)", came, expected, advice) from error
    last = newest(path) if path.is_dir() else path
    if last is None:
        advice = "Pass the bp.Checkpoint itself, which may also begin a new run"
        where = f"train(resume={str(path)!r})"
        came, expected = "a folder without checkpoints", "a folder with checkpoints"
        raise MissingFileError(where, came, expected, advice)
    return last


def restore_callbacks(snapshot: Snapshot, callbacks: Sequence[Any]) -> None:
    """Give each callback the first memory in the snapshot that fits its class and metric.

    Each memory is given to one callback.
    A built-in callback without a memory in the snapshot forgets an earlier run.
    """
    left = list(snapshot.callbacks)
    for one in callbacks:
        memory = next((each for each in left if is_of(each[0], one)), None)
        if memory is not None and hasattr(one, "restore"):
            left = [each for each in left if each is not memory]
            one.restore(memory[1])
        elif is_built_in(one) and hasattr(one, "restore"):
            one.restore({})


def stopper(snapshot: Snapshot, callbacks: Sequence[Any]) -> Any:
    """Return the callback that ended the run of a snapshot; None where the run may go on.

    The run may go on where the callback that had ended it is gone. A run that ended for another
    reason, such as a full disk or Ctrl-C, may go on too.
    """
    by = snapshot.stopped_by if snapshot.stopped else ""
    deciding = (one for one in callbacks if not isinstance(one, Checkpoint))
    return next((one for one in deciding if is_of(by, one)), None)
