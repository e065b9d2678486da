"""Training in a file: θ, the optimiser's state, the history, and what callbacks remember.

Such a file is a model file too (`checkpoint`), so that `load` returns the network and θ. Random
numbers need no state: the order of the cases and the units left out follow from the seed and the
epoch.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import ModelFileError, OptionError
from backprop_xp.files import safetensors_file
from backprop_xp.files.model_file import TRAINING, model_contents, write_contents
from backprop_xp.network.network import Network

__all__ = [
    "Snapshot",
    "check_settings",
    "read_snapshot",
    "write_snapshot",
]

FORMAT_VERSION = 1
KEY = "backprop_xp_training"


@dataclass(frozen=True)
class Snapshot:
    """Where training stood after an epoch.

    Attributes
    ----------
    theta : ndarray (*stack, P)
    state : tuple of ndarray
        The optimiser's, of one network, or with one axis for all networks of a stack.
    epoch : int
    history : dict of ndarray (epochs, *stack)
    settings : dict of str
        What the run was made with, by name, as `descriptions` tells it.
    of_settings : dict
        What schedules that depend on the past remember.
    callbacks : list of (str, dict)
        The kind of each callback that remembers something, and what it remembers, in their order.
    stopped : str
        Why a callback ended the run; empty where none did.
    """

    theta: HostArray
    state: tuple[HostArray, ...]
    epoch: int
    history: Mapping[str, HostArray]
    settings: Mapping[str, str]
    of_settings: Mapping[str, Any]
    callbacks: Sequence[tuple[str, Mapping[str, Any]]]
    stopped: str = ""


def write_snapshot(path: str | os.PathLike[str], net: Network, snapshot: Snapshot) -> None:
    """Write a snapshot beside `path`, and put it in its place when it is on the disk.

    Raises
    ------
    OSError
        It cannot be written; what was there before is untouched.
    """
    tensors, metadata = model_contents(net, snapshot.theta)
    arrays: dict[str, HostArray] = {}

    def put(name: str, array: Any) -> str:
        arrays[TRAINING + name] = np.asarray(array, order="C")  # also without axes
        return name

    remembered = [
        [kind, _without_arrays(state, f"callback.{number}.", put)]
        for number, (kind, state) in enumerate(snapshot.callbacks)
    ]
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
            "of_settings": dict(snapshot.of_settings),
            "callbacks": remembered,
            "stopped": snapshot.stopped,
            "sum": _sum_of(contents),
        }
    )
    write_contents(path, contents, metadata)


def _sum_of(tensors: Mapping[str, HostArray]) -> str:
    """Return SHA-256 of the arrays, their names, shapes and dtypes."""
    total = sha256()
    for name in sorted(tensors):
        x = tensors[name]
        total.update(f"{name} {x.shape} {x.dtype} ".encode())
        total.update(x.tobytes())
    return total.hexdigest()


def _without_arrays(
    state: Mapping[str, Any], place: str, put: Callable[[str, Any], str]
) -> dict[str, Any]:
    """Return what JSON holds, with {"array": name} for each array that was put elsewhere."""
    found = {}
    for name, value in state.items():
        array = isinstance(value, np.ndarray | np.generic)
        found[name] = {"array": put(place + name, np.asarray(value))} if array else value
    return found


def read_snapshot(path: str | os.PathLike[str]) -> Snapshot:
    """Return the snapshot in a file.

    Raises
    ------
    MissingFileError
    ModelFileError
        The file is none, or contradicts itself.
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
        if about["sum"] != _sum_of(tensors):
            raise ValueError("its numbers are not those that were written")
        found = Snapshot(
            tensors["theta"],
            tuple(array(f"state.{number}") for number in range(int(about["state"]))),
            int(about["epoch"]),
            {name: array(f"history.{name}") for name in about["history"]},
            {str(name): str(text) for name, text in about["settings"].items()},
            dict(about["of_settings"]),
            [(str(kind), _with_arrays(state, array)) for kind, state in about["callbacks"]],
            str(about["stopped"]),
        )
        if found.epoch < 0 or any(len(of) > found.epoch for of in found.history.values()):
            raise ValueError(f"{found.epoch} epochs, but a longer history")
    return found


def _with_arrays(state: Mapping[str, Any], array: Callable[[str], HostArray]) -> dict[str, Any]:
    return {
        name: array(value["array"]) if isinstance(value, dict) else value
        for name, value in state.items()
    }


def check_settings(snapshot: Snapshot, settings: Mapping[str, str], where: str) -> None:
    """Refuse to go on with other settings than a snapshot was made with.

    Raises
    ------
    OptionError
        It names those that differ.
    """
    before, differ = snapshot.settings, []
    for name in sorted({*before, *settings}):
        old, new = before.get(name), settings.get(name)
        if old != new:
            differ.append(f"{name}={_short(new)} where it was {_short(old)}")
    if differ:
        raise OptionError(
            where,
            "; ".join(differ),
            "the settings that the checkpoint was made with, of which epochs alone may grow",
            "Set them as before, or start from its parameters: train(theta=bp.load(path).theta)",
        )


def _short(text: str | None) -> str:
    return f"{text:.60}" if text is not None else "nothing"
