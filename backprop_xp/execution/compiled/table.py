"""The table of a compiled step: every size, stride and address, as one array of integers.

The text of a step names places in the table in place of numbers. So one compiled function serves
every step of the same structure, whatever its sizes.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.compiled.loops import Loop

__all__ = ["ARGUMENTS", "LENGTH", "Table", "call"]

ARGUMENTS: Final = 0  # the place of three addresses for a call of a loop of NumPy
LENGTH: Final = 3  # the place of its length


class Table:
    """Integers by their places, which are filled as the text of a step is written."""

    def __init__(self) -> None:
        self._values: list[int] = [0] * (LENGTH + 1)
        self._named: list[int] = []

    def block(self, values: Sequence[int]) -> int:
        """Add values side by side, and return the place of the first."""
        at = len(self._values)
        self._values += [int(value) for value in values]
        return at

    def name(self, value: int) -> str:
        """Add a value, and return the name that it has in the text."""
        at = self.block([value])
        self._named.append(at)
        return f"t{at}"

    def set(self, at: int, value: int) -> None:
        """Replace the value at a place."""
        self._values[at] = int(value)

    def named(self) -> list[str]:
        """Return the lines that give the values their names."""
        return [f"t{at} = D[{at}]" for at in self._named]

    def array(self) -> HostArray:
        """Return the table (n,), int64."""
        return np.array(self._values, np.int64)


def call(table: Table, loop: Loop, lengths: int, strides: int) -> str:
    """Return the line that calls a loop of NumPy, with the addresses at `ARGUMENTS`.

    `lengths` and `strides` are places in the table, of which ``at`` is the address in the text.
    """
    function, data = table.name(loop.function), table.name(loop.data)
    places = ", ".join(f"at + {8 * place}" for place in (ARGUMENTS, lengths, strides))
    return f"call_loop({function}, {places}, {data})"
