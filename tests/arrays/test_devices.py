import copy
import importlib
import pickle
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat.numpy
import numpy as np
import pytest

from backprop_xp.arrays import cupy_diagnosis
from backprop_xp.arrays import devices as module
from backprop_xp.arrays.devices import (
    ENVIRONMENT_VARIABLE,
    Device,
    DeviceStatus,
    devices,
    select_device,
)
from backprop_xp.errors import DeviceError


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


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


NOTHING = {name: absent(name) for name in ("cupy", "torch", "jax")}


class Gpu:
    """A CuPy device whose first use raises `error`, or works on the CPU where that is None."""

    def __init__(self, index, error=None):
        self.index, self.error = index, error

    def __enter__(self):
        if self.error is not None:
            raise self.error
        return self

    def __exit__(self, *_):
        return None


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


# ---------------------------------------------------------------------------------------------
# names


def test_cpu_is_numpy():
    device = select_device("cpu")
    assert (device.name, device.handle, device.why) == ("cpu", "cpu", "asked for by name")
    assert device.xp is array_api_compat.numpy
    assert str(device) == "cpu (asked for by name)"


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_cpu_of_the_other_libraries(library):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    device = select_device(f"{library}:cpu")
    assert device.name == f"{library}:cpu"
    x = device.xp.zeros((2,), device=device.handle)
    assert isinstance(x, module.Tensor if library == "torch" else module.Array)


def test_a_copy_of_a_device_is_that_device():
    cpu = select_device("cpu")
    for again in (copy.deepcopy(cpu), pickle.loads(pickle.dumps(cpu))):  # noqa: S301  its own
        assert (again, again.xp, again.handle) == (cpu, cpu.xp, cpu.handle)


def test_a_device_is_returned_as_it_is():
    device = select_device("cpu")
    assert select_device(device) is device
    assert select_device("cpu") == device
    assert Device("cpu", "another reason", None, None) == device  # the name is what counts
    assert hash(select_device("cpu")) == hash(device)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cdua", "Did you mean 'cuda'?"),
        ("CUDA", "Did you mean 'cuda'?"),
        ("torch:gpu", None),
        ("jaxcpu", "Did you mean 'jax:cpu'?"),
        ("cpu:0", "Did you mean 'cpu'?"),
        ("torch:cpu:1", "Did you mean 'torch:cpu'?"),
        ("cuda:", None),
        ("cuda:-1", "Did you mean 'cuda:1'?"),
        ("cuda:1.0", "Did you mean 'cuda:1'?"),
        ("cuda ", "Did you mean 'cuda'?"),
        ("cuda\n", "Did you mean 'cuda'?"),
        ("tpu", "Did you mean 'cpu'?"),
        ("", "Use one of the known names"),
        ("mps", "Use one of the known names"),
        (3, "Use one of the known names"),
        (b"cpu", None),
        (["cpu"], None),
    ],
)
def test_unknown_names(name, advice):
    with pytest.raises(DeviceError, match=r"expected one of auto, cpu, cuda, cuda:1, torch:cpu"):
        select_device(name)
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    where, came, _, said = caught.value.parts
    assert (where, came) == ("device", repr(name))
    assert advice in (None, said)


# ---------------------------------------------------------------------------------------------
# "auto" and the environment


@pytest.mark.parametrize("name", [None, "auto"])
def test_auto_without_a_gpu_is_the_cpu_and_says_why(name, no_module):
    no_module(cupy=absent("cupy"))
    device = select_device(name)
    assert (device.name, device.why) == ("cpu", "no usable CUDA device: CuPy is not installed")


def test_auto_with_a_gpu_takes_it(gpu):
    gpu()
    device = select_device()
    assert (device.name, device.why) == ("cuda:0", "a usable CUDA device was found")
    assert device.handle.index == 0


@pytest.mark.parametrize("name", [None, "auto"])
def test_the_variable_is_what_auto_means(monkeypatch, name):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, " cpu ")
    device = select_device(name)
    assert (device.name, device.why) == ("cpu", "named by BACKPROP_XP_DEVICE")


def test_a_name_wins_over_the_variable(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "cuda")
    assert select_device("cpu").why == "asked for by name"


@pytest.mark.parametrize("text", ["", "  ", "auto"])
def test_an_empty_variable_is_none(monkeypatch, no_module, text):
    no_module(cupy=absent("cupy"))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, text)
    assert select_device().why.startswith("no usable CUDA device")


def test_a_variable_that_names_an_unusable_device_is_an_error(monkeypatch, no_module):
    # not the CPU in silence: who sets it wants that device
    no_module(cupy=absent("cupy"))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "cuda")
    with pytest.raises(DeviceError, match=r"BACKPROP_XP_DEVICE.*CuPy is not installed"):
        select_device()


def test_a_variable_with_an_unknown_name_is_an_error(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "gpuu")
    with pytest.raises(DeviceError, match=r"BACKPROP_XP_DEVICE.*'gpuu'.*expected one of auto"):
        select_device()


# ---------------------------------------------------------------------------------------------
# CuPy, by the errors that it raises


CUDA13 = "python -m pip install 'backprop-xp[cuda13]'"
CUDA12 = "python -m pip install 'backprop-xp[cuda12]'"


def page_of_cupy(line):
    """Return the error that CuPy raises at import for one of its parts."""
    error = ImportError(f"\n====\nFailed to import CuPy.\n\nOriginal error:\n  {line}\n====\n")
    error.__cause__ = ImportError(line)
    return error


def status(number):
    return lambda cupy: cupy.cuda.runtime.CUDARuntimeError(number)


class Case(NamedTuple):
    """A way in which CuPy fails, and what is to be said about it."""

    came: str
    advice: str
    at_import: Exception | None = None
    at_use: Callable[[Any], Exception] | None = None
    driver: int = 13000  # the driver's CUDA; CuPy's is 13
    builds: tuple[str, ...] = ("cupy-cuda13x",)
    visible: str | None = None  # CUDA_VISIBLE_DEVICES


FAILURES = {
    "not installed": Case("CuPy is not installed", f"Run {CUDA13}", absent("cupy"), builds=()),
    "not installed, an older driver": Case(
        "CuPy is not installed", f"Run {CUDA12}", absent("cupy"), builds=(), driver=12040
    ),
    "not installed, an old driver": Case(
        "CuPy is not installed",
        "Update the NVIDIA driver, which is of CUDA 11.8, to one of CUDA 12",
        absent("cupy"),
        builds=(),
        driver=11080,
    ),
    "not installed, no driver": Case(
        "CuPy is not installed",
        f"Run {CUDA13} (or [cuda12] for a driver of CUDA 12)",
        absent("cupy"),
        builds=(),
        driver=0,
    ),
    "broken": Case(
        "a broken installation of CuPy: numpy.dtype size changed",
        "Run python -m pip install --force-reinstall --no-deps cupy-cuda12x",
        ValueError("numpy.dtype size changed"),
        builds=("cupy-cuda12x",),
    ),
    "a part is broken": Case(
        "a broken installation of CuPy: libstdc++.so.6: version `GLIBCXX_3.4.29' not found",
        "Run python -m pip install --force-reinstall --no-deps cupy-cuda13x",
        page_of_cupy("libstdc++.so.6: version `GLIBCXX_3.4.29' not found"),
    ),
    "a part is not there": Case(
        "a broken installation of CuPy: No module named 'cupy_backends'",
        "Run python -m pip install --force-reinstall --no-deps cupy",
        absent("cupy_backends"),
        builds=("cupy",),
    ),
    "two builds": Case(
        "2 builds of CuPy in one environment, cupy-cuda12x and cupy-cuda13x: undefined symbol",
        f"Run python -m pip uninstall cupy-cuda12x cupy-cuda13x, then {CUDA12}",
        page_of_cupy("undefined symbol"),
        builds=("cupy-cuda12x", "cupy-cuda13x"),
        driver=12090,
    ),
    "two builds, at first use": Case(
        "2 builds of CuPy in one environment, cupy-cuda12x and cupy-cuda13x: no kernel image",
        f"Run python -m pip uninstall cupy-cuda12x cupy-cuda13x, then {CUDA13}",
        at_use=lambda _: RuntimeError("no kernel image"),
        builds=("cupy-cuda12x", "cupy-cuda13x"),
    ),
    "no driver": Case(
        "no NVIDIA driver", "Install the driver of the NVIDIA GPU", at_use=status(35), driver=0
    ),
    "an older driver": Case(
        "an NVIDIA driver of CUDA 12.4, older than CuPy's CUDA 13.2",
        f"Run python -m pip uninstall cupy-cuda13x, then {CUDA12}",
        at_use=status(35),
        driver=12040,
    ),
    "an old driver": Case(
        "an NVIDIA driver of CUDA 11.8, older than CuPy's CUDA 13.2",
        "Update the NVIDIA driver to one of CUDA 13",
        at_use=status(35),
        driver=11080,
    ),
    "no device": Case(
        "an NVIDIA driver but no CUDA device",
        "Check with nvidia-smi what it finds",
        at_use=status(100),
    ),
    "hidden devices": Case(
        "no CUDA device: CUDA_VISIBLE_DEVICES='-1' hides all",
        "Unset CUDA_VISIBLE_DEVICES",
        at_use=status(100),
        visible="-1",
    ),
    "no such device": Case(
        "no device 7, while this machine has CUDA devices 0 and 1",
        "Use one of these",
        at_use=status(101),
    ),
    "no such device is shown": Case(
        "no device 7, while this machine has CUDA devices 0 and 1 "
        "(CUDA_VISIBLE_DEVICES='2,3' hides others)",
        "Use one of these",
        at_use=status(101),
        visible="2,3",
    ),
    "no number of a device": Case(
        "no device 7, while this machine has CUDA devices 0 and 1",
        "Use one of these",
        at_use=lambda _: OverflowError("Python int too large to convert to C int"),
    ),
    "no NVRTC": Case(
        "NVRTC is missing: CuPy failed to load libnvrtc.so.13: OSError: no such file",
        f"Run {CUDA13}",
        at_use=lambda _: RuntimeError(
            "CuPy failed to load libnvrtc.so.13: OSError: no such file\nand more lines"
        ),
    ),
    "no cuBLAS": Case(
        "cuBLAS is missing: libcublas.so.13: cannot open shared object file",
        f"Run {CUDA13}",
        at_use=lambda _: ImportError("libcublas.so.13: cannot open shared object file"),
    ),
    "no cuRAND": Case(
        "cuRAND is missing: libcurand.so.10: cannot open shared object file",
        f"Run {CUDA12}",
        page_of_cupy("libcurand.so.10: cannot open shared object file"),
        builds=("cupy-cuda12x",),
    ),
    "no memory": Case(
        "no memory for 512 bytes on CUDA device 7",
        "Free it: nvidia-smi lists the processes that use it",
        at_use=lambda cupy: cupy.cuda.memory.OutOfMemoryError(512, 0, 0),
    ),
    "no memory for CUDA itself": Case(
        "no more memory on CUDA device 7",
        "Free it: nvidia-smi lists the processes that use it",
        at_use=status(2),
    ),
    "another error": Case(
        "an error of CuPy at its first product: cudaErrorDevicesUnavailable: CUDA-capable "
        "device(s) is/are busy or unavailable",
        "Run python -c 'import cupy; cupy.show_config()' to see what CuPy finds",
        at_use=status(46),
    ),
    "an error without a text": Case(
        "an error of CuPy at its first product: KeyError",
        "Run python -c 'import cupy; cupy.show_config()' to see what CuPy finds",
        at_use=lambda _: KeyError(),
    ),
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES)
def test_each_failure_of_cupy_says_what_is_wrong_and_what_to_do(case, gpu, no_module, monkeypatch):
    cupy = gpu()
    monkeypatch.setattr(cupy_diagnosis, "driver_version", lambda: case.driver)
    monkeypatch.setattr(cupy_diagnosis, "builds", lambda: case.builds)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if case.visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", case.visible)
    if case.at_import is not None:
        no_module(cupy=case.at_import)
        raised = case.at_import
    else:
        raised = case.at_use(cupy)
        gpu(raised)
    with pytest.raises(DeviceError) as caught:
        select_device("cuda:7")
    expected = ("device 'cuda:7'", case.came, "a device that can be used", case.advice)
    assert caught.value.parts == expected
    assert caught.value.__cause__ is raised
    (line,) = [one for one in devices() if one.name == "cuda"]
    told = case.came.replace("device 7", "device 0")
    assert (line.why_not, line.advice) == (f"{told}. {case.advice}", case.advice)
    assert select_device("auto").why == f"no usable CUDA device: {told}"
    assert "\n" not in f"{caught.value}{line}"


def test_each_failure_has_a_message_of_its_own():
    # but those that mean the same
    same = {"no number of a device"}
    said = [(case.came, case.advice) for name, case in FAILURES.items() if name not in same]
    assert len(set(said)) == len(said)


def test_two_builds_that_work_are_a_warning_of_one_line(gpu, monkeypatch):
    gpu()
    monkeypatch.setattr(cupy_diagnosis, "driver_version", lambda: 13000)
    monkeypatch.setattr(cupy_diagnosis, "builds", lambda: ("cupy-cuda12x", "cupy-cuda13x"))
    with pytest.warns(UserWarning, match="2 builds") as caught:
        assert select_device("cuda").name == "cuda:0"
    (warning,) = caught
    assert str(warning.message) == (
        "2 builds of CuPy in one environment, cupy-cuda12x and cupy-cuda13x. "
        f"Run python -m pip uninstall cupy-cuda12x cupy-cuda13x, then {CUDA13}"
    )


def test_the_page_that_cupy_warns_with_is_not_shown(no_module, monkeypatch):
    def warns(name, *args):
        warnings.warn(
            "\n----\n  CuPy may not\n  multiple CuPy packages are installed\n  in", stacklevel=1
        )
        raise absent("cupy")

    monkeypatch.setattr(importlib, "import_module", warns)
    with pytest.raises(DeviceError, match="CuPy is not installed"):  # and no warning
        module._open_own("cuda:0", "cuda", 0)


def test_a_product_that_fails_is_found_though_the_sum_works(gpu, monkeypatch):
    class NoProduct(np.ndarray):
        def __matmul__(self, other):
            raise ImportError("libcublas.so.13: cannot open shared object file")

    cupy = gpu()
    monkeypatch.setattr(cupy, "ones", lambda *a, **k: np.ones(*a, **k).view(NoProduct))
    with pytest.raises(DeviceError, match="cuBLAS is missing"):
        select_device("cuda")


def test_a_gpu_that_works(gpu):
    gpu()
    device = select_device("cuda:1")
    assert (device.name, device.handle.index) == ("cuda:1", 1)
    assert device.xp is importlib.import_module("array_api_compat.cupy")


def test_the_real_cupy_of_this_machine():
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    if cupy.is_available():
        assert select_device("cuda").name == "cuda:0"
        return
    with pytest.raises(DeviceError, match=r"driver|no CUDA device|libcu"):
        select_device("cuda")


each_library = pytest.mark.parametrize(
    ("name", "module", "title"),
    [("cuda", "cupy", "CuPy"), ("torch:cpu", "torch", "PyTorch"), ("jax:cpu", "jax", "JAX")],
)
EXTRAS = {"cupy": "cuda13", "torch": "torch", "jax": "jax"}


@each_library
def test_a_library_that_is_not_installed(no_module, name, module, title):
    no_module(**{module: absent(module)})
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    assert caught.value.parts[1] == f"{title} is not installed"
    assert f"pip install 'backprop-xp[{EXTRAS[module]}]'" in caught.value.parts[3]


@pytest.mark.parametrize(("name", "title"), [("torch:cpu", "PyTorch"), ("jax:cpu", "JAX")])
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (absent("inner"), "No module named 'inner'"),
        (ImportError("\nlibstdc++ is too old\nand a page of advice"), "libstdc++ is too old"),
        (ImportError(""), "ImportError"),
        (OSError("libcudart.so.12: cannot open"), "libcudart.so.12: cannot open"),
    ],
)
def test_a_library_that_is_broken(no_module, name, title, error, line):
    module = name.partition(":")[0]
    no_module(**{module: error})
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    assert caught.value.parts[1] == f"a broken installation of {title}: {line}"
    advice = f"Install it anew: python -m pip install 'backprop-xp[{module}]'"
    assert caught.value.parts[3] == advice


# ---------------------------------------------------------------------------------------------
# CUDA of PyTorch and JAX


@pytest.mark.parametrize("name", ["torch:cuda", "torch:cuda:1"])
def test_torch_without_cuda(monkeypatch, name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"PyTorch finds no usable CUDA device.*its CUDA build"):
        select_device(name)


def test_torch_with_two_cuda_devices(monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert select_device("torch:cuda").name == "torch:cuda:0"
    assert select_device("torch:cuda:1").handle == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match=r"'torch:cuda:2': got no device 2, .* devices 0 and 1"):
        select_device("torch:cuda:2")


def test_jax_without_cuda(monkeypatch):
    jax = pytest.importorskip("jax", reason="jax is not installed")

    def none(kind):
        raise RuntimeError(f"Unknown backend {kind}\nand more lines")

    monkeypatch.setattr(jax, "devices", none)
    with pytest.raises(DeviceError) as caught:
        select_device("jax:cuda")
    assert caught.value.parts[1] == "JAX finds no device of this kind: Unknown backend cuda"


def test_jax_with_two_cuda_devices(monkeypatch):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(jax, "devices", lambda kind: [f"{kind}-first", f"{kind}-second"])
    assert select_device("jax:cuda:1").handle == "cuda-second"
    with pytest.raises(DeviceError, match=r"'jax:cuda:2': got no device 2, .* devices 0 and 1"):
        select_device("jax:cuda:2")


# ---------------------------------------------------------------------------------------------
# the list


def test_devices_where_nothing_is_installed(no_module):
    no_module(**NOTHING)
    found = devices()
    assert [one.name for one in found] == [
        "cpu",
        "cuda",
        "torch:cpu",
        "torch:cuda",
        "jax:cpu",
        "jax:cuda",
    ]
    assert [one.available for one in found] == [True] + [False] * 5
    assert str(found[0]) == "cpu          available"
    assert str(found[1]).startswith("cuda         not available: CuPy is not installed. Run python")


def test_devices_of_this_machine_can_be_selected():
    for one in devices():
        if one.available:
            assert one.why_not == ""
            assert select_device(one.name).name == one.name
        else:
            assert one.why_not
            with pytest.raises(DeviceError):
                select_device(one.name)


def test_devices_lists_every_gpu(gpu, monkeypatch):
    gpu(count=3)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    jax = pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(jax, "devices", lambda kind: [kind, kind])
    assert [one.name for one in devices()] == [
        "cpu",
        "cuda:0",
        "cuda:1",
        "cuda:2",
        "torch:cpu",
        "torch:cuda:0",
        "jax:cpu",
        "jax:cuda:0",
        "jax:cuda:1",
    ]


def test_a_status_is_a_line():
    assert str(DeviceStatus("cuda", available=False, why_not="no driver. Install one")) == (
        "cuda         not available: no driver. Install one"
    )


def test_every_name_of_the_documentation_is_understood(no_module):
    no_module(**NOTHING)
    for name in (
        "cuda",
        "cuda:1",
        "torch:cpu",
        "torch:cuda",
        "torch:cuda:1",
        "jax:cpu",
        "jax:cuda",
    ):
        assert name in module.__doc__
        with pytest.raises(DeviceError, match="is not installed"):
            select_device(name)
