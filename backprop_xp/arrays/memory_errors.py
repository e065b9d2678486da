"""Out-of-memory errors of all libraries, raised as one error."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import clear_frames

from backprop_xp.errors import OutOfMemoryError

__all__ = ["lack_of_memory", "memory_errors"]

_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate memory|RESOURCE_EXHAUSTED|STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_SIZE = re.compile(r"allocat\w* (?:request for )?(\d[\d.,]* ?(?:bytes|[KMGTPE]iB))")


def lack_of_memory(error: BaseException) -> str | None:
    """Return the memory that a library could not allocate, in words; None for other errors.

    NumPy and CuPy raise a MemoryError. PyTorch, JAX, cuBLAS and CUDA itself raise a RuntimeError,
    which is recognised by its message.

    Examples
    --------
    >>> lack_of_memory(MemoryError("Unable to allocate 7.11 PiB for an array"))
    'memory for 7.11 PiB'
    >>> lack_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"))
    'more memory'
    """
    message = str(error)
    named = isinstance(error, RuntimeError) and _NO_MEMORY.search(message)
    if not (isinstance(error, MemoryError) or named):
        return None
    size = _SIZE.search(message)
    return f"memory for {size[1]}" if size else "more memory"


@contextmanager
def memory_errors(where: str, expected: str, advice: str) -> Iterator[None]:
    """Raise an out-of-memory error of any library as an `OutOfMemoryError` with these parts.

    The local variables of the functions that failed are freed, so that the caller can go on with
    less.

    Raises
    ------
    OutOfMemoryError
        A library could not allocate memory.
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except (MemoryError, RuntimeError) as error:
        lack = lack_of_memory(error)
        if lack is None:
            raise
        clear_frames(error.__traceback__)  # the traceback would keep the arrays alive
        raise OutOfMemoryError(where, f"no {lack}", expected, advice) from error
