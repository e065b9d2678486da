"""Banks of shared memory: rows of matrices that begin in different banks are read at once.

Shared memory has 32 banks of 4 bytes. The threads of a warp read numbers of different banks at
once, and different numbers of one bank one after another. Columns of a matrix whose rows are a
multiple of 32 numbers apart lie in one bank. With one more number between two rows they do not.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.cuda.one_kernel.phases import (
    Elementwise,
    Phase,
    Product,
    Reduction,
    strides_of,
)
from backprop_xp.execution.memories import View

__all__ = ["padded", "turns_of"]

BYTES = 128  # of all banks


def turns_of(phase: Phase, on: Callable[[View], View] = lambda view: view) -> dict[View, int]:
    """Return how many turns a warp takes to read a number for each of its threads, by array.

    Parameters
    ----------
    phase : Phase
    on : callable, optional
        Places the arrays elsewhere.
    """
    lanes, found = np.arange(32), dict[View, int]()
    if isinstance(phase, Product):
        tiles = phase.counts[1]
        for x, axis, at in ((phase.a, 0, lanes // tiles), (phase.b, 1, lanes % tiles)):
            if isinstance(x, View):
                found[x] = _turns(on(x), at[: phase.items] * strides_of(on(x))[axis])
    elif isinstance(phase, Reduction) and phase.lanes == 1:
        view = on(phase.x)
        steps = [step for axis, step in enumerate(strides_of(view)) if axis not in phase.axes]
        sizes = [size for axis, size in enumerate(view.shape) if axis not in phase.axes]
        each = np.unravel_index(lanes[: phase.items], sizes) if sizes else ()
        found[phase.x] = _turns(view, sum(i * step for i, step in zip(each, steps, strict=True)))
    return found


def _turns(view: View, places: Any) -> int:
    at_once = BYTES // view.dtype.itemsize  # threads, and numbers of different banks
    distinct = np.unique(np.ravel(places)[:at_once])
    return int(np.bincount(distinct % at_once).max())


def padded(phases: Sequence[Phase], fixed: Collection[int]) -> tuple[list[Phase], dict[int, int]]:
    """Return the phases on padded matrices, and the bytes of the pieces of memory that grow.

    Parameters
    ----------
    phases : sequence of Phase
    fixed : collection of int
        Pieces of memory that are not padded.
    """
    views: dict[int, set[View]] = {}
    for phase in phases:
        for access in phase.accesses():
            views.setdefault(access.view.memory, set()).add(access.view)
    new = dict[View, View]()
    for memory, of in views.items():
        if memory not in fixed:
            new |= _apart(of)

    def on(view: View) -> View:
        return new.get(view, view)

    saved: dict[int, int] = {}
    for phase in phases:
        before, after = turns_of(phase), turns_of(phase, on)
        for view, turns in before.items():
            saved[view.memory] = saved.get(view.memory, 0) + turns - after[view]
    new = {old: view for old, view in new.items() if saved.get(old.memory, 0) > 0}
    sizes = {view.memory: _bytes(view) for view in new.values()}
    return [_moved(phase, on) for phase in phases], sizes


def _bytes(view: View) -> int:
    return max(size * step for size, step in zip(view.shape, view.strides, strict=True))


def _apart(views: Collection[View]) -> dict[View, View]:
    """Return the views of a matrix, or of its transpose, with one more number between two rows.

    There are none where a view is another part of the memory, or the rows are of odd length.
    """
    found, pitches = dict[View, View](), set()
    for view in views:
        if len(view.shape) != 2 or view.offset or 1 in view.shape:
            return {}
        item, (rows, columns) = view.dtype.itemsize, view.shape
        if view.strides == (columns * item, item):
            found[view] = view._replace(strides=((columns + 1) * item, item))
        elif view.strides == (item, rows * item):
            found[view] = view._replace(strides=(item, (rows + 1) * item))
        else:
            return {}
        pitches.add((max(view.strides), rows * columns, item))
    even = len(pitches) == 1 and all(pitch // item % 2 == 0 for pitch, _, item in pitches)
    return found if even else {}


def _moved(phase: Phase, on: Callable[[View], View]) -> Phase:
    """Return the phase on the arrays in their new places."""
    if isinstance(phase, Elementwise):
        return replace(phase, kernel=_kernel(phase.kernel, on))
    given: Any = {name: on(x) for name, x in vars(phase).items() if isinstance(x, View)}
    return replace(phase, **given)


def _kernel(kernel: Kernel, on: Callable[[View], View]) -> Kernel:
    nodes = tuple(
        node._replace(value=on(node.value)) if node.name == "load" else node
        for node in kernel.nodes
    )
    reads, writes = (
        tuple((on(place), at) for place, at in each) for each in (kernel.reads, kernel.writes)
    )
    return replace(kernel, nodes=nodes, reads=reads, writes=writes)
