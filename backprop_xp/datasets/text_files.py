"""Text files, plain or packed by gzip, bzip2, xz or zip, opened for reading.

A packed file is read as it unpacks, up to the bound of `packing.most_unpacked`.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, TextIO

from backprop_xp.datasets.packing import PACKED, most_unpacked
from backprop_xp.errors import DataError

__all__ = ["PACKED_SUFFIXES", "opened_bytes", "opened_text", "suffix_within"]

PACKED_SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zip")
"""The ends of the names of packed files."""

_UNPACKING: Final[dict[str, Callable[[Path], Any]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_DAMAGE: Final = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,  # zip's methods that Python does not know
    RuntimeError,  # a password
)


def suffix_within(path: Path) -> str:
    """Return the suffix of a file in lower case, without that of its packing.

    Examples
    --------
    >>> suffix_within(Path("flowers.CSV.gz")), suffix_within(Path("a.b.tsv"))
    ('.csv', '.tsv')
    """
    packed = path.suffix.lower() in PACKED_SUFFIXES
    return Path(path.stem if packed else path.name).suffix.lower()


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """Open an existing file of UTF-8, with or without a byte order mark; ends of lines stay.

    Raises
    ------
    DataError
        A packed file is damaged, or larger than `packing` allows. Reading raises it too.
    """
    with (
        opened_bytes(path) as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
    ):
        yield text


@contextmanager
def opened_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open an existing file, and unpack it where its name says that it is packed.

    Raises
    ------
    DataError
        As `opened_text`.
    """
    suffix = path.suffix.lower()
    if suffix not in PACKED_SUFFIXES:
        with path.open("rb") as plain:
            yield plain
        return
    if suffix != ".zip":
        with _UNPACKING[suffix](path) as stream:
            yield io.BufferedReader(_Bounded(stream, path))
        return
    with _archive(path) as archive:
        member = _only_member(archive, path)
        with _found_intact(path):
            stream = archive.open(member)
        with stream:
            yield io.BufferedReader(_Bounded(stream, path))


@contextmanager
def _found_intact(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        came = f"a damaged or encrypted file ({error})"
        raise DataError(path.name, came, "a packed table", "Pack it again") from error


def _archive(path: Path) -> zipfile.ZipFile:
    with _found_intact(path):
        return zipfile.ZipFile(path)


def _only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """Return the file in an archive of one, without the notes that macOS adds."""
    members = [
        one
        for one in archive.infolist()
        if not one.is_dir() and not one.filename.startswith("__MACOSX/")
    ]
    if len(members) == 1:
        return members[0]
    came = f"an archive of {len(members)} files"
    raise DataError(path.name, came, "one table", "Unpack it, and pass the table's file")


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a file, up to a bound."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path, self._most = stream, path, most_unpacked(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _found_intact(self._path):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        with _found_intact(self._path):
            data = self._stream.read(len(buffer))
        if self._stream.tell() > self._most:
            came = f"more than {self._most:,} bytes when unpacked"
            expected = f"at most 256 MiB, or {PACKED} times the file"
            raise DataError(self._path.name, came, expected, "Unpack it, and pass the table's file")
        buffer[: len(data)] = data
        return len(data)
