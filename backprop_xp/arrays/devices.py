"""Devices by name, ``[library:]kind[:index]``.

=============  ==================================
``cpu``        NumPy
``cuda``       CuPy on an NVIDIA GPU (``cuda:1``: the second)
``torch:cpu``  PyTorch, likewise ``torch:cuda``, ``torch:cuda:1``
``jax:cpu``    JAX, likewise ``jax:cuda``, ``jax:cpu:1``
``auto``       the device that BACKPROP_XP_DEVICE names; else ``cuda`` if usable; else ``cpu``
=============  ==================================

On ``cpu`` numba can compile training (`execution.compiled`): by ``compiled=True``, or by the
variable BACKPROP_XP_COMPILED=1.
"""

import importlib
import os
import re
import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import array_api_compat

from backprop_xp.arrays import cupy_diagnosis
from backprop_xp.arrays.advice import (
    checks_keywords,
    install_command,
    nearest_name,
    needs_extra,
)
from backprop_xp.arrays.backend import Namespace
from backprop_xp.arrays.tf32 import set_tf32
from backprop_xp.errors import BackpropError, DeviceError, OptionError, first_line

__all__ = [
    "COMPILED_VARIABLE",
    "ENVIRONMENT_VARIABLE",
    "Device",
    "DeviceStatus",
    "compiles_by_default",
    "count_of",
    "devices",
    "select_device",
]

ENVIRONMENT_VARIABLE = "BACKPROP_XP_DEVICE"
COMPILED_VARIABLE = "BACKPROP_XP_COMPILED"


@dataclass(frozen=True)
class Device:
    """A usable device of an array library, and the reason for its choice.

    Attributes
    ----------
    name : str
        The full name, such as ``"cpu"``, ``"cuda:0"``, ``"torch:cpu"``.
    why : str
        The reason why this device was chosen.
    xp : module
        The namespace of the array library.
    handle : object
        The device as an object of the array library, for ``device=`` in its functions.
    compiled : bool
        Whether numba compiles training on this device.

    Examples
    --------
    >>> device = select_device("cpu")
    >>> print(device)
    cpu (asked for by name)
    >>> device.xp.zeros(2, device=device.handle)
    array([0., 0.])
    """

    name: str
    why: str = field(compare=False)
    xp: Namespace = field(repr=False, compare=False)
    handle: Any = field(repr=False, compare=False)
    compiled: bool = False

    def __str__(self) -> str:
        return f"{self.name}{', compiled' if self.compiled else ''} ({self.why})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Make copies and pickles from the name, so that they select the device where they load."""
        return partial(select_device, compiled=self.compiled), (self.name,)


@dataclass(frozen=True)
class DeviceStatus:
    """The state of a device on this machine, one line of `devices`.

    Attributes
    ----------
    name : str
        A name that `select_device` takes.
    available : bool
        Whether the device can be used on this machine.
    why_not : str
        The cause and the remedy where the device cannot be used, else empty.
    advice : str
        The remedy, which is also the end of `why_not`.

    Examples
    --------
    >>> print(DeviceStatus("cpu", available=True))
    cpu          available
    >>> advice = "Install the driver of the NVIDIA GPU"
    >>> print(DeviceStatus("cuda", False, f"no NVIDIA driver. {advice}", advice))
    cuda         not available: no NVIDIA driver. Install the driver of the NVIDIA GPU
    """

    name: str
    available: bool
    why_not: str = ""
    advice: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name:<12} {'available' if self.available else 'not available: ' + self.why_not}"
        )


@checks_keywords
def select_device(
    name: "str | Device | None" = None, *, tf32: bool | None = None, compiled: bool | None = None
) -> Device:
    """Return the device of this name, ready to use.

    Parameters
    ----------
    name : str or Device, optional
        One of ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"torch:cpu"``, ``"torch:cuda"``,
        ``"jax:cpu"``, ``"jax:cuda"``, or another index after ``cuda:``. None is ``"auto"``: the
        device that the environment variable BACKPROP_XP_DEVICE names, else ``"cuda"`` if it can be
        used, else ``"cpu"``. A `Device` is returned unchanged.
    tf32 : bool, optional
        Whether products of float32 matrices round their factors to TF32. The choice holds for the
        array library in the whole process, from now on. With TF32, NVIDIA GPUs of compute
        capability 8.0 and later multiply large matrices faster. Each factor keeps 10 of the 23 bits
        of its mantissa: a relative error of 5e-4 in place of 6e-8. Sums, and all other operations,
        stay in float32. None keeps the library's own setting: on in JAX, off in PyTorch, and off in
        CuPy unless CUPY_TF32=1.
    compiled : bool, optional
        Whether numba compiles training on ``"cpu"``. Training then begins with some seconds of
        compilation, once for each structure of a step; later processes find it in the user's cache
        folder. None is the choice of the environment variable BACKPROP_XP_COMPILED, 1 or 0, by
        default 0.

    Returns
    -------
    Device

    Raises
    ------
    DeviceError
        The name is unknown, or the device cannot be used; the message has the cause and the remedy.
    OptionError
        `tf32` is True for a device without TF32, such as any CPU. Or `compiled` is True for another
        device than ``"cpu"``.
    MissingExtraError
        `compiled` is True, and numba is not installed.

    Examples
    --------
    >>> select_device("cpu").name
    'cpu'
    """
    device = name if isinstance(name, Device) else _select(name)
    if compiled is not None or (device.name == "cpu" and not isinstance(name, Device)):
        device = _compiled(device, compiled)
    if tf32 is None:
        return device
    set_tf32(device.name, device.xp, device.handle, tf32)
    return replace(device, why=f"{device.why}, TF32 {'on' if tf32 else 'off'}")


def compiles_by_default() -> bool:
    """Tell whether BACKPROP_XP_COMPILED asks for compiled training on NumPy.

    Raises
    ------
    OptionError
        The variable is neither 0 nor 1.
    """
    given = os.environ.get(COMPILED_VARIABLE, "").strip() or "0"
    if given not in ("0", "1"):
        raise OptionError(COMPILED_VARIABLE, repr(given), "0 or 1", "Set it to 1 to compile")
    return given == "1"


def _compiled(device: Device, asked: bool | None) -> Device:
    """Return the device, compiled or not, as it was asked for or as the variable says."""
    compiled = compiles_by_default() if asked is None else asked
    if not compiled:
        return replace(device, compiled=False)
    if device.name != "cpu":
        came, advice = f"True for {device.name}", "Leave it out, or select 'cpu'"
        raise OptionError("select_device(compiled)", came, "a device of NumPy, 'cpu'", advice)
    _check_numba(COMPILED_VARIABLE if asked is None else "select_device(compiled)")
    return replace(device, compiled=True)


def _check_numba(where: str) -> None:
    """Refuse to compile without numba.

    Raises
    ------
    MissingExtraError
        numba is not installed, or does not load.
    """
    with needs_extra("compiled", where, "no numba", "the package numba"):
        importlib.import_module("numba")


def _select(name: str | None) -> Device:
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
    """Return the state of each device on this machine: its name, and whether it can be used.

    The function imports every array library that is installed, which can take seconds.

    Returns
    -------
    list of DeviceStatus

    Examples
    --------
    >>> for status in devices()[:1]:
    ...     print(status)
    cpu          available
    """
    found = []
    for name in ("cpu", "cuda", "torch:cpu", "torch:cuda", "jax:cpu", "jax:cuda"):
        try:
            first = _open(name, "")
        except BackpropError as error:
            _, came, _, advice = error.parts
            found.append(DeviceStatus(name, False, f"{came}. {advice}", advice))
            continue
        found.append(DeviceStatus(first.name, available=True))
        found += [DeviceStatus(f"{name}:{i}", available=True) for i in range(1, count_of(first))]
    return found


def count_of(device: Device) -> int:
    """Return the number of devices of the same library and kind as `device`."""
    if device.name == "jax:cpu":
        return len(importlib.import_module("jax").devices("cpu"))
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
    if match is None or (match[2] == "cpu" and match[3] and match[1] != "jax"):
        known = ["auto", "cpu", "cuda", "cuda:1", "torch:cpu", "torch:cuda", "jax:cpu", "jax:cuda"]
        meant = str(name).lower().replace("gpu", "cuda")
        raise DeviceError(
            "device", repr(name), f"one of {', '.join(known)}", nearest_name(meant, known)
        )
    library, kind, index = match[1], match[2], int(match[3] or 0)
    numbered = f"{kind}:{index}" if kind == "cuda" or index else kind
    full_name = f"{library}:{numbered}" if library else numbered
    opener = {"torch": _open_torch, "jax": _open_jax, None: _open_own}[library]
    xp, handle = opener(full_name, kind, index)
    return Device(full_name, why, xp, handle)


def _unusable(name: str, came: str, advice: str) -> DeviceError:
    return DeviceError(f"device {name!r}", came, "a device that can be used", advice)


def _open_own(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    if kind == "cpu":
        return importlib.import_module("array_api_compat.numpy"), "cpu"
    try:
        with warnings.catch_warnings():
            # CuPy warns with a page of text; `two_builds` below warns with a line
            warnings.filterwarnings("ignore", r"(?s).*multiple CuPy packages are installed")
            cupy = importlib.import_module("cupy")
    except Exception as error:
        raise _unusable(name, *cupy_diagnosis.at_import(error)) from error
    xp = importlib.import_module("array_api_compat.cupy")
    try:
        # is_available() is not enough: a kernel needs NVRTC, and a product needs cuBLAS
        with cupy.cuda.Device(index) as device:
            x = cupy.ones((2, 2), dtype="float32")
            float(((x + x) @ x)[0, 0])
    except Exception as error:
        raise _unusable(name, *cupy_diagnosis.at_first_use(error, index, cupy)) from error
    doubtful = cupy_diagnosis.two_builds()
    if doubtful is not None:
        warnings.warn(f"{doubtful.came}. {doubtful.advice}", stacklevel=2)
    return xp, device


def _import(module: str, name: str, title: str) -> Any:
    advice = install_command(module)
    try:
        return importlib.import_module(module)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise _unusable(name, f"{title} is not installed", f"Run {advice}") from error
        came = f"a broken installation of {title}: {first_line(error)}"
        raise _unusable(name, came, f"Install it anew: {advice}") from error


def _open_torch(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    torch = _import("torch", name, "PyTorch")
    xp = importlib.import_module("array_api_compat.torch")
    if kind == "cpu":
        return xp, torch.device("cpu")
    if not torch.cuda.is_available():
        raise _unusable(name, "PyTorch finds no usable CUDA device", "Install its CUDA build")
    if index >= torch.cuda.device_count():
        raise _unusable(name, *cupy_diagnosis.no_such_index(index, torch.cuda.device_count()))
    return xp, torch.device("cuda", index)


def _open_jax(name: str, kind: str, index: int) -> tuple[Namespace, Any]:
    jax = _import("jax", name, "JAX")
    try:
        found = jax.devices(kind)
    except RuntimeError as error:
        came = f"JAX finds no device of this kind: {first_line(error)}"
        raise _unusable(name, came, "Install jax[cuda13] for NVIDIA GPUs") from error
    if index >= len(found):
        raise _unusable(name, *cupy_diagnosis.no_such_index(index, len(found)))
    return importlib.import_module("jax.numpy"), found[index]
