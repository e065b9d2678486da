"""Arrays from library to library: on one GPU in the same memory, else by way of the host."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays import device_memory, moves
from backprop_xp.arrays.moves import move


class GpuArray:
    """An array on a pretended GPU, which tells how it was handed over."""

    def __init__(self, library, index=0, dtype="float32", refuses=None):
        self.library, self.index, self.dtype = library, index, dtype
        self.device = f"cuda:{index}" if library == "torch" else CupyDevice(index)
        self.steps, self._refuses = [], refuses

    def detach(self):
        self.steps.append("detach")
        return self

    def resolve_neg(self):
        self.steps.append("resolve_neg")
        return self

    def __dlpack_device__(self):
        if self._refuses is not None:
            raise self._refuses
        return 2, self.index


class CupyDevice:
    current = None

    def __init__(self, index):
        self.id = index

    def __str__(self):
        return f"<CUDA Device {self.id}>"

    def __eq__(self, other):
        return isinstance(other, CupyDevice) and self.id == other.id

    def __hash__(self):
        return self.id

    def __enter__(self):
        CupyDevice.current = self

    def __exit__(self, *_):
        CupyDevice.current = None


class TorchDevice(CupyDevice):
    def __init__(self, index):
        self.index = index

    def __str__(self):
        return f"cuda:{self.index}"


class Library:
    """A pretended CuPy or PyTorch."""

    def __init__(self, name):
        self.name = name
        self.float32, self.float64 = "float32", "float64"

    def from_dlpack(self, x):
        assert self.name == "torch" or CupyDevice.current is not None
        x.steps.append(f"to {self.name}")
        return SimpleNamespace(dtype=x.dtype, of=x)

    def astype(self, x, dtype):
        return SimpleNamespace(dtype=dtype, of=x.of)


CUPY, TORCH = Library("cupy"), Library("torch")


@pytest.fixture
def gpu(monkeypatch):
    """Let `move` take the pretended arrays and libraries for those of CuPy and PyTorch."""
    for name in ("cupy", "torch"):
        monkeypatch.setattr(
            moves.array_api_compat, f"is_{name}_array", lambda x, n=name: _library(x) == n
        )
        monkeypatch.setattr(
            moves.array_api_compat, f"is_{name}_namespace", lambda xp, n=name: xp.name == n
        )
    monkeypatch.setattr(moves, "namespace", lambda x: CUPY if x.library == "cupy" else TORCH)
    monkeypatch.setattr(moves, "device_of", lambda x: x.device)
    monkeypatch.setattr(moves, "has_dtype", lambda *_: True)
    monkeypatch.setattr("backprop_xp.arrays.backend.namespace", lambda _: CUPY)
    monkeypatch.setattr(moves, "to_host", lambda x: ("host", x))
    monkeypatch.setattr(moves, "from_host", lambda *given: (*given[0], given[-1]))

    @contextmanager
    def context_of(xp, device):
        if xp is CUPY:
            with device:
                yield
        else:
            yield

    monkeypatch.setattr(moves, "context_of", context_of)


def _library(x):
    return getattr(x, "library", None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tensor_on_the_same_gpu_does_not_pass_through_the_host(gpu, dtype):
    x = GpuArray("torch", 1)
    found = move(x, CUPY, CupyDevice(1), dtype)
    assert (found.of, found.dtype) == (x, dtype)
    assert x.steps == ["detach", "resolve_neg", "to cupy"]


def test_nor_does_an_array_of_cupy(gpu):
    x = GpuArray("cupy", 1)
    assert move(x, TORCH, TorchDevice(1), "float32").of is x
    assert x.steps == ["to torch"]


def test_an_array_at_its_place_stays(gpu):
    x = GpuArray("cupy", 1)
    assert move(x, CUPY, CupyDevice(1), "float32") is x
    assert x.steps == []


@pytest.mark.parametrize(
    "x",
    [
        GpuArray("torch", 0),
        GpuArray("torch", 1, refuses=BufferError("no such dtype")),
        GpuArray("torch", 1, refuses=RuntimeError("a tensor that requires grad")),
    ],
    ids=["another GPU", "dtype", "refused"],
)
def test_any_other_passes_through_the_host(gpu, x):
    assert move(x, CUPY, CupyDevice(1), "float32") == ("host", x, "float32")


def test_no_gpu_is_asked_for_arrays_on_the_host():
    needs("torch")
    device, x = bp.select_device("torch:cpu"), np.ones((2, 3), "float32")
    moved = move(x, device.xp, device.handle, "float64")
    np.testing.assert_array_equal(moved.numpy(), x)


@pytest.mark.gpu
def test_training_on_cupy_takes_tensors_of_the_gpu(monkeypatch):
    cupy, torch = needs("cupy"), needs("torch")
    if not (cupy.is_available() and torch.cuda.is_available()):
        pytest.skip("CuPy or PyTorch finds no CUDA device")
    x = torch.arange(6.0, device="cuda")
    moved = move(x, bp.select_device("cuda").xp, cupy.cuda.Device(0), "float32")
    assert moved.data.ptr == x.data_ptr()
    monkeypatch.setattr(moves, "to_host", None)
    X, Y = torch.rand(50, 4, device="cuda"), torch.arange(50, device="cuda") % 3
    run = bp.train(bp.Network([4, 5, 3]), X, Y, device="cuda", epochs=2)
    assert isinstance(run.theta, cupy.ndarray)
    assert run.device_bytes > 0


# ---------------------------------------------------------------------------------------------
# bytes on the device


def test_the_bytes_of_cupys_pool(monkeypatch):
    pool = SimpleNamespace(total_bytes=lambda: 512, malloc="pool")
    used = {"allocator": "pool"}
    cupy = SimpleNamespace(
        get_default_memory_pool=lambda: pool,
        cuda=SimpleNamespace(get_allocator=lambda: used["allocator"]),
    )
    monkeypatch.setattr(device_memory.array_api_compat, "is_cupy_array", lambda _: True)
    monkeypatch.setattr(device_memory.importlib, "import_module", lambda _: cupy)
    assert device_memory.device_bytes(np.zeros(1)) == 512
    used["allocator"] = "a pool of the user's"
    assert device_memory.device_bytes(np.zeros(1)) is None


def test_a_run_elsewhere_has_none():
    X, Y = bp.datasets.xor()
    assert bp.train(bp.Network([2, 1]), X, Y, epochs=1).device_bytes is None
