"""The columns that a step looks at, and the columns that it takes as texts."""

from typing import TypeAlias

from backprop_xp.preprocessing.as_text import AsText
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.step import Step

__all__ = ["text_columns", "used_columns"]

Origins: TypeAlias = list[int | None]


def used_columns(step: Step) -> list[int]:
    """Return the indices of the columns that a step looks at, in ascending order.

    Examples
    --------
    >>> import numpy as np
    >>> used_columns(SideBySide(3, ((np.array([2, 0]), Unchanged(2)),)))
    [0, 2]
    """
    if isinstance(step, Chain):
        return used_columns(step.steps[0])
    if isinstance(step, SideBySide):
        found = {int(chosen[j]) for chosen, one in step.parts for j in used_columns(one)}
        return sorted(found)
    return list(range(step.n_in))


def text_columns(step: Step) -> set[int]:
    """Return the indices of the columns that are compared with texts, or filled with texts.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot = OneHotEncoding((("a", "b"),), (np.array([0, 1]),), (-1,), (2,))
    >>> text_columns(SideBySide(3, ((np.array([1]), one_hot), (np.array([0]), Unchanged(1)))))
    {1}
    """
    if isinstance(step, AsText):
        return set(range(step.n))
    if isinstance(step, OneHotEncoding):
        return {j for j, known in enumerate(step.categories) if _has_text(known)}
    if isinstance(step, Imputation):
        pairs = zip(step.kept.tolist(), step.fill, strict=True)
        return {j for j, value in pairs if isinstance(value, str)}
    if isinstance(step, SideBySide):
        return {int(chosen[j]) for chosen, one in step.parts for j in text_columns(one)}
    if not isinstance(step, Chain):
        return set()
    found, origins = set(), list[int | None](range(step.n_in))
    for one in step.steps:
        found |= {origins[j] for j in text_columns(one)}
        origins = [None if j is None else origins[j] for j in _origins(one)]
    return {j for j in found if j is not None}


def _has_text(categories: object) -> bool:
    return isinstance(categories, tuple) and any(isinstance(one, str) for one in categories)


def _origins(step: Step) -> Origins:
    """Return for each column that a step makes the column that it is, with gaps filled or not."""
    if isinstance(step, Unchanged):
        return list(range(step.n))
    if isinstance(step, Imputation):
        return [*step.kept.tolist(), *[None] * len(step.indicators)]
    if isinstance(step, SideBySide):
        return [
            None if j is None else int(chosen[j])
            for chosen, one in step.parts
            for j in _origins(one)
        ]
    if isinstance(step, Chain):
        found: Origins = list(range(step.n_in))
        for one in step.steps:
            found = [None if j is None else found[j] for j in _origins(one)]
        return found
    return [None] * step.n_out
