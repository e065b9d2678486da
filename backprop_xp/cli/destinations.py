"""The check of a file to write, before any work: hours of training must not end in an error."""

import os
from collections.abc import Iterable
from pathlib import Path

from backprop_xp.errors import MissingFileError, OptionError

__all__ = ["check_destination", "check_page"]


def check_destination(option: str, path: Path, sources: Iterable[str | Path]) -> None:
    """Refuse a file that cannot be written or must not be replaced.

    Parameters
    ----------
    option : str
        The option that named the file, such as ``"--out"``.
    path : path
        The file to write.
    sources : iterable of path
        Files that must not be replaced. They need not exist.

    Raises
    ------
    MissingFileError
        The folder of the file does not exist.
    OptionError
        The file is not an ordinary file, the folder or the file is read-only, or the file is a
        source.
    """
    came, folder = repr(str(path)), path.parent
    if not folder.is_dir():
        advice = "Create the folder first, or choose another one"
        raise MissingFileError(option, came, f"an existing folder {str(folder)!r}", advice)
    if path.exists() and not path.is_file():
        expected = "the name of an ordinary file, not of a folder or device"
        raise OptionError(option, came, expected, "Choose another name")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OptionError(option, came, "a file with write permission", "Choose another folder")
    if any(_same(path, Path(source)) for source in sources):
        expected = "a file that this command does not read or write otherwise"
        raise OptionError(option, came, expected, "Choose another name")


def check_page(option: str, path: Path) -> None:
    """Refuse a name that is not that of a page.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> check_page("--report", Path("report.HTM"))
    >>> check_page("--report", Path("report.txt"))
    Traceback (most recent call last):
    backprop_xp.errors.OptionError: --report: got 'report.txt'; expected a name in .html or .htm.
        Use 'report.html'.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        advice = f"Use {str(path.with_suffix('.html'))!r}"
        raise OptionError(option, repr(str(path)), "a name in .html or .htm", advice)


def _same(one: Path, other: Path) -> bool:
    """Tell whether two paths name the same file, by links too."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
