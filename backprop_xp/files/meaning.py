"""The meaning of a network's inputs and outputs: columns, preprocessing, classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.files.memory import memory_as_json, memory_from_json
from backprop_xp.files.model_contents import PREPROCESSING
from backprop_xp.network.network import Network
from backprop_xp.preprocessing.catalogue import step_from
from backprop_xp.preprocessing.step import Step, check_counts, description

__all__ = ["Meaning", "meaning_from", "written"]

_STEP: Final = PREPROCESSING.rstrip(".")
_KINDS: Final = "biufUO"  # kinds of dtype of classes


@dataclass(frozen=True, eq=False)
class Meaning:
    """The meaning of the rows that a model takes, and of its outputs.

    Attributes
    ----------
    classes : array (n_classes,) or None
        The classes in the order of the outputs, or the numbers of the labels. One sigmoid unit has
        one or two classes. None where the outputs are numbers.
    flat : bool
        Whether a case has one class or number, not several.
    feature_names : tuple of str
        The names of the columns that come; empty where they have none.
    preprocessing : Step or None
        The step that makes the network's inputs from the columns; None where the columns are the
        inputs.
    """

    classes: HostArray | None = None
    flat: bool = False
    feature_names: tuple[str, ...] = ()
    preprocessing: Step | None = None

    def columns(self, net: Network) -> int:
        """Return the number of columns that come."""
        return net.sizes[0] if self.preprocessing is None else self.preprocessing.n_in

    def check(self, net: Network) -> None:
        """Refuse a meaning that does not fit a network.

        Raises
        ------
        ValueError
        """
        names, step = self.feature_names, self.preprocessing
        if step is not None:
            check_counts("columns that preprocessing makes and inputs", step.n_out, net.sizes[0])
        if names:
            check_counts("names and columns", len(names), self.columns(net))
            check_counts("names and different names", len(names), len(set(names)))
        if self.flat and self.classes is None:
            check_counts("numbers and outputs", 1, net.sizes[-1])
        if self.classes is not None:
            few = self.flat and net.sizes[-1] == 1 and len(self.classes) == 2
            if not few or isinstance(net.output, Softmax):
                check_counts("classes and outputs", len(self.classes), net.sizes[-1])


def written(meaning: Meaning, put: Callable[[str, HostArray], str]) -> dict[str, Any]:
    """Return a meaning as JSON holds it; `put` takes the arrays by name and returns the names.

    Raises
    ------
    OptionError
        The classes are of a type that a file cannot hold.
    """
    classes, step = meaning.classes, meaning.preprocessing
    found: dict[str, Any] = {"flat": meaning.flat, "feature_names": list(meaning.feature_names)}
    if classes is not None:
        found["classes"] = _written_classes(classes)
    if step is not None:
        found[_STEP] = memory_as_json(description(step), _STEP, put, "save")
    return found


def meaning_from(found: Mapping[str, Any], array: Callable[[str], HostArray]) -> Meaning:
    """Return the meaning of which `written` made `found`; `array` returns arrays by name.

    Raises
    ------
    BackpropError, LookupError, TypeError, ValueError
        The value has another form.
    """
    names, flat = found.get("feature_names", []), found.get("flat", False)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("feature names that are no list of texts")
    if not isinstance(flat, bool):
        raise TypeError("flat that is neither true nor false")
    classes = _classes_from(found["classes"]) if "classes" in found else None
    step = None
    if _STEP in found:
        step = step_from(memory_from_json(found[_STEP], array))
    return Meaning(classes, flat, tuple(names), step)


def _written_classes(classes: HostArray) -> dict[str, Any]:
    kind, values = classes.dtype.kind, classes.tolist()
    plain = all(isinstance(value, str | bool | int | float) for value in values)
    if kind not in _KINDS or not plain:
        came = f"classes of dtype {classes.dtype}, {values!r:.100}"
        advice = "Train on texts or numbers in their place"
        raise OptionError("save(estimator)", came, "texts, numbers and booleans", advice)
    name = {"U": "str", "O": "object"}.get(kind, classes.dtype.name)
    return {"dtype": name, "values": values}


def _classes_from(found: Mapping[str, Any]) -> HostArray:
    values, dtype = found["values"], np.dtype(found["dtype"])
    plain = isinstance(values, list) and all(
        isinstance(value, str | bool | int | float) for value in values
    )
    if not plain or not values or dtype.kind not in _KINDS:
        raise TypeError("classes that are no list of texts and numbers")
    if dtype.kind == "U" and not all(isinstance(value, str) for value in values):
        raise TypeError("classes that are not all texts")
    return np.array(values, dtype=str if dtype.kind == "U" else dtype)
