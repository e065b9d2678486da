"""Locks of the operating system on files: a lock ends with the process that holds it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["LOCK", "claimed", "lock"]

LOCK = ".backprop-xp-lock"  # in a folder that a run writes to
_BUSY = (BlockingIOError, PermissionError)  # of fcntl, and of msvcrt

if sys.platform == "win32":
    import msvcrt

    def _lock_at_once(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_at_once(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; tell whether the lock was free.

    Raises
    ------
    OSError
        The file system has no locks.
    """
    try:
        _lock_at_once(descriptor)
    except _BUSY:
        return False
    return True


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder in the ``with`` block; tell whether it was free.

    The lock is on a file in the folder, which is removed at the end. A file that a killed process
    left there is locked by nobody, so it is used again.

    Raises
    ------
    OSError
        The file cannot be created, or the file system has no locks.
    """
    path = folder / LOCK
    descriptor = _open_and_current(path)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        _remove(path, descriptor)


def _open_and_current(path: Path) -> int | None:
    """Return the locked file at a path, opened; None where another process has locked it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not lock(descriptor):
                os.close(descriptor)
                return None
            if _is_at(path, descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder has removed it since it was opened


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether an open file is still the file at a path."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _remove(path: Path, descriptor: int) -> None:
    """Remove and unlock a file; Windows removes no file that is open, and others wait for none."""
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)
    if sys.platform == "win32":
        with suppress(OSError):
            path.unlink()
