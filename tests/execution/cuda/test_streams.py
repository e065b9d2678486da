"""The user's current stream: kernels, products and graphs run on it; captures leave it as it is."""

import ctypes
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from backprop_xp.execution.cuda import cublas
from backprop_xp.execution.cuda.cublas import Cublas, Gemm
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary


class Stream:
    """A stream that is current within its context."""

    def __init__(self, ptr=99, **_):
        self.ptr, self.captures = ptr, False

    def __enter__(self):
        CURRENT.append(self)

    def __exit__(self, *_):
        CURRENT.pop()

    def begin_capture(self):
        self.captures = True

    def end_capture(self):
        self.captures = False
        return SimpleNamespace(launch=lambda: LAUNCHED.append(CURRENT[-1].ptr))


LAUNCHED = []
CURRENT = []


class Library:
    """cuBLAS: it notes the stream that is set when a product is asked for."""

    def __init__(self):
        self.stream, self.products, self.workspaces = None, [], 0
        self.cublasGemmStridedBatchedEx = Products(self)

    def cublasCreate_v2(self, _):
        return 0

    def cublasSetStream_v2(self, _, stream):
        self.stream = stream.value
        return 0

    def cublasSetWorkspace_v2(self, *_):
        self.workspaces += 1
        return 0


class Products:
    argtypes = ()

    def __init__(self, library):
        self._library = library

    def __call__(self, *_):
        self._library.products.append(self._library.stream)
        return 0


class Memory(SimpleNamespace):
    def __init__(self):
        super().__init__(data=SimpleNamespace(ptr=8))


@pytest.fixture
def faked(monkeypatch):
    library = Library()
    LAUNCHED.clear()

    @contextmanager
    def using_allocator(_):
        yield

    cuda = SimpleNamespace(
        runtime=SimpleNamespace(runtimeGetVersion=lambda: 13000, getDevice=lambda: 0),
        get_current_stream=lambda: CURRENT[-1],
        MemoryPool=lambda: SimpleNamespace(malloc=None),
        Stream=Stream,
        using_allocator=using_allocator,
    )
    cupy = SimpleNamespace(cuda=cuda, empty=lambda *_: Memory(), uint8=np.uint8)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    core = SimpleNamespace(get_compute_type=lambda _: 0, COMPUTE_TYPE_TF32=3)
    monkeypatch.setitem(sys.modules, "cupy._core", core)
    monkeypatch.setitem(sys.modules, "cupy._core._routines_linalg", core)
    name = "cupy_backends.cuda.libs.cublas"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(getVersion=None, check_status=None))
    monkeypatch.setattr(cublas.ctypes, "CDLL", lambda _: library)
    return library


def test_products_follow_the_current_stream_into_and_out_of_a_capture(faked):
    assert ctypes.c_void_p(7).value == 7
    gemm = Gemm(True, (False, False), 4, 2, 3, (4, 3, 4), (0, 0, 0), 1)
    library, own = CupyLibrary(), Stream(7)
    with own:
        product = Cublas().product(gemm, "float32")

        def work():
            assert CURRENT[-1].captures
            product(Memory(), Memory(), Memory())
            return "made"

        product(Memory(), Memory(), Memory())
        launch, made = library.capture(work)
        assert made == "made"
        assert [own] == CURRENT
        product(Memory(), Memory(), Memory())
        launch()
        with Stream(5):
            launch()
    assert faked.products == [7, 99, 7]
    assert faked.workspaces == 3  # a stream that is set takes the workspace away
    assert LAUNCHED == [7, 5]


def test_a_capture_that_fails_leaves_the_stream(faked):
    def work():
        raise RuntimeError

    with Stream(7):
        with pytest.raises(RuntimeError):
            CupyLibrary().capture(work)
        assert [one.ptr for one in CURRENT] == [7]


def test_what_is_kept_belongs_to_its_stream(faked):
    library = CupyLibrary()
    with Stream(7):
        first = library.setting()
        with Stream(5):
            assert library.setting() != first
        assert library.setting() == first
