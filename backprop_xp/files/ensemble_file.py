"""An ensemble in a model file: the networks of each member under a prefix of their own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.files import safetensors_file
from backprop_xp.files.ensemble_model import EnsembleModel, Member
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model_contents import KEY, PREPROCESSING, model_contents, network_from
from backprop_xp.network.columns import check_theta
from backprop_xp.preprocessing.step import check_counts

__all__ = ["VERSION", "decided_from", "ensemble_contents", "ensemble_from", "is_ensemble"]

VERSION = 3  # of the format
_MEMBERS = "members"
_WEIGHTS = "weights"
_TABLE = "table"  # the note that holds how the table of training was read
_MOST = 1024  # members of a file, which may come from a stranger


def is_ensemble(description: Mapping[str, Any]) -> bool:
    """Tell whether a description is of an ensemble.

    Examples
    --------
    >>> is_ensemble({"members": []}), is_ensemble({"sizes": [2, 1]})
    (True, False)
    """
    return _MEMBERS in description


def ensemble_contents(
    model: EnsembleModel, notes: Mapping[str, str] | None, about: Mapping[str, Any]
) -> tuple[dict[str, HostArray], dict[str, str]]:
    """Return arrays by name and texts by name, as `model_contents` does for a network.

    Parameters
    ----------
    model : EnsembleModel
    notes : mapping of str to str or None
    about : mapping
        The parts of the description that hold the meaning.
    """
    if model.decided is not None:
        notes = {_TABLE: json.dumps(model.decided), **(notes or {})}
    tensors: dict[str, HostArray] = {}
    members, texts = [], dict[str, str]()
    for number, member in enumerate(model.members):
        own, texts = model_contents(member.network, member.theta, notes)
        own[_WEIGHTS] = np.ascontiguousarray(member.weights)
        tensors |= {f"{_MEMBERS}.{number}.{name}": array for name, array in own.items()}
        described = json.loads(texts[KEY])
        members.append({n: x for n, x in described.items() if n != "format_version"})
    description = {**about, "format_version": VERSION, _MEMBERS: members}
    return tensors, {**texts, KEY: json.dumps(description)}


def decided_from(texts: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return how the table of training was read, from the texts of a file; None if none tells it.

    Examples
    --------
    >>> decided_from({"table": '{"columns": []}'}), decided_from({"data": "rents.csv"})
    ({'columns': []}, None)
    """
    try:
        decided = json.loads(texts.get(_TABLE, "null"))
    except (ValueError, RecursionError):
        return None
    return decided if isinstance(decided, dict) else None


def ensemble_from(
    description: Mapping[str, Any],
    tensors: Mapping[str, HostArray],
    own: Mapping[str, Any],
    where: str,
    meaning_of: Callable[[Any], Meaning | None],
) -> EnsembleModel:
    """Return the ensemble of a description and its tensors, on the host.

    Parameters
    ----------
    description, tensors, own, where
        As `network_from` takes them.
    meaning_of : callable
        Returns the meaning in the file, checked against a network.

    Raises
    ------
    ModelFileError
        A part is unknown, or a tensor belongs to no part.
    BackpropError, LookupError, TypeError, ValueError
        The description contradicts itself.
    """
    members, left = [], {name for name in tensors if not name.startswith(PREPROCESSING)}
    described = description[_MEMBERS]
    if not isinstance(described, list) or not 1 <= len(described) <= _MOST:
        raise ValueError("members that are no list")
    for number, one in enumerate(described):
        prefix = f"{_MEMBERS}.{number}."
        mine = {n.removeprefix(prefix): x for n, x in tensors.items() if n.startswith(prefix)}
        left -= {prefix + name for name in mine}
        weights = mine.pop(_WEIGHTS)
        network = network_from(one, mine, own, where)
        theta = mine["theta"]
        check_theta(theta, network.parameter_count, "load")
        check_counts("axes of theta", theta.ndim, 2)
        check_counts("networks and weights", len(theta), len(weights))
        good = weights.dtype == np.float64 and bool(np.isfinite(weights).all())
        if not good or weights.ndim != 1 or (weights < 0).any():
            raise ValueError("weights that are no numbers >= 0")
        members.append(Member(network, theta, weights))
    if left:
        raise safetensors_file.refusal(where, f"tensors {sorted(left)}")
    check_counts("inputs of members", *(one.network.sizes[0] for one in members))
    check_counts("outputs of members", *(one.network.sizes[-1] for one in members))
    if abs(sum(float(one.weights.sum()) for one in members) - 1) > 1e-6:
        raise ValueError("weights that do not add up to 1")
    model = EnsembleModel(tuple(members), Meaning(flat=members[0].network.sizes[-1] == 1))
    meaning = meaning_of(members[0].network)
    return model if meaning is None else replace(model, meaning=meaning)
