"""Products as cuBLAS takes them: what a column-major product of that form would write."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs

from backprop_xp.execution.cuda import cublas
from backprop_xp.execution.cuda.cublas import Cublas, Gemm, cublas_here, gemm_of
from backprop_xp.execution.cuda.cupy_arrays import CupyLibrary


def numbers_from(x):
    """Return the memory of an array from its first number on, to its last."""
    last = sum((n - 1) * step for n, step in zip(x.shape, x.strides, strict=True)) // x.itemsize
    return np.lib.stride_tricks.as_strided(x, (last + 1,), (x.itemsize,))


def column_major(memory, rows, columns, leading, start):
    """Return a matrix that lies column after column; all of it must lie within the memory."""
    assert leading >= rows
    assert start + (columns - 1) * leading + rows <= memory.size
    step = memory.itemsize
    return np.lib.stride_tricks.as_strided(memory[start:], (rows, columns), (step, leading * step))


def multiply(gemm, a, b, out):
    """Do what the documentation of cuBLAS says of such a call, on memory alone."""
    first, second = (b, a) if gemm.swapped else (a, b)
    memories = [numbers_from(x) for x in (first, second, out)]
    shapes = [
        (gemm.k, gemm.m) if gemm.transposed[0] else (gemm.m, gemm.k),
        (gemm.n, gemm.k) if gemm.transposed[1] else (gemm.k, gemm.n),
        (gemm.m, gemm.n),
    ]
    for number in range(gemm.matrices):
        x, y, result = (
            column_major(memory, *shape, leading, number * stride)
            for memory, shape, leading, stride in zip(
                memories, shapes, gemm.leading, gemm.strides, strict=True
            )
        )
        left, right = (
            matrix.T if turned else matrix
            for matrix, turned in zip((x, y), gemm.transposed, strict=True)
        )
        result[...] = left @ right


@st.composite
def matrices(draw, shape, stack):
    """Return an array of whole numbers that lies in one of many ways."""
    (rows, columns), by_columns = shape, draw(st.booleans())
    gap = draw(st.integers(0, 2))
    wide = (stack, columns, rows + gap) if by_columns else (stack, rows, columns + gap)
    memory = np.arange(np.prod(wide), dtype="float32").reshape(wide) % 7 - 3
    x = memory[..., : wide[-1] - gap] if gap else memory
    x = x.mT if by_columns else x
    return x[0] if stack == 1 and draw(st.booleans()) else x


@settings(max_examples=400)
@given(data=st.data())
def test_the_product_is_that_of_numpy(data):
    m, k, n = (data.draw(st.integers(1, 4)) for _ in range(3))
    stack = data.draw(st.integers(1, 3))
    a = data.draw(matrices((m, k), data.draw(st.sampled_from((1, stack)))))
    b = data.draw(matrices((k, n), data.draw(st.sampled_from((1, stack)))))
    expected = a @ b
    out = data.draw(matrices((m, n), expected.shape[0] if expected.ndim == 3 else 1))
    out = out[0] if out.ndim > expected.ndim else out
    if out.ndim < expected.ndim:
        out = out[None]
    gemm = gemm_of(a, b, out)
    assert gemm is not None
    multiply(gemm, a, b, out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("a", "b", "out"),
    [
        (np.ones((4, 4))[::2, ::2], np.ones((2, 3)), np.ones((2, 3))),  # gaps in both directions
        (np.ones((2, 2))[::-1], np.ones((2, 3)), np.ones((2, 3))),  # backwards
        (np.ones((2, 0)), np.ones((0, 3)), np.ones((2, 3))),  # a sum over nothing
        (np.ones((2, 2), "float32"), np.ones((2, 3)), np.ones((2, 3))),  # of two dtypes
        (np.ones((5, 2, 2, 2)), np.ones((2, 3)), np.ones((5, 2, 2, 3))),  # a stack of stacks
        (np.broadcast_to(np.ones((1, 1)), (2, 2)), np.ones((2, 3)), np.ones((2, 3))),
        (np.ones((2, 2), int), np.ones((2, 3), int), np.ones((2, 3), int)),
    ],
)
def test_what_cublas_cannot_take_is_left_to_others(a, b, out):
    assert gemm_of(a, b, out) is None


def test_a_product_by_hand():
    # a (2, 3) by b (3, 4), rows after rows: to cuBLAS outᵀ (4, 2) = bᵀ (4, 3) aᵀ (3, 2)
    a, b, out = np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4))
    expected = Gemm(True, (False, False), 4, 2, 3, (4, 3, 4), (0, 0, 0), 1)
    assert gemm_of(a, b, out) == expected


@pytest.mark.parametrize("axis", range(3))
def test_sizes_that_no_c_int_holds_are_left_to_others(axis):
    for size, taken in ((2**31 - 1, True), (2**31, False)):
        sizes = [1, 1, 1]
        sizes[axis] = size
        m, k, n = sizes
        zero, shapes = np.zeros(1, "float32"), ((m, k), (k, n), (m, n))
        arrays = [  # in C order, and never read
            np.lib.stride_tricks.as_strided(zero, shape, (4 * shape[1], 4), writeable=False)
            for shape in shapes
        ]
        assert (gemm_of(*arrays) is not None) == taken


class FakeCuda(SimpleNamespace):
    """CuPy and cuBLAS, as far as `Cublas` calls them; any call of cuBLAS returns `status`."""

    def __init__(self, status=0, *, room=True):
        def empty(size, dtype):
            if not room:
                raise MemoryError(size)
            return np.empty(size, dtype)

        def check_status(status):
            raise RuntimeError(f"status {status}")  # as CuPy's, whatever its error's constructor

        super().__init__(calls=[], status=status)
        self.device = 0
        runtime = SimpleNamespace(runtimeGetVersion=lambda: 13000, getDevice=lambda: self.device)
        self.modules = {
            "cupy": SimpleNamespace(
                cuda=SimpleNamespace(runtime=runtime), empty=empty, uint8=np.uint8
            ),
            "cupy_backends.cuda.libs.cublas": SimpleNamespace(
                getVersion=None, check_status=check_status
            ),
        }

    def cublasCreate_v2(self, *_):
        self.calls.append("create")
        return self.status

    def cublasGemmStridedBatchedEx(self, *_):
        return self.status


@pytest.fixture
def faked(monkeypatch):
    """Return the function that puts a fake in the place of CuPy and cuBLAS."""

    def put(fake):
        fake.cublasGemmStridedBatchedEx = SimpleNamespace()
        monkeypatch.setattr(cublas.ctypes, "CDLL", lambda _: fake)
        for name, module in fake.modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(cublas, "_lent", {})
        return fake

    return put


def test_an_error_of_cublas_is_raised_by_cupys_own_function(faked):
    faked(FakeCuda(status=13))
    with pytest.raises(RuntimeError, match="status 13"):
        Cublas()


def test_without_room_for_a_workspace_cupys_own_products_take_over(faked):
    fake = faked(FakeCuda(room=False))
    with pytest.raises(MemoryError):
        Cublas()
    assert fake.calls == []  # no handle is made that nothing would use
    assert CupyLibrary()._cublas is None


def test_a_thread_has_one_handle_on_a_device_for_ever(faked):
    fake = faked(FakeCuda())
    here = cublas_here()
    assert cublas_here() is here
    fake.device = 1
    assert cublas_here() is not here
    fake.device = 0
    assert cublas_here() is here
    assert fake.calls == ["create"] * 2


def test_a_thread_never_shares_a_handle_but_takes_one_that_was_left(faked):
    fake = faked(FakeCuda())
    here = cublas_here()
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(cublas_here).result()
        assert other is not here
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(cublas_here).result() is other
    assert cublas_here() is here
    assert fake.calls == ["create"] * 2


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(30, 784, 10), (256, 784, 128), (5, 3, 1), (1, 7, 64)])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_cublas_agrees_with_cupy(stack, shape, dtype):
    cupy = needs("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, bT = (cupy.asarray(rng.random((*stack, *of)).astype(dtype)) for of in ((m, k), (n, k)))
    expected = a.astype("float64") @ bT.mT.astype("float64")
    host = [np.ones(x.shape, dtype) for x in (a, bT)]
    handle = Cublas()
    for b in (bT.mT, cupy.ascontiguousarray(bT.mT)):
        b_host = host[1].mT if b.strides == bT.mT.strides else np.ones(b.shape, dtype)
        out = cupy.full((*stack, m, n), cupy.nan, dtype)
        handle.product(gemm_of(host[0], b_host, np.ones(out.shape, dtype)), dtype)(a, b, out)
        tolerance = k * float(np.finfo(dtype).eps)
        cupy.testing.assert_allclose(out.astype("float64"), expected, tolerance, tolerance)
