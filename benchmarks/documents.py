"""Sections of a Markdown file that commands write and replace; they leave all other text alone."""

import os
import re
from pathlib import Path

from backprop_xp.files.atomic_write import write_atomically

__all__ = ["Unwritable", "check_document", "replace_section", "write_section"]

END = "<!-- end -->"


class Unwritable(Exception):  # noqa: N818  its text is the whole message
    """A file cannot take a section."""


def check_document(path: Path, key: str) -> None:
    """Refuse a file that cannot take the section of this key, before any work.

    Raises
    ------
    Unwritable
        The path is no ordinary file, the file is not in UTF-8, its section has no end, or its
        folder is missing or read-only.
    """
    _replaced(path, key, "", "")
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Unwritable(f"{str(path)!r} is not in a writable folder; choose another")


def write_section(path: Path, key: str, body: str, head: str) -> None:
    """Replace or add the section of this key; a new file begins with `head`.

    The write is atomic: a failure leaves the old file.

    Raises
    ------
    Unwritable
        The file cannot take the section, as for `check_document`.
    """
    write_atomically(path, _replaced(path, key, body, head).encode())


def replace_section(document: str, key: str, body: str) -> str:
    r"""Return the document with the section of this key replaced, or added at its end.

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
        raise Unwritable(f"{str(path)!r} is a broken link; remove it")
    if path.exists() and not path.is_file():
        raise Unwritable(f"{str(path)!r} is not an ordinary file; choose another")
    try:
        document = path.read_bytes().decode() if path.exists() else head
        return replace_section(document, key, body)
    except UnicodeDecodeError as error:
        raise Unwritable(f"{str(path)!r} is not in UTF-8; convert it ({error})") from error
    except ValueError as error:
        raise Unwritable(f"{str(path)!r}: {error}") from error
