"""Rows of a NumPy memmap, read without keeping its pages in memory.

Pages that were read through a memmap count as resident memory until they are given back. The system
keeps the file in its own cache all the same, so that the next read is as fast.
"""

import mmap
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DataError

__all__ = ["copy_rows", "pages_of", "read_ahead"]

HUGE_PAGE = 2 * 1024**2  # bytes that the system may map at once around the first byte read


def pages_of(x: Any) -> mmap.mmap | None:
    """Return the pages of a memmap or a view of one, None for anything else."""
    return getattr(x, "_mmap", None) if isinstance(x, np.memmap) else None


def copy_rows(out: HostArray, rows: Any) -> None:
    """Copy the rows of a memmap into `out`, and give back their pages.

    In mode "c" the pages are kept: they hold the only copy of the caller's changes.

    Raises
    ------
    DataError
        The file has become shorter than the memmap. Reading the lost pages would end the process.
    """
    pages, first, last = _span(rows)
    if not _in_file(rows, last):
        raise DataError(
            f"memmap of {rows.filename}",
            "a file that has become shorter",
            "the length that it had when it was opened",
            "Open it again, and leave the file as it is while it is read",
        )
    out[...] = rows
    if rows.mode != "c" and hasattr(pages, "madvise"):
        first -= first % HUGE_PAGE
        pages.madvise(mmap.MADV_DONTNEED, first, -(-(last - first) // HUGE_PAGE) * HUGE_PAGE)


def read_ahead(rows: Any) -> None:
    """Have the system read rows of a memmap ahead of their use, twice as fast from a cold disk."""
    pages, first, last = _span(rows)
    if hasattr(pages, "madvise") and _in_file(rows, last):
        first -= first % mmap.PAGESIZE
        pages.madvise(mmap.MADV_WILLNEED, first, last - first)


def _in_file(rows: Any, last: int) -> bool:
    """Tell whether the file still holds the first `last` bytes of the pages."""
    # the pages start in the file at a multiple of the granularity
    start: int = rows.offset - rows.offset % mmap.ALLOCATIONGRANULARITY
    size: int = rows._mmap.size()  # noqa: SLF001  NumPy has no public attribute for it
    return start + last <= size


def _span(rows: Any) -> tuple[mmap.mmap, int, int]:
    """Return the pages of a memmap, and the first byte of its rows in them and the byte past."""
    pages: mmap.mmap = rows._mmap  # noqa: SLF001  NumPy has no public attribute for it
    base = np.frombuffer(pages, np.uint8).ctypes.data
    first, last = (address - base for address in byte_bounds(rows))
    return pages, first, last
