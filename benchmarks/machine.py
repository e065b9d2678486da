"""The machine and the versions behind a measurement, without names of hosts or folders."""

import functools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.interleave import ROOT, environment

PACKAGES = {
    "numpy": ["numpy"],
    "torch": ["torch"],
    "jax": ["jax"],
    "scikit-learn": ["scikit-learn"],
    "cupy": ["cupy-cuda13x", "cupy-cuda12x", "cupy"],
}


@functools.cache
def describe() -> dict[str, Any]:
    """Return processor, cores, memory, GPU and versions, None where one is missing.

    They are read in a process with the environment of a worker, which decides the kernels of the
    BLAS.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.machine"],
        cwd=ROOT,
        env=environment(threads=1),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_a_line(machine: dict[str, Any]) -> str:
    """Return the description as a line of text."""
    memory = f"{machine['memory_GiB']} GiB" if machine["memory_GiB"] else None
    parts = [machine["cpu"], f"{machine['cores']} cores", memory, machine["gpu"], machine["system"]]
    versions = [f"{name} {version}" for name, version in machine["versions"].items() if version]
    return ", ".join([*(part for part in parts if part), *versions, machine["blas"]])


def cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _describe() -> dict[str, Any]:
    pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in os.sysconf_names else 0
    return {
        "cpu": _processor(),
        "cores": cores(),
        "memory_GiB": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**30) if pages else None,
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version()}
        | {name: _version(distributions) for name, distributions in PACKAGES.items()},
        "blas": _blas(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", path.read_text()) if path.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def _gpu() -> str | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    done = subprocess.run(
        [command, "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ", ".join(done.stdout.split("\n")).strip(", ") if done.returncode == 0 else None


def _version(distributions: list[str]) -> str | None:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _blas() -> str:
    """Return name, version and kernels of NumPy's BLAS."""
    import numpy as np

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        built = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"] if built else {}
        return f"BLAS {blas.get('name')} {blas.get('version')}"
    for library in threadpool_info():
        if library.get("user_api") == "blas":
            words = (library.get(key) for key in ("internal_api", "version", "architecture"))
            return f"BLAS {' '.join(str(word) for word in words if word)}"
    return "BLAS unknown"


if __name__ == "__main__":
    print(json.dumps(_describe()))
