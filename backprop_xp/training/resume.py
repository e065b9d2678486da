"""The start of a run from a checkpoint, after a check that the arguments are the same."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    dtype_name,
    from_host_like,
    to_host,
    with_derivatives,
)
from backprop_xp.arrays.requirements import is_sparse
from backprop_xp.arrays.rows import in_memory, rows_of
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.restored import file_to_resume, restore_callbacks, stopper
from backprop_xp.distributed.ranks import Ranks, gathered_at
from backprop_xp.errors import CheckpointWarning
from backprop_xp.files.safetensors_file import interpreting
from backprop_xp.files.training_state import Snapshot, check_settings
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.fingerprint import described, digest
from backprop_xp.training.fingerprint_of_before import TextOfBefore, text_of_before
from backprop_xp.training.options import Options
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.task import Task

__all__ = ["restore_snapshot", "snapshot_to_resume"]

_ADDED = {  # settings that older checkpoints lack, as they were
    "compiled": "False",
    "dropout_per_network": "False",
    "layer_rates": "None",
    "validation(weights)": "None",
}


def snapshot_to_resume(task: Task, options: Options, callbacks: Sequence[Any]) -> Snapshot | None:
    """Return the snapshot to resume, None for a new run; prepare each `Checkpoint` for the run.

    Raises
    ------
    OptionError
        The checkpoint is of another run, or of more epochs than `epochs`.
    """
    saving = [one for one in callbacks if isinstance(one, Checkpoint)]
    if task.ranks is None and options.resume is None and not saving:
        return None
    file, snapshot = file_to_resume(options.resume), task.resumed
    made_with = _made_with(task, options)
    if task.ranks is not None:
        made_with = _agreed(made_with, task.ranks, task, options)
    if snapshot is not None:
        of_before = _as_before(snapshot, task, options, made_with)
        texts = {name: one.text for name, one in of_before.items()}
        check_settings(snapshot, {**made_with, **texts}, "train(resume)", _ADDED)
        _warn_of_unsure(of_before)
        check_count(options.epochs, "train(epochs), with a checkpoint", least=snapshot.epoch)
    for one in saving:
        one.begin(made_with, callbacks, file)
    return snapshot


def _agreed(
    texts: Mapping[str, str], ranks: Ranks, task: Task, options: Options
) -> Mapping[str, str]:
    """Return the texts of all ranks, after a check that they are equal.

    Where each rank has rows of its own, their texts are not compared; a text of rank 0 then gets
    the digest of the others.
    """
    own = {"X", "Y", "validation(X)", "validation(Y)", "validation(weights)", "case_weights"}
    left_out = own | {"cases"} if ranks.rows == "own" else set()
    run = {
        "backprop_xp": import_module(__name__.partition(".")[0]).__version__,
        "numpy": np.__version__,
        "Y of classes": str(task.cases.labelled),
        "validation(Y) of classes": str(task.validation and task.validation.labelled),
        "accumulate": str(ranks.accumulate),
        "epochs": str(options.epochs),
        "epoch": str(task.resumed.epoch if task.resumed else 0),
    }
    compared = {name: text for name, text in texts.items() if name not in left_out}
    theta = {"theta": digest(to_host(task.theta).tobytes())}
    ranks.agree({**run, **compared, **theta}, "train(reduce)")
    found = gathered_at("the texts of all arguments", dict(texts), ranks)
    return {name: _joined([one[name] for one in found]) for name in texts}


def _joined(of_ranks: Sequence[str]) -> str:
    """Return the text of rank 0, and the digest of the others where one differs."""
    first, *others = of_ranks
    if all(one == first for one in others):
        return first
    return f"{first}, other ranks {digest(repr(others).encode())}"


def _made_with(task: Task, options: Options) -> Mapping[str, str]:
    """Return as texts all that a resumed run, or another rank, has to share."""
    beside = "checkpoints" if task.ranks is None else "reduce"
    data = {name: _converted(x, f"train({name})") for name, x in _data(task, options).items()}
    given = {**_settings(task, options), **data}
    return {name: described(x, f"train({name}), with {beside}") for name, x in given.items()}


def _data(task: Task, options: Options) -> Mapping[str, Any]:
    return {**task.compared, "case_weights": options.case_weights}


def _settings(task: Task, options: Options) -> Mapping[str, Any]:
    regularisation = options.regularisation
    return {
        "network": task.net,
        "optimizer": options.optimizer,
        "batch_size": task.batch_size,
        "class_weights": options.class_weights,
        **{one.name: getattr(regularisation, one.name) for one in fields(regularisation)},
        "layer_rates": task.layer_rates,
        "seed": task.seed,
        "order": options.order,
        "earlier_epochs": 0 if options.state is None else options.state.epoch,
        "dtype": dtype_name(task.theta.dtype),
        "stack": task.stack,
        "cases": task.cases.count,
        "compiled": task.compiled,
    }


def _as_before(
    snapshot: Snapshot, task: Task, options: Options, made_with: Mapping[str, str]
) -> Mapping[str, TextOfBefore]:
    """Return texts in the form of an older version's file, by the name of the setting.

    Only settings whose text differs from the text in the file are included. Data are included where
    they are lists.
    """
    if not snapshot.of_before:
        return {}
    lists = {name: x for name, x in _data(task, options).items() if isinstance(x, list | tuple)}
    given, known = {**_settings(task, options), **lists}, snapshot.settings
    differ = [name for name in known if name in given and known[name] != made_with[name]]
    return {name: text_of_before(given[name]) for name in differ}


def _warn_of_unsure(compared: Mapping[str, TextOfBefore]) -> None:
    """Warn of settings that are equal by a text that leaves something out."""
    unsure = ", ".join(name for name, one in compared.items() if not one.sure)
    if unsure:
        warnings.warn(
            f"train(resume): an earlier version wrote the checkpoint. Of {unsure} it kept neither "
            "the code of classes, nor the functions and global values that a function uses. Make "
            "sure that they are as they were.",
            CheckpointWarning,
            stacklevel=2,
        )


def _converted(x: Any, where: str) -> Any:
    """Return the array that training makes of a list, a data frame or an array.

    Equal numbers are the same data, whatever holds them. A sparse matrix is its three arrays.
    """
    if is_sparse(x):
        return x.data, x.indices, x.indptr
    return None if x is None else rows_of(in_memory(x, where), where).like


def restore_snapshot(
    progress: TrainingProgress,
    snapshot: Snapshot,
    numbers: StepNumbers,
    callbacks: Sequence[Any],
) -> None:
    """Copy the state of a snapshot into `progress`, `numbers` and `callbacks`.

    Raises
    ------
    ModelFileError
        The arrays of the snapshot do not fit the training, or the memories do not fit the schedules
        and callbacks.
    """
    theta, state = progress.weights, progress.state
    with interpreting("train(resume)"):
        progress.weights = _moved(snapshot.theta.reshape(tuple(theta.shape)), theta)
        progress.state = tuple(_moved(x, theta) for x in snapshot.state)
        if _forms(progress.weights, progress.state) != _forms(theta, state):
            raise ValueError("theta or the optimiser's state has another shape or dtype")
        numbers.restore(snapshot.schedule_memory)
        with with_derivatives(theta):
            restore_callbacks(snapshot, callbacks)
    progress.epoch = snapshot.epoch
    by = stopper(snapshot, callbacks)
    if by is not None:
        progress.stopped, progress.stopped_by = snapshot.stopped, by
    progress.schedule_memory = numbers.state()
    progress.history.update(
        {
            name: [entry if entry.ndim else float(entry) for entry in of]
            for name, of in snapshot.history.items()
        }
    )


def _moved(x: Any, theta: Array) -> Array:
    return from_host_like(x, theta, dtype_name(x.dtype))


def _forms(theta: Array, state: State) -> list[Any]:
    return [(x.shape, x.dtype) for x in (theta, *state)]
