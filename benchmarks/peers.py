"""Who is timed: each peer does the same work in its own way, one process for each.

A peer is made by a function of a `Job`. What is not installed raises ImportError there, what cannot
do the work raises `LeftOut`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.job import Job
from benchmarks.meters import HostMeter, Meter

OWN = "backprop_xp"
# for each task: the name of a peer, its module and its function
PEERS = {
    "train": {
        OWN: ("peers_own", "train"),
        "sklearn": ("peers_sklearn", "train"),
        "torch": ("peers_torch", "train"),
        "torch-compile": ("peers_torch", "train_compiled"),
        "torch-graph": ("peers_torch", "train_graph"),
        "jax": ("peers_jax", "train"),
        "floor": ("floor", "floor"),
    },
    "stack": {
        OWN: ("peers_own", "train"),
        "own-loop": ("peers_own", "train_one_by_one"),
        "sklearn": ("peers_sklearn", "train"),
        "torch-vmap": ("peers_torch", "train_vmapped"),
        "jax-vmap": ("peers_jax", "train"),
        "floor": ("floor", "floor"),
    },
    "starts": {OWN: ("peers_own", "solve_symmetry")},
    "predict": {
        OWN: ("peers_own", "forward"),
        "bp.predict": ("peers_own", "predict"),
        "sklearn": ("peers_sklearn", "predict"),
        "torch": ("peers_torch", "predict"),
        "jax": ("peers_jax", "predict"),
        "floor": ("floor", "floor"),
    },
}


class LeftOut(Exception):  # noqa: N818  a peer left out is no error of the benchmark
    """Why a peer cannot do the work."""


@dataclass(frozen=True)
class Peer:
    """What a worker times.

    Attributes
    ----------
    run : function
        Does the work so many times (epochs, passes) and returns something of the first of them that
        is the same for all peers: the mean training cost, or predictions; None for the floor.
    meter : Meter
        Reads the seconds and the memory where the work is done.
    """

    run: Callable[[int], Any]
    meter: Meter = field(default_factory=HostMeter)


def make(name: str, job: Job) -> Peer:
    """Return the peer of that name, set up for the job.

    Raises
    ------
    LeftOut, ImportError
    """
    if name not in PEERS[job.task]:
        raise LeftOut(f"{name} has no part in the task {job.task}")
    module, function = PEERS[job.task][name]
    peer: Peer = getattr(import_module(f"benchmarks.{module}"), function)(job)
    return peer
