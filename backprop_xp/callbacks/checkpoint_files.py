"""The files in a folder of checkpoints: their names, the newest, and the old ones."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["BEST", "is_checkpoint", "name_of", "newest", "numbered", "remove"]

BEST: Final = "best.safetensors"
_NAME: Final = re.compile(r"epoch-(\d{6,})\.safetensors")


def name_of(epoch: int) -> str:
    """Return the name of the file of an epoch.

    Examples
    --------
    >>> name_of(10)
    'epoch-000010.safetensors'
    """
    return f"epoch-{epoch:06d}.safetensors"


def is_checkpoint(path: Path) -> bool:
    """Tell whether a path is a file under the name of a checkpoint."""
    named = path.name == BEST or _NAME.fullmatch(path.name) is not None
    return named and path.is_file()


def numbered(folder: Path) -> list[Path]:
    """Return the ``epoch-….safetensors`` files in a folder, the newest last."""
    found = [(int(m[1]), path) for path in folder.iterdir() if (m := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found) if path.is_file()]


def remove(files: Sequence[Path]) -> None:
    """Remove files, some of which may be gone."""
    for path in files:
        path.unlink(missing_ok=True)


def newest(folder: str | os.PathLike[str]) -> Path | None:
    """Return the file of the last epoch in a folder of checkpoints; None without any checkpoint.

    A run that ended before its first ``epoch-….safetensors`` may have left ``best.safetensors``.
    """
    folder = Path(folder)
    found = numbered(folder) if folder.is_dir() else []
    best = [folder / BEST] if (folder / BEST).is_file() else []
    return [*best, *found][-1] if best or found else None
