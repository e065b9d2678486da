"""Devices by name: ``[library:]kind[:index]``.

=============  ==================================
``cpu``        NumPy
``cuda``       CuPy on an NVIDIA GPU (``cuda:1``: the second)
``torch:cpu``  PyTorch, likewise ``torch:cuda``, ``torch:cuda:1``
``jax:cpu``    JAX, likewise ``jax:cuda``
``auto``       what BACKPROP_XP_DEVICE names; else ``cuda`` if it can be used; else ``cpu``
=============  ==================================
"""

import importlib
import os
import re
from dataclasses import dataclass, field
from typing import Any

import array_api_compat

from backprop_xp.backend import Namespace
from backprop_xp.errors import BackpropError, DeviceError, nearest_name

__all__ = ["ENVIRONMENT_VARIABLE", "Device", "DeviceStatus", "devices", "select_device"]

ENVIRONMENT_VARIABLE = "BACKPROP_XP_DEVICE"


@dataclass(frozen=True)
class Device:
    """A device that can be used, and why it was chosen.

    Attributes
    ----------
    name : str
        Its full name, such as ``"cpu"``, ``"cuda:0"``, ``"torch:cpu"``.
    why : str
        Why this device was chosen.
    xp : module
        The namespace of its array library.
    handle : object
        The library's own device, as its functions take it for ``device=``.
    """

    name: str
    why: str = field(compare=False)
    xp: Namespace = field(repr=False, compare=False)
    handle: Any = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


@dataclass(frozen=True)
class DeviceStatus:
    """One line of `devices`.

    Attributes
    ----------
    name : str
        A name that `select_device` takes.
    available : bool
        Whether the device can be used on this machine.
    why_not : str
        What is missing and what to do about it; empty where the device is available.
    """

    name: str
    available: bool
    why_not: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name:<12} {'available' if self.available else 'not available: ' + self.why_not}"
        )


def select_device(name: "str | Device | None" = None) -> Device:
    """Return the device of that name, ready to use.

    Parameters
    ----------
    name : str or Device, optional
        A name from the table above; None is ``"auto"``. A `Device` is returned as it is.

    Raises
    ------
    DeviceError
        The name is unknown, or the device cannot be used; the message says why and what to do.

    Examples
    --------
    >>> select_device("cpu").name
    'cpu'
    """
    if isinstance(name, Device):
        return name
    if name is not None and name != "auto":
        return _open(name, "asked for by name")
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE, "auto").strip() or "auto"
    if from_environment != "auto":
        try:
            return _open(from_environment, f"named by {ENVIRONMENT_VARIABLE}")
        except DeviceError as error:
            where, *others = error.parts
            raise DeviceError(f"{ENVIRONMENT_VARIABLE}, {where}", *others) from error
    try:
        return _open("cuda", "a usable CUDA device was found")
    except DeviceError as error:
        return _open("cpu", f"no usable CUDA device: {error.parts[1]}")


def devices() -> list[DeviceStatus]:
    """Return what this machine offers: each device's name, whether it is available, why not.

    It imports every array library that is installed, which can take seconds.
    """
    found = []
    for name in ("cpu", "cuda", "torch:cpu", "torch:cuda", "jax:cpu", "jax:cuda"):
        try:
            first = _open(name, "")
        except BackpropError as error:
            _, came, _, advice = error.parts
            found.append(DeviceStatus(name, available=False, why_not=f"{came}. {advice}"))
            continue
        found.append(DeviceStatus(first.name, available=True))
        found += [DeviceStatus(f"{name}:{i}", available=True) for i in range(1, _count(first))]
    return found


def _count(device: Device) -> int:
    """Return how many devices of the kind of `device` there are."""
    if not device.name.endswith(":0"):
        return 1
    if array_api_compat.is_cupy_namespace(device.xp):
        return int(importlib.import_module("cupy").cuda.runtime.getDeviceCount())
    if array_api_compat.is_torch_namespace(device.xp):
        return int(importlib.import_module("torch").cuda.device_count())
    return len(importlib.import_module("jax").devices("cuda"))


def _open(name: str, why: str) -> Device:
    match = (
        re.fullmatch(r"(?:(torch|jax):)?(cpu|cuda)(?::(\d+))?", name)
        if isinstance(name, str)
        else None
    )
    if match is None or (match[2] == "cpu" and match[3]):
        known = ["auto", "cpu", "cuda", "cuda:1", "torch:cpu", "torch:cuda", "jax:cpu", "jax:cuda"]
        meant = str(name).lower().replace("gpu", "cuda")
        raise DeviceError(
            "device", repr(name), f"one of {', '.join(known)}", nearest_name(meant, known)
        )
    library, kind, index = match[1], match[2], int(match[3] or 0)
    full_name = f"{library + ':' if library else ''}{kind}{f':{index}' if kind == 'cuda' else ''}"
    opener = {"torch": _open_torch, "jax": _open_jax, None: _open_own}[library]
    xp, handle = opener(full_name, kind, index)
    return Device(full_name, why, xp, handle)


def _unusable(name: str, came: str, advice: str) -> DeviceError:
    return DeviceError(f"device {name!r}", came, "a device that can be used", advice)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _import(module: str, name: str, title: str, advice: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise _unusable(name, f"a broken {title}: {error}", advice) from error
        raise _unusable(name, f"{title} is not installed", advice) from error
    except ImportError as error:
        came = f"a broken installation of {title}: {_first_line(error)}"
        raise _unusable(name, came, f"Install it anew: {advice}") from error


_CUDA_EXTRA = (
    "Run python -m pip install 'backprop-xp[cuda13]' (or [cuda12] for a driver of CUDA 12)"
)
_CUDA_STATUS = {
    35: ("no NVIDIA driver, or one older than CuPy's CUDA", "Install or update the NVIDIA driver"),
    100: ("a driver but no CUDA device", "Check nvidia-smi and CUDA_VISIBLE_DEVICES"),
    101: ("no CUDA device with this index", "Run backprop-xp devices for those that exist"),
}


def _open_own(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    if kind == "cpu":
        return importlib.import_module("array_api_compat.numpy"), "cpu"
    cupy = _import("cupy", name, "CuPy", _CUDA_EXTRA)
    xp = importlib.import_module("array_api_compat.cupy")
    try:
        # is_available() is not enough: a kernel needs NVRTC and a product needs cuBLAS
        with cupy.cuda.Device(index) as device:
            x = cupy.ones((2, 2), dtype="float32")
            float(((x + x) @ x)[0, 0])
    except Exception as error:
        status = getattr(error, "status", None)
        came, advice = _CUDA_STATUS.get(status or 0, (_first_line(error), _CUDA_EXTRA))
        raise _unusable(name, came, advice) from error
    return xp, device


def _open_torch(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    advice = "Run python -m pip install 'backprop-xp[torch]'"
    torch = _import("torch", name, "PyTorch", advice)
    xp = importlib.import_module("array_api_compat.torch")
    if kind == "cpu":
        return xp, torch.device("cpu")
    if not torch.cuda.is_available():
        raise _unusable(name, "PyTorch finds no usable CUDA device", "Install its CUDA build")
    if index >= torch.cuda.device_count():
        raise _unusable(
            name, f"PyTorch has {torch.cuda.device_count()} CUDA devices", "Count from 0"
        )
    return xp, torch.device("cuda", index)


def _open_jax(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    jax = _import("jax", name, "JAX", "Run python -m pip install 'backprop-xp[jax]'")
    try:
        found = jax.devices(kind)
    except RuntimeError as error:
        came = f"JAX finds no device of this kind: {_first_line(error)}"
        raise _unusable(name, came, "Install jax[cuda13] for NVIDIA GPUs") from error
    if index >= len(found):
        raise _unusable(name, f"JAX has {len(found)} devices of this kind", "Count from 0")
    return importlib.import_module("jax.numpy"), found[index]
