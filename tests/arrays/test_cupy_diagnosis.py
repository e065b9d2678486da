import ctypes
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays import cupy_diagnosis
from backprop_xp.arrays.cupy_diagnosis import builds, driver_version, no_such_index, two_builds

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
    assert found.advice.endswith(f"then python -m pip install 'backprop-xp[cuda{extra}]'")


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
