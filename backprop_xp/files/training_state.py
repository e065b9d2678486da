"""The state of training in a file: θ, the optimiser's state, the history, the callbacks' memory.

The file is a model file too (`model_file`), so that `load` returns the network and θ. Random
numbers need no state: the order of the cases and the units that dropout removes follow from the
seed and the epoch.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import ModelFileError, OptionError
from backprop_xp.files import safetensors_file
from backprop_xp.files.memory import memory_as_json, memory_from_json
from backprop_xp.files.model_contents import TRAINING, model_contents, write_contents
from backprop_xp.network.network import Network

__all__ = [
    "Snapshot",
    "check_settings",
    "read_snapshot",
    "write_snapshot",
]

FORMAT_VERSION = 1
KEY = "backprop_xp_training"
_STOPPER = "EarlyStopping"  # of files that do not say which callback ended their run


@dataclass(frozen=True)
class Snapshot:
    """The state of training after an epoch.

    Attributes
    ----------
    theta : ndarray (*stack, P)
    state : tuple of ndarray
        The optimiser's state: the arrays of one network, or with one leading axis for all networks
        of a stack.
    epoch : int
        Complete epochs.
    history : dict of ndarray (epochs, *stack)
    settings : dict of str
        The arguments of the run as texts, by name (`training.fingerprint` writes them).
    schedule_memory : dict
        The number of steps so far, and the memory of schedules that follow the history, as JSON
        holds them.
    callbacks : list of (str, dict)
        Class and memory of each callback that has a memory, in the order of the callbacks.
    stopped : str
        Why the run ended before its last epoch; empty where it did not.
    stopped_by : str
        Class of the callback that ended it; empty where none did.
    """

    theta: HostArray
    state: tuple[HostArray, ...]
    epoch: int
    history: Mapping[str, HostArray]
    settings: Mapping[str, str]
    schedule_memory: Mapping[str, Any]
    callbacks: Sequence[tuple[str, Mapping[str, Any]]]
    stopped: str = ""
    stopped_by: str = ""

    @property
    def of_before(self) -> bool:
        """Whether version 0.1.0 wrote the file before it had rooms, without validation cases."""
        return "validation(X)" not in self.settings


def write_snapshot(path: str | os.PathLike[str], net: Network, snapshot: Snapshot) -> None:
    """Write a snapshot to a file, atomically.

    Raises
    ------
    OSError
        The file cannot be written. An earlier file at `path` is unchanged.
    OptionError
        A memory holds something that a file cannot hold, or `path` is no place for a file.
    """
    tensors, metadata = model_contents(net, snapshot.theta)
    arrays: dict[str, HostArray] = {}

    def put(name: str, array: Any) -> str:
        while TRAINING + name in arrays:  # keys with dots
            name += "'"
        # ascontiguousarray would add an axis to 0-d
        arrays[TRAINING + name] = np.asarray(array, order="C")
        return name

    remembered = [
        [kind, memory_as_json(state, f"callback.{number}", put, f"state() of {kind}")]
        for number, (kind, state) in enumerate(snapshot.callbacks)
    ]
    what = "memory of a schedule"
    schedules = memory_as_json(snapshot.schedule_memory, "of_settings", put, what)
    for number, x in enumerate(snapshot.state):
        put(f"state.{number}", x)
    for name, entries in snapshot.history.items():
        put(f"history.{name}", entries)
    contents = {**tensors, **arrays}
    metadata[KEY] = json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "epoch": snapshot.epoch,
            "state": len(snapshot.state),
            "history": list(snapshot.history),
            "settings": dict(snapshot.settings),
            "of_settings": schedules,  # the key of all files so far
            "callbacks": remembered,
            "stopped": snapshot.stopped,
            "stopped_by": snapshot.stopped_by,
            "sum": _checksum(contents),
        },
        allow_nan=False,
    )
    write_contents(path, contents, metadata)


def _checksum(tensors: Mapping[str, HostArray]) -> str:
    """Return the SHA-256 of the arrays with their names, shapes and dtypes."""
    from hashlib import sha256  # it takes two milliseconds, and most programs have no checkpoint

    digest = sha256()
    for name in sorted(tensors):
        x = tensors[name]
        digest.update(f"{name} {x.shape} {x.dtype} ".encode())
        digest.update(x.tobytes())
    return digest.hexdigest()


def read_snapshot(path: str | os.PathLike[str]) -> Snapshot:
    """Return the snapshot in a file.

    Raises
    ------
    MissingFileError
    ModelFileError
        The file is no checkpoint, or contradicts itself.
    """
    where = f"train(resume={str(path)!r})"
    tensors, texts = safetensors_file.read(Path(path), where)
    if KEY not in texts:
        advice = "Start from its parameters: train(theta=bp.load(path).theta)"
        raise ModelFileError(where, "a model without its training", "a checkpoint", advice)

    def array(name: str) -> HostArray:
        return tensors[TRAINING + name]

    with safetensors_file.interpreting(where):
        about = safetensors_file.description(texts, KEY, where, FORMAT_VERSION)
        if about["sum"] != _checksum(tensors):
            raise ValueError("the checksum of its arrays is wrong")
        found = Snapshot(
            tensors["theta"],
            tuple(array(f"state.{number}") for number in range(int(about["state"]))),
            int(about["epoch"]),
            {name: array(f"history.{name}") for name in about["history"]},
            {str(name): str(text) for name, text in about["settings"].items()},
            dict(memory_from_json(about["of_settings"], array)),
            [(str(kind), memory_from_json(state, array)) for kind, state in about["callbacks"]],
            str(about["stopped"]),
            str(about.get("stopped_by", _STOPPER)),
        )
        if found.epoch < 0 or len(found.history.get("cost", ())) > found.epoch:
            raise ValueError(f"{found.epoch} epochs, but a longer history")
    return found


def check_settings(
    snapshot: Snapshot,
    settings: Mapping[str, str],
    where: str,
    added: Mapping[str, str] | None = None,
) -> None:
    """Refuse to resume a run with settings other than the snapshot's.

    `added` has the texts of settings that an older file lacks.

    Raises
    ------
    OptionError
        It names each setting that differs.
    """
    before, differ = {**(added or {}), **snapshot.settings}, list[str]()
    for name in sorted({*before, *settings}):
        old, new = before.get(name), settings.get(name)
        if name in before and old != new:  # an older file has fewer settings
            differ.append(f"{name}={_short(new)} where it was {_short(old)}")
    if differ:
        expected = "the settings of the checkpoint, of which only epochs may grow"
        advice = (
            "Set them as before, or start from its parameters: train(theta=bp.load(path).theta)"
        )
        if snapshot.of_before:
            advice += (
                ". An earlier version wrote the checkpoint: it knows functions by the bytecode "
            )
            advice += "of its Python, and no numbers of data frames. Unchanged ones resume with it"
        raise OptionError(where, "; ".join(differ), expected, advice)


def _short(text: str | None) -> str:
    return f"{text:.60}" if text is not None else "nothing"
