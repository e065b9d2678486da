"""The axes and the stages of a kernel: what its loops go over, and in what order.

The last two axes of the kernel's arrays are its rows and columns; the axes before them are loops
around. A row is a unit and a column a case. Or axes that lie side by side in memory are joined,
where no sum tells them apart.

A sum over the units, and a call of NumPy's loop for `exp` and the like, ends a stage: the stages
before it have written its input, number by number, into scratch memory, and the stages after it
read its result there. So that scratch memory stays in the cache, all stages run over one part of
the rows and columns, then over the next.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from backprop_xp.execution.cuda.kernel import Kernel, Node
from backprop_xp.execution.memories import View
from backprop_xp.execution.tape import NotReplayable

__all__ = ["CALLED", "Stages", "ends_a_stage"]

AT_ONCE: Final = 2048  # numbers of a part
LEAST_COLUMNS: Final = 16
CALLED: Final = ("exp", "expm1", "log", "log1p", "tanh")  # by NumPy's own loops
ROWS, COLUMNS = -2, -1


def ends_a_stage(node: Node) -> bool:
    """Tell whether a node ends a stage."""
    return node.reduces or node.name in CALLED


def _aligned(view: View, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a view in numbers, for each axis of a shape; 0 where it is repeated."""
    missing, size = len(shape) - len(view.shape), view.dtype.itemsize
    if any(step % size for step in view.strides):
        raise NotReplayable("an array is not aligned")
    steps = [step // size if n > 1 else 0 for n, step in zip(view.shape, view.strides, strict=True)]
    return (0,) * missing + tuple(steps)


class Stages:
    """The stages of a kernel.

    Parameters
    ----------
    kernel : Kernel

    Attributes
    ----------
    around : list of int
        Lengths of the loops around.
    rows, columns : int
        Lengths of the loops over rows and over columns.
    steps : dict
        The strides of each array, in numbers, for each of these loops; 0 where it is repeated.
    stored : dict
        The places where a node is stored.
    stage : list of int
        The stage of each node.
    over : list of set
        The loops over which each node varies, ROWS and COLUMNS.
    slots : dict
        Nodes whose numbers are in scratch memory, with their places there.
    store_at : dict
        The stage in which a place is written, by place and node.
    last : int
        The last stage.

    Raises
    ------
    NotReplayable
        An array is not aligned.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.nodes = kernel, kernel.nodes
        self.stored: dict[int, list[View]] = {}
        for place, number in kernel.writes:
            self.stored.setdefault(number, []).append(place)
        self._find_axes()
        self._find_stages()

    def _find_axes(self) -> None:
        kernel = self.kernel
        whole = (1,) * (2 - len(kernel.shape)) + tuple(kernel.shape)
        steps = {place: _aligned(place, whole) for place in dict.fromkeys(self._views())}
        outer, inner = [*range(len(whole) - 2)], [len(whole) - 2, len(whole) - 1]
        if not kernel.by_columns:  # the inner loop goes along memory
            (first, *_) = (place for place, _ in kernel.writes)
            inner.sort(key=lambda axis: steps[first][axis], reverse=True)
        groups = (
            [self._joined(outer, whole, steps), [[axis] for axis in inner]]
            if kernel.by_columns
            else [self._joined([*outer, *inner], whole, steps)]
        )
        axes = [axis for group in groups for axis in group]
        while len(axes) < 2:
            axes.insert(0, [])
        lengths = [math.prod(whole[one] for one in axis) for axis in axes]
        *self.around, self.rows, self.columns = lengths
        self.steps = {
            place: [of[axis[-1]] if axis else 0 for axis in axes] for place, of in steps.items()
        }

    def _views(self) -> Iterable[View]:
        yield from (node.value for node in self.nodes if node.name == "load")
        yield from self.kernel.places

    @staticmethod
    def _joined(
        axes: Sequence[int], shape: Sequence[int], steps: dict[View, tuple[int, ...]]
    ) -> list[list[int]]:
        """Return the axes longer than 1, joined where all arrays go through them in one stride."""
        joined: list[list[int]] = []
        for axis in axes:
            if shape[axis] == 1:
                continue
            last = joined[-1][-1] if joined else None
            if last is not None and all(
                of[last] == of[axis] * shape[axis] for of in steps.values()
            ):
                joined[-1].append(axis)
            else:
                joined.append([axis])
        return joined

    def _find_stages(self) -> None:
        self.over: list[set[int]] = []  # of rows (-2) and columns (-1): what a node varies over
        self.stage: list[int] = []
        for node in self.nodes:
            self.over.append(self._varies(node))
            ready = [self._ready(one, by_rows=self.goes_over_rows(node)) for one in node.inputs]
            self.stage.append(max(ready, default=0))
        ready_at = {
            (place, number): self._ready(number, by_rows=self.steps[place][-2] != 0)
            for number, places in self.stored.items()
            for place in places
        }
        self.last = max(ready_at.values(), default=0)
        loaded = {node.value for node in self.nodes if node.name == "load"}
        self.store_at = {  # a number that is read again is replaced at the end
            store: self.last if store[0] in loaded else at for store, at in ready_at.items()
        }
        used = [(one, self.stage[n]) for n, node in enumerate(self.nodes) for one in node.inputs]
        used += [(number, at) for (_, number), at in self.store_at.items()]
        kept = {n for n, at in used if at > self.stage[n] and not self.is_plain(n)}
        kept |= {n for n, node in enumerate(self.nodes) if ends_a_stage(node)}
        self.slots = {number: slot for slot, number in enumerate(sorted(kept))}

    def _varies(self, node: Node) -> set[int]:
        if node.name == "load":
            return {axis for axis in (-2, -1) if self.steps[node.value][axis]}
        over = set[int]().union(*(self.over[one] for one in node.inputs))
        if node.reduces:
            return {-1}
        if node.name in CALLED:  # whole parts at a time
            return {-2, -1} if -2 in over or not self.kernel.by_columns else {-1}
        return over

    def goes_over_rows(self, node: Node) -> bool:
        """Tell whether a node is computed while the loops go over rows, not over columns alone."""
        return node.reduces or not self.kernel.by_columns or -2 in self._varies(node)

    def is_plain(self, number: int) -> bool:
        """Tell whether a node is computed anew wherever it is used."""
        node = self.nodes[number]
        return node.name in ("load", "number") or (not self.over[number] and not ends_a_stage(node))

    def is_of_columns(self, number: int) -> bool:
        """Tell whether a node has one number for each column."""
        return self.kernel.by_columns and self.over[number] == {-1}

    def _ready(self, number: int, *, by_rows: bool) -> int:
        """Return the first stage in which a node can be used."""
        if self.is_plain(number):
            return 0
        waits = self.is_of_columns(number) and by_rows
        return self.stage[number] + (ends_a_stage(self.nodes[number]) or waits)

    @property
    def part(self) -> tuple[int, int]:
        """The most rows and columns of a part."""
        rows, columns = self.rows, self.columns
        if self.kernel.by_columns:
            return rows, min(max(LEAST_COLUMNS, AT_ONCE // rows), columns)
        columns = min(columns, AT_ONCE)
        return min(max(AT_ONCE // columns, 1), rows), columns

    def is_stored_by_rows(self, place: View) -> bool:
        """Tell whether a place is written while the loops go over rows."""
        return not self.kernel.by_columns or self.steps[place][-2] != 0
