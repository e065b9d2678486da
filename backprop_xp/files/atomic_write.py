"""Atomic writing: a file is written completely or not at all, whenever the process ends."""

import os
from contextlib import suppress
from pathlib import Path

from backprop_xp.errors import MissingFileError, OptionError
from backprop_xp.files.locks import lock

__all__ = ["remove_abandoned_parts", "write_atomically"]

_PREFIX, _SUFFIX = ".backprop-xp-", ".part"  # of the name under which a file is written


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside `path`, flush it to the disk, and rename it to `path`.

    Where `path` is a link, the file that it leads to is replaced. A new file has the permissions
    that the process gives to new files, and a replaced file keeps its own.

    Raises
    ------
    OptionError
        `path` is a folder, a device or a link that leads to itself.
    MissingFileError
        There is no such folder.
    OSError
        The file cannot be written. An earlier file at `path` is unchanged.
    """
    path = _target(Path(path))
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    part = path.with_name(f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(part, flags, 0o666 if mode is None else mode)  # less the umask
    except FileNotFoundError as error:
        came, expected = f"no folder {str(path.parent)!r}", "a name in a folder that exists"
        raise MissingFileError(
            repr(str(path)), came, expected, "Create the folder first"
        ) from error
    except OSError as error:
        error.filename = str(path)  # the name that the user gave
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(OSError):  # a file system without locks
                lock(file.fileno())
            if mode is not None:
                part.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def remove_abandoned_parts(folder: Path) -> None:
    """Remove the unfinished files in a folder whose writers were killed.

    A writer holds a lock on its file, which ends with its process.
    """
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):  # it was finished meanwhile, or is not ours to remove
            descriptor = os.open(part, os.O_RDWR)
            try:
                abandoned = lock(descriptor)
            finally:
                os.close(descriptor)
            if abandoned:
                part.unlink()


def _target(path: Path) -> Path:
    """Return the place of the file at `path`, which may be a link.

    Raises
    ------
    OptionError
    """
    try:
        target = path.resolve()
    except RuntimeError as error:  # pathlib's for a link that leads to itself, before Python 3.13
        raise _refused(path, "a link that leads to itself") from error
    if target.is_symlink():
        raise _refused(path, "a link that leads to itself")
    if target.exists() and not target.is_file():
        raise _refused(target, "no ordinary file")
    return target


def _refused(path: Path, what: str) -> OptionError:
    return OptionError(repr(str(path)), what, "a file or a free name", "Choose another name")
