"""Modules and devices that fail on purpose."""

import importlib
import importlib.util

import numpy as np
import pytest
from broken_libraries import Gpu

from backprop_xp.arrays.devices import (
    ENVIRONMENT_VARIABLE,
)


@pytest.fixture(scope="session", autouse=True)
def libraries_are_imported():
    """Import PyTorch and JAX before a test breaks `ctypes`, which leaves them half imported."""
    for name in ("torch", "jax"):
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


@pytest.fixture
def no_module(monkeypatch):
    """Return a function that makes the import of modules fail with errors of choice."""
    real = importlib.import_module

    def forbid(**errors):
        def import_module(name, *args):
            if name in errors:
                raise errors[name]
            return real(name, *args)

        monkeypatch.setattr(importlib, "import_module", import_module)

    return forbid


@pytest.fixture
def gpu(monkeypatch):
    """Return a function that gives CuPy two devices, which raise an error or work on the CPU."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")

    def put(error=None, count=2):
        def make(index):
            return Gpu(index, error)

        monkeypatch.setattr(cupy.cuda, "Device", make)
        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: count)
        monkeypatch.setattr(cupy, "ones", np.ones)
        return cupy

    return put
