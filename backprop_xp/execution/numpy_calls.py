"""How NumPy does an operation of a tape: the same numbers to the bit, in the calls that take least.

On small arrays a call costs more than its arithmetic, and of two that do the same one may cost
twice as much as the other: `calls_of` knows which.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.tape import Instruction

__all__ = ["calls_of"]

Call: TypeAlias = Callable[[], Any]

ONE_OUT_BY_NAME = (np.maximum, np.minimum)  # NumPy warns of a third argument without a name
MOST_SPREAD = 2**15  # numbers; of larger results the arithmetic takes longer than the call


def calls_of(instruction: Instruction) -> list[Call]:
    """Return the functions without arguments that do an operation, one after another.

    Parameters
    ----------
    instruction : Instruction

    Examples
    --------
    >>> z, b = np.zeros((2, 2)), np.array([[1.0], [2.0]])
    >>> for call in calls_of(Instruction(np.add, (z, b), z)):
    ...     _ = call()
    >>> z
    array([[1., 1.],
           [2., 2.]])
    """
    inputs, target, named = instruction.inputs, instruction.target, instruction.options
    function = instruction.function
    if instruction.kind == "convert":
        return [partial(target.__setitem__, ..., inputs[0])]  # as copyto, but found sooner
    if instruction.kind == "function":
        return [lambda: np.copyto(target, function(*inputs, **named))]
    if instruction.kind == "reduce":
        return [_reduction(instruction)]
    if function is np.matmul:
        return [_product(instruction)]
    before, inputs = _spread(inputs, target)
    return [*before, _with_out(function, inputs, instruction)]


def _with_out(function: Callable[..., Any], inputs: tuple[Any, ...], of: Instruction) -> Call:
    if of.options or of.function in ONE_OUT_BY_NAME:
        return partial(function, *inputs, out=of.target, **of.options)
    return partial(function, *inputs, of.target)  # by position: a quarter of a microsecond less


def _reduction(of: Instruction) -> Call:
    reduce: Callable[..., Any] = cast(np.ufunc, of.function).reduce
    if len(of.inputs) > 1 or not set(of.options) <= {"axis", "dtype", "keepdims"}:
        return _with_out(reduce, of.inputs, of)
    axis, keepdims = of.options.get("axis", 0), of.options.get("keepdims", False)
    return partial(reduce, *of.inputs, axis, of.options.get("dtype"), of.target, keepdims)


def _product(of: Instruction) -> Call:
    """Return the call of a product, by ``dot`` where that asks the BLAS for the same.

    It finds the BLAS in half a microsecond less than ``matmul``. A single number it takes for a
    factor, by which infinity times 0 would be 0.
    """
    arrays = (*of.inputs, of.target)
    dtypes = {x.dtype.char for x in arrays}
    matrices = all(x.ndim == 2 and x.size != 1 and x.flags.forc for x in of.inputs)
    if dtypes in ({"f"}, {"d"}) and matrices and of.target.flags.c_contiguous and not of.options:
        return partial(of.inputs[0].dot, of.inputs[1], of.target)
    return _with_out(of.function, of.inputs, of)


def _spread(inputs: tuple[Any, ...], target: HostArray) -> tuple[list[Call], tuple[Any, ...]]:
    """Return the calls that make inputs as large as a small result, and those inputs.

    A ufunc prepares half a microsecond for arrays of two shapes; a copy prepares less than half.
    """
    before: list[Call] = []
    spread: list[Any] = []
    for x in inputs:
        one_shape = not isinstance(x, np.ndarray) or x.size == 1 or x.shape == target.shape
        if one_shape or target.size > MOST_SPREAD:
            spread.append(x)
        else:
            spread.append(np.empty(target.shape, x.dtype))
            before.append(partial(spread[-1].__setitem__, ..., x))
    return before, tuple(spread)
