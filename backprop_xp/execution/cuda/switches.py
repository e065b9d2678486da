"""Environment variables that turn a way of execution on or off."""

import os
from typing import Final

__all__ = [
    "CUDA_GRAPHS",
    "FUSED_KERNELS",
    "NVTX",
    "ONE_KERNEL",
    "STEP_GRAPH",
    "is_asked_for",
    "is_on",
]

CUDA_GRAPHS: Final = "BACKPROP_XP_GRAPHS"
FUSED_KERNELS: Final = "BACKPROP_XP_FUSED"
NVTX: Final = "BACKPROP_XP_NVTX"
ONE_KERNEL: Final = "BACKPROP_XP_ONE_KERNEL"
STEP_GRAPH: Final = "BACKPROP_XP_STEP_GRAPH"


def is_on(variable: str) -> bool:
    """Tell whether something is on: it is, unless its environment variable is 0."""
    return os.environ.get(variable, "1").strip() != "0"


def is_asked_for(variable: str) -> bool:
    """Tell whether something that is off by default is on: its environment variable is 1."""
    return os.environ.get(variable, "0").strip() == "1"
