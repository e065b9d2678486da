"""A step of preprocessing, and its description as numbers and names."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.preprocessing.table import Table

__all__ = [
    "ColumnByColumn",
    "ForEachColumn",
    "Step",
    "applied",
    "as_floats",
    "as_indices",
    "check_counts",
    "description",
]


class Step(Protocol):
    """A frozen dataclass that makes columns from columns.

    Its fields are numbers, texts, arrays of numbers, steps, and tuples of them.

    Attributes
    ----------
    kind : str
        The name of the step in descriptions.
    n_in, n_out : int
        The number of columns that it takes, and the number that it returns.
    """

    kind: ClassVar[str]

    @property
    def n_in(self) -> int:
        """The number of columns that it takes."""
        ...

    @property
    def n_out(self) -> int:
        """The number of columns that it returns."""
        ...

    def apply(self, table: Table) -> Table:
        """Return the columns that the step makes of a table with `n_in` columns."""
        ...


class ColumnByColumn:
    """The common base of steps that make one column of each column."""

    @property
    def n_in(self) -> int:
        """The number of columns."""
        raise NotImplementedError

    @property
    def n_out(self) -> int:
        """The number of columns."""
        return self.n_in


@dataclass(frozen=True)
class ForEachColumn(ColumnByColumn):
    """The common base of steps that do the same to any column.

    Attributes
    ----------
    n : int
        The number of columns.
    """

    n: int

    @property
    def n_in(self) -> int:
        """The number of columns."""
        return self.n


def applied(step: Step, X: HostArray) -> NDArray[np.float64]:
    """Return the numbers that a step makes of an array (m, n_in), (m, n_out)."""
    return step.apply(Table((X,))).numbers()


def description(step: Any) -> dict[str, Any]:
    """Return the fields of a step by name, and its kind; steps in it become dicts too.

    Examples
    --------
    >>> from backprop_xp.preprocessing.composition import Unchanged
    >>> description(Unchanged(3))
    {'kind': 'unchanged', 'n': 3}
    """
    found = {field.name: _described(getattr(step, field.name)) for field in fields(step)}
    return {"kind": step.kind, **found}


def _described(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_described(one) for one in value]
    return description(value) if hasattr(value, "kind") else value


def check_counts(what: str, *numbers: int) -> None:
    """Refuse numbers that are not equal, such as the lengths of two arrays of a step.

    Raises
    ------
    ValueError
    """
    if len({int(number) for number in numbers}) > 1:
        raise ValueError(f"{what}: {' and '.join(map(str, numbers))}, which differ")


def as_floats(x: Any, axes: int = 1) -> Any:
    """Return a field as an array of float64 with this number of axes.

    Raises
    ------
    ValueError
    """
    found = np.asarray(x)
    if found.dtype.kind not in "biuf" or found.ndim != axes:
        raise ValueError(f"an array of dtype {found.dtype} with {found.ndim} axes")
    return found.astype(np.float64)


def as_indices(x: Any, stop: int, least: int = 0) -> Any:
    """Return a field as an array (n,) of indices from `least` to below `stop`.

    Raises
    ------
    ValueError
    """
    found = np.asarray(x)
    if found.size == 0:
        return np.zeros(0, np.int64)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(f"indices of dtype {found.dtype} with {found.ndim} axes")
    if found.min() < least or found.max() >= stop:
        raise ValueError(f"indices from {found.min()} to {found.max()} of {stop}")
    return found.astype(np.int64)
