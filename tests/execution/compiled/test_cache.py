"""The cache of compiled functions between processes, and folders that cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

from compiled_cache import compiler  # noqa: F401  fixtures

from backprop_xp.execution.compiled import cache

TRAIN = """
import numpy as np, backprop_xp as bp
X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
net = bp.Network([3, 2], output="identity", loss="squared_error")
device = bp.select_device("cpu", compiled=True)
run = bp.train(net, X, X[:, :2], epochs=2, batch_size=4, device=device)
print(run.theta.tobytes().hex())
"""


def started(folder, **variables):
    given = {**os.environ, "XDG_CACHE_HOME": str(folder), **variables}
    command = [sys.executable, "-c", TRAIN]
    return subprocess.Popen(
        command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err.count("compiling")


def test_processes_share_what_is_compiled(tmp_path):
    both = [started(tmp_path), started(tmp_path)]  # a race
    (first, compiled), (second, _) = map(ended, both)
    third, again = ended(started(tmp_path))
    assert first == second == third
    assert (compiled, again) == (1, 0)
    file = next((tmp_path / "backprop_xp").glob("step_*.py"))
    file.write_text("raise OSError")  # damaged
    assert ended(started(tmp_path))[0] == first


def test_damaged_machine_code_is_compiled_anew(tmp_path):
    expected, _ = ended(started(tmp_path))
    for file in tmp_path.rglob("*.nb?"):
        file.write_bytes(b"nothing")
    (mended, compiled), (last, again) = (ended(started(tmp_path)) for _ in range(2))
    assert mended == last == expected
    assert (compiled, again) == (1, 0)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    out, compiled = ended(started(tmp_path / "file"))
    assert out
    assert compiled == 1


def test_the_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache.folder() == Path("/x/backprop_xp")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/n")
    assert cache.folder() == Path("/n/backprop_xp")
    for variable in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(variable)
    for platform, end in (("linux", ".cache/backprop_xp"), ("darwin", "Caches/backprop_xp")):
        monkeypatch.setattr(sys, "platform", platform)
        assert cache.folder().as_posix().endswith(end)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache.folder() == Path("/local/backprop_xp/Cache")
