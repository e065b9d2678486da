"""Train one network in several processes, on one machine or many, with θ of a single process.

    python examples/many_machines.py
    mpiexec -n 2 python examples/many_machines.py

Both print the same digest; the second command needs mpi4py. The gradient of a batch is the sum of
the gradients of its shards, and each process computes the gradient of its share. In float64 the
sums differ in the last bits alone.
"""

from importlib.util import find_spec

import numpy as np

import backprop_xp as bp


def main() -> None:
    """Train on the digits, and print the cost and the norm of θ from the first process."""
    ranks = bp.distributed.MPI() if find_spec("mpi4py") else None
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 32, 10])
    run = bp.train(
        net,
        X[:1437],
        Y[:1437],
        optimizer=bp.SGD(0.1, momentum=0.9),
        validation=(X[1437:], Y[1437:]),
        l2=1e-4,
        dropout=0.2,
        epochs=20,
        dtype="float64",
        reduce=ranks,
    )
    if ranks is None or ranks.writes:
        print(f"accuracy on the others {run.history['validation_accuracy'][-1]:.1%}")
        print(f"digest {np.linalg.norm(run.theta):.10g}")


if __name__ == "__main__":
    main()
