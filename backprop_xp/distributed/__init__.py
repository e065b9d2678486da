"""Several processes that train one network together.

The gradient of a batch is the sum of the gradients of its shards. So each process computes the
gradient of its share, one sum over all processes follows, and each of them updates its θ by it.

.. code-block:: text

    ranks        `Ranks`: the processes, this one among them, and the share of each
    mpi          `MPI`: the processes of MPI, by mpi4py
    deadline     the end of all ranks where one of them hangs
    cuda_sums    sums of arrays on a GPU: NCCL, MPI in its memory, or pinned host memory

Read `ranks` first, then `mpi`; `training.step.summed` has the steps, `training.data.shares` the
batches. The room imports `schedules` and the rooms below it.
"""

from typing import TYPE_CHECKING, Any

from backprop_xp.arrays.advice import missing_name
from backprop_xp.distributed.ranks import Ranks, Share

if TYPE_CHECKING:
    from backprop_xp.distributed.mpi import MPI

__all__ = ["MPI", "Ranks", "Share"]


def __getattr__(name: str) -> Any:
    """Return `MPI`, whose module is imported on first use."""
    if name != "MPI":
        raise missing_name(__name__, name)
    from backprop_xp.distributed.mpi import MPI  # most runs do without

    return MPI


def __dir__() -> list[str]:
    return sorted(__all__)
