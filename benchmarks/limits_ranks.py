"""α and β of an all-reduce, measured: ``python -m benchmarks.limits --measure-ranks``.

The time of a ring of G processes is 2 (G − 1)/G · bytes/β + 2 (G − 1) α. `mpiexec` starts this
module, the ranks sum arrays of several sizes, and α and β are fitted.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.limits_cost import RANKS, Link, ring_bytes

SIZES = [2**k for k in range(8, 24)]  # numbers of float32, 1 kB to 32 MB
ROUNDS = 30


def fitted(numbers: Sequence[float], seconds: Sequence[float], G: int, name: str = "") -> Link:
    """Return the link whose ring of G processes takes these seconds for so many float32.

    The sum of the squares of relative errors is least.

    Examples
    --------
    >>> fitted([1e3, 1e6], [10e-6 + 4e3 / 1e9, 10e-6 + 4e6 / 1e9], G=2)
    Link(name='', rate=1000000000.0, hop=5e-06)
    """
    import numpy as np  # not before the threads of its BLAS are set

    sent = np.array([ring_bytes(P, G) for P in numbers])
    hops = np.full(len(sent), 2.0 * (G - 1))
    of_each = np.stack([sent, hops], axis=1) / np.array(seconds)[:, None]
    per_byte, hop = np.linalg.lstsq(of_each, np.ones(len(sent)), rcond=None)[0]
    return Link(name, float(f"{1 / per_byte:.6g}"), float(f"{hop:.6g}"))


def measured(G: int = 2) -> str:
    """Return the text of the `Link` of G ranks of MPI on this machine, and its times.

    Raises
    ------
    SystemExit
        There is no mpiexec.
    """
    mpiexec = shutil.which("mpiexec")
    if mpiexec is None:
        sys.exit(
            "python -m benchmarks.limits: error: needs mpiexec: python -m pip install mpich mpi4py"
        )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [mpiexec, "-n", str(G), sys.executable, "-m", "benchmarks.limits_ranks"],
        cwd=Path(__file__).parents[1],
        env=os.environ | threads,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


def main() -> None:
    """Sum arrays over the ranks, and let the first rank print the link and the times."""
    import numpy as np
    from mpi4py import MPI

    comm, seconds = MPI.COMM_WORLD, list[float]()
    for size in SIZES:
        x, times = np.zeros(size, np.float32), list[float]()
        for _ in range(ROUNDS):
            comm.Barrier()
            start = time.perf_counter()
            comm.Allreduce(MPI.IN_PLACE, x)
            times.append(time.perf_counter() - start)
        seconds.append(comm.allreduce(min(times), MPI.MAX))
    if comm.Get_rank() == 0:
        print(fitted(SIZES, seconds, comm.Get_size(), RANKS.name))
        for size, of_size in zip(SIZES, seconds, strict=True):
            print(f"{4 * size:>12,} bytes  {1e6 * of_size:10.1f} µs")


if __name__ == "__main__":
    main()
