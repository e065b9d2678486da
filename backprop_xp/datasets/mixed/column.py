"""A column of a table as texts, of which some are signs of a missing value."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.packed_cells import PackedCells

__all__ = ["Column", "name_of_several", "name_without_header"]


def name_without_header(position: int) -> str:
    """Return the name of a column that has none.

    Examples
    --------
    >>> name_without_header(0)
    'column 1'
    """
    return f"column {position + 1}"


def name_of_several(name: str, position: int) -> str:
    """Return the name of a column that is left out, where another column has the same name.

    Examples
    --------
    >>> name_of_several("price", 2)
    'price (column 3)'
    """
    return f"{name} ({name_without_header(position)})"


@dataclass(eq=False, slots=True)
class Column:
    """A column of stripped cells, in parts of some thousands.

    Attributes
    ----------
    position : int
        The place of the column in its table, counted from 0.
    name : str
        Its name; "column 3" where the table has none.
    cells : PackedCells
        The cells of all rows but the first.
    first : str or None
        The cell of the first row; None where it is the name.
    signs : frozenset of str
        The cells that are missing values.
    levels : bool
        Whether a data frame has it as categories.
    settled : bool
        Whether another table has decided its kind and the signs.
    decimal, form : str
        The decimal mark and the format of dates where they are known, as in a data frame that has
        numbers and dates in place of texts; else "".
    """

    position: int
    name: str = ""
    cells: PackedCells = field(default_factory=PackedCells)
    first: str | None = None
    signs: frozenset[str] = frozenset([""])
    levels: bool = False
    settled: bool = False
    decimal: str = ""
    form: str = ""

    def __len__(self) -> int:
        return len(self.cells) + (self.first is not None)

    def parts(self) -> Iterator[list[str]]:
        """Yield the cells, part by part."""
        if self.first is not None:
            yield [self.first]
        for _, cells in self.cells.parts():
            yield cells

    def present(self) -> Iterator[tuple[int, list[str], NDArray[np.bool_] | None]]:
        """Yield of each part its first row, the cells that are not missing, and where these are.

        The last is None where no cell is missing.
        """
        row, signs = 0, self.signs
        for cells in self.parts():
            some = [cell for cell in cells if cell not in signs]
            there = None
            if len(some) < len(cells):
                there = np.fromiter((cell not in signs for cell in cells), np.bool_, len(cells))
            yield row, some, there
            row += len(cells)

    def gaps(self) -> NDArray[np.bool_]:
        """Return where a cell is missing, (m,)."""
        found = np.zeros(len(self), np.bool_)
        row = 0
        for cells in self.parts():
            found[row : row + len(cells)] = [cell in self.signs for cell in cells]
            row += len(cells)
        return found
