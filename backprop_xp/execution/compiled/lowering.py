"""Recorded operations in few forms: elementwise, a product, or a sum along one axis."""

from typing import Any

import numpy as np

from backprop_xp.execution.tape import Instruction, NotReplayable

__all__ = ["lowered"]

SUMS: dict[Any, Any] = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}


def lowered(instruction: Instruction) -> Instruction:
    """Return an instruction in one of few forms: elementwise, a product, a sum along one axis."""
    function, inputs, options = instruction.function, instruction.inputs, {**instruction.options}
    if instruction.kind == "function" and function in SUMS:
        function = SUMS[function]
    elif instruction.kind != "reduce":
        return instruction
    x, *axes_given = inputs
    axis = options.pop("axis", 0 if instruction.kind == "reduce" else None)
    if len(axes_given) > 1:
        raise NotReplayable("a sum with more arguments")
    axis = axes_given[0] if axes_given else axis
    dtype, keepdims = options.pop("dtype", None), options.pop("keepdims", False)
    axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    longer = {n % x.ndim for n in axes if x.shape[n] > 1} or {list(axes)[-1] % x.ndim}
    target = instruction.target
    if options or len(longer) > 1 or dtype not in (None, target.dtype) or 0 in x.shape:
        raise NotReplayable(f"numpy.{function.__name__} along {axis}")
    (only,) = longer
    lengths = [n for at, n in enumerate(x.shape) if at != only]
    kept = [1 if at == only else n for at, n in enumerate(x.shape)]
    if keepdims or target.ndim == x.ndim:
        return Instruction(function, (x,), target, "reduce", {"axis": only, "keepdims": True})
    if [n for n in target.shape if n > 1] != [n for n in lengths if n > 1]:
        raise NotReplayable(f"numpy.{function.__name__} along {axis}")
    return Instruction(
        function, (x,), target.reshape(kept), "reduce", {"axis": only, "keepdims": True}
    )
