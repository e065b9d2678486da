"""The contents of a model file that describe a network: θ, the masks and a description in JSON."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from backprop_xp import activations, losses
from backprop_xp.arrays.backend import Array, HostArray, to_host
from backprop_xp.arrays.requirements import check_real
from backprop_xp.errors import ModelFileError, OptionError
from backprop_xp.files import safetensors_file
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network

__all__ = ["KEY", "PREPROCESSING", "TRAINING", "model_contents", "network_from", "write_contents"]

KEY = "backprop_xp"  # of the description among the texts
PREPROCESSING = "preprocessing."  # prefix of the arrays of preprocessing
TRAINING = "training."  # prefix of the arrays of a checkpoint that are no part of its model


def model_contents(
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Return the two parts of a model file: arrays by name, and texts by name.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    notes : mapping of str to str, optional
    about : mapping, optional
        Further parts of the description, as JSON holds them.

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
        **(about or {}),
    }
    tensors = {"theta": np.ascontiguousarray(to_host(theta))}
    for number, mask in enumerate(net.connections, start=1):
        if mask is not None:
            tensors[f"connections.{number}"] = np.ascontiguousarray(np.asarray(mask))
    return tensors, {**_checked_notes(notes), KEY: json.dumps(description)}


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


def _mask(stored: HostArray | None) -> HostArray | None:
    """Return a stored mask as bytes: in a damaged file a boolean may be neither 0 nor 1."""
    return stored.view(np.uint8) if stored is not None and stored.dtype == np.bool_ else stored


def network_from(
    description: dict[str, Any], tensors: dict[str, Any], own: Mapping[str, Any], where: str
) -> Network:
    """Return the network of a description and the masks among the tensors.

    Raises
    ------
    ModelFileError
        A part is unknown, or a tensor belongs to no part.
    BackpropError, LookupError, TypeError, ValueError
        The description contradicts itself.
    """
    layers = range(1, len(description["sizes"]))
    masks = [_mask(tensors.get(f"connections.{number}")) for number in layers]
    used = sum(mask is not None for mask in masks) + 1  # the masks and θ
    others = (TRAINING, PREPROCESSING)
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
    if not texts or any(name.startswith(KEY) for name in checked):
        expected = f"texts under names that do not begin with {KEY}"
        raise OptionError("save(notes)", f"{checked!r:.200}", expected, "Use str")
    return checked
