"""The same seed, version and backend on one machine: the same bits, in every process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from trained_digest import digest

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"


@pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
def test_training_gives_the_same_bits_in_every_process(xp):
    """Fresh processes, which hash texts in other ways, with the same number of threads as this."""
    first = digest(xp.name, watched=False)
    paths = os.pathsep.join([str(ROOT), str(SUPPORT)])
    for hash_seed, watched in (("1", "quiet"), ("2", "watched")):
        done = subprocess.run(
            [sys.executable, SUPPORT / "trained_digest.py", xp.name, watched],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == first
        assert ("epoch" in done.stderr) == (watched == "watched")
