"""A lack of memory is known, whichever library tells of it."""

import weakref

import numpy as np
import pytest

from backprop_xp.arrays.memory_errors import lack_of_memory, memory_errors
from backprop_xp.errors import DeviceError, OutOfMemoryError


def test_the_out_of_memory_error_of_any_library_is_known(memory_error):
    error, lack = memory_error
    assert lack_of_memory(error) == lack


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        # as they are seen on GPUs
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4770 bytes."),
            "memory for 4770 bytes",
        ),
        (
            RuntimeError(
                "RESOURCE_EXHAUSTED: Failed to allocate request for 2.99GiB (3206250496B)"
            ),
            "memory for 2.99GiB",
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "more memory"),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 5 bytes."),
            None,
        ),
        (MemoryError(), "more memory"),
        (MemoryError("a text of its own"), "more memory"),
    ],
)
def test_the_words_of_other_out_of_memory_errors(error, lack):
    assert lack_of_memory(error) == (lack or "memory for 5 bytes")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a must match"),
        ValueError("out of memory"),
        KeyError("RESOURCE_EXHAUSTED"),
        KeyboardInterrupt(),
        DeviceError("device", "cuda", "cpu", "Use cpu"),
    ],
)
def test_other_errors_are_no_lack_of_memory(error):
    assert lack_of_memory(error) is None
    with pytest.raises(type(error)) as caught, memory_errors("a", "b", "c"):
        raise error
    assert caught.value is error


def test_memory_errors_have_four_parts(memory_error):
    error, lack = memory_error
    with pytest.raises(OutOfMemoryError) as caught, memory_errors("f(x)", "room for x", "Use less"):
        raise error
    assert caught.value.parts == ("f(x)", f"no {lack}", "room for x", "Use less")
    assert caught.value.__cause__ is error
    assert (caught.value.theta, caught.value.epoch, caught.value.history) == (None, None, None)


def test_memory_errors_leave_those_of_the_inner_call():
    inner = OutOfMemoryError("g(x)", "no more memory", "room", "Use less")
    with pytest.raises(OutOfMemoryError) as caught, memory_errors("f(x)", "room", "Use more"):
        raise inner
    assert caught.value is inner


def test_memory_errors_free_what_was_worked_on():
    watched = []

    def work():
        x = np.ones(3)
        watched.append(weakref.ref(x))
        raise MemoryError

    with pytest.raises(OutOfMemoryError) as caught, memory_errors("f(x)", "room", "Use less"):
        work()
    assert caught.value.__cause__.__traceback__ is not None
    assert watched[0]() is None
