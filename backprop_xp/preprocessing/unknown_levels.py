"""The columns of categories in which many cells have a level that training has not seen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from backprop_xp.preprocessing.as_text import AsText, texts_of
from backprop_xp.preprocessing.composition import Chain, SideBySide
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import Table, shown

__all__ = ["UnknownLevels", "unknown_levels"]

_LEAST: Final = 10  # one cell in so many, from which a column is told


@dataclass(frozen=True)
class UnknownLevels:
    """The cells of a column whose levels training has not seen.

    Attributes
    ----------
    column : str
        The name of the column, or its number, counted from 0, where it has none.
    count : int
        The cells with an unknown level.
    present : int
        The cells that are not missing.
    example : str
        The first unknown level.

    Examples
    --------
    >>> print(UnknownLevels("code", 3, 20, "4"))
    column code: 3 of 20 cells are levels that training has not seen, such as '4'
    """

    column: str
    count: int
    present: int
    example: str

    def __str__(self) -> str:
        cells = f"{self.count:,} of {self.present:,} cells"
        name = shown(self.column)[1:-1]  # in one line
        return (
            f"column {name}: {cells} are levels that training has not seen, "
            f"such as {shown(self.example)}"
        )


def unknown_levels(step: Step, table: Table) -> list[UnknownLevels]:
    """Return the columns in which at least a tenth of the cells are unknown levels.

    Missing cells do not count. Rare levels of training that share a column are known.

    Parameters
    ----------
    step : Step
        Its categories are texts, as `AsText` makes them.
    table : Table
        With `step.n_in` columns.

    Raises
    ------
    DTypeError
        A category is no text, number or truth value.

    Examples
    --------
    >>> hot = OneHotEncoding((("a", "b"),), (np.array([0, 1]),), (-1,), (2,))
    >>> table = Table.of([np.array(["a", "c", None, "c"], dtype=object)], ("code",))
    >>> unknown_levels(Chain((AsText(1), hot)), table)
    [UnknownLevels(column='code', count=2, present=3, example='c')]
    """
    columns, found = table.columns(), []
    for j, known in sorted(_levels(step)):
        counts = Counter(columns[j].tolist())
        cells = np.empty(len(counts), dtype=object)
        cells[:] = list(counts)
        of_levels = list(zip(texts_of(cells).tolist(), counts.values(), strict=True))
        present = sum(count for text, count in of_levels if text)
        unknown = [(text, count) for text, count in of_levels if text and text not in known]
        count = sum(count for _, count in unknown)
        if count and _LEAST * count >= present:
            name = table.names[j] if table.names else ""
            found.append(UnknownLevels(name or str(j), count, present, unknown[0][0]))
    return found


def _levels(step: Step) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the columns that a step takes as categories, and their known levels."""
    if isinstance(step, SideBySide):
        for chosen, one in step.parts:
            for j, known in _levels(one):
                yield int(chosen[j]), known
    elif isinstance(step, Chain) and isinstance(step.steps[0], AsText):
        for hot in step.steps[1:2]:
            if isinstance(hot, OneHotEncoding):
                yield from enumerate(map(frozenset, hot.categories))
