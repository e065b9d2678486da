"""Many cells in little memory: some thousands of cells are one text.

A text of its own takes 50 bytes and more beside its letters, and a list 8 bytes for each.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import Final

__all__ = ["CELLS_AT_ONCE", "PackedCells"]

CELLS_AT_ONCE: Final = 2**12
"""Cells in a part, about, for whoever collects cells one by one."""


class PackedCells(Collection[str]):
    """Cells in order, packed in parts.

    Going through the cells unpacks a part at a time. An index unpacks a part.

    Examples
    --------
    >>> cells = PackedCells()
    >>> cells.append(["1", "x,y"])
    >>> cells.append(["", "4"])
    >>> len(cells), list(cells), cells[-1]
    (4, ['1', 'x,y', '', '4'], '4')
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._marks: list[str] = []  # between the cells of each part
        self._starts = [0]  # of each part, and of the next

    def append(self, cells: list[str]) -> None:
        """Add a part, which holds at least one cell."""
        text = "".join(cells)
        mark = "\0" if "\0" not in text else _absent_from(text)
        self._texts.append(mark.join(cells))
        self._marks.append(mark)
        self._starts.append(self._starts[-1] + len(cells))

    def parts(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the position of the first cell, and the cells, of each part."""
        for start, text, mark in zip(self._starts, self._texts, self._marks, strict=False):
            yield start, text.split(mark)

    def stripped(self) -> "PackedCells":
        """Return the cells without spaces around them."""
        found = PackedCells()
        for _, cells in self.parts():
            found.append([cell.strip() for cell in cells])
        return found

    def __contains__(self, cell: object) -> bool:
        return any(cell in cells for _, cells in self.parts())

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[str]:
        for _, cells in self.parts():
            yield from cells

    def __getitem__(self, position: int) -> str:
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(position)
        part = bisect_right(self._starts, position) - 1
        cells = self._texts[part].split(self._marks[part])
        return cells[position - self._starts[part]]


def _absent_from(text: str) -> str:
    """Return a character that a text does not have."""
    letters = set(text)
    return next(mark for mark in map(chr, range(len(letters) + 1)) if mark not in letters)
