"""Every step by its kind, and a step from its description."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from backprop_xp.preprocessing.as_text import AsText
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.piecewise_linear import PiecewiseLinearEncoding
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.scaling import RangeScaling, Standardisation
from backprop_xp.preprocessing.smooth_clip import SmoothClip
from backprop_xp.preprocessing.step import Step

__all__ = ["KINDS", "step_from"]

_MOST: Final = 2**24  # columns in a description, which may come from a stranger

KINDS: Final[Mapping[str, Any]] = {
    step.kind: step
    for step in (
        Standardisation,
        RangeScaling,
        QuantileMapping,
        PiecewiseLinearEncoding,
        SmoothClip,
        AsText,
        Imputation,
        OneHotEncoding,
        Unchanged,
        Chain,
        SideBySide,
    )
}


def step_from(description: Mapping[str, Any]) -> Step:
    """Return the step of which `step.description` made a description.

    Raises
    ------
    LookupError, TypeError, ValueError
        There is no step of this kind, or its fields contradict each other.

    Examples
    --------
    >>> step_from({"kind": "chain", "steps": [{"kind": "unchanged", "n": 3}]})
    Chain(steps=(Unchanged(n=3),))
    """
    kind = KINDS[description["kind"]]
    given = {name: value for name, value in description.items() if name != "kind"}
    if set(given) != {field.name for field in fields(kind)}:
        raise ValueError(f"the fields {sorted(given)} of a step {kind.kind}")
    whole = ("n", "n_in")
    for name in whole:
        if name in given and (type(given[name]) is not int or not 0 <= given[name] <= _MOST):
            raise ValueError(f"{name} of a step {kind.kind}")
    made: Step = kind(**{name: _value(value) for name, value in given.items()})
    return made


def _value(value: Any) -> Any:
    """Return a field of a description with its steps made, and its lists as tuples."""
    if isinstance(value, list | tuple):
        return tuple(map(_value, value))
    return step_from(value) if isinstance(value, Mapping) else value
