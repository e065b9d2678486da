"""Ranks of MPI, in processes that ``mpiexec`` starts."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from needs import every, needs
from rank_cases import OTHERS_TO_A_COST, trained

import backprop_xp as bp
from backprop_xp.distributed import mpi

needs("mpi4py")
MPIEXEC, PS, PGREP = (shutil.which(name) or "" for name in ("mpiexec", "ps", "pgrep"))
if not (MPIEXEC and PS and PGREP):
    pytest.skip("mpiexec, ps or pgrep is not there", allow_module_level=True)

PROGRAM = Path(__file__).parents[1] / "support" / "mpi_training.py"
ROOT = Path(__file__).parents[2]
DEADLINE = 30
pytestmark = pytest.mark.xdist_group("mpi")  # ranks that wait take a core each


def started(size, *arguments, program=(sys.executable, str(PROGRAM)), **options):
    return subprocess.Popen(
        [MPIEXEC, "-n", str(size), *program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def ended(process, seconds):
    """Return status, output and errors; end the whole group where it does not end in time."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, err


def left_over(folder):
    """Return the processes of a training with this argument that are still there."""
    found = subprocess.run([PS, "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line]


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=every)])
def test_ranks_of_mpi_train_as_one_process(size):
    status, out, err = ended(started(size, "cases"), 300)
    assert status == 0, err
    for name, difference in json.loads(out).items():
        assert difference <= (1e-6 if name in OTHERS_TO_A_COST else 1e-10), name


SAID = {
    "raise": r"rank 1 of 2, process \d+:.*a fault of rank 1",
    "kill": r"PID \d+|signal 9|SIGKILL|Killed",
    "hang": r"rank 1 is at .*mpi_training.py, line \d+: time.sleep\(600\)",
    "exit": r"rank 0, process \d+: waited 3 s for the others. rank 1 ",
}


@pytest.mark.parametrize("fault", [*list(SAID)[:3], pytest.param("exit", marks=every)])
def test_a_fault_of_a_rank_ends_all(fault, tmp_path):
    process = started(2, fault, tmp_path)
    status, out, err = ended(process, DEADLINE)
    assert status != 0
    assert re.search(SAID[fault], out + err, re.DOTALL), out + err
    until = time.monotonic() + 5
    while left_over(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("fault", ["hang", pytest.param("raise", marks=every)])
def test_ranks_end_where_nobody_reads_their_errors(fault, tmp_path):
    process = started(2, fault, tmp_path)
    process.stdout.close()
    process.stderr.close()
    assert process.wait(DEADLINE) != 0
    until = time.monotonic() + 5
    while left_over(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert left_over(tmp_path) == []


@every
def test_kills_at_random_moments_change_nothing(tmp_path):
    """A job that is killed 20 times has θ of the job that was not, to the bit."""
    begin = time.monotonic()
    assert ended(started(2, "resume", tmp_path / "whole"), 60)[0] == 0
    seconds = time.monotonic() - begin
    expected = np.load(tmp_path / "whole" / "theta.npy")
    moments, killed = np.random.default_rng(0), 0
    for number in range(100):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        while True:
            process = started(2, "resume", folder)
            try:
                status, _, err = ended_after(process, moments.uniform(0.4, 1) * seconds, folder)
            except subprocess.TimeoutExpired:
                killed += 1
                continue
            assert status == 0, err
            break
        assert np.load(folder / "theta.npy").tobytes() == expected.tobytes()
        if killed >= 20:
            return
    pytest.fail(f"{killed} kills")


def ended_after(process, seconds, folder):
    """Return as `ended`; kill a rank of a folder after some seconds, and raise TimeoutExpired."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        named = rf"{re.escape(str(folder))}$"  # other trainings may run on the machine
        found = subprocess.run([PGREP, "-f", named], capture_output=True, text=True, check=False)
        ranks = [int(n) for n in found.stdout.split() if int(n) != process.pid]
        for rank in ranks[-1:]:
            os.kill(rank, signal.SIGKILL)
        status, out, err = ended(process, DEADLINE)
        if status:
            raise
        return status, out, err  # it had ended by itself
    return process.returncode, out, err


@every
def test_the_command_prints_the_digest_of_one_process(tmp_path):
    program = sys.executable, "-m", "backprop_xp"
    given = "train", "digits", "--mpi", "--epochs", "5", "--plot", ""
    digests = set()
    for size in (1, 2, 3):
        status, out, err = ended(started(size, *given, program=program, cwd=tmp_path), 120)
        assert status == 0, err
        digests.add(next(line for line in out.splitlines() if line.startswith("digest")))
        assert out.count("result") == 1
    assert len(digests) == 1


def test_an_error_of_the_command_in_one_rank_ends_all(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "epoch-000001.safetensors").touch()  # read by the rank that writes alone
    program = sys.executable, "-m", "backprop_xp"
    given = "train", "xor", "--mpi", "--epochs", "1", "--plot", "", "--checkpoint", "run"
    status, out, err = ended(started(2, *given, program=program, cwd=tmp_path), DEADLINE)
    assert status == 1
    assert "error: rank 0: Checkpoint(folder): got 'run'" in out + err


@every
def test_the_example_prints_the_digest_of_one_process():
    program = sys.executable, str(ROOT / "examples" / "many_machines.py")
    alone = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert "digest" in alone
    assert ended(started(2, program=program), 120)[:2] == (0, alone)


def test_one_rank_alone_needs_no_mpiexec():
    ranks = bp.distributed.MPI()
    assert (ranks.rank, ranks.size, ranks.writes) == (0, 1, True)
    run = trained({"dropout": 0.2}, ranks, 3)
    assert run.theta.tobytes() == trained({"dropout": 0.2}, None, 3).theta.tobytes()
    assert "a sum by MPI in between" in run.execution


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": "mine"}, r"MPI\(rows\): got 'mine'; expected 'common' or 'own'"),
        ({"accumulate": 0}, r"MPI\(accumulate\)"),
        ({"deadline": 0}, r"MPI\(deadline\)"),
        ({"deadlines": 3}, r"MPI\(deadlines\)"),
    ],
)
def test_arguments_out_of_range(options, said):
    with pytest.raises(bp.BackpropError, match=said):
        bp.distributed.MPI(**options)


def test_mpi4py_without_an_mpi_names_the_command(monkeypatch):
    def none(name):
        if name == "mpi4py.MPI":
            raise RuntimeError("cannot load MPI library\nlibmpi.so: no such file")
        return importlib.import_module(name)

    monkeypatch.setattr(mpi, "importlib", SimpleNamespace(import_module=none))
    with pytest.raises(bp.MissingExtraError, match=r"cannot load MPI.*pip install mpich"):
        bp.distributed.MPI()
