"""Model files: θ, the masks and the network's description in one safetensors file.

The description is JSON in the file's metadata, with a version of the format. Loading runs no code
from the file. A file with preprocessing has version 2: a reader of version 1 would pass the columns
to the network as they are. A file of an ensemble has version 3. All other files have version 1.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    ENABLE_X64,
    Array,
    HostArray,
    dtype_name,
    from_host,
)
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.errors import DTypeError
from backprop_xp.files import safetensors_file
from backprop_xp.files.ensemble_file import (
    decided_from,
    ensemble_contents,
    ensemble_from,
    is_ensemble,
)
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.files.formats import check_format
from backprop_xp.files.meaning import Meaning, meaning_from, written
from backprop_xp.files.model import Model
from backprop_xp.files.model_contents import (
    KEY,
    PREPROCESSING,
    model_contents,
    network_from,
    write_contents,
)
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network

__all__ = ["FORMAT_VERSION", "load", "read_notes", "save", "save_ensemble"]

FORMAT_VERSION = 3  # the highest that is read and written


@checks_keywords
def save(
    path: str | os.PathLike[str],
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
    meaning: Meaning | None = None,
) -> None:
    """Write a network and its parameters to a safetensors file, as `backprop_xp.save` does.

    Parameters
    ----------
    path, net, theta, notes
        As `backprop_xp.save` takes them, for a Network.
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
    >>> net = Network([2, 3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model", net, net.init(), meaning=Meaning(feature_names=("a", "b")))
    ...     load(f"{folder}/model").feature_names
    ('a', 'b')
    """
    arrays, about = ({}, {}) if meaning is None else _with_arrays(meaning)
    # its advice fits a path in θ's place, so that it comes before the check of the path
    tensors, texts = model_contents(net, theta, notes, about)
    check_format(path, "save(path)", ".safetensors")
    write_contents(path, tensors | arrays, texts)


def save_ensemble(
    path: str | os.PathLike[str], model: EnsembleModel, notes: Mapping[str, str] | None = None
) -> None:
    """Write an ensemble to a safetensors file.

    Parameters
    ----------
    path, notes
        As `save` takes them.
    model : EnsembleModel

    Raises
    ------
    OSError, OptionError
        As `save`.

    Examples
    --------
    >>> import tempfile
    >>> from backprop_xp.files.ensemble_model import Member
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> member = Member(net, np.array([[2.0, 1.0]]), np.array([1.0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_ensemble(f"{folder}/model", EnsembleModel((member,), Meaning(flat=True)))
    ...     load(f"{folder}/model").predict([[3.0]])
    array([7.])
    """
    arrays, about = _with_arrays(model.meaning)
    tensors, texts = ensemble_contents(model, notes, about)
    check_format(path, "save(path)", ".safetensors")
    write_contents(path, tensors | arrays, texts)


def _with_arrays(meaning: Meaning) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """Return the arrays of a meaning by name, and the parts of the description."""
    arrays: dict[str, HostArray] = {}

    def put(name: str, array: HostArray) -> str:
        arrays[name] = np.ascontiguousarray(array)
        return name

    about: dict[str, Any] = {"meaning": written(meaning, put)}
    if meaning.preprocessing is not None:
        about["format_version"] = 2
    return arrays, about


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
    Model, or EnsembleModel from the file of an ensemble
        A Model unpacks as ``net, theta``, an EnsembleModel has ``members``. The methods `predict`
        and `predict_proba` take rows as the estimator or pipeline took them that was saved; they
        need no scikit-learn.

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
        described = safetensors_file.description(texts, KEY, where, FORMAT_VERSION)
        if is_ensemble(described):
            ensemble: Any = ensemble_from(
                described, tensors, own or {}, where, lambda one: _meaning(described, tensors, one)
            )
            moved_to: Any = replace(ensemble, decided=decided_from(texts)).on(chosen)
            return moved_to  # type: ignore[no-any-return]
        net = network_from(described, tensors, own or {}, where)
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
    return {name: text for name, text in texts.items() if not name.startswith(KEY)}


def _meaning(
    description: Mapping[str, Any], tensors: Mapping[str, HostArray], net: Network
) -> Meaning | None:
    """Return the meaning in a file; None where it has none.

    Raises
    ------
    BackpropError, LookupError, TypeError, ValueError
        It contradicts itself, the network or the arrays.
    """
    unused = {name for name in tensors if name.startswith(PREPROCESSING)}

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
