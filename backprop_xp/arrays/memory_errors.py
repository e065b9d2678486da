"""Out of memory: the errors of all libraries as one."""

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
    """Return what a library could not have, such as "memory for 40 bytes"; None for other errors.

    NumPy and CuPy raise a MemoryError; PyTorch, JAX, cuBLAS and CUDA itself a RuntimeError that
    says so in words of its own.

    Examples
    --------
    >>> lack_of_memory(MemoryError("Unable to allocate 7.11 PiB for an array"))
    'memory for 7.11 PiB'
    >>> lack_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"))
    'more memory'
    """
    said = str(error)
    says_so = isinstance(error, RuntimeError) and _NO_MEMORY.search(said)
    if not (isinstance(error, MemoryError) or says_so):
        return None
    size = _SIZE.search(said)
    return f"memory for {size[1]}" if size else "more memory"


@contextmanager
def memory_errors(where: str, expected: str, advice: str) -> Iterator[None]:
    """Have an out-of-memory error of any library raised as an `OutOfMemoryError` of these parts.

    What was worked on is freed, so that whoever catches it can go on with less.

    Raises
    ------
    OutOfMemoryError
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except (MemoryError, RuntimeError) as error:
        lack = lack_of_memory(error)
        if lack is None:
            raise
        clear_frames(error.__traceback__)  # the traceback would keep the arrays
        raise OutOfMemoryError(where, f"no {lack}", expected, advice) from error
