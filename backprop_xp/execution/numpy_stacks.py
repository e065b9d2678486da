"""Products of a stack of small matrices by fewer calls of BLAS, with bit-identical results.

NumPy calls BLAS once for each matrix of a stack, which takes 0.1 µs or more. For a network of a few
units that is ten times the time of its arithmetic.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.tape import Instruction

__all__ = ["Way", "calls_of_stack", "way_of_stack"]

Call: TypeAlias = Callable[[], Any]
Way: TypeAlias = Literal["elementwise", "joined", "one by one"]

MOST_PRODUCTS = 2**14  # multiplications of one matrix; in larger ones the call matters little


def calls_of_stack(product: Instruction) -> list[Call]:
    """Return the calls of a matrix product of a stack; an empty list where NumPy's call is best.

    A product (..., p, 1) by (..., 1, r) is an elementwise one. A stack (..., p, q) times a matrix
    (q, r) is one product (... p, q) by (q, r). A BLAS may add up the latter in another order. So it
    is taken only where a trial on random numbers gives the same bits.

    Parameters
    ----------
    product : Instruction
        A call of `numpy.matmul`. A trial leaves its inputs as they were.

    Examples
    --------
    >>> W, a = np.arange(8.0).reshape(2, 2, 2), np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> z = np.zeros((2, 2, 2))
    >>> for call in calls_of_stack(Instruction(np.matmul, (W, a), z)):
    ...     _ = call()
    >>> bool((z == W @ a).all())
    True
    """
    (A, B), C = product.inputs, product.target
    way = way_of_stack(product)
    if way == "elementwise":
        zero = np.zeros((), C.dtype)  # −0 becomes 0, as in a sum
        return [partial(np.multiply, A, B, C), partial(np.add, C, zero, C)]
    return _joined(A, B, C) if way == "joined" else []


def way_of_stack(product: Instruction) -> Way:
    """Return how a matrix product of a stack is computed best.

    Parameters
    ----------
    product : Instruction
        As `calls_of_stack` takes it.

    Returns
    -------
    {"elementwise", "joined", "one by one"}
        "joined": as one product for all matrices of the stack.
    """
    (A, B), C = product.inputs, product.target
    kinds = {x.dtype.char for x in (A, B, C)}
    if kinds not in ({"f"}, {"d"}) or product.options or C.ndim < 3 or min(A.ndim, B.ndim) < 2:
        return "one by one"
    p, q = A.shape[-2:]
    r = B.shape[-1]
    if C.size == 0 or p * q * r > MOST_PRODUCTS:
        return "one by one"
    if q == 1:
        return "elementwise"
    shared = min(p, r) > 1 and A.ndim > 2 and B.ndim == 2
    return "joined" if shared and _agree(_joined(A, B, C), A, B, C) else "one by one"


def _joined(A: HostArray, B: HostArray, C: HostArray) -> list[Call]:
    """Return the calls of the product of all rows at once, by copies where A or C has gaps."""
    rows, calls = math.prod(A.shape[:-1]), list[Call]()
    first, last = A, C
    if not A.flags.c_contiguous:
        first = np.empty(A.shape, A.dtype)
        calls.append(partial(first.__setitem__, ..., A))
    if not C.flags.c_contiguous:
        last = np.empty(C.shape, C.dtype)
    flat = last.reshape(rows, C.shape[-1])
    calls.append(partial(np.matmul, first.reshape(rows, A.shape[-1]), B, flat))
    return [*calls, partial(C.__setitem__, ..., last)] if last is not C else calls


def _agree(calls: list[Call], A: HostArray, B: HostArray, C: HostArray) -> bool:
    """Tell whether the calls give the bits of NumPy's product, on random numbers in A and B."""
    alone = not any(np.may_share_memory(x, y) for x, y in ((A, B), (A, C), (B, C)))
    if not (alone and A.flags.writeable and B.flags.writeable):
        return False
    before, draw = [x.copy() for x in (A, B, C)], np.random.default_rng(0)
    for x in (A, B):
        x[...] = draw.standard_normal(x.shape)
    expected = np.matmul(A, B, out=C).tobytes()
    for call in calls:
        call()
    same = C.tobytes() == expected
    for x, old in zip((A, B, C), before, strict=True):
        x[...] = old
    return same
