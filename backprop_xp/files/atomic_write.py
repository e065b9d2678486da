"""Atomic writing: a file is written completely or not at all, whenever the process ends."""

import os
from pathlib import Path

from backprop_xp.errors import OptionError

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside `path`, flush it to the disk, and rename it to `path`.

    Where `path` is a link, the file that it leads to is replaced.

    Raises
    ------
    OptionError
        `path` is a folder or a device.
    OSError
        The file cannot be written. An earlier file at `path` is unchanged.
    """
    import tempfile  # it takes three milliseconds, and most programs write nothing

    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        came = f"{str(path)!r}, which is no ordinary file"
        raise OptionError("save(path)", came, "a file or a free name", "Choose another name")
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=".backprop-xp-", suffix=".part", delete=False
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if not path.exists():
                _umask_permissions(file.name)
            else:
                Path(file.name).chmod(path.stat().st_mode & 0o777)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask_permissions(name: str) -> None:
    """Give a temporary file, which only its owner may read, the permissions of a new file."""
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)
