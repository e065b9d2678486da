"""The benchmark of threads: it counts the threads that it promises, and it loads the machine."""

import json
import subprocess
import sys

import pytest
import threadpoolctl

from backprop_xp.arrays.threads import FLOPS_PER_THREAD
from benchmarks import threads
from benchmarks.__main__ import main
from benchmarks.interleave import ROOT, Outcome
from benchmarks.job import Job
from benchmarks.load import load
from benchmarks.peers import PEERS, make

SMALL, LARGE = [6, 5, 3], [1000, 1000, 3]
BATCH = 2 * FLOPS_PER_THREAD // (2 * 1000 * 1000)  # with which LARGE is worth two threads
TWO = 2


@pytest.fixture
def two():
    """Two threads of the BLAS, whatever the machine and its variables say."""
    with threadpoolctl.threadpool_limits(TWO, user_api="blas"):
        blas = [one for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
        if {one["num_threads"] for one in blas} != {TWO}:
            pytest.skip("no BLAS here whose threads threadpoolctl sets")
        yield


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("name", "sizes", "expected"),
    [
        ("backprop_xp", SMALL, 1),
        ("backprop_xp", LARGE, TWO),
        ("all threads", SMALL, TWO),
        ("all threads", LARGE, TWO),
    ],
)
def test_products_take_the_threads_that_a_peer_promises(name, sizes, expected):
    peer = make(name, Job("threads", sizes, BATCH, BATCH, TWO))
    assert list(peer.threads) == []
    for _ in range(2):  # the library restores the number after each training
        peer.run(2)
        assert list(peer.threads) == [expected]


@pytest.mark.parametrize(("name", "expected"), [("backprop_xp", 1), ("all threads", TWO)])
def test_products_of_pytorch_take_them_too(name, expected):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(TWO)
    try:
        peer = make(name, Job("threads", SMALL, BATCH, BATCH, TWO, "torch:cpu"))
        peer.run(2)
        assert list(peer.threads) == [expected]
    finally:
        torch.set_num_threads(before)


def test_the_command_writes_ratios_and_threads(tmp_path, capsys):
    results, document = tmp_path / "a.json", tmp_path / "R.md"
    options = "--threads 1 --load 2 --sizes 6,5,3 --batch-size 4 --cases 14 --epochs 1 --repeat 3"
    files = ["--json", str(results), "--markdown", str(document)]
    assert main(["threads", *options.split(), *files]) == 0
    found = json.loads(results.read_text())["results"]
    assert [one["load"] for one in found] == [0, 2]
    for one in found:
        assert set(one["peers"]) == set(one["threads"]) == set(PEERS["threads"])
        assert {tuple(threads) for threads in one["threads"].values()} <= {(1,), ()}  # (): no BLAS
        assert set(one["ratios"]) == {"to_all", "to_one", "to_better"}
        assert all(ratio > 0 for ratio in one["ratios"].values())
        assert one["job"]["cases"] == 12  # whole batches
    written = document.read_text()
    assert "**The machine as it is; all threads: 1**" in written
    assert "**Beside 2 computing processes; all threads: 1**" in written
    assert written.count("| [6, 5, 3], batch 4, 12 cases |") == 2
    assert "Load average" in capsys.readouterr().out


def test_ratios_are_medians_over_rounds():
    seconds = {"backprop_xp": [2.0, 4.0, 9.0], "all threads": [1.0, 2.0, 3.0]}
    assert threads.ratios(Outcome(seconds=seconds)) == {
        "to_all": 2,
        "to_one": None,
        "to_better": None,
    }
    seconds["one thread"] = [1.0, 1.0, 3.0]
    assert threads.ratios(Outcome(seconds=seconds))["to_better"] == 3


# ---------------------------------------------------------------------------------------------
# the load


def test_processes_compute_until_the_context_ends():
    with load(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.returncode for process in processes)


def test_processes_end_with_an_interruption():
    started = []

    def interrupted():
        with load(1) as processes:
            started.extend(processes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(process.returncode for process in started)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no adoption of processes")
def test_processes_end_with_a_killed_benchmark():
    code = (
        "import os, signal\n"
        "from benchmarks.load import load\n"
        "with load(1) as (process,):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE
    ) as benchmark:
        # the pipe that both hold ends when both have ended
        assert benchmark.communicate(timeout=60) == (b"", None)
    assert benchmark.returncode < 0
