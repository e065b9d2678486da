"""Environment variables that turn a way of execution off."""

import os
from typing import Final

__all__ = ["CUDA_GRAPHS", "FUSED_KERNELS", "is_on"]

CUDA_GRAPHS: Final = "BACKPROP_XP_GRAPHS"
FUSED_KERNELS: Final = "BACKPROP_XP_FUSED"


def is_on(variable: str) -> bool:
    """Tell whether something is on: it is, unless its environment variable is 0."""
    return os.environ.get(variable, "1").strip() != "0"
