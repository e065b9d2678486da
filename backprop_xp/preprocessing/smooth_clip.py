"""A smooth bound on numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backprop_xp.preprocessing.step import ForEachColumn
from backprop_xp.preprocessing.table import Table

__all__ = ["SmoothClip"]


@dataclass(frozen=True)
class SmoothClip(ForEachColumn):
    """x / √(1 + (x / c)²) for each column: x where it is small, and within ±c.

    Attributes
    ----------
    n : int
        The number of columns.
    bound : float
        c, above 0.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees
    on tabular data", NeurIPS (2024), arXiv 2407.04491, section 3, with c = 3.

    Examples
    --------
    >>> SmoothClip(1).apply(Table((np.array([[0.0], [4.0]]),))).numbers()
    array([[0. ],
           [2.4]])
    """

    bound: float = 3.0

    kind: ClassVar[str] = "smooth_clip"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.bound) and self.bound > 0):
            raise ValueError(f"a bound of {self.bound}")

    def apply(self, table: Table) -> Table:
        """Return the bounded columns; NaN stays NaN."""
        x = table.numbers()
        with np.errstate(over="ignore"):
            bounded = x / np.sqrt(1 + (x / self.bound) ** 2)
        return table.like(np.where(np.isinf(x), np.sign(x) * self.bound, bounded))
