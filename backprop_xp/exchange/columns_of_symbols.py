"""Columns of a table as symbols of expressions: numbers and texts, side by side."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np

from backprop_xp.errors import OptionError
from backprop_xp.exchange.program import concatenated, taken
from backprop_xp.exchange.unique_names import unique_name
from backprop_xp.execution.expressions import Symbol, constant

__all__ = ["NUMBER", "TEXT", "Columns", "Part"]

TEXT: Final = "text"
NUMBER: Final = "number"


class Part(NamedTuple):
    """Columns that one symbol holds.

    Attributes
    ----------
    symbol : Symbol (m, width)
    width : int
    kind : {"number", "text"}
    """

    symbol: Symbol
    width: int
    kind: str = NUMBER


class Columns(NamedTuple):
    """Columns side by side.

    Attributes
    ----------
    parts : tuple of Part
    where : str
        The function of this library, for error messages.
    names : list of str
        The names of constants and results, shared by all columns of a model.
    """

    parts: tuple[Part, ...]
    where: str
    names: list[str]

    @property
    def width(self) -> int:
        """The number of columns."""
        return sum(part.width for part in self.parts)

    def of(self, *parts: Part) -> "Columns":
        """Return columns of these parts."""
        return self._replace(parts=tuple(parts))

    def numbers(self) -> Symbol:
        """Return all columns as one symbol (m, width).

        Raises
        ------
        OptionError
            Some columns are texts.
        """
        if any(part.kind == TEXT for part in self.parts):
            came = "a step of preprocessing that takes texts for numbers"
            raise self.refusal(came, "OneHotEncoder for columns of texts", "Encode them first")
        return concatenated([part.symbol for part in self.parts])

    def column(self, place: int) -> Part:
        """Return one column."""
        for part in self.parts:
            if place < part.width:
                whole = part.width == 1
                return Part(part.symbol if whole else taken(part.symbol, [place]), 1, part.kind)
            place -= part.width
        raise IndexError(place)

    def take(self, places: Iterable[Any]) -> "Columns":
        """Return these columns, in this order."""
        places = [int(place) for place in places]
        if len(self.parts) == 1 and self.parts[0].kind == NUMBER:
            (part,) = self.parts
            same = places == list(range(part.width))
            return self.of(Part(part.symbol if same else taken(part.symbol, places), len(places)))
        return self.of(*(self.column(place) for place in places))

    def unique(self, name: str) -> str:
        """Return a name that no other constant or result of the steps has."""
        unique = unique_name(name, self.names)
        self.names.append(unique)
        return unique

    def constant(self, values: Any, name: str) -> Symbol:
        """Return the symbol of an array, under a name of its own."""
        array = np.asarray(values)
        known = array.astype(float) if array.dtype.kind in "fiub" else array
        return constant(known, self.unique(name))

    def refusal(self, came: str, expected: str, advice: str) -> OptionError:
        """Return the error for a step that cannot be exported."""
        return OptionError(f"{self.where}(model)", came, expected, advice)
