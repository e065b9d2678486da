"""Sums over ranks of arrays on a GPU: by NCCL, by an MPI that reads its memory, or by the host.

None of the three has run on several GPUs yet.
"""

import ctypes
import importlib
import socket
from typing import Any, ClassVar

from backprop_xp.arrays.backend import Array

__all__ = ["InPlaceSum", "NcclSum", "PinnedSum", "device_count", "sum_on_device"]


def device_count(device: str) -> int:
    """Return the number of GPUs that CuPy ("cuda") or PyTorch ("torch:cuda") finds."""
    if device == "cuda":
        count = importlib.import_module("cupy").cuda.runtime.getDeviceCount()
    else:
        count = importlib.import_module("torch").cuda.device_count()
    return int(count)


def sum_on_device(library: Any, comm: Any) -> Any:
    """Return the function that sums CuPy's arrays over ranks; its `transport` says how.

    NCCL takes one GPU for each rank. Otherwise an MPI that reads the memory of a GPU takes the
    array as it is, and any other MPI takes a copy in pinned host memory.

    Parameters
    ----------
    library : module
        ``mpi4py.MPI``.
    comm : mpi4py.MPI.Intracomm
    """
    cupy = importlib.import_module("cupy")
    place = socket.gethostname(), cupy.cuda.runtime.getDevice()
    everywhere = comm.allgather((place, _has_nccl()))
    places = {of for of, _ in everywhere}
    if len(places) == comm.Get_size() and all(has for _, has in everywhere):
        return NcclSum(comm)
    kind = InPlaceSum if all(comm.allgather(_is_cuda_aware(library))) else PinnedSum
    return kind(library, comm)


class NcclSum:
    """Sums by NCCL, on the current stream; the host does not wait for them.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        Sends NCCL's number of the communicator from rank 0 to the others.
    """

    transport: ClassVar[str] = "NCCL"

    def __init__(self, comm: Any) -> None:
        self._nccl = nccl = importlib.import_module("cupy.cuda.nccl")
        number = comm.bcast(nccl.get_unique_id() if comm.Get_rank() == 0 else None)
        self._ranks = nccl.NcclCommunicator(comm.Get_size(), number, comm.Get_rank())

    def __call__(self, x: Array) -> Array:
        """Return the sum of `x`, which is overwritten."""
        nccl, cupy = self._nccl, importlib.import_module("cupy")
        kind = {"float16": nccl.NCCL_FLOAT16, "float32": nccl.NCCL_FLOAT32}.get(
            x.dtype.name, nccl.NCCL_FLOAT64
        )
        whole: Any = cupy.ascontiguousarray(x)
        at, stream = whole.data.ptr, cupy.cuda.get_current_stream().ptr
        self._ranks.allReduce(at, at, whole.size, kind, nccl.NCCL_SUM, stream)
        summed: Array = whole
        return summed


class InPlaceSum:
    """Sums by an MPI that reads and writes the memory of the GPU.

    Parameters
    ----------
    library : module
        ``mpi4py.MPI``.
    comm : mpi4py.MPI.Intracomm
    """

    transport: ClassVar[str] = "MPI, in the memory of the GPU"

    def __init__(self, library: Any, comm: Any) -> None:
        self._library, self._comm = library, comm

    def __call__(self, x: Array) -> Array:
        """Return the sum of `x`, which is overwritten."""
        cupy = importlib.import_module("cupy")
        whole: Any = cupy.ascontiguousarray(x)
        cupy.cuda.get_current_stream().synchronize()
        self._comm.Allreduce(self._library.IN_PLACE, whole)
        summed: Array = whole
        return summed


class PinnedSum:
    """Sums by MPI of a copy in pinned host memory, which is used again.

    Parameters
    ----------
    library : module
        ``mpi4py.MPI``.
    comm : mpi4py.MPI.Intracomm
    """

    transport: ClassVar[str] = "MPI, by pinned host memory"

    def __init__(self, library: Any, comm: Any) -> None:
        self._library, self._comm = library, comm
        self._buffers: dict[Any, Any] = {}

    def __call__(self, x: Array) -> Array:
        """Return the sum of `x`, which is overwritten."""
        array: Any = x
        form = tuple(array.shape), array.dtype
        if form not in self._buffers:
            empty_pinned = importlib.import_module("cupyx").empty_pinned
            self._buffers[form] = empty_pinned(array.shape, array.dtype)
        buffer = self._buffers[form]
        array.get(out=buffer, blocking=True)
        self._comm.Allreduce(self._library.IN_PLACE, buffer)
        array.set(buffer)
        summed: Array = array
        return summed


def _has_nccl() -> bool:
    try:
        nccl = importlib.import_module("cupy.cuda.nccl")
    except ImportError:
        return False
    return bool(getattr(nccl, "available", hasattr(nccl, "NcclCommunicator")))


def _is_cuda_aware(library: Any) -> bool:
    """Tell whether the MPI in the process says that it reads the memory of a GPU.

    ``MPIX_Query_cuda_support`` is an extension of Open MPI, which MPICH has too.
    """
    try:
        query = ctypes.CDLL(library.__file__).MPIX_Query_cuda_support
    except (OSError, AttributeError):
        return False
    return bool(query())
