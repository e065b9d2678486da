"""Products of a stack of small matrices in fewer calls of BLAS, as `numpy_stacks` chooses them.

A product with one inner number becomes an elementwise operation, which joins the loops around it. A
stack times one matrix becomes one product of all rows, on a copy where the rows have gaps. A result
with gaps stays as it is: it is a part of the gradient, which may be folded into θ (`folding`).
"""

import math

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.numpy_stacks import way_of_stack
from backprop_xp.execution.tape import Instruction
from backprop_xp.execution.unread import like

__all__ = ["in_fewer_calls"]


def in_fewer_calls(instruction: Instruction) -> list[Instruction]:
    """Return instructions that have the result of one, to the bit.

    Parameters
    ----------
    instruction : Instruction
        On `unread` arrays. All but products of small matrices are returned as they are.

    Examples
    --------
    >>> delta, a, out = (np.zeros((5, *shape)) for shape in ((2, 1), (1, 3), (2, 3)))
    >>> [one.function for one in in_fewer_calls(Instruction(np.matmul, (delta, a), out))]
    [<ufunc 'multiply'>, <ufunc 'add'>]
    """
    if instruction.function is not np.matmul:
        return [instruction]
    way = way_of_stack(instruction)
    (A, B), C = instruction.inputs, instruction.target
    if way == "elementwise":
        zero = C.dtype.type(0)  # −0 becomes 0, as in a sum
        return [Instruction(np.multiply, (A, B), C), Instruction(np.add, (C, zero), C)]
    if way == "joined" and C.flags.c_contiguous and len(A) > 1:
        return _joined(A, B, C)
    return [instruction]


def _joined(A: HostArray, B: HostArray, C: HostArray) -> list[Instruction]:
    """Return the product of all rows at once; C has no gaps."""
    rows, first, copies = math.prod(A.shape[:-1]), A, list[Instruction]()
    if not A.flags.c_contiguous:
        first = like(A)
        copies.append(Instruction(np.copyto, (A,), first, "convert"))
    given = first.reshape(rows, A.shape[-1]), B
    return [*copies, Instruction(np.matmul, given, C.reshape(rows, C.shape[-1]))]
