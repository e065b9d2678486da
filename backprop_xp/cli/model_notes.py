"""The names of features and classes in a model file, and its notes, which are JSON texts.

Files of before have the names in notes too, since no other part of them held names.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import ModelFileError
from backprop_xp.files.model import Model
from backprop_xp.files.model_file import read_notes
from backprop_xp.network.network import Network

__all__ = ["ModelNotes", "notes_in"]


@dataclass(frozen=True)
class ModelNotes:
    """Names in the data that a model was trained on.

    Attributes
    ----------
    data : str
        The name of the data set or file.
    feature_names : tuple of str
        The names of X's columns; empty where they have none.
    class_names : tuple of str or None
        The names of the classes, by output; None where the outputs are numbers.
    target : str, int or None
        The target's column, by name or index, or the name of its array; None for the default one.
    """

    data: str = ""
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    target: str | int | None = None

    @property
    def classes(self) -> HostArray | None:
        """The classes, as integers where all names are written as integers."""
        if self.class_names is None:
            return None
        return np.array(_integers(self.class_names) or self.class_names)

    def for_outputs(self, net: Network) -> "ModelNotes":
        """Return the notes with classes 0, 1, … where outputs of softmax have no names.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> ModelNotes().for_outputs(bp.Network([2, 3])).class_names
        ('0', '1', '2')
        """
        if self.class_names is not None or not isinstance(net.output, Softmax):
            return self
        return replace(self, class_names=tuple(map(str, range(net.sizes[-1]))))

    def texts(self) -> dict[str, str]:
        """Return the data and the target as `files.model_file.save` takes notes, JSON by name.

        Examples
        --------
        >>> ModelNotes("flowers.csv", ("length", "width"), target="kind").texts()
        {'data': '"flowers.csv"', 'target': '"kind"'}
        """
        return {name: json.dumps(getattr(self, name)) for name in ("data", "target")}


def notes_in(path: str | os.PathLike[str], model: Model[Any]) -> ModelNotes:
    """Return the names and notes of a model file, with the defaults of `ModelNotes` for others.

    Parameters
    ----------
    path : path
    model : Model
        The model in the file.

    Raises
    ------
    MissingFileError
        There is no such file.
    ModelFileError
        A note is no JSON, or does not have a name for each input or output.
    """
    texts, net, meaning = read_notes(path), model.network, model.meaning
    features = meaning.feature_names
    classes = None
    if meaning.classes is not None and meaning.flat:
        classes = tuple(map(str, meaning.classes.tolist()))
    elif meaning.classes is None and not features and meaning.preprocessing is None:
        features = _names(path, texts, "feature_names", net.sizes[0]) or ()
        classes = _names(path, texts, "class_names", net.sizes[-1]) or None
    target = _value(path, texts, "target")
    if isinstance(target, bool) or not isinstance(target, str | int | None):
        raise _refusal(path, "target", "a column's name or index")
    return ModelNotes(str(_value(path, texts, "data") or ""), features, classes, target)


def _integers(names: tuple[str, ...]) -> list[int] | None:
    """Return names that are written as integers as integers; None where some are not."""
    try:
        found = [int(name) for name in names]
    except ValueError:
        return None
    return found if tuple(map(str, found)) == names else None


def _names(
    path: str | os.PathLike[str], texts: Mapping[str, str], name: str, count: int
) -> tuple[str, ...] | None:
    """Return a note that is a list of `count` names; None for a missing or empty note."""
    value = _value(path, texts, name)
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != count or len(set(map(str, value))) != count:
        raise _refusal(path, name, f"a list of {count} different texts")
    return tuple(map(str, value))


def _value(path: str | os.PathLike[str], texts: Mapping[str, str], name: str) -> Any:
    """Return the value of a note; None for a missing note."""
    try:
        return json.loads(texts.get(name, "null"))
    except (ValueError, RecursionError) as error:
        raise _refusal(path, name, "JSON") from error


def _refusal(path: str | os.PathLike[str], name: str, expected: str) -> ModelFileError:
    came, advice = f"a note {name!r} that cannot be used", "Save the model again"
    return ModelFileError(f"notes of {os.fspath(path)!r}", came, expected, advice)
