"""Models in files: one safetensors file that holds θ, the masks and the network's description.

Nothing in such a file is run. The description is JSON in the file's metadata, with a version of the
format. A file is written beside its target and put in its place when it is complete.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from backprop_xp import activations, losses
from backprop_xp.backend import Array, dtype_name, from_host, to_host
from backprop_xp.device_selection import Device, select_device
from backprop_xp.errors import BackpropError, MissingFileError, ModelFileError, OptionError
from backprop_xp.inputs import check_theta
from backprop_xp.network import Network

__all__ = ["FORMAT_VERSION", "Model", "load", "read_notes", "save", "write_atomically"]

FORMAT_VERSION = 1
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
        Anything to keep beside the model; `read_notes` returns it.

    Raises
    ------
    ShapeError, DTypeError
        θ does not fit the network.
    OSError
        The file cannot be written; what was there before is untouched.
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
    metadata = {**_checked_notes(notes), _KEY: json.dumps(description)}
    write_atomically(path, to_bytes(tensors, metadata=metadata))


def load(
    path: str | os.PathLike[str],
    device: str | Device = "cpu",
    own: Mapping[str, Any] | None = None,
) -> Model:
    """Read a network and its parameters from a file that `save` wrote.

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
        The file is not safetensors, truncated, of a newer format, or contradicts itself.
    DeviceError
    """
    path = Path(path)
    chosen = select_device(device)
    tensors, metadata = _read(path)
    try:
        net = _network(path, _description(path, metadata), tensors, own or {})
        theta = tensors["theta"]
        check_theta(theta, net.parameter_count, "load")
    except ModelFileError:
        raise
    except (BackpropError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refusal(path, f"a description that does not hold: {error}") from error
    return Model(net, from_host(theta, chosen.xp, chosen.handle, dtype_name(theta.dtype)))


def read_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the notes that were saved beside a model.

    Raises
    ------
    MissingFileError, ModelFileError
    """
    metadata = _read(Path(path), tensors=False)[1]
    return {name: text for name, text in metadata.items() if name != _KEY}


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside `path`, flush it to the disk, and rename it to `path`.

    Where `path` is a link, the file that it leads to is replaced.
    """
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        came = f"{str(path)!r}, which is no ordinary file"
        raise OptionError("save(path)", came, "a file or a free name", "Choose another name")
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=".backprop-xp-", suffix=".part", delete=False
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if not path.exists():
                _umask_permissions(file.name)
            else:
                Path(file.name).chmod(path.stat().st_mode & 0o777)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask_permissions(name: str) -> None:
    """Give a temporary file, which only its owner may read, the permissions of a new file."""
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)


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
    if _KEY in checked or not all(isinstance(x, str) for pair in checked.items() for x in pair):
        raise OptionError(
            "save(notes)", f"{checked}", f"texts under names other than {_KEY}", "Use str"
        )
    return checked


def _refusal(path: Path, came: str) -> ModelFileError:
    return ModelFileError(
        f"load({str(path)!r})", came, "a model written by save()", "Save the model anew"
    )


def _read(path: Path, *, tensors: bool = True) -> tuple[dict[str, Any], dict[str, str]]:
    if not path.is_file():
        raise MissingFileError(
            f"load({str(path)!r})", "no such file", "a model file", "Check the path"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            names = list(file.keys()) if tensors else []
            return {name: file.get_tensor(name) for name in names}, metadata
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(path, f"a file that is truncated or not safetensors ({error})") from error


def _description(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        description = json.loads(metadata[_KEY])
        version = description["format_version"]
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise _refusal(path, "a safetensors file without a network's description") from error
    if type(version) is not int or version < 1:
        raise _refusal(path, f"format version {version!r}")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"load({str(path)!r})",
            f"format version {version}",
            f"at most {FORMAT_VERSION}",
            "Update backprop-xp",
        )
    return dict(description)


def _mask(stored: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any] | None:
    """Return a mask as numbers, for a damaged byte of a boolean need not be 0 or 1."""
    return stored.view(np.uint8) if stored is not None and stored.dtype == np.bool_ else stored


def _network(
    path: Path, description: dict[str, Any], tensors: dict[str, Any], own: Mapping[str, Any]
) -> Network:
    layers = range(1, len(description["sizes"]))
    unknown = set(tensors) - {"theta"} - {f"connections.{number}" for number in layers}
    if unknown or "theta" not in tensors:
        raise _refusal(path, f"tensors {sorted(tensors)}")

    def made(kinds: Mapping[str, Any], part: dict[str, Any]) -> Any:
        settings = dict(part)
        name = settings.pop("name")
        if name in own:
            return own[name]
        if name not in kinds:
            raise ModelFileError(
                f"load({str(path)!r})",
                f"the activation or loss {name!r}",
                f"one of {', '.join(kinds)}",
                f"Pass your own object: load(path, own={{{name!r}: ...}})",
            )
        return kinds[name](**settings)

    return Network(
        description["sizes"],
        [made(activations.ACTIVATIONS, part) for part in description["hidden"]],
        made(activations.ACTIVATIONS, description["output"]),
        made(losses.LOSSES, description["loss"]),
        [_mask(tensors.get(f"connections.{number}")) for number in layers],
    )
