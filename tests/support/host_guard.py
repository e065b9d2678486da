"""A watch over the way to the host: arrays of many cases may not take it."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any
from unittest.mock import patch

import numpy as np

from backprop_xp.arrays import backend
from backprop_xp.execution import torch_replay

WAYS = {  # the methods that turn an array into one of the host, by library
    "torch": ("Tensor", ("numpy", "cpu", "tolist", "__array__", "__dlpack__")),
    "array_api_strict": ("_array_object.Array", ("__array__", "__dlpack__", "__buffer__")),
    "device_array": ("DeviceArray", ("get",)),
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

    instead = {
        backend.to_host: watched(backend.to_host),
        backend.is_on_cpu: lambda _: False,
        torch_replay._is_plain: lambda *_: False,  # it computes in memory that NumPy shares
    }
    with ExitStack() as stack:
        for owner, name, way in [*_functions(instead), *_methods()]:
            stack.enter_context(patch.object(owner, name, instead.get(way) or watched(way)))
        yield


def _functions(wanted: Any) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield each place where a module of the library holds one of some functions."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("backprop_xp"):
            for name, value in list(vars(module).items()):
                if isinstance(value, FunctionType) and value in wanted:
                    yield module, name, value


def _methods() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield the methods of `WAYS` of the libraries that have been imported."""
    for library, (kind, methods) in WAYS.items():
        if library in sys.modules:
            owner = importlib.import_module(library)
            for part in kind.split("."):
                owner = getattr(owner, part)
            for name in methods:
                if hasattr(owner, name):
                    yield owner, name, getattr(owner, name)
