"""The switch between single precision and TF32, in each library that has one."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays.tf32 import set_tf32
from backprop_xp.errors import OptionError


class Gpu:
    """A CuPy device of a compute capability, which tells whether it is the current one."""

    def __init__(self, capability):
        self.compute_capability, self.entered = capability, False

    def __enter__(self):
        self.entered = True

    def __exit__(self, *_):
        self.entered = False


@pytest.fixture
def cupy_told(monkeypatch):
    """Return CuPy's compute types as they are set: (dtype, type, whether its device is current)."""
    needs("cupy")
    core = importlib.import_module("cupy._core")
    told = []
    monkeypatch.setattr(core, "set_compute_type", lambda *what: told.append((*what, GPU.entered)))
    return told


GPU = Gpu("90")


@pytest.fixture
def cupy_xp():
    needs("cupy")
    return importlib.import_module("array_api_compat.cupy")


@pytest.mark.parametrize("capability", ["80", "86", "90", "120"])
@pytest.mark.parametrize("on", [True, False])
def test_cupy_is_told_within_its_device(cupy_told, cupy_xp, monkeypatch, capability, on):
    kinds = importlib.import_module("cupy._core._routines_linalg")
    monkeypatch.setattr(GPU, "compute_capability", capability)
    set_tf32("cuda:0", cupy_xp, GPU, on)
    kind = kinds.COMPUTE_TYPE_TF32 if on else kinds.COMPUTE_TYPE_DEFAULT
    assert cupy_told == [("float32", kind, True)]


def test_cupys_own_functions_are_those_that_are_called():
    # of CuPy 14, without a device: the default type can be set, and is what products look up
    needs("cupy")
    core = importlib.import_module("cupy._core")
    kinds = importlib.import_module("cupy._core._routines_linalg")
    before = core.get_compute_type("float32")
    try:
        core.set_compute_type("float32", kinds.COMPUTE_TYPE_PEDANTIC)
        assert core.get_compute_type("float32") == kinds.COMPUTE_TYPE_PEDANTIC
        core.set_compute_type("float32", kinds.COMPUTE_TYPE_DEFAULT)
        assert core.get_compute_type("float32") == kinds.COMPUTE_TYPE_DEFAULT
    finally:
        core.set_compute_type("float32", before)


def test_a_cupy_that_has_the_variable_alone(monkeypatch, cupy_xp):
    monkeypatch.delattr(importlib.import_module("cupy._core"), "set_compute_type")
    with pytest.raises(OptionError) as caught:
        set_tf32("cuda:0", cupy_xp, GPU, on=True)
    assert "CUPY_TF32 alone" in caught.value.parts[1]
    assert caught.value.parts[3] == "Start Python with CUPY_TF32=1"


def test_a_gpu_that_is_too_old(cupy_told, cupy_xp):
    with pytest.raises(OptionError) as caught:
        set_tf32("cuda:0", cupy_xp, Gpu("75"), on=True)
    assert caught.value.parts == (
        "select_device(tf32)",
        "True for cuda:0, a GPU of compute capability 7.5",
        "a GPU of compute capability 8.0 or later",
        "Leave it out",
    )
    assert cupy_told == []


@pytest.mark.parametrize("name", ["cpu", "torch:cpu", "jax:cpu"])
def test_a_cpu_has_none(name):
    library = name.partition(":")[0]
    if library != "cpu":
        needs(library)
    with pytest.raises(OptionError, match=rf"select_device\(tf32\): got True for {name}; expected"):
        bp.select_device(name, tf32=True)
    assert bp.select_device(name, tf32=False).name == name
    assert bp.select_device(bp.select_device(name), tf32=False).why.endswith(", TF32 off")


def test_auto_on_a_machine_without_a_gpu_has_none(monkeypatch):
    monkeypatch.setenv("BACKPROP_XP_DEVICE", "cpu")
    with pytest.raises(OptionError, match="True for cpu"):
        bp.select_device(tf32=True)


@pytest.mark.parametrize("value", [1, "yes", np.True_])
def test_it_is_a_bool(value):
    with pytest.raises(OptionError, match="expected True, False or None"):
        bp.select_device("cpu", tf32=value)


def test_torch_is_told(monkeypatch):
    torch = needs("torch")
    xp, device = importlib.import_module("array_api_compat.torch"), torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, device.index))
    before = torch.backends.cuda.matmul.allow_tf32
    try:
        for on in (True, False):
            set_tf32("torch:cuda:1", xp, device, on)
            assert torch.backends.cuda.matmul.allow_tf32 is on
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 0))
    with pytest.raises(OptionError, match=r"torch:cuda:1, a GPU of compute capability 7\.0"):
        set_tf32("torch:cuda:1", xp, device, on=True)


@pytest.mark.parametrize("capability", ["8.0", "12.0"])
def test_jax_is_told(capability):
    jax = needs("jax")
    before, device = jax.config.jax_default_matmul_precision, SimpleNamespace()
    device.compute_capability = capability
    try:
        set_tf32("jax:cuda:0", jax.numpy, device, on=True)
        assert jax.config.jax_default_matmul_precision == "tensorfloat32"
        set_tf32("jax:cuda:0", jax.numpy, device, on=False)
        assert jax.config.jax_default_matmul_precision == "float32"
    finally:
        jax.config.update("jax_default_matmul_precision", before)
    device.compute_capability = "7.5"
    with pytest.raises(OptionError, match=r"compute capability 7\.5"):
        set_tf32("jax:cuda:0", jax.numpy, device, on=True)


def test_a_device_says_so(cupy_told, cupy_xp):
    device = bp.Device("cuda:0", "asked for by name", cupy_xp, GPU)
    with_tf32 = bp.select_device(device, tf32=True)
    assert str(with_tf32) == "cuda:0 (asked for by name, TF32 on)"
    assert with_tf32 == device
    assert with_tf32.handle is GPU
    assert bp.select_device(device) is device  # as it is; the library's setting as well
    assert len(cupy_told) == 1
