"""NumPy's own inner loops by their addresses, for code that calls them without Python.

A ufunc of NumPy holds a C function for each combination of dtypes. The function takes the addresses
of its arrays, their lengths and their strides, so that a result has the bits of a call of the ufunc
itself. `matmul` is such a ufunc too; its loop calls NumPy's BLAS, stack by stack.

References
----------
NumPy C API, "UFunc API", struct PyUFuncObject and PyUFuncGenericFunction.
"""

import ctypes
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Loop", "loop_of", "loops_are_found"]

_TRIED = 33  # numbers: more than the widest vector, and no multiple of it


class Loop(NamedTuple):
    """An inner loop: ``function(char **args, npy_intp *lengths, npy_intp *strides, void *data)``.

    Attributes
    ----------
    function, data : int
        Addresses.
    """

    function: int
    data: int


class _Ufunc(ctypes.Structure):
    """The first fields of a PyUFuncObject."""

    _fields_ = (
        ("head", ctypes.c_char * object.__basicsize__),
        ("inputs", ctypes.c_int),
        ("outputs", ctypes.c_int),
        ("arguments", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("loops", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_char)),
    )


def loop_of(ufunc: np.ufunc, dtype: Any) -> Loop | None:
    """Return the loop whose arguments all have this dtype; None where the ufunc has none.

    Examples
    --------
    >>> loop_of(np.exp, "float32") is None, loop_of(np.exp, "int32") is None
    (False, True)
    """
    fields = _Ufunc.from_address(id(ufunc))
    if (fields.inputs, fields.outputs, fields.loops) != (ufunc.nin, ufunc.nout, ufunc.ntypes):
        return None
    count, number = fields.arguments, np.dtype(dtype).num
    for at in range(fields.loops):
        types = fields.types[at * count : (at + 1) * count]
        if bytes(types) == bytes([number]) * count and fields.functions[at]:
            return Loop(fields.functions[at], fields.data[at] or 0)
    return None


@lru_cache(maxsize=1)
def loops_are_found() -> bool:
    """Tell whether the loops of this NumPy compute what its ufuncs compute, to the bit."""
    return all(_same(ufunc, dtype) for ufunc in (np.exp, np.add) for dtype in ("f4", "f8"))


def _same(ufunc: np.ufunc, dtype: str) -> bool:
    found = loop_of(ufunc, dtype)
    if found is None:
        return False
    arrays = [np.linspace(-3, 3, _TRIED, dtype=dtype) for _ in range(ufunc.nin + 1)]
    expected = ufunc(*arrays[:-1])
    pointers = np.array([x.ctypes.data for x in arrays], np.intp)
    length, strides = np.array([_TRIED], np.intp), np.array([x.strides[0] for x in arrays], np.intp)
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
    given = (x.ctypes.data for x in (pointers, length, strides))
    kind(found.function)(*given, found.data or None)
    return bool(np.array_equal(arrays[-1], expected))
