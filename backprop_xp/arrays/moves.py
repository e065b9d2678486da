"""Arrays from one library or device to another, on a GPU without the host where that can be."""

from typing import Any, Final

import array_api_compat

from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    astype,
    context_of,
    device_of,
    from_host,
    has_dtype,
    is_on_cpu,
    namespace,
    to_host,
)

__all__ = ["move"]

CUDA: Final = 2  # a kind of device of DLPack


def move(x: Any, xp: Namespace, device: Any, dtype: str) -> Array:
    """Return `x` in a library, on a device and in a dtype; `x` itself where all three are its own.

    Arrays of CuPy and PyTorch on one GPU do not pass through the host, and share their memory where
    they have this dtype.

    Raises
    ------
    DTypeError
        The library or the device has no such dtype.
    """
    if has_dtype(xp, device, dtype):
        if namespace(x) is xp and device_of(x) == device:
            return astype(x, getattr(xp, dtype))
        here = _by_dlpack(x, xp, device)
        if here is not None:
            with context_of(xp, device):
                return astype(here, getattr(xp, dtype))
    return from_host(to_host(x), xp, device, dtype)


def _by_dlpack(x: Any, xp: Namespace, device: Any) -> Any:
    """Return an array of CuPy or PyTorch in the other library, in its memory on the same GPU.

    The current stream of `xp` waits for that of the other library. The result is None where `x` is
    elsewhere, or has a dtype that `xp` lacks.
    """
    takes = array_api_compat.is_cupy_namespace(xp) or array_api_compat.is_torch_namespace(xp)
    is_tensor = array_api_compat.is_torch_array(x)
    if not (takes and (is_tensor or array_api_compat.is_cupy_array(x))) or is_on_cpu(x):
        return None
    try:
        given = x.detach().resolve_neg() if is_tensor else x
        if given.__dlpack_device__() != (CUDA, _cuda_index(device)):
            return None
        with context_of(xp, device):
            return xp.from_dlpack(given)
    except (BufferError, RuntimeError, TypeError, ValueError):
        return None


def _cuda_index(device: Any) -> int | None:
    """Return the number of a CUDA device of CuPy or PyTorch; None for any other device."""
    index: int | None = getattr(device, "id", getattr(device, "index", None))
    return index if "cuda" in str(device).lower() else None
