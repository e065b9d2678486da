"""The order of operations: what only an output needs is done as soon as it can be.

A step is recorded with its scores at the end. The operations of the scores then join the kernel
that computes the errors of the output layer, which has the numbers that they read.
"""

import numpy as np

from backprop_xp.execution.cuda.fusion import fits_a_kernel
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.recordings import RecordedStep
from backprop_xp.execution.repeats import needed_for
from backprop_xp.execution.tape import Instruction

__all__ = ["outputs_early"]


def outputs_early(recorded: RecordedStep, memories: Memories) -> RecordedStep:
    """Return the step with an order in which its results are bit-identical.

    An operation that a kernel can hold, and that the carry does not need, goes before the first
    matrix product that follows its inputs.

    Parameters
    ----------
    recorded : RecordedStep
        Recorded with ``runs_here=False``: no memory is used for two arrays in turn.
    memories : Memories
        The memories of the step.
    """
    carry = {memories.view(x).memory for x in recorded.carry if x is not None}
    needed = set(map(id, needed_for(recorded.instructions, carry, memories)))
    touched = {id(one): _touched(one, memories) for one in recorded.instructions}
    order: list[Instruction] = []
    for one in recorded.instructions:
        place = len(order)
        if id(one) not in needed and fits_a_kernel(one, memories):
            reads, target = touched[id(one)]
            while place:
                before_reads, before_target = touched[id(order[place - 1])]
                if target in before_reads or before_target in {*reads, target}:
                    break
                place -= 1
            while place < len(order) and not _is_product(order[place]):
                place += 1
        order.insert(place, one)
    return recorded._replace(instructions=order)


def _touched(one: Instruction, memories: Memories) -> tuple[set[int], int]:
    """Return the pieces of memory that an operation reads, and the piece that it writes."""
    return {memories.view(x).memory for x in one.reads()}, memories.view(one.target).memory


def _is_product(one: Instruction) -> bool:
    return one.function is np.matmul
