"""The fixture `xp`: every array library and device that the tests run on."""

import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from backprop_xp.backend import from_host, to_host

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ci")


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
_REQUIRED = [name for name in os.environ.get("BACKPROP_XP_REQUIRE", "").split(",") if name]


def _import(module: str, name: str) -> Any:
    """Import a library, or skip; a library named by BACKPROP_XP_REQUIRE must be there."""
    if name.partition("-")[0] in _REQUIRED:
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed")


def open_library(name: str) -> Library:
    if name.startswith("numpy"):
        xp = importlib.import_module("array_api_compat.numpy")
        return Library(name, xp, "cpu", read_only=name == "numpy-readonly")
    if name.startswith("strict"):
        strict = _import("array_api_strict", name)
        device = name.partition("-")[2]
        if device in ("", "flags-off"):
            return Library(name, strict, strict.Device("CPU_DEVICE"))
        floats = ("float32",) if device.startswith("no_") else ("float32", "float64")
        return Library(name, strict, strict.Device(device), floats)
    if name == "torch":
        torch = _import("torch", name)
        return Library(name, importlib.import_module("array_api_compat.torch"), torch.device("cpu"))
    if name == "jax":
        jax = _import("jax", name)
        jax.config.update("jax_enable_x64", True)
        return Library(name, importlib.import_module("jax.numpy"), jax.devices("cpu")[0])
    cupy = _import("cupy", name)
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")
    return Library(name, importlib.import_module("array_api_compat.cupy"), cupy.cuda.Device(0))


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.gpu] if name == "cupy" else []) for name in NAMES]
)
def xp(request: pytest.FixtureRequest) -> Iterator[Library]:
    """Every library in turn; what is not there is skipped with its reason."""
    library = open_library(request.param)
    if request.param == "strict-flags-off":
        with library.xp.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
            yield library
    else:
        yield library


@pytest.fixture
def xp64(xp: Library) -> Library:
    """The libraries and devices that have float64."""
    if not xp.float64:
        pytest.skip(f"{xp.name} has no float64")
    return xp
