"""A folder that is claimed is refused to others until its process ends."""

import os
import subprocess
import sys

import pytest

from backprop_xp.files.locks import LOCK, claimed

HOLD = """
import sys, pathlib
from backprop_xp.files.locks import claimed
with claimed(pathlib.Path(sys.argv[1])) as free:
    print(free, flush=True)
    sys.stdin.read()
"""


def test_a_claim_lasts_as_long_as_its_block(tmp_path):
    with claimed(tmp_path) as first, claimed(tmp_path) as second:
        assert (first, second) == (True, False)
        with claimed(tmp_path) as third:  # a refused claim releases nothing
            assert not third
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path) as again:
        assert again


def test_a_claim_ends_with_its_process(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        with claimed(tmp_path) as free:
            assert not free
        holder.kill()
    assert (tmp_path / LOCK).exists()
    with claimed(tmp_path) as free:
        assert free
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_removed_meanwhile_is_no_claim(tmp_path, monkeypatch):
    # the holder removes its file between the moments at which another one opens and locks it
    real_open, opened = os.open, []

    def slow_open(path, *rest):
        descriptor = real_open(path, *rest)
        if not opened:
            opened.append(path)
            path.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", slow_open)
    with claimed(tmp_path) as free:
        assert free
        assert (tmp_path / LOCK).exists()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), claimed(tmp_path / "absent"):
        pass
