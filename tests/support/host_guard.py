"""A watch over the way to the host: arrays of many cases may not take it."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from device_array import DeviceArray

from backprop_xp.arrays import backend
from backprop_xp.execution import torch_replay

WAYS = {  # the methods that turn an array into one of the host, by library
    "torch": ("Tensor", ("numpy", "cpu", "tolist", "__array__", "__dlpack__")),
    "array_api_strict": ("_array_object.Array", ("__array__", "__dlpack__", "__buffer__")),
}


class OnHostError(AssertionError):
    """An array of many cases has been copied to the host."""


@contextmanager
def kept_from_host(columns: int, cases: int = 10) -> Iterator[None]:
    """Return the context in which an array (≥ cases, columns) that goes to the host raises.

    Watched are this library's own copies, and the ways of PyTorch, array-api-strict and the arrays
    that stand for CuPy's. No array is taken for one in the memory of the host, which arrays of
    PyTorch on a CPU share.
    """

    def watched(way: Callable[..., Any]) -> Callable[..., Any]:
        def copy(x: Any, *args: Any, **named: Any) -> Any:
            shape = tuple(getattr(x, "shape", ()))
            many = len(shape) > 1 and shape[-1] == columns and shape[-2] >= cases
            if many and not isinstance(x, np.ndarray):
                raise OnHostError(f"{type(x).__name__} {shape} by {way.__name__}")
            return way(x, *args, **named)

        return copy

    to_host, is_on_cpu = backend.to_host, backend.is_on_cpu
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            ours = name.startswith("backprop_xp")
            if ours and getattr(module, "to_host", None) is to_host:
                stack.enter_context(patch.object(module, "to_host", watched(to_host)))
            if ours and getattr(module, "is_on_cpu", None) is is_on_cpu:
                stack.enter_context(patch.object(module, "is_on_cpu", lambda _: False))
        stack.enter_context(patch.object(torch_replay, "_is_plain", lambda *_: False))
        stack.enter_context(patch.object(DeviceArray, "get", watched(DeviceArray.get)))
        for library, (owner, methods) in WAYS.items():
            if library in sys.modules:
                kind = importlib.import_module(library)
                for part in owner.split("."):
                    kind = getattr(kind, part)
                for method in methods:
                    if hasattr(kind, method):
                        way = getattr(kind, method)
                        stack.enter_context(patch.object(kind, method, watched(way)))
        yield

