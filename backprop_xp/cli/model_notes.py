"""What a model file says of the data that the model was trained on, as JSON texts in its notes."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backprop_xp.errors import ModelFileError
from backprop_xp.files.model_file import read_notes

__all__ = ["ModelNotes", "notes_in"]


@dataclass(frozen=True)
class ModelNotes:
    """Where the numbers of a case come from and what the outputs mean.

    Attributes
    ----------
    data : str
        The name of the data set or file.
    feature_names : tuple of str
        The columns of X; empty where they have no names.
    class_names : tuple of str or None
        The name of each class; None where the outputs are no classes.
    target : str, int or None
        The column or array of the target, by name or index; None for the usual one.
    """

    data: str = ""
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    target: str | int | None = None

    def texts(self) -> dict[str, str]:
        """Return the notes as `checkpoint.save` takes them.

        Examples
        --------
        >>> ModelNotes("flowers.csv", ("length", "width"), target="kind").texts()["feature_names"]
        '["length", "width"]'
        """
        return {name: json.dumps(value) for name, value in vars(self).items()}


def notes_in(path: str | os.PathLike[str], n_in: int, n_out: int) -> ModelNotes:
    """Return the notes in a model file; without names where it has none.

    Raises
    ------
    MissingFileError
    ModelFileError
        The notes are there and are not those of such a network.
    """
    texts = read_notes(path)
    features = _names(path, texts, "feature_names", n_in) or ()
    classes = _names(path, texts, "class_names", n_out) or None
    target = _value(path, texts, "target")
    if isinstance(target, bool) or not isinstance(target, str | int | None):
        raise _refusal(path, "target", "a column's name or index")
    return ModelNotes(str(_value(path, texts, "data") or ""), features, classes, target)


def _names(
    path: str | os.PathLike[str], texts: Mapping[str, str], name: str, count: int
) -> tuple[str, ...] | None:
    value = _value(path, texts, name)
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != count or len(set(map(str, value))) != count:
        raise _refusal(path, name, f"a list of {count} different texts")
    return tuple(map(str, value))


def _value(path: str | os.PathLike[str], texts: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(texts.get(name, "null"))
    except (ValueError, RecursionError) as error:
        raise _refusal(path, name, "JSON") from error


def _refusal(path: str | os.PathLike[str], name: str, expected: str) -> ModelFileError:
    came, advice = f"a note {name!r} that cannot be used", "Save the model anew"
    return ModelFileError(f"notes of {os.fspath(path)!r}", came, expected, advice)
