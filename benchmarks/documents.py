"""Sections of a Markdown file that commands write and replace; all else in it is somebody's own."""

import os
import re
from pathlib import Path

from backprop_xp.files.atomic_write import write_atomically

__all__ = ["Unwritable", "check_document", "replace_section", "write_section"]

END = "<!-- end -->"


class Unwritable(Exception):  # noqa: N818  what it says is the whole message
    """A file cannot take a section."""


def check_document(path: Path, key: str) -> None:
    """Refuse a file that cannot take the section of that key, before there is anything to write.

    Raises
    ------
    Unwritable
        It is a folder or no text, its section has no end, or its folder takes no files.
    """
    _replaced(path, key, "", "")
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Unwritable(f"{str(path)!r} is not in a folder for writing; choose another")


def write_section(path: Path, key: str, body: str, head: str) -> None:
    """Replace or add the section of that key; a new file begins with `head`.

    The file is there as it was, or whole and new, whatever happens.

    Raises
    ------
    Unwritable
    """
    write_atomically(path, _replaced(path, key, body, head).encode())


def replace_section(document: str, key: str, body: str) -> str:
    r"""Return the document with the section of that key replaced, or added at its end.

    Raises
    ------
    ValueError
        The section begins twice, or has no end before another one begins.

    Examples
    --------
    >>> print(replace_section("<!-- a -->\nold\n<!-- end -->\n", "a", "new"), end="")
    <!-- a -->
    new
    <!-- end -->
    """
    start, newline = f"<!-- {key} -->", "\r\n" if "\r\n" in document else "\n"
    section = f"{start}\n{body.strip()}\n{END}".replace("\n", newline)
    begins = document.count(start)
    if begins == 0:
        before = document.rstrip() + 2 * newline if document.strip() else ""
        return f"{before}{section}{newline}"
    found = re.compile(rf"{re.escape(start)}(?:(?!<!-- ).)*{re.escape(END)}", re.DOTALL)
    if begins > 1:
        raise ValueError(f"section {key!r} begins {begins} times; leave one")
    if not found.search(document):
        raise ValueError(f"section {key!r} has no {END!r} of its own; add it, or remove {start!r}")
    return found.sub(lambda _: section, document)


def _replaced(path: Path, key: str, body: str, head: str) -> str:
    if path.is_symlink() and not path.exists():
        raise Unwritable(f"{str(path)!r} is a link to nothing; remove it")
    if path.exists() and not path.is_file():
        raise Unwritable(f"{str(path)!r} is no ordinary file; choose another")
    try:
        document = path.read_bytes().decode() if path.exists() else head
        return replace_section(document, key, body)
    except UnicodeDecodeError as error:
        raise Unwritable(f"{str(path)!r} is not in UTF-8; convert it ({error})") from error
    except ValueError as error:
        raise Unwritable(f"{str(path)!r}: {error}") from error
