"""The benchmarks run, on tiny work; their figures are looked at by people, not by tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "train", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_epoch_beside_its_peers():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    tiny = [
        "--sizes",
        "6,4,3",
        "--batch-size",
        "5",
        "--cases",
        "12",
        "--repeat",
        "1",
        "--epochs",
        "1",
    ]
    done = benchmark(*tiny, "--peers", "sklearn,torch,floor")
    assert done.returncode == 0, done.stderr
    assert "backprop_xp" in done.stdout
    assert "sklearn" in done.stdout
    assert "floor" in done.stdout
    assert ("torch" in done.stdout) or ("torch is not installed" in done.stderr)


def test_unknown_peers_are_refused():
    done = benchmark("--peers", "quux")
    assert done.returncode == 2
    assert "unknown peers: quux" in done.stderr
