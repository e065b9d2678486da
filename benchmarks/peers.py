"""The peers: each does the same work in its own way, in a process of its own.

A function of a `Job` makes a peer. It raises ImportError if a library is missing, and `LeftOut` if
the peer cannot do the work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.job import Job
from benchmarks.meters import HostMeter, Meter

OWN = "backprop_xp"
COMPILED = "ours-compiled"
# the module and the function of each peer, by task and name
PEERS = {
    "train": {
        OWN: ("peers_own", "train"),
        COMPILED: ("peers_own", "train_compiled"),
        "sklearn": ("peers_sklearn", "train"),
        "torch": ("peers_torch", "train"),
        "torch-compile": ("peers_torch", "train_compiled"),
        "torch-graph": ("peers_torch", "train_graph"),
        "jax": ("peers_jax", "train"),
        "products-graph": ("floor", "graph"),
        "floor": ("floor", "floor"),
    },
    "fit": {OWN: ("peers_fit", "own"), "sklearn": ("peers_fit", "sklearn")},
    "search": {
        OWN: ("peers_search", "own"),
        "own-loop": ("peers_search", "one_by_one"),
        "sklearn": ("peers_search", "sklearn"),
    },
    "stack": {
        OWN: ("peers_own", "train"),
        COMPILED: ("peers_own", "train_compiled"),
        "one-kernel": ("peers_own", "train_one_kernel"),
        "own-loop": ("peers_own", "train_one_by_one"),
        "sklearn": ("peers_sklearn", "train"),
        "torch-vmap": ("peers_torch", "train_vmapped"),
        "jax-vmap": ("peers_jax", "train"),
        "products-graph": ("floor", "graph"),
        "floor": ("floor", "floor"),
    },
    "starts": {OWN: ("peers_own", "solve_symmetry")},
    "threads": {
        OWN: ("peers_threads", "choosing"),
        "all threads": ("peers_threads", "taking_all"),
        "one thread": ("peers_threads", "choosing"),
    },
    "machines": {
        OWN: ("peers_machines", "train"),
        COMPILED: ("peers_machines", "train_compiled"),
    },
    "predict": {
        OWN: ("peers_own", "forward"),
        "bp.predict": ("peers_own", "predict"),
        COMPILED: ("peers_own", "predict_compiled"),
        "sklearn": ("peers_sklearn", "predict"),
        "torch": ("peers_torch", "predict"),
        "jax": ("peers_jax", "predict"),
        "products-graph": ("floor", "graph"),
        "floor": ("floor", "floor"),
    },
}


class LeftOut(Exception):  # noqa: N818  the benchmark goes on without the peer
    """A peer cannot do the work; the message is the reason."""


@dataclass(frozen=True)
class Peer:
    """The work of a peer, and the meter that times it.

    Attributes
    ----------
    run : function
        Does the work so many times (epochs, passes). Returns a result of the first time that is the
        same for all peers: the mean training cost, or predictions; None for the floor.
    meter : Meter
        Reads the seconds and the bytes.
    threads : sequence of int
        The threads of the products so far, each number once; empty where they are not counted.
    """

    run: Callable[[int], Any]
    meter: Meter = field(default_factory=HostMeter)
    threads: Sequence[int] = ()


def make(name: str, job: Job) -> Peer:
    """Return the peer of this name, set up for the job.

    Raises
    ------
    LeftOut
        The peer cannot do the work.
    ImportError
        Its library is missing.
    """
    if name not in PEERS[job.task]:
        raise LeftOut(f"{name} has no part in the task {job.task}")
    module, function = PEERS[job.task][name]
    peer: Peer = getattr(import_module(f"benchmarks.{module}"), function)(job)
    return peer
