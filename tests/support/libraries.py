"""Every array library on its devices, by name: what the fixture `xp` goes through."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from needs import needs

from backprop_xp.arrays.backend import from_host, to_host


@dataclass(frozen=True)
class Library:
    """An array library on one of its devices."""

    name: str
    xp: Any
    device: Any
    float_dtypes: tuple[str, ...] = ("float32", "float64")
    read_only: bool = False

    def array(self, x: Any, dtype: str | None = None) -> Any:
        """Return a new array with the values of `x`; floats in the widest float dtype."""
        host = np.asarray(x)
        if dtype is None:
            kinds = {"f": self.float_dtypes[-1], "b": "bool"}
            dtype = kinds.get(host.dtype.kind, "int32")
        made = from_host(host, self.xp, self.device, dtype)
        if self.read_only:
            made.flags.writeable = False
        return made

    def host(self, x: Any) -> np.ndarray:
        return to_host(x)

    @property
    def float64(self) -> bool:
        return "float64" in self.float_dtypes


NAMES = (
    "numpy",
    "numpy-readonly",
    "strict",
    "strict-device1",
    "strict-device2",
    "strict-no_float64",
    "strict-no_x64",
    "strict-flags-off",
    "torch",
    "jax",
    "cupy",
)


def open_library(name: str) -> Library:
    if name.startswith("numpy"):
        xp = importlib.import_module("array_api_compat.numpy")
        return Library(name, xp, "cpu", read_only=name == "numpy-readonly")
    if name.startswith("strict"):
        strict = needs("array_api_strict", name)
        device = name.partition("-")[2]
        if device in ("", "flags-off"):
            return Library(name, strict, strict.Device("CPU_DEVICE"))
        floats = ("float32",) if device.startswith("no_") else ("float32", "float64")
        return Library(name, strict, strict.Device(device), floats)
    if name == "torch":
        torch = needs("torch")
        return Library(name, importlib.import_module("array_api_compat.torch"), torch.device("cpu"))
    if name == "jax":
        jax = needs("jax")
        jax.config.update("jax_enable_x64", True)
        return Library(name, importlib.import_module("jax.numpy"), jax.devices("cpu")[0])
    cupy = needs("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")
    return Library(name, importlib.import_module("array_api_compat.cupy"), cupy.cuda.Device(0))
