"""One form for operations that are the same, so that they share results and loops.

A step scores its batch as a block of one batch, by arrays that have a first axis of length 1. An
operation that has one is the same operation without it. A product with a row of ones is a sum over
the units.
"""

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.fusion import as_number, sums_units
from backprop_xp.execution.recordings import RecordedStep
from backprop_xp.execution.repeats import is_elementwise
from backprop_xp.execution.tape import Instruction

__all__ = ["in_one_form"]

FEWEST = 2  # axes that are left
SUM = {"axis": -2, "dtype": None, "keepdims": True}


def in_one_form(recorded: RecordedStep) -> RecordedStep:
    """Return the step without first axes of length 1 and without products for sums.

    Arrays of at most two axes keep them. Each number is the same, to the rounding of the sums.

    Parameters
    ----------
    recorded : RecordedStep
        Recorded with ``runs_here=False``: no memory is used for two arrays in turn.
    """
    shorter: dict[int, tuple[HostArray, HostArray]] = {}

    def cut(x: HostArray) -> HostArray:
        if id(x) not in shorter:  # cut once, to be known as the same array; kept, as is its id
            shorter[id(x)] = x, x[0, ...]
        return shorter[id(x)][1]

    def formed(one: Instruction) -> Instruction:
        while _has_one(one):
            axes = max(x.ndim for x in (*one.reads(), one.target))

            def on(x: HostArray, axes: int = axes) -> HostArray:
                return cut(x) if x.ndim == axes and as_number(x) is None else x

            one = one.on(on, cut(one.target))
        if sums_units(one):
            return Instruction(np.add, one.inputs[1:], one.target, "reduce", SUM)
        return one

    return recorded._replace(instructions=[formed(one) for one in recorded.instructions])


def _has_one(one: Instruction) -> bool:
    """Tell whether the first axis has the length 1, and is neither reduced nor needed."""
    if is_elementwise(one) or one.function is np.matmul:
        return one.target.ndim > FEWEST and one.target.shape[0] == 1
    if one.kind != "reduce" or one.inputs[0].ndim <= FEWEST:
        return False
    axis, x = one.options.get("axis", 0), one.inputs[0]
    of_others = isinstance(axis, int) and -x.ndim < axis < 0
    return of_others and one.target.ndim == x.ndim and x.shape[0] == 1
