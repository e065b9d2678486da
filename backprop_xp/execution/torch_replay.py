"""Steps on PyTorch's CPU tensors, recorded on NumPy and replayed by PyTorch on the same memory.

On small tensors, as on small arrays (`numpy_replay`), most of a step is not arithmetic. It is the
making of views, the allocation of results, and Python between the calls. A tensor on the CPU can
share its memory with a NumPy array, so that NumPy's tape serves here too. PyTorch does the
arithmetic; NumPy copies and compares.
"""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.native import product
from backprop_xp.execution.numpy_calls import Call, calls_of
from backprop_xp.execution.numpy_replay import Replayer
from backprop_xp.execution.plain_loop import Steps
from backprop_xp.execution.tape import Instruction, NotReplayable, leaves, mapped

__all__ = ["TorchReplayer", "torch_calls_of"]

Tensor: TypeAlias = Any

REDUCTIONS = {"add": "sum", "maximum": "amax", "minimum": "amin"}
FUNCTIONS = ("concatenate", "sum", "where")  # of the same name and meaning in PyTorch


def torch_calls_of(instruction: Instruction) -> list[Call]:
    """Return functions without arguments by which PyTorch does an operation of a tape.

    Each is called once, as a trial.

    Raises
    ------
    NotReplayable
        PyTorch has no such function, or its function does not write into given memory.
    """
    if instruction.kind == "convert" or instruction.target.dtype == np.bool_:
        return calls_of(instruction)  # PyTorch takes four to ten times as long to and from bool
    call = _call(instruction)
    try:
        call()
    except (RuntimeError, TypeError) as error:
        raise NotReplayable(str(error)) from error
    return [call]


def _call(of: Instruction) -> Call:
    torch, name = importlib.import_module("torch"), of.function.__name__
    dtypes = [x.dtype for x in leaves((*of.inputs, of.target)) if hasattr(x, "dtype")]
    precisions = {dtype for dtype in dtypes if dtype.kind == "f"}
    if len(precisions) > 1:
        raise NotReplayable("NumPy and PyTorch promote two precisions differently")
    scalar_dtype = next(iter(precisions), dtypes[0])
    *inputs, target = mapped(lambda x: _tensor(torch, x, scalar_dtype), (*of.inputs, of.target))
    if of.kind == "reduce":
        return _reduction(torch, name, inputs, target, of)
    if name == "matmul" and not of.options:
        return partial(product, inputs[0], inputs[1], target)
    function = getattr(torch, name, None)
    if function is None or (name not in FUNCTIONS if of.kind == "function" else of.options):
        raise NotReplayable(f"{name} {sorted(of.options)}")
    return partial(function, *inputs, **of.options, out=target)


def _reduction(
    torch: Any, name: str, inputs: Sequence[Tensor], target: Tensor, of: Instruction
) -> Call:
    same_dtype = of.inputs[0].dtype == of.target.dtype and of.options.get("dtype") is None
    if name not in REDUCTIONS or len(inputs) > 1 or not same_dtype:
        raise NotReplayable(f"{name} {sorted(of.options)}")
    axis, keepdims = of.options.get("axis", 0), of.options.get("keepdims", False)
    axes = tuple(range(inputs[0].ndim)) if axis is None else axis
    if not set(of.options) <= {"axis", "dtype", "keepdims"} or axes == ():
        raise NotReplayable(f"{name} {sorted(of.options)}")
    return partial(getattr(torch, REDUCTIONS[name]), inputs[0], axes, keepdims, out=target)


def _tensor(torch: Any, x: Any, dtype: Any) -> Tensor:
    """Return the tensor on the memory of an array; a new tensor of this dtype for a number."""
    try:
        if not isinstance(x, np.ndarray):
            return torch.from_numpy(np.array(x, getattr(x, "dtype", dtype)))
        if x.flags.writeable:
            return torch.from_numpy(x)
    except (TypeError, ValueError) as error:  # such as for negative strides
        raise NotReplayable(str(error)) from error
    if x.base is not None:
        raise NotReplayable("a read-only view of memory that may change")
    return torch.from_numpy(x.copy())  # a constant, copied because tensors cannot be read-only


class TorchReplayer(Replayer):
    """Steps on PyTorch: each form of small batch is recorded once, then replayed.

    Steps of a stack are not recorded. Its networks share each call, so that arithmetic takes most
    of the time; and PyTorch multiplies stacks of matrices faster into new memory.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step for NumPy arrays, where θ is an array of NumPy.
    otherwise : callable
        Runs all other steps, such as steps of stacks or on other devices; called as this object is.
    """

    def __init__(
        self, make_step: Callable[[HostArray], Callable[..., Any]], otherwise: Steps
    ) -> None:
        super().__init__(make_step, otherwise, torch_calls_of)

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: Tensor | None, *batches: Tensor
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs, as `numpy_replay.Recording.run` does."""
        torch = importlib.import_module("torch")
        given = carry, source, batches
        arrays = [x for x in leaves((given, numbers[0])) if x is not None]
        if leaves(carry)[0].ndim > 1 or not all(_is_plain(torch, x) for x in arrays):
            return self._otherwise(carry, numbers, source, *batches)
        carry_here, source_here, batches_here = mapped(_on_host, given)
        known = {id(each): mapped(_on_host, each) for each in numbers}
        numbers_here = [known[id(each)] for each in numbers]
        recording = self.recording(
            carry_here, numbers_here[0], source_here, batches_here, at_once=True
        )
        self._note(recording)
        if recording is None:
            return self._otherwise(carry, numbers, source, *batches)
        _, outs = recording.run(carry_here, numbers_here, source_here, *batches_here)
        return carry, mapped(torch.from_numpy, outs)


def _is_plain(torch: Any, x: Any) -> bool:
    """Tell whether a NumPy array can share the memory of a tensor."""
    usual = type(x) is torch.Tensor and x.layout is torch.strided
    return usual and x.device.type == "cpu" and not x.is_neg()


def _on_host(x: Tensor) -> HostArray:
    """Return the NumPy array that shares the memory of a tensor."""
    host: HostArray = x.detach().numpy()
    return host
