"""What is said where CuPy fails: drivers, builds, parts that are missing, and advice for each."""

import ctypes
import importlib
import importlib.metadata
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from broken_libraries import absent
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays import cupy_diagnosis
from backprop_xp.arrays import devices as module
from backprop_xp.arrays.advice import install_command
from backprop_xp.arrays.cupy_diagnosis import builds, driver_version, no_such_index, two_builds
from backprop_xp.arrays.devices import (
    devices,
    select_device,
)
from backprop_xp.errors import DeviceError

# what is said of each failure: the table in test_devices.py


@pytest.mark.parametrize(
    ("count", "has"),
    [
        (0, "none"),
        (1, "CUDA device 0 alone"),
        (2, "CUDA devices 0 and 1"),
        (8, "CUDA devices 0 to 7"),
    ],
)
def test_which_indices_exist(count, has, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert no_such_index(9, count).came == f"no device 9, while this machine has {has}"


def test_the_version_of_the_driver(monkeypatch):
    def driver(pointer):
        ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int))[0] = 12040

    loaded = []
    monkeypatch.setattr(
        ctypes,
        "CDLL",
        lambda name: loaded.append(name) or SimpleNamespace(cuDriverGetVersion=driver),
    )
    assert driver_version() == 12040
    monkeypatch.setattr(sys, "platform", "win32")
    driver_version()
    assert loaded == ["libcuda.so.1", "nvcuda.dll"]


@pytest.mark.parametrize("library", [None, SimpleNamespace()], ids=["no file", "no function"])
def test_without_a_driver_the_version_is_0(monkeypatch, library):
    def load(name):
        if library is None:
            raise OSError(f"{name}: cannot open shared object file")
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert driver_version() == 0


@pytest.fixture
def installed(monkeypatch):
    """Return a function that pretends that distributions of these names are installed."""

    def pretend(*names):
        def distribution(name):
            if name not in names:
                raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "distribution", distribution)
        builds.cache_clear()

    yield pretend
    monkeypatch.undo()
    builds.cache_clear()


@pytest.mark.parametrize("names", [(), ("cupy-cuda13x",), ("cupy", "cupy-cuda12x")])
def test_the_builds_that_are_installed(installed, names):
    installed(*names)
    assert builds() == names


@pytest.mark.parametrize("names", [(), ("cupy",), ("cupy-cuda13x",)])
def test_one_build_is_no_trouble(installed, names):
    installed(*names)
    assert two_builds() is None


@pytest.mark.parametrize(("driver", "extra"), [(0, 13), (12080, 12), (13000, 13)])
def test_of_several_builds_the_one_for_the_driver_is_to_stay(installed, monkeypatch, driver, extra):
    installed("cupy", "cupy-cuda12x", "cupy-cuda13x")
    monkeypatch.setattr(cupy_diagnosis, "driver_version", lambda: driver)
    found = two_builds()
    assert found.came.startswith("3 builds of CuPy in one environment, cupy and cupy-cuda12x and")
    assert found.advice.endswith(f"then {install_command(f'cuda{extra}')}")


def test_what_users_see_of_two_builds(tmp_path):
    """CuPy itself warns with a page; of two builds that fail or work, one line is said."""
    needs("cupy")
    for name in ("cupy_cuda12x", "cupy_cuda13x"):
        folder = tmp_path / f"{name}-14.0.0.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 14.0.0\n"
        (folder / "METADATA").write_text(text, encoding="utf-8")
    code = """
import warnings
with warnings.catch_warnings(record=True) as plain:
    warnings.simplefilter("always")
    import cupy
assert any("multiple CuPy packages" in str(one.message) for one in plain)
del __import__("sys").modules["cupy"]
from backprop_xp.arrays.cupy_diagnosis import two_builds
from backprop_xp.arrays.devices import devices
print(two_builds().came)
print(devices()[1])
"""
    paths = [str(tmp_path), str(Path(bp.__file__).parents[1])]
    made = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    first, second = made.stdout.splitlines()
    assert first == "2 builds of CuPy in one environment, cupy-cuda12x and cupy-cuda13x"
    assert second.startswith("cuda")
    assert "may not function correctly" not in made.stderr
    assert len(made.stderr.splitlines()) <= 2  # where it works: the warning and its line of code


CUDA13, CUDA12 = install_command("cuda13"), install_command("cuda12")


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
