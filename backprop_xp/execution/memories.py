"""The places of a tape's arrays: pieces of memory, and views of them."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray

__all__ = ["Memories", "Shape", "View"]

Shape: TypeAlias = tuple[int, ...]


class View(NamedTuple):
    """The place of an array in a piece of memory of a tape.

    Attributes
    ----------
    memory : int
        The number of the piece.
    offset : int
        Bytes from the start of the piece.
    shape, strides : tuple of int
        As in NumPy, strides in bytes.
    dtype : dtype
    """

    memory: int
    offset: int
    shape: Shape
    strides: Shape
    dtype: np.dtype[Any]


class Memories:
    """The pieces of memory of a tape, numbered as they are met."""

    def __init__(self) -> None:
        self.arrays: list[HostArray] = []
        self._numbers: dict[int, int] = {}
        self._views: dict[int, tuple[HostArray, View]] = {}

    def view(self, x: HostArray) -> View:
        """Return the place of the array; its piece of memory gets a number if it is new."""
        seen = self._views.get(id(x))
        if seen is None:  # the array is kept, so that no other one takes its id
            seen = self._views[id(x)] = x, self._view(x)
        return seen[1]

    def _view(self, x: HostArray) -> View:
        base: Any = x
        while isinstance(base.base, np.ndarray):
            base = base.base
        number = self._numbers.setdefault(id(base), len(self.arrays))
        if number == len(self.arrays):
            self.arrays.append(base)  # kept, so that no other array takes its id
        start, whole = (each.__array_interface__["data"][0] for each in (x, base))
        return View(number, start - whole, x.shape, x.strides, x.dtype)
