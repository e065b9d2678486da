"""The fastest calls of NumPy for an operation of a tape, with bit-identical results.

On small arrays a call costs more than its arithmetic, and one of two equivalent calls may cost
twice as much as the other.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.numpy_stacks import calls_of_stack
from backprop_xp.execution.tape import Instruction

__all__ = ["calls_of"]

Call: TypeAlias = Callable[[], Any]

ONE_OUT_BY_NAME = (np.maximum, np.minimum)  # NumPy warns of `out` as their third argument
MOST_SPREAD = 2**15  # numbers; for larger results the arithmetic takes longer than the call


def calls_of(instruction: Instruction) -> list[Call]:
    """Return functions without arguments that do an operation, to be called in this order.

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
        return [partial(target.__setitem__, ..., inputs[0])]  # faster to call than copyto
    if instruction.kind == "function":
        return [lambda: np.copyto(target, function(*inputs, **named))]
    if instruction.kind == "in place":
        return [partial(_in_place, function, target)]
    if instruction.kind == "reduce":
        return [_reduction(instruction)]
    if function is np.matmul:
        return calls_of_stack(instruction) or [_product(instruction)]
    before, inputs = _spread(inputs, target)
    return [*before, _with_out(function, inputs, instruction)]


def _in_place(function: Callable[[HostArray], HostArray], x: HostArray) -> None:
    result = function(x)
    if result is not x:
        np.copyto(x, result)


def _with_out(function: Callable[..., Any], inputs: tuple[Any, ...], of: Instruction) -> Call:
    if of.options or of.function in ONE_OUT_BY_NAME:
        return partial(function, *inputs, out=of.target, **of.options)
    return partial(function, *inputs, of.target)  # by position, 0.25 µs faster than by name


def _reduction(of: Instruction) -> Call:
    reduce: Callable[..., Any] = cast(np.ufunc, of.function).reduce
    if len(of.inputs) > 1 or not set(of.options) <= {"axis", "dtype", "keepdims"}:
        return _with_out(reduce, of.inputs, of)
    axis, keepdims = of.options.get("axis", 0), of.options.get("keepdims", False)
    return partial(reduce, *of.inputs, axis, of.options.get("dtype"), of.target, keepdims)


def _product(of: Instruction) -> Call:
    """Return the call of a matrix product: ``dot`` where it makes the same BLAS call as ``matmul``.

    ``dot`` reaches the BLAS half a microsecond sooner. It is not used for a matrix of one number,
    by which it scales the other matrix: infinity times 0 would be 0, not NaN.
    """
    arrays = (*of.inputs, of.target)
    dtypes = {x.dtype.char for x in arrays}
    matrices = all(x.ndim == 2 and x.size != 1 and x.flags.forc for x in of.inputs)
    if dtypes in ({"f"}, {"d"}) and matrices and of.target.flags.c_contiguous and not of.options:
        return partial(of.inputs[0].dot, of.inputs[1], of.target)
    return _with_out(of.function, of.inputs, of)


def _spread(inputs: tuple[Any, ...], target: HostArray) -> tuple[list[Call], tuple[Any, ...]]:
    """Return calls that broadcast inputs to the shape of a small result, and the new inputs.

    Broadcasting costs half a microsecond in a ufunc, and less than half of that in a copy.
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
