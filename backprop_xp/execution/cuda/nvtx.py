"""Named ranges on the time line of NVIDIA's Nsight Systems: epochs, blocks of batches, captures.

They are made where `BACKPROP_XP_NVTX` is 1, and cost nothing otherwise.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

import array_api_compat

from backprop_xp.execution.cuda.switches import NVTX, is_asked_for

__all__ = ["Ranges", "ranges"]

Ranges: TypeAlias = Callable[[str], AbstractContextManager[None]]
_NONE = nullcontext()


def ranges(x: Any = None) -> Ranges:
    """Return the function that makes a context a range of this name.

    Parameters
    ----------
    x : array, optional
        The range is made where `x` is an array of CuPy, or is not given.
    """
    if not is_asked_for(NVTX) or not (x is None or array_api_compat.is_cupy_array(x)):
        return lambda _: _NONE
    nvtx: Any = importlib.import_module("cupy.cuda.nvtx")

    @contextmanager
    def made(name: str) -> Iterator[None]:
        nvtx.RangePush(f"backprop_xp: {name}")
        try:
            yield
        finally:
            nvtx.RangePop()

    return made
