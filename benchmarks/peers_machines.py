"""Stacks for the benchmark of jobs: the same work for one process with jobs and for processes."""

import os

from backprop_xp.arrays.devices import COMPILED_VARIABLE
from benchmarks.job import Job
from benchmarks.peers import Peer
from benchmarks.peers_own import compiled_device, solve_symmetry
from benchmarks.peers_own import train as train_stack


def train(job: Job) -> Peer:
    """Return the peer that trains a stack with as many jobs as the BLAS has threads.

    Networks with one output unit learn the symmetry task, by full batches.
    """
    return solve_symmetry(job) if job.sizes[-1] == 1 else train_stack(job)


def train_compiled(job: Job) -> Peer:
    """Return the same peer with steps that numba compiles."""
    compiled_device(job)
    os.environ[COMPILED_VARIABLE] = "1"  # the peer has a process of its own
    return train(job)
