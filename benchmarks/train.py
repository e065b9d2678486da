"""Time an epoch of training beside its peers, interleaved in one run."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict

from benchmarks.peers import NEEDS, PEERS, Job

# variables that make NumPy's OpenBLAS choose slower kernels, and so compress every ratio
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """A peer in a process of its own."""

    def __init__(self, name: str, job: Job) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in SLOWING}
        environment |= dict.fromkeys(THREADS, str(job.threads))
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, json.dumps(asdict(job))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __enter__(self) -> "Worker":
        """Wait until the process is ready."""
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.communicate()

    def seconds(self, epochs: int) -> float:
        """Return the seconds of an epoch, the mean of so many."""
        if self._process.stdin is None:
            raise RuntimeError(f"the process of {self.name} has no input")
        self._process.stdin.write(f"{epochs}\n")
        self._process.stdin.flush()
        return float(self._answer()) / epochs

    def _answer(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the process of {self.name} ended; its message is above")
        return line


def time_epochs(job: Job, peers: list[str], repeat: int, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of an epoch for each peer that is installed, `repeat` times in turn."""
    present = [peer for peer in peers if importlib.util.find_spec(NEEDS[peer])]
    for peer in sorted(set(peers) - set(present)):
        print(f"{peer} is not installed and left out", file=sys.stderr)
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(peer, job)) for peer in present]
        rounds = [[worker.seconds(epochs) for worker in workers] for _ in range(repeat)]
    return {
        peer: list(times) for peer, times in zip(present, zip(*rounds, strict=True), strict=True)
    }


def report(job: Job, times: dict[str, list[float]]) -> str:
    """Return a table: median, minimum, samples/s, GFLOP/s, and each peer's ratio to backprop_xp."""
    own = times["backprop_xp"]
    work = f"{job.sizes}, batch {job.batch_size}, {job.cases} cases, {job.device}"
    head = (
        ("median s", 10),
        ("minimum s", 11),
        ("samples/s", 12),
        ("GFLOP/s", 9),
        ("x backprop_xp", 15),
    )
    lines = [
        f"{work}, {job.threads} BLAS thread(s), float32, plain SGD",
        " " * 14 + "".join(f"{name:>{width}}" for name, width in head),
    ]
    for peer, seconds in times.items():
        median = statistics.median(seconds)
        # pair by pair, for the machine's speed drifts
        ratio = statistics.median(a / b for a, b in zip(seconds, own, strict=True))
        lines.append(
            f"{peer:<14}{median:>10.4f}{min(seconds):>11.4f}{job.cases / median:>12.0f}"
            f"{job.flops() / median / 1e9:>9.1f}{ratio:>15.2f}"
        )
    return "\n".join(lines)


def known_peers() -> str:
    """Return the names of the peers, for the command's help."""
    return ",".join(PEERS)
