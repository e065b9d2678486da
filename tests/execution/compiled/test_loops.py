"""NumPy's loops by their addresses: the results of the ufuncs, to the bit."""

import ctypes

import numpy as np
import pytest
from compiled_cache import compiler  # noqa: F401  fixtures

from backprop_xp.execution.compiled import loops
from backprop_xp.execution.compiled.loops import loop_of, loops_are_found

CALL = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


def called(loop, arrays, lengths, strides):
    pointers = np.array([x.ctypes.data for x in arrays], np.intp)
    lengths, strides = np.array(lengths, np.intp), np.array(strides, np.intp)
    given = (x.ctypes.data for x in (pointers, lengths, strides))
    CALL(loop.function)(*given, loop.data or None)


def test_the_loops_of_this_numpy_are_found():
    assert loops_are_found()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_a_part_of_an_array_has_the_bits_of_the_whole(name, dtype):
    ufunc = getattr(np, name)
    x = np.abs(np.random.default_rng(0).standard_normal(600)).astype(dtype) * 3
    x[:3] = np.inf, np.nan, 0
    for size in (1, 2, 5, 8, 17, 600):
        out = np.empty_like(x)
        for start in range(0, 600 - size + 1, size):
            parts = x[start:], out[start:]
            called(loop_of(ufunc, dtype), parts, [size], [x.itemsize] * 2)
        end = 600 - 600 % size
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(out[:end], ufunc(x)[:end])


@pytest.mark.parametrize("n", [1, 3, 9, 8193, 100_001])
def test_a_sum_adds_in_the_order_of_numpy(n):
    x = np.random.default_rng(0).standard_normal(n).astype("float32")
    total = np.zeros(1, "float32")
    called(loop_of(np.add, "float32"), (total, x, total), [n], [0, 4, 0])
    assert total[0] == np.add.reduce(x)


def test_a_ufunc_without_such_a_loop():
    assert loop_of(np.exp, "int32") is None


def test_a_numpy_with_another_layout_is_seen(monkeypatch):
    class Other(ctypes.Structure):
        _fields_ = (("head", ctypes.c_char * 8), *loops._Ufunc._fields_[1:])

    monkeypatch.setattr(loops, "_Ufunc", Other)
    loops_are_found.cache_clear()
    assert not loops_are_found()
    monkeypatch.undo()
    loops_are_found.cache_clear()
