"""Model files: θ, the masks and the network's description in one safetensors file.

The description is JSON in the file's metadata, with a version of the format. Loading runs no code
from the file. A file with preprocessing has version 2: a reader of version 1 would pass the columns
to the network as they are. All other files have version 1.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, overload

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from backprop_xp import activations, losses
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    ENABLE_X64,
    Array,
    HostArray,
    dtype_name,
    from_host,
    to_host,
)
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.requirements import check_real
from backprop_xp.errors import DTypeError, ModelFileError, OptionError
from backprop_xp.files import safetensors_file
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.formats import check_format
from backprop_xp.files.meaning import PREPROCESSING, Meaning, meaning_from, written
from backprop_xp.files.model import Model
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network, check_network

__all__ = [
    "FORMAT_VERSION",
    "TRAINING",
    "load",
    "model_contents",
    "read_notes",
    "save",
    "write_contents",
]

FORMAT_VERSION = 2  # the highest that is read and written
TRAINING = "training."  # prefix of the arrays of a checkpoint that are no part of its model
_KEY = "backprop_xp"


@checks_keywords
def save(
    path: str | os.PathLike[str],
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
    meaning: Meaning | None = None,
) -> None:
    """Write a network and its parameters to a safetensors file.

    Parameters
    ----------
    path : path
        A name in .safetensors, or without the suffix of another format. An earlier file there is
        replaced once the new one is complete and on the disk.
    net : Network
        A user's own activation or loss is saved by its name; `load` must be given the object.
    theta : array (..., P)
        From any library and device; saved in its own dtype.
    notes : mapping of str to str, optional
        Texts to keep beside the model, at most 16 MiB. Their names must not begin with
        ``backprop_xp``. `read_notes` returns them.
    meaning : Meaning, optional
        The columns, the preprocessing and the classes of the model.

    Raises
    ------
    ShapeError, DTypeError
        θ does not fit the network.
    OSError
        The file cannot be written. An earlier file at `path` is unchanged.
    OptionError
        The name is one of another format, such as .onnx; an activation or loss has no name of its
        own; or the notes cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> net = bp.Network([2, 3, 1])
    >>> theta = net.init(seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bp.save(f"{folder}/model.safetensors", net, theta, notes={"data": "exclusive or"})
    ...     model = bp.load(f"{folder}/model.safetensors")
    >>> model.network == net, bool((model.theta == theta).all())
    (True, True)
    """
    contents = model_contents(net, theta, notes, meaning)  # whose advice fits a path in θ's place
    check_format(path, "save(path)", ".safetensors")
    write_contents(path, *contents)


def model_contents(
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
    meaning: Meaning | None = None,
) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Return the two parts of a model file: arrays by name, and texts by name.

    Raises
    ------
    ShapeError, DTypeError, OptionError
    """
    check_network(net, "save", "the path, then the network, then theta: bp.save(path, net, theta)")
    check_theta(theta, net.parameter_count, "save")
    check_real(theta, "save(theta)")
    description: dict[str, Any] = {
        "format_version": 1,
        "sizes": list(net.sizes),
        "hidden": [_described(one, activations.ACTIVATIONS) for one in net.hidden],
        "output": _described(net.output, activations.ACTIVATIONS),
        "loss": _described(net.loss, losses.LOSSES),
    }
    tensors = {"theta": np.ascontiguousarray(to_host(theta))}
    for number, mask in enumerate(net.connections, start=1):
        if mask is not None:
            tensors[f"connections.{number}"] = np.ascontiguousarray(np.asarray(mask))
    if meaning is not None:
        arrays, description["meaning"] = _with_arrays(meaning)
        tensors |= arrays
        if meaning.preprocessing is not None:
            description["format_version"] = 2
    return tensors, {**_checked_notes(notes), _KEY: json.dumps(description)}


def _with_arrays(meaning: Meaning) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """Return the arrays of a meaning by name, and its description."""
    arrays: dict[str, HostArray] = {}

    def put(name: str, array: HostArray) -> str:
        arrays[name] = np.ascontiguousarray(array)
        return name

    return arrays, written(meaning, put)


def write_contents(
    path: str | os.PathLike[str],
    tensors: Mapping[str, HostArray],
    metadata: Mapping[str, str],
) -> None:
    """Write arrays and texts to a safetensors file, atomically.

    Raises
    ------
    OSError, OptionError
    """
    write_atomically(path, safetensors_file.to_bytes(tensors, metadata))


@overload
def load(
    path: str | os.PathLike[str],
    device: Literal["cpu"] = "cpu",
    own: Mapping[str, Any] | None = None,
) -> Model[NDArray[Any]]: ...
@overload
def load(
    path: str | os.PathLike[str],
    device: str | Device,
    own: Mapping[str, Any] | None = None,
) -> Model[Array]: ...
@checks_keywords
def load(
    path: str | os.PathLike[str],
    device: str | Device = "cpu",
    own: Mapping[str, Any] | None = None,
) -> Model[Array]:
    """Return the network and the parameters in a file that `save` wrote.

    The file may come from a stranger: no code in it is run, and the sizes that it claims are
    checked against its own size. Beside θ on its device, loading takes memory of at most 4 times
    the file's size, plus 64 times the size of its header, plus 16 MiB. A header of more than
    16 MiB is refused.

    Parameters
    ----------
    path : path
    device : str or Device
        Where θ is put, whatever device it was saved from.
    own : mapping of names to objects, optional
        A user's own activations and losses, by the names that they had when they were saved.

    Returns
    -------
    Model
        Unpacks as ``net, theta``. Its `predict` and `predict_proba` take rows as the estimator or
        pipeline took them that was saved; they need no scikit-learn.

    Raises
    ------
    MissingFileError
        There is no such file, or it is a folder or a pipe.
    ModelFileError
        The file cannot be read, is not safetensors, is truncated, is of a newer format, or
        contradicts itself.
    DeviceError
        The device is unknown or unusable.
    DTypeError
        The device does not have θ's dtype, such as float64 on JAX without x64.

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> net = bp.Network([2, 3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bp.save(f"{folder}/model.safetensors", net, net.init())
    ...     net, theta = bp.load(f"{folder}/model.safetensors")
    >>> net.sizes, theta.shape
    ((2, 3, 1), (13,))
    """
    chosen, where = select_device(device), f"load({str(path)!r})"
    tensors, texts = safetensors_file.read(Path(path), where)
    with safetensors_file.interpreting(where):
        described = safetensors_file.description(texts, _KEY, where, FORMAT_VERSION)
        net = _network(described, tensors, own or {}, where)
        theta = tensors["theta"]
        check_theta(theta, net.parameter_count, "load")
        meaning = _meaning(described, tensors, net)
    dtype = dtype_name(theta.dtype)
    try:
        moved = from_host(theta, chosen.xp, chosen.handle, dtype)
    except DTypeError as error:
        came = f"{dtype} parameters, a dtype that {chosen.name} does not have"
        advice = "Load the file on the CPU, without device=, and convert theta to float32"
        if array_api_compat.is_jax_namespace(chosen.xp):
            advice = f"Call {ENABLE_X64} before anything else, or take float32: "
            advice += "jax.numpy.asarray(bp.load(path).theta, 'float32')"
        raise DTypeError(where, came, error.parts[2], advice) from error
    return Model(net, moved, meaning)


def read_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the notes that were saved beside a model.

    Raises
    ------
    MissingFileError, ModelFileError

    Examples
    --------
    >>> import tempfile
    >>> net = Network([2, 3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.safetensors", net, net.init(), notes={"data": "exclusive or"})
    ...     read_notes(f"{folder}/model.safetensors")
    {'data': 'exclusive or'}
    """
    texts = safetensors_file.read(Path(path), f"read_notes({str(path)!r})", tensors=False).texts
    return {name: text for name, text in texts.items() if not name.startswith(_KEY)}


def _described(one: Any, built_in: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name and fields of a built-in activation or loss; of a user's own, the name."""
    name = getattr(one, "name", None)
    if isinstance(name, str) and type(one) is built_in.get(name):
        return {"name": name, **asdict(one)}
    if not isinstance(name, str) or name in built_in:
        expected = "a name, a str that no built-in activation or loss has"
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


def _meaning(
    description: Mapping[str, Any], tensors: Mapping[str, HostArray], net: Network
) -> Meaning | None:
    """Return the meaning in a file; None where it has none.

    Raises
    ------
    BackpropError, LookupError, TypeError, ValueError
        It contradicts itself, the network or the arrays.
    """
    unused = {name for name in tensors if name.startswith(f"{PREPROCESSING}.")}

    def array(name: str) -> HostArray:
        unused.remove(name)
        return tensors[name]

    meaning = None
    if "meaning" in description:
        meaning = meaning_from(description["meaning"], array)
        meaning.check(net)
    if unused:
        raise ValueError(f"the tensors {sorted(unused)} belong to no step")
    return meaning


def _mask(stored: HostArray | None) -> HostArray | None:
    """Return a stored mask as bytes: in a damaged file a boolean may be neither 0 nor 1."""
    return stored.view(np.uint8) if stored is not None and stored.dtype == np.bool_ else stored


def _network(
    description: dict[str, Any], tensors: dict[str, Any], own: Mapping[str, Any], where: str
) -> Network:
    layers = range(1, len(description["sizes"]))
    masks = [_mask(tensors.get(f"connections.{number}")) for number in layers]
    used = sum(mask is not None for mask in masks) + 1  # the masks and θ
    others = (TRAINING, f"{PREPROCESSING}.")
    of_model = [name for name in tensors if not name.startswith(others)]
    if "theta" not in tensors or used < len(of_model):
        raise safetensors_file.refusal(where, f"tensors {sorted(tensors)}")

    def made(built_in: Mapping[str, Any], described: dict[str, Any]) -> Any:
        fields = dict(described)
        name = fields.pop("name")
        if name in own:
            return own[name]
        if name not in built_in:
            raise ModelFileError(
                where,
                f"the activation or loss {name!r:.100}",
                f"one of {', '.join(built_in)}",
                f"Pass your own object: load(path, own={{{name!r:.100}: ...}})",
            )
        return built_in[name](**fields)

    return Network(
        description["sizes"],
        [made(activations.ACTIVATIONS, described) for described in description["hidden"]],
        made(activations.ACTIVATIONS, description["output"]),
        made(losses.LOSSES, description["loss"]),
        masks,
    )
