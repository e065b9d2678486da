"""Why CuPy cannot be used: the cause behind the error that CuPy raised, and the remedy.

The errors are those of CuPy 14. Numbers are statuses of the CUDA runtime.

============================================  ===========================================
not installed                                 ModuleNotFoundError at import
broken, or two builds in one environment      any error, at import or at first use
no NVIDIA driver, or a driver too old         35 at first use, as all rows below
a driver, but no device                       100
no device of this index                       101
no free memory                                OutOfMemoryError, or 2
no NVRTC, which compiles CuPy's kernels       RuntimeError that names it
no cuBLAS, cuRAND or other library            ImportError that names it, also at import
============================================  ===========================================
"""

import importlib
import os
import re
import sys
from functools import lru_cache
from typing import Any, NamedTuple

from backprop_xp.arrays.advice import install_command
from backprop_xp.arrays.memory_errors import lack_of_memory
from backprop_xp.errors import first_line

__all__ = [
    "Reason",
    "at_first_use",
    "at_import",
    "builds",
    "driver_version",
    "no_such_index",
    "two_builds",
]

_BUILDS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")
_FREE = "Free it: nvidia-smi lists the processes that use it"
_LIBRARIES = ("NVRTC", "cuBLAS", "cuRAND", "cuSOLVER", "cuSPARSE", "cuFFT")


class Reason(NamedTuple):
    """Why a device cannot be used.

    Attributes
    ----------
    came : str
        The cause, as the second part of an error message.
    advice : str
        The remedy.
    """

    came: str
    advice: str


def at_import(error: Exception) -> Reason:
    """Return the reason why ``import cupy`` raised this error."""
    if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
        return Reason("CuPy is not installed", _install(driver_version()))
    message = first_line(error.__cause__ or error)  # CuPy wraps the cause in a page of advice
    build = (*builds(), "cupy")[0]
    again = f"Run python -m pip install --force-reinstall --no-deps {build}"
    broken = Reason(f"a broken installation of CuPy: {message}", again)
    return _of_two_builds(message) or _missing_library(message, _cuda_of(build)) or broken


def at_first_use(error: Exception, index: int, cupy: Any) -> Reason:
    """Return the reason why the first use of the CUDA device `index` raised this error."""
    status, message, lack = getattr(error, "status", None), first_line(error), lack_of_memory(error)
    cuda = int(cupy.cuda.runtime.runtimeGetVersion())
    if status == 35:
        return _driver(driver_version(), cuda)
    if status == 100:
        return _no_device()
    if status == 101 or isinstance(error, OverflowError):  # the index is too large for a C int
        return no_such_index(index, int(cupy.cuda.runtime.getDeviceCount()))
    if lack is not None:
        return Reason(f"no {lack} on CUDA device {index}", _FREE)
    look = "Run python -c 'import cupy; cupy.show_config()' to see what CuPy finds"
    other = Reason(f"an error of CuPy at its first product: {message}", look)
    return _of_two_builds(message) or _missing_library(message, cuda) or other


def no_such_index(index: int, count: int) -> Reason:
    """Return the reason why there is no CUDA device `index`, where there are `count`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = f" (CUDA_VISIBLE_DEVICES={visible!r} hides others)" if visible else ""
    several = f"CUDA devices 0 {'and' if count == 2 else 'to'} {count - 1}"
    has = several if count > 1 else "CUDA device 0 alone" if count else "none"
    return Reason(f"no device {index}, while this machine has {has}{shown}", "Use one of these")


def two_builds() -> Reason | None:
    """Return the reason where several builds of CuPy are installed: they overwrite each other.

    Returns
    -------
    Reason or None
        None where at most one build is installed.
    """
    found = builds()
    if len(found) < 2:
        return None
    remove = f"Run python -m pip uninstall {' '.join(found)}, then "
    return Reason(
        f"{len(found)} builds of CuPy in one environment, {' and '.join(found)}",
        remove + _install(driver_version() or 13000).removeprefix("Run "),
    )


@lru_cache(maxsize=1)
def builds() -> tuple[str, ...]:
    """Return the names under which CuPy is installed, such as ``("cupy-cuda13x",)``."""
    metadata, found = importlib.import_module("importlib.metadata"), []  # the import takes 30 ms
    for name in _BUILDS:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)


def driver_version() -> int:
    """Return the CUDA version of the NVIDIA driver, such as 12040 for 12.4; 0 without a driver."""
    import ctypes

    version = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        driver.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return version.value


def _of_two_builds(message: str) -> Reason | None:
    found = two_builds()
    return found and Reason(f"{found.came}: {message}", found.advice)


def _missing_library(message: str, cuda: int) -> Reason | None:
    """Return the reason where the message names the file of a CUDA library, else None."""
    for name in _LIBRARIES:
        if re.search(rf"lib{name}|{name}64_", message, re.IGNORECASE):
            return Reason(f"{name} is missing: {message}", _install(cuda))
    return None


def _driver(version: int, cuda: int) -> Reason:
    """Return the reason for a driver of CUDA `version` that cannot run CuPy's CUDA `cuda`."""
    if version == 0:
        return Reason("no NVIDIA driver", "Install the driver of the NVIDIA GPU")
    came = f"an NVIDIA driver of CUDA {_text(version)}, older than CuPy's CUDA {_text(cuda)}"
    if version // 1000 == 12 < cuda // 1000:
        other = _install(version).removeprefix("Run ")
        mine = " ".join(builds() or ("cupy",))
        return Reason(came, f"Run python -m pip uninstall {mine}, then {other}")
    return Reason(came, f"Update the NVIDIA driver to one of CUDA {max(cuda // 1000, 12)}")


def _no_device() -> Reason:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        came = f"no CUDA device: CUDA_VISIBLE_DEVICES={visible!r} hides all"
        return Reason(came, "Unset CUDA_VISIBLE_DEVICES")
    return Reason("an NVIDIA driver but no CUDA device", "Check with nvidia-smi what it finds")


def _install(cuda: int) -> str:
    """Return the command that installs CuPy for a CUDA version such as 12040; 0 is unknown."""
    if cuda == 0:
        return f"Run {install_command('cuda13')} (or [cuda12] for a driver of CUDA 12)"
    if cuda < 12000:
        return f"Update the NVIDIA driver, which is of CUDA {_text(cuda)}, to one of CUDA 12"
    return f"Run {install_command('cuda13' if cuda >= 13000 else 'cuda12')}"


def _cuda_of(build: str) -> int:
    """Return the CUDA version in the name of a build of CuPy, else the driver's."""
    named = re.search(r"cuda(\d\d)x", build)
    return 1000 * int(named[1]) if named else driver_version()


def _text(cuda: int) -> str:
    """Return 12040 as 12.4."""
    return f"{cuda // 1000}.{cuda % 1000 // 10}"
