"""Tables as text and as Markdown."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    """Cells of text under a head; the first column is aligned left, all others right.

    Attributes
    ----------
    title : str
    head : list of str
    rows : list of list of str
    """

    title: str
    head: list[str]
    rows: list[list[str]]

    def text(self) -> str:
        """Return the table for a terminal."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        aligned = [
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *aligned])

    def markdown(self) -> str:
        """Return the table in Markdown."""
        ruler = ["---", *["---:"] * (len(self.head) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.head, ruler, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines])


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits and no exponent, a dash for None.

    Examples
    --------
    >>> number(0.012345), number(12345.6), number(None)
    ('0.0123', '12,346', '–')
    """
    if value is None:
        return "–"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return np.format_float_positional(float(text), trim="-") if "e" in text else text
