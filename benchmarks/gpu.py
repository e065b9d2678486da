"""``gpu``: the tests that need a GPU, then its benchmarks, within a budget of seconds.

The most important work comes first. Each answer of a peer has a deadline, and the files of the
results are written after each part, so that whatever time there is gives figures.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backprop_xp.execution.cuda.switches import ONE_KERNEL, STEP_GRAPH
from benchmarks import predict, stack, train
from benchmarks.budget import Budget
from benchmarks.interleave import ROOT, time_peers
from benchmarks.job import Job
from benchmarks.options import Refused, add_files, at_least, device_name, positive
from benchmarks.peers import OWN
from benchmarks.publishing import Report, begin, print_end, write

SHARE = 0.4  # of the seconds that are left, which a part may take at most
LEAST = 5.0  # seconds, with which a part is begun
END = 5.0  # seconds that are kept for the files of the results


@dataclass(frozen=True)
class Timed:
    """A job that peers do in turn.

    Attributes
    ----------
    job : Job
        The device of the command replaces its device; on a CPU training has fewer cases.
    peers : sequence of str
    times : int
        The repetitions of the work in one round.
    """

    job: Job
    peers: Sequence[str]
    times: int = 1


@dataclass(frozen=True)
class Suite:
    """Tests of the mark ``gpu``.

    Attributes
    ----------
    paths : sequence of str
        Folders and files, all tests unless given.
    variable : str
        An environment variable that is set to 1, none unless given.
    """

    paths: Sequence[str] = ()
    variable: str = ""


GRAPHS = (OWN, "jax", "torch-graph", "torch", "products-graph", "floor")
VMAPS = (OWN, "one-kernel", "jax-vmap", "torch-vmap", "products-graph", "floor")
S, M, L, XL = train.NETWORKS


def _training(network: tuple[list[int], int], optimizer: str) -> Job:
    return Job("train", *network, train.CASES["cuda"], optimizer=optimizer)


def _stack(networks: int, cases: int) -> Job:
    return Job("stack", [64, 32, 10], 32, cases, stack=networks)


PARTS: tuple[Timed | Suite, ...] = (
    Suite(),
    *(Timed(_training(network, "sgd"), GRAPHS) for network in (L, S, M, XL)),
    *(Timed(_stack(n, cases), VMAPS) for n, cases in ((64, 3200), (1000, 3200), (10_000, 640))),
    Suite(("tests/laws", "tests/training"), ONE_KERNEL),
    Suite(("tests/laws", "tests/training"), STEP_GRAPH),
    *(
        Timed(
            Job("predict", sizes, 10_000, 10_000),
            (OWN, "jax", "torch", "products-graph", "floor"),
            times=3,
        )
        for sizes, _ in (L, XL)
    ),
    *(Timed(_training(network, "adam"), GRAPHS) for network in (L, S)),
    Timed(_training(L, "sgd"), (OWN, "torch-compile")),  # it compiles for long
)


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("gpu", help="tests and benchmarks of a GPU within a budget")
    parser.add_argument("--device", default="cuda", help="a device (default: cuda)")
    parser.add_argument(
        "--budget", type=positive, default=420.0, help="seconds for everything (default: 420)"
    )
    parser.add_argument(
        "--deadline", type=positive, default=60.0, help="seconds for one answer (default: 60)"
    )
    parser.add_argument("--repeat", type=at_least(1), default=5, help="rounds (default: 5)")
    add_files(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Do the parts in turn until the budget is spent, and publish after each."""
    if os.name == "nt":
        raise Refused("gpu: deadlines of answers need a POSIX system; run the other commands")
    budget = Budget(max(given.budget - END, 0.0), given.deadline)
    device = device_name(given)
    report = Report(
        f"gpu {device}", f"Tests and benchmarks of {device}, float32, plain SGD or Adam"
    )
    begin(report, given)
    panels: dict[str, dict[str, float]] = {}
    late: set[str] = set()
    status, skipped = 0, 0
    for part in PARTS:
        if budget.left() < LEAST:
            skipped += 1
        elif isinstance(part, Suite):
            status |= _tested(part, report, budget.part(SHARE))
        else:
            panels |= _timed(part, device, given.repeat, report, budget.part(SHARE), late)
        status |= write(report, given)
    if skipped:
        report.notes.append(
            f"{skipped} of {len(PARTS)} parts were not begun: {given.budget:g} s were over."
        )
    if given.plot and panels:
        from benchmarks.pictures import draw_bars

        draw_bars(given.plot, report.title, panels)
    print_end(report)
    return status | write(report, given)


def _timed(
    part: Timed, device: str, repeat: int, report: Report, budget: Budget, late: set[str]
) -> dict[str, dict[str, float]]:
    """Time the peers but for those that were late before, and return a panel of the picture."""
    job = replace(part.job, device=device)
    if job.task == "train" and job.cuda_index is None:
        job = replace(job, cases=train.CASES["cpu"])
    peers = [peer for peer in part.peers if peer not in late]
    skipped = [peer for peer in part.peers if peer in late]
    outcome = time_peers(job, peers, repeat, part.times, budget)
    late |= set(outcome.late) - {OWN}
    outcome.left_out |= dict.fromkeys(skipped, "it was late before")
    figures = report.add(job, outcome)
    table = TABLES[job.task](job, figures)
    report.show(table)
    return {table.title: train.ratios(figures)}


TABLES = {
    "train": lambda job, figures: train.table(_title(job), figures),
    "stack": lambda job, figures: stack.table(_title(job), job, figures),
    "predict": lambda job, figures: predict.table(_title(job), figures),
}


def _title(job: Job) -> str:
    if job.task == "predict":
        return f"Prediction: {job.sizes}, {job.cases:,} cases"
    networks = f"{job.stack:,} networks " if job.stack else ""
    return f"{job.optimizer}: {networks}{train.name_of(job)}, {job.cases:,} cases"


def _tested(part: Suite, report: Report, budget: Budget) -> int:
    """Run tests, add how they ended to the notes, and return 1 if any failed."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-n0", "-q", *part.paths]
    named = f"`{part.variable}=1 " * bool(part.variable) or "`"
    seconds = budget.of_the_part()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | ({part.variable: "1"} if part.variable else {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        said = [line.strip("= ") for line in done.stdout.splitlines() if line.strip()]
        failed = [line for line in said if line.startswith("FAILED")]
        ended, status = (said or ["nothing was said"])[-1], int(done.returncode not in (0, 5))
    except subprocess.TimeoutExpired:
        failed, ended, status = [], f"no end within {seconds:.0f} s", 1
    note = f"{named}{' '.join(['pytest', '-m', 'gpu', *part.paths])}`: {ended}."
    report.notes += [note, *failed]
    print("\n".join([note, *failed]), flush=True)
    return status
