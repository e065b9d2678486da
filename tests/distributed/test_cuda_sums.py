"""Sums over ranks on a GPU: the choice of the way, and the calls of each.

No GPU is needed: objects in the place of NCCL, MPI and CuPy note their calls, since the real ones
want two devices.
"""

import importlib
import types

import numpy as np
import pytest

from backprop_xp.distributed import cuda_sums


class Ranks:
    """A communicator of two ranks, whose other rank answers the same, or as given."""

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []

    def Get_size(self):
        return 2

    def Get_rank(self):
        return 1

    def allgather(self, value):
        return [self.answers.pop(0), value]

    def bcast(self, value):
        assert value is None
        return "number"

    def Allreduce(self, place, x):
        self.calls.append((place, x))
        x *= 2


class OnDevice(np.ndarray):
    """An array with the calls of CuPy's that the sums use."""

    @property
    def data(self):
        return types.SimpleNamespace(ptr=4096)

    def get(self, out, blocking):
        assert blocking
        out[...] = self

    def set(self, x):
        self[...] = x


@pytest.fixture
def modules(monkeypatch):
    """CuPy and NCCL by their names, with what is called noted."""
    noted = []

    class Communicator:
        def __init__(self, *given):
            noted.append(given)

        def allReduce(self, *given):
            noted.append(given)

    stream = types.SimpleNamespace(ptr=77, synchronize=lambda: noted.append("synchronised"))
    runtime = types.SimpleNamespace(getDevice=lambda: 1, getDeviceCount=lambda: 2)
    cuda = types.SimpleNamespace(runtime=runtime, get_current_stream=lambda: stream)
    nccl = types.SimpleNamespace(
        NcclCommunicator=Communicator,
        get_unique_id=lambda: "number",
        NCCL_FLOAT16=6,
        NCCL_FLOAT32=7,
        NCCL_FLOAT64=8,
        NCCL_SUM=0,
    )
    given = {
        "cupy": types.SimpleNamespace(cuda=cuda, ascontiguousarray=lambda x: x),
        "cupy.cuda.nccl": nccl,
        "cupyx": types.SimpleNamespace(empty_pinned=np.empty),
    }
    real = importlib.import_module
    monkeypatch.setattr(
        cuda_sums.importlib, "import_module", lambda name: given.get(name) or real(name)
    )
    monkeypatch.setattr(cuda_sums.socket, "gethostname", lambda: "here")
    monkeypatch.setattr(cuda_sums, "_is_cuda_aware", lambda library: library.aware)
    return given, noted


def library(aware):
    return types.SimpleNamespace(IN_PLACE="in place", aware=aware)


@pytest.mark.parametrize(
    ("other", "aware", "expected"),
    [
        (((("here", 0), True)), False, "NCCL"),
        (((("there", 1), True)), True, "NCCL"),
        (((("here", 1), True)), True, "MPI, in the memory of the GPU"),  # one GPU for both
        (((("here", 0), False)), True, "MPI, in the memory of the GPU"),
        (((("here", 1), True)), False, "MPI, by pinned host memory"),
    ],
)
@pytest.mark.usefixtures("modules")
def test_the_way_follows_from_what_all_ranks_have(other, aware, expected):
    ranks = Ranks(other, aware)
    assert cuda_sums.sum_on_device(library(aware), ranks).transport == expected


@pytest.mark.parametrize(("dtype", "kind"), [("float16", 6), ("float32", 7), ("float64", 8)])
def test_nccl_sums_in_place_on_the_current_stream(modules, dtype, kind):
    noted = modules[1]
    x = np.ones((2, 3), dtype).view(OnDevice)
    assert cuda_sums.NcclSum(Ranks())(x) is x
    assert noted == [(2, "number", 1), (4096, 4096, 6, kind, 0, 77)]


def test_mpi_in_the_memory_of_the_gpu_waits_for_the_stream(modules):
    ranks, x = Ranks(), np.ones(3).view(OnDevice)
    np.testing.assert_array_equal(cuda_sums.InPlaceSum(library(aware=True), ranks)(x), [2, 2, 2])
    assert modules[1] == ["synchronised"]
    assert ranks.calls[0][0] == "in place"
    assert ranks.calls[0][1] is x


@pytest.mark.usefixtures("modules")
def test_pinned_memory_is_used_again():
    ranks, x = Ranks(), np.ones(3).view(OnDevice)
    summed = cuda_sums.PinnedSum(library(aware=False), ranks)
    np.testing.assert_array_equal(summed(summed(x)), [4, 4, 4])
    assert ranks.calls[0][1] is ranks.calls[1][1] is not x


def test_devices_are_counted(modules):
    assert cuda_sums.device_count("cuda") == 2
