"""Models in files: one safetensors file that holds θ, the masks and the network's description.

Nothing in such a file is run. The description is JSON in the file's metadata, with a version of the
format. A file is written beside its target and put in its place when it is complete.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backprop_xp import activations, losses
from backprop_xp.arrays.backend import Array, HostArray, dtype_name, from_host, to_host
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.errors import ModelFileError, OptionError
from backprop_xp.files import safetensors_file
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network

__all__ = [
    "FORMAT_VERSION",
    "TRAINING",
    "Model",
    "load",
    "model_contents",
    "read_notes",
    "save",
    "write_contents",
]

FORMAT_VERSION = 1
TRAINING = "training."  # begins the names of arrays that are of no concern to a model
_KEY = "backprop_xp"


class Model(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    network : Network
    theta : array (..., P)
    """

    network: Network
    theta: Array


def save(
    path: str | os.PathLike[str],
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a network and its parameters to a safetensors file.

    Parameters
    ----------
    path : path
        Replaced only when the new file is complete and on the disk.
    net : Network
        A user's own activation or loss is saved by its name; `load` must be given the object.
    theta : array (..., P)
        From any library and device.
    notes : mapping of str to str, optional
        Anything to keep beside the model, under names that do not begin with backprop_xp;
        `read_notes` returns it.

    Raises
    ------
    ShapeError, DTypeError
        θ does not fit the network.
    OSError
        The file cannot be written; what was there before is untouched.
    OptionError
        An activation or loss has no name of its own, or the notes are no texts, or of more than
        16 MiB.
    """
    write_contents(path, *model_contents(net, theta, notes))


def model_contents(
    net: Network, theta: Array, notes: Mapping[str, str] | None = None
) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Return the arrays by name, and the texts by name, of which a model file consists.

    Raises
    ------
    ShapeError, DTypeError, OptionError
    """
    check_theta(theta, net.parameter_count, "save")
    description = {
        "format_version": FORMAT_VERSION,
        "sizes": list(net.sizes),
        "hidden": [_described(one, activations.ACTIVATIONS) for one in net.hidden],
        "output": _described(net.output, activations.ACTIVATIONS),
        "loss": _described(net.loss, losses.LOSSES),
    }
    tensors = {"theta": np.ascontiguousarray(to_host(theta))}
    for number, mask in enumerate(net.connections, start=1):
        if mask is not None:
            tensors[f"connections.{number}"] = np.ascontiguousarray(np.asarray(mask))
    return tensors, {**_checked_notes(notes), _KEY: json.dumps(description)}


def write_contents(
    path: str | os.PathLike[str],
    tensors: Mapping[str, HostArray],
    metadata: Mapping[str, str],
) -> None:
    """Write arrays and texts to a safetensors file, as `write_atomically` does.

    Raises
    ------
    OSError
    """
    write_atomically(path, safetensors_file.to_bytes(tensors, metadata))


def load(
    path: str | os.PathLike[str],
    device: str | Device = "cpu",
    own: Mapping[str, Any] | None = None,
) -> Model:
    """Read a network and its parameters from a file that `save` wrote, or that claims to be one.

    Nothing in the file is run, and no more is read than its size. Beside θ on its device it takes
    memory of at most 4 times the file's size and 64 times that of its header, which is refused
    beyond 16 MiB, plus 16 MiB: whatever the header claims.

    Parameters
    ----------
    path : path
    device : str or Device
        Where θ is put, whatever device it was saved from.
    own : mapping of names to objects, optional
        A user's own activations and losses by the names that they were saved with.

    Returns
    -------
    Model
        Unpacks as ``net, theta``.

    Raises
    ------
    MissingFileError
    ModelFileError
        Whatever else is wrong with the file: it cannot be read, is not safetensors, truncated, of
        a newer format, or contradicts itself.
    DeviceError
    """
    chosen, where = select_device(device), f"load({str(path)!r})"
    tensors, texts = safetensors_file.read(Path(path), where)
    with safetensors_file.interpreting(where):
        described = safetensors_file.description(texts, _KEY, where, FORMAT_VERSION)
        net = _network(described, tensors, own or {}, where)
        theta = tensors["theta"]
        check_theta(theta, net.parameter_count, "load")
    return Model(net, from_host(theta, chosen.xp, chosen.handle, dtype_name(theta.dtype)))


def read_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the notes that were saved beside a model.

    Raises
    ------
    MissingFileError, ModelFileError
    """
    texts = safetensors_file.read(Path(path), f"read_notes({str(path)!r})", tensors=False).texts
    return {name: text for name, text in texts.items() if not name.startswith(_KEY)}


def _described(one: Any, built_in: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name and the settings of a built-in activation or loss, the name of a user's."""
    name = getattr(one, "name", None)
    if isinstance(name, str) and type(one) is built_in.get(name):
        return {"name": name, **asdict(one)}
    if not isinstance(name, str) or name in built_in:
        expected = "a text that is no built-in activation's or loss's"
        advice = "Give the class a name of its own, by which load(path, own=...) finds it"
        raise OptionError("save(net)", f"{one!r} with the name {name!r}", expected, advice)
    return {"name": name}


def _checked_notes(notes: Mapping[str, str] | None) -> dict[str, str]:
    checked = dict(notes or {})
    texts = all(isinstance(x, str) for pair in checked.items() for x in pair)
    if not texts or any(name.startswith(_KEY) for name in checked):
        expected = f"texts under names that do not begin with {_KEY}"
        raise OptionError("save(notes)", f"{checked!r:.200}", expected, "Use str")
    return checked


def _mask(stored: HostArray | None) -> HostArray | None:
    """Return a mask as numbers, for a damaged byte of a boolean need not be 0 or 1."""
    return stored.view(np.uint8) if stored is not None and stored.dtype == np.bool_ else stored


def _network(
    description: dict[str, Any], tensors: dict[str, Any], own: Mapping[str, Any], where: str
) -> Network:
    layers = range(1, len(description["sizes"]))
    masks = [_mask(tensors.get(f"connections.{number}")) for number in layers]
    known = sum(mask is not None for mask in masks) + ("theta" in tensors)
    of_model = [name for name in tensors if not name.startswith(TRAINING)]
    if known < len(of_model) or "theta" not in tensors:
        raise safetensors_file.refusal(where, f"tensors {sorted(tensors)}")

    def made(kinds: Mapping[str, Any], part: dict[str, Any]) -> Any:
        settings = dict(part)
        name = settings.pop("name")
        if name in own:
            return own[name]
        if name not in kinds:
            raise ModelFileError(
                where,
                f"the activation or loss {name!r:.100}",
                f"one of {', '.join(kinds)}",
                f"Pass your own object: load(path, own={{{name!r:.100}: ...}})",
            )
        return kinds[name](**settings)

    return Network(
        description["sizes"],
        [made(activations.ACTIVATIONS, part) for part in description["hidden"]],
        made(activations.ACTIVATIONS, description["output"]),
        made(losses.LOSSES, description["loss"]),
        masks,
    )
