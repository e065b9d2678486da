"""TF32: products of float32 matrices in which factors keep 10 of the 23 bits of their mantissa.

The relative error of a factor is up to 2⁻¹¹, 5e-4, in place of 2⁻²⁴ in float32. Sums stay in
float32. NVIDIA GPUs of compute capability 8.0 (2020) and later have TF32.
"""

import importlib
from typing import Any

import array_api_compat

from backprop_xp.arrays.backend import Namespace
from backprop_xp.errors import OptionError

__all__ = ["set_tf32"]

_WHERE = "select_device(tf32)"


def set_tf32(name: str, xp: Namespace, handle: Any, on: bool) -> None:
    """Switch TF32 on or off for all products of an array library in this process.

    Parameters
    ----------
    name : str
        The name of the device, such as ``"cuda:0"``.
    xp : module
        The namespace of the library.
    handle : object
        The device as an object of the library.
    on : bool

    Raises
    ------
    OptionError
        The device has no TF32, or the library has no switch for it.
    """
    if not isinstance(on, bool):
        raise OptionError(_WHERE, repr(on), "True, False or None", "Leave it out")
    capability = _capability(xp, handle)
    if on and capability < 80:
        came = f"True for {name}"
        if capability:
            came += f", a GPU of compute capability {capability / 10}"
        advice = "Leave it out"
        raise OptionError(_WHERE, came, "a GPU of compute capability 8.0 or later", advice)
    if array_api_compat.is_cupy_namespace(xp):
        _switch_cupy(handle, on)
    elif capability and array_api_compat.is_torch_namespace(xp):
        importlib.import_module("torch").backends.cuda.matmul.allow_tf32 = on
    elif capability:
        precision = "tensorfloat32" if on else "float32"
        importlib.import_module("jax").config.update("jax_default_matmul_precision", precision)


def _capability(xp: Namespace, handle: Any) -> int:
    """Return the compute capability of an NVIDIA GPU, such as 80 for 8.0; 0 for other devices."""
    if array_api_compat.is_cupy_namespace(xp):
        return int(handle.compute_capability)
    if array_api_compat.is_torch_namespace(xp):
        major, minor = (0, 0)
        if handle.type == "cuda":
            major, minor = importlib.import_module("torch").cuda.get_device_capability(handle)
        return 10 * major + minor
    return int(str(getattr(handle, "compute_capability", "0")).replace(".", ""))


def _switch_cupy(device: Any, on: bool) -> None:
    """Switch TF32 in CuPy, which reads its environment variable CUPY_TF32 at the first product."""
    try:
        core = importlib.import_module("cupy._core")
        kinds = importlib.import_module("cupy._core._routines_linalg")
        kind = kinds.COMPUTE_TYPE_TF32 if on else kinds.COMPUTE_TYPE_DEFAULT
        with device:
            core.set_compute_type("float32", kind)
    except (ImportError, AttributeError) as error:
        came = f"{on}, while this CuPy takes it from the variable CUPY_TF32 alone"
        advice = f"Start Python with CUPY_TF32={int(on)}"
        raise OptionError(_WHERE, came, "the variable, set before the start", advice) from error
