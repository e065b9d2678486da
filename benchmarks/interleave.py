"""Peers in processes of their own, timed in turn, round after round."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.budget import Budget
from benchmarks.job import Job
from benchmarks.meters import Memory

ROOT = Path(__file__).parents[1]
# variables that make NumPy's OpenBLAS choose slower kernels, and so bring all ratios nearer to 1
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
COMPILING = "BACKPROP_XP_COMPILED"  # a peer of its own compiles
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PJRT_NPROC")
ALONE = ("floor", "products-graph")  # they measure while they start
SAME_WORK = 0.01  # the largest relative difference between figures of the same work


class Ended(Exception):  # noqa: N818  the benchmark goes on without the peer
    """The process of a peer ended; the message is its reason."""


class Late(Ended):
    """The process of a peer was killed, as it did not answer in time."""


@dataclass
class Outcome:
    """The measurements of each peer; all keys are names of peers.

    Attributes
    ----------
    seconds : dict
        Seconds of one piece of work (an epoch, a pass), one number for each round.
    figures : dict
        A number from the result of the first piece of work, equal for peers that do the same work;
        None for the floor.
    last_figures : dict
        The same number from the last piece of work.
    memory : dict
        Peak bytes of the first piece of work, beyond the bytes before it.
    threads : dict
        The threads of the products, each number once; empty for peers that do not count them.
    left_out : dict
        The reason why a peer is missing.
    late : list
        Peers that were left out as they did not answer in time.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, float | None] = field(default_factory=dict)
    last_figures: dict[str, float | None] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    threads: dict[str, list[int]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)

    def leave_out(self, name: str, reason: str | Ended) -> None:
        """Remove the times of a peer, keep the reason and print it."""
        if isinstance(reason, Late):
            self.late.append(name)
        reason = str(reason)
        self.left_out[name] = reason
        self.seconds.pop(name, None)
        print(f"{name} is left out: {reason}", file=sys.stderr)


def environment(threads: int) -> dict[str, str]:
    """Return the environment variables of a worker."""
    kept = {key: value for key, value in os.environ.items() if key not in (*SLOWING, COMPILING)}
    return (
        kept
        | dict.fromkeys(THREADS, str(threads))
        | {
            "JAX_DEFAULT_MATMUL_PRECISION": "float32",  # as in the other libraries, without TF32
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        }
    )


class Worker:
    """A peer in a process of its own, ended on leaving the context."""

    def __init__(self, peer: str, job: Job) -> None:
        # closed in __exit__
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer, json.dumps(asdict(job))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=environment(job.threads),
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()

    def answer(self, within: float | None = None) -> dict[str, Any]:
        """Return the next answer; without one after `within` seconds, the process is killed.

        Raises
        ------
        Ended
            The process ended without an answer, or was killed.
        """
        answers = self._process.stdout
        if answers and within is not None and not select.select([answers], [], [], within)[0]:
            self._process.kill()
            raise Late(f"no answer within {within:.0f} s")
        line = answers.readline() if answers else ""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        raise Ended(said[-1] if said and status > 0 else f"its process ended with status {status}")

    def seconds(self, times: int, within: float | None = None) -> dict[str, Any]:
        """Do the work so many times and return the answer, with the mean seconds of one.

        Raises
        ------
        Ended
            As for `answer`.
        """
        self.begin(times)
        return self.answer(within)

    def begin(self, times: int) -> None:
        """Let the process do the work so many times; `answer` returns its answer."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # `answer` raises with the reason
                self._process.stdin.write(f"{times}\n")
                self._process.stdin.flush()


def interleave(
    work: dict[str, tuple[str, Job]], repeat: int, times: int, budget: Budget | None = None
) -> Outcome:
    """Return the times of each piece of work, done in turn in `repeat` rounds.

    Parameters
    ----------
    work : dict
        The peer and its job, by the name in the report.
    repeat : int
        The number of rounds.
    times : int
        The repetitions of the work in one round; their mean time counts.
    budget : Budget, optional
        After the end of a part no second round begins, after its end no round at all. An answer
        that is late leaves its peer out.
    """
    outcome, workers = Outcome(seconds={name: [] for name in work}), {}
    with ExitStack() as stack:
        for names in _starts(work):
            started = {name: stack.enter_context(Worker(*work[name])) for name in names}
            for name, worker in started.items():
                try:
                    first = worker.answer(budget and budget.of_an_answer())
                except Ended as ended:
                    outcome.leave_out(name, ended)
                    continue
                workers[name] = worker
                outcome.memory[name], outcome.figures[name] = first["memory"], first["figure"]
        for number in range(repeat):
            if budget is not None and budget.left() <= 0:
                break
            if budget is not None and number and budget.of_the_part() <= 0:
                break
            for name in [name for name in work if name in workers]:
                worker = workers[name]
                try:
                    answer = worker.seconds(times, budget and budget.of_an_answer())
                except Ended as ended:
                    outcome.leave_out(name, ended)
                    del workers[name]
                    continue
                outcome.seconds[name].append(answer["seconds"])
                outcome.last_figures[name] = answer["figure"]
                outcome.threads[name] = answer["threads"]
    for name in [name for name, times in outcome.seconds.items() if not times]:
        outcome.leave_out(name, "the time was over before its first round")
    return outcome


def _starts(work: dict[str, tuple[str, Job]]) -> list[list[str]]:
    """Return the names in groups that start together.

    Peers that measure while they start do so alone, and so do all peers on a CPU.
    Other peers on a GPU start together: they import and compile for long, on the host.
    """
    together = [
        name
        for name, (peer, job) in work.items()
        if peer not in ALONE and job.cuda_index is not None
    ]
    return [*([name] for name in work if name not in together), *([together] if together else [])]


def time_peers(
    job: Job, peers: Sequence[str], repeat: int, times: int, budget: Budget | None = None
) -> Outcome:
    """Return the times of the peers on one job."""
    return interleave({peer: (peer, job) for peer in peers}, repeat, times, budget)


def different_work(outcome: Outcome, own: str) -> list[str]:
    """Return a warning for each peer whose figure differs from the figure of `own` by over 1 %."""
    mine = outcome.figures.get(own)
    return [
        f"{peer} does not do the same work: its first figure is {figure:.6g}, {own}'s {mine:.6g}"
        for peer, figure in outcome.figures.items()
        if mine is not None
        and figure is not None
        and not abs(figure - mine) <= SAME_WORK * abs(mine)
    ]
