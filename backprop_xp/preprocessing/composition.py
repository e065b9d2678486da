"""Steps in turn, and steps side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.preprocessing.step import ForEachColumn, Step, as_indices, check_counts
from backprop_xp.preprocessing.table import Table

__all__ = ["Chain", "SideBySide", "Unchanged", "steps_in"]

Part: TypeAlias = tuple[NDArray[np.int64], Step]


@dataclass(frozen=True)
class Unchanged(ForEachColumn):
    """Columns as they are.

    Attributes
    ----------
    n : int
        The number of columns.
    """

    kind: ClassVar[str] = "unchanged"

    def apply(self, table: Table) -> Table:
        """Return the table itself."""
        return table


@dataclass(frozen=True, eq=False)
class Chain:
    """Steps in turn: each takes the columns that the step before it made.

    Attributes
    ----------
    steps : tuple of Step
        At least one.

    Examples
    --------
    >>> from backprop_xp.preprocessing.scaling import Standardisation
    >>> half = Standardisation(np.array([0.0]), np.array([2.0]))
    >>> Chain((half, half)).apply(Table((np.array([[8.0]]),))).numbers()
    array([[2.]])
    """

    steps: tuple[Step, ...]

    kind: ClassVar[str] = "chain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise ValueError("no step")
        for one, after in pairwise(self.steps):
            check_counts("columns between two steps", one.n_out, after.n_in)

    @property
    def n_in(self) -> int:
        """The number of columns of the first step."""
        return self.steps[0].n_in

    @property
    def n_out(self) -> int:
        """The number of columns that the last step makes."""
        return self.steps[-1].n_out

    def apply(self, table: Table) -> Table:
        """Return the columns that the last step makes."""
        for step in self.steps:
            table = step.apply(table)
        return table


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Steps for chosen columns; their results stand side by side.

    Attributes
    ----------
    n_in : int
        The number of columns that come.
    parts : tuple of (array of int, Step)
        The columns that a step takes, in its order, and the step. A column that no step takes is
        left out.

    Examples
    --------
    >>> step = SideBySide(3, ((np.array([2, 0]), Unchanged(2)),))
    >>> step.apply(Table((np.array([[1.0, 2.0, 3.0]]),))).numbers()
    array([[3., 1.]])
    """

    n_in: int
    parts: tuple[Part, ...]

    kind: ClassVar[str] = "side_by_side"

    def __post_init__(self) -> None:
        parts: list[Any] = []
        for chosen, step in self.parts:
            check_counts("columns of a step", len(chosen), step.n_in)
            parts.append((as_indices(chosen, self.n_in), step))
        object.__setattr__(self, "parts", tuple(parts))

    @property
    def n_out(self) -> int:
        """The number of columns that all steps make."""
        return sum(step.n_out for _, step in self.parts)

    def apply(self, table: Table) -> Table:
        """Return the results of the steps, side by side."""
        return table.beside([step.apply(table.take(chosen)) for chosen, step in self.parts])


def steps_in(step: Step) -> Iterator[Step]:
    """Yield a step, and every step within it.

    Examples
    --------
    >>> [one.kind for one in steps_in(Chain((Unchanged(2), Unchanged(2))))]
    ['chain', 'unchanged', 'unchanged']
    """
    yield step
    if isinstance(step, Chain):
        for one in step.steps:
            yield from steps_in(one)
    elif isinstance(step, SideBySide):
        for _, one in step.parts:
            yield from steps_in(one)
