"""Rows of a NumPy memmap, read without its pages staying in memory.

What was read through a memmap counts as resident memory until it is given back. The system keeps
the file in its own cache all the same, so that the next reading is as fast.
"""

import mmap
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DataError

__all__ = ["copy_rows", "pages_of", "read_ahead"]

HUGE_PAGE = 2 * 1024**2  # what the system may map at one touch, around what was touched


def pages_of(x: Any) -> mmap.mmap | None:
    """Return the pages of a memmap or a view of one, None for anything else."""
    return getattr(x, "_mmap", None) if isinstance(x, np.memmap) else None


def copy_rows(out: HostArray, rows: Any) -> None:
    """Copy the rows of a memmap into `out`, and give back their pages.

    In mode "c" they stay: the caller's changes are nowhere else.

    Raises
    ------
    DataError
        The file has become shorter than the memmap; to touch its pages would end the process.
    """
    pages, first, last = _span(rows)
    if not _in_file(rows, last):
        raise DataError(
            f"memmap of {rows.filename}",
            "a file that has become shorter",
            "the length that it had when it was opened",
            "Leave a file as it is while it is read, and open it again",
        )
    out[...] = rows
    if rows.mode != "c" and hasattr(pages, "madvise"):
        first -= first % HUGE_PAGE
        pages.madvise(mmap.MADV_DONTNEED, first, -(-(last - first) // HUGE_PAGE) * HUGE_PAGE)


def read_ahead(rows: Any) -> None:
    """Let the system read rows of a memmap that come soon: from a cold disk twice as fast."""
    pages, first, last = _span(rows)
    if hasattr(pages, "madvise") and _in_file(rows, last):
        first -= first % mmap.PAGESIZE
        pages.madvise(mmap.MADV_WILLNEED, first, last - first)


def _in_file(rows: Any, last: int) -> bool:
    """Tell whether the file still reaches up to byte `last` of the pages."""
    start: int = rows.offset - rows.offset % mmap.ALLOCATIONGRANULARITY  # of the pages in the file
    size: int = rows._mmap.size()  # noqa: SLF001  NumPy has no other way to it
    return start + last <= size


def _span(rows: Any) -> tuple[mmap.mmap, int, int]:
    """Return the pages of a memmap and the bytes in them from its first number past its last."""
    pages: mmap.mmap = rows._mmap  # noqa: SLF001  NumPy has no other way to it
    base = np.frombuffer(pages, np.uint8).ctypes.data
    first, last = (address - base for address in byte_bounds(rows))
    return pages, first, last
