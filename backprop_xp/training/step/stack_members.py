"""The networks of a stack that are in training: in groups, which networks may leave.

θ, the optimiser's state, data and numbers keep the rows of all networks. A group takes its rows of
them, and its results go back into those rows. The first groups are slices, which take views where a
library has views. A group whose networks have left takes the rest by index.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, context, device_of, namespace
from backprop_xp.training.data.networks import Networks, rows_of_networks

__all__ = ["StackMembers"]

SHARE: Final = 8  # a group is formed anew when one in so many of its networks has stopped


class StackMembers:
    """The networks of a stack that are in training.

    Parameters
    ----------
    groups : sequence of slice
        The groups at the start; together they are all networks, in order.

    Attributes
    ----------
    groups : list of slice or array of int
        The groups that are left.

    Examples
    --------
    >>> members = StackMembers([slice(0, 4), slice(4, 8)])
    >>> members.leave(np.array([False, True, *[False] * 6]))
    >>> members.groups, members.gone
    ([array([0, 2, 3]), slice(4, 8, None)], array([1]))
    """

    def __init__(self, groups: Sequence[slice]) -> None:
        self.groups: list[Networks] = list(groups)
        self.gone = np.zeros(0, dtype=np.int64)
        self._back = self.gone

    def leave(self, stopped: HostArray) -> None:
        """Leave out stopped networks, (K,) of bool, where they are an eighth of their group."""
        groups: list[Networks] = []
        for group in self.groups:
            numbers = np.arange(len(stopped))[group]
            rest = numbers[~stopped[numbers]]
            enough = len(rest) < len(numbers) and SHARE * (len(numbers) - len(rest)) >= len(numbers)
            groups += ([rest] if len(rest) else []) if enough else [group]
        self.groups = groups
        inside = [np.arange(len(stopped))[group] for group in groups]
        here = np.concatenate([np.zeros(0, dtype=np.int64), *inside])
        self.gone = np.setdiff1d(np.arange(len(stopped)), here)
        self._back = np.argsort(np.concatenate([here, self.gone]))

    def written(self, x: Array, parts: Sequence[Array]) -> Array:
        """Return x (K, ...) with the rows of the groups: x itself, if they are in place."""
        if isinstance(x, np.ndarray) and all(getattr(part, "base", None) is x for part in parts):
            return x
        if not len(self.gone):
            joined: Array = namespace(x).concat(parts, axis=0)
            return joined
        return self._in_order([*parts, rows_of_networks(x, self.gone)], axis=0)

    def joined(self, parts: Sequence[Array]) -> Array:
        """Return numbers (..., K) from the numbers of the groups, with 0 for the other networks."""
        if not len(self.gone):
            whole: Array = (
                parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=-1)
            )
            return whole
        one, xp = parts[0], namespace(parts[0])
        with context(one):
            shape = (*one.shape[:-1], len(self.gone))
            zeros = xp.zeros(shape, dtype=one.dtype, device=device_of(one))
        return self._in_order([*parts, zeros], axis=-1)

    def _in_order(self, parts: Sequence[Array], axis: int) -> Array:
        """Return the rows of the groups and then of the others in the order of the stack."""
        whole = namespace(parts[0]).concat(parts, axis=axis)
        return rows_of_networks(whole, self._back, axis % whole.ndim)
