"""Trains in a rank of MPI: ``mpiexec -n 2 python mpi_training.py MODE [FOLDER]``.

MODE is ``cases``, which prints the largest difference from one process as JSON for each case; or a
fault of rank 1: ``raise``, ``kill``, ``hang``, ``exit``; or ``resume``, which trains to the end
with checkpoints in FOLDER, and writes θ of rank 0 beside it. To a fault FOLDER is a name by which
``ps`` tells one training from another.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from rank_cases import EVERY, OTHERS_TO_A_COST, difference, trained

import backprop_xp as bp

mode, *folder = sys.argv[1:]
ranks = bp.distributed.MPI(deadline=3 if mode in ("hang", "exit") else None)


class Fault:
    """A fault of rank 1 after the second epoch."""

    def on_epoch_end(self, progress):
        if ranks.rank != 1 or progress.epoch != 2:
            return
        if mode == "raise":
            raise ValueError("a fault of rank 1")
        if mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "exit":
            sys.exit(3)
        time.sleep(600)  # hang


class Slowly:
    """Gives each epoch some milliseconds, in which it can be killed."""

    def on_epoch_end(self, _):
        time.sleep(0.04)


if mode == "cases":
    found = {}
    for name, options in (EVERY | OTHERS_TO_A_COST).items():
        run, one = trained(options, ranks), trained(options)
        same = ranks.gathered(np.asarray(run.theta).tobytes())
        found[name] = (
            abs(run.history["cost"][-1] - one.history["cost"][-1])
            if name in OTHERS_TO_A_COST
            else difference(run, one)
        )
        if len(set(same)) > 1:
            found[name] = float("inf")
    if ranks.writes:
        print(json.dumps(found))
elif mode == "resume":
    saving = bp.Checkpoint(Path(folder[0]) / "run")
    options = {"callbacks": [saving, Slowly()], "resume": saving, "dropout": 0.2}
    run = trained(options, ranks, 30)
    if ranks.writes:
        np.save(Path(folder[0]) / "theta.npy", run.theta)
else:
    trained({"callbacks": [Fault()]}, ranks, 5)
