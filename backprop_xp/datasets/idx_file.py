"""IDX files, the format of the MNIST handwritten digits, and MNIST itself.

An IDX file has two zero bytes, a byte for the type, a byte for the number of dimensions, the
dimensions as 32-bit integers, and the values. The values of the last dimension are adjacent.
Integers and values are big-endian.

References
----------
LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import needs_extra
from backprop_xp.datasets.packing import most_unpacked
from backprop_xp.errors import DataError, MissingFileError, check_is_file

__all__ = ["MAX_BYTES", "read_idx", "read_mnist"]

MAX_BYTES: Final = 2**30
"""Bytes of values that `read_idx` reads from one file at most: 1 GiB, 21 times MNIST."""

_MAX_DIMENSIONS: Final = 8
_DTYPES: Final = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK: Final = 2**20

# The mirror keeps the gzipped files as first published.
_SOURCE: Final = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_SHA256: Final = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_NO_FOLDER: Final = (
    "Pass folder=... or set BACKPROP_XP_MNIST to a folder that holds the four files of MNIST"
)

Labelled: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array that an IDX file holds.

    Parameters
    ----------
    path : str or path
        A plain or gzipped IDX file. Its first bytes tell which, not its name.

    Returns
    -------
    array
        Of uint8, int8, int16, int32, float32 or float64 in the machine's byte order, with the 1 to
        8 dimensions of the file's header, none of which is 0.

    Raises
    ------
    MissingFileError
        There is no such file, or it is a folder or a pipe.
    DataError
        The file is no IDX file or damaged; its size differs from the size in its header; or the
        header promises more than `MAX_BYTES`, or for a gzipped file more than 256 MiB and more
        than 100 times the file. The reader unpacks one byte more than the header promises at most.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    file = Path(path)
    check_is_file(file, "read_idx(path)", "an IDX file", f"{str(file)!r}, ")
    with file.open("rb") as raw:
        gzipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        try:
            if not gzipped:
                return _parse(raw, file, MAX_BYTES)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _parse(stream, file, min(MAX_BYTES, most_unpacked(file)))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _refusal(file, f"a damaged gzip file ({error})", "a whole one") from error


def _refusal(file: Path, came: str, expected: str) -> DataError:
    return DataError(f"read_idx({str(file)!r})", came, expected, "Fetch the file again")


def _parse(stream: _Stream, file: Path, most: int) -> NDArray[Any]:
    """Return the array; read one byte more than the header promises at most."""
    dtype, shape = _header(stream, file)
    promised = math.prod(shape) * dtype.itemsize
    if promised > most:
        came = f"a header that promises {promised:,} bytes, {shape} of {dtype.name}"
        raise _refusal(file, came, f"at most {most:,} bytes")
    values = bytearray()  # a short file with a false header takes no memory
    while chunk := stream.read(min(_CHUNK, promised - len(values))):
        values += chunk
    expected = f"the {promised:,} bytes of its header, {shape} of {dtype.name}"
    if len(values) < promised:
        raise _refusal(file, f"{len(values):,} bytes of values", expected)
    if stream.read(1):
        raise _refusal(file, "more bytes of values", expected)
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(stream: _Stream, file: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and the shape of the values that follow."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        expected = "the first four bytes 00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and a number"
        raise _refusal(file, f"the first bytes {magic.hex(' ') or 'of an empty file'}", expected)
    if not 1 <= magic[3] <= _MAX_DIMENSIONS:
        raise _refusal(file, f"{magic[3]} dimensions", f"1 to {_MAX_DIMENSIONS}")
    sizes = stream.read(4 * magic[3])
    shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], dtype=">u4").tolist())
    if len(shape) < magic[3] or 0 in shape:
        raise _refusal(file, f"the dimensions {shape}", f"{magic[3]} dimensions of at least 1")
    return np.dtype(_DTYPES[magic[2]]), shape


def read_mnist(folder: str | os.PathLike[str] | None = None) -> tuple[Labelled, Labelled]:
    """Return the training and the test part of MNIST, each as images and labels.

    Parameters
    ----------
    folder : str or path, optional
        A folder with the four files, plain or gzipped, named ``train-images-idx3-ubyte`` or
        ``train-images.idx3-ubyte`` and so on. Default: the folder in the environment variable
        BACKPROP_XP_MNIST. Where it is unset, the files are downloaded once, checked by their
        published SHA-256 sums, and kept in the user's cache folder.

    Returns
    -------
    train, test : tuple of two arrays
        Images (m, 784) of float32 from 0 to 1, the pixels divided by 255; labels (m,) of int64 from
        0 to 9. m is 60,000 for training and 10,000 for testing.

    Raises
    ------
    MissingFileError
        The folder lacks a file, or the files cannot be downloaded.
    MissingExtraError
        A download is needed and pooch is not installed.
    DataError
        A file is damaged, or does not hold images of 28 x 28 bytes or one label per image.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = read_mnist("data/mnist")  # doctest: +SKIP
    """
    place = folder if folder is not None else os.environ.get("BACKPROP_XP_MNIST") or None
    paths = _download() if place is None else [_find(Path(place), name) for name in _SHA256]
    train_images, train_labels, test_images, test_labels = paths
    return _labelled(train_images, train_labels), _labelled(test_images, test_labels)


def _find(folder: Path, name: str) -> Path:
    """Return the file of this name in the folder, plain or gzipped, with a hyphen or a dot."""
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    came = f"{str(folder)!r}, " + ("which lacks a file" if folder.is_dir() else "no folder")
    expected = f"a folder with {name}, {name}.gz, {dotted} or {dotted}.gz"
    raise MissingFileError("datasets.mnist(folder)", came, expected, _NO_FOLDER)


def _download() -> list[Path]:
    came, expected = "no folder, and no pooch to download with", "the package pooch or a folder"
    or_else = f"Or {_NO_FOLDER[0].lower()}{_NO_FOLDER[1:]}"
    with needs_extra("mnist", "datasets.mnist()", came, expected, or_else):
        import pooch
    registry = {f"{name}.gz": f"sha256:{digest}" for name, digest in _SHA256.items()}
    store = pooch.create(pooch.os_cache("backprop_xp"), base_url=_SOURCE, registry=registry)
    try:
        return [Path(store.fetch(name)) for name in registry]
    except OSError as error:  # errors of the network are OSErrors, too
        came = f"no files in its cache {str(store.path)!r} and no download ({type(error).__name__})"
        expected = f"a connection to {_SOURCE}"
        raise MissingFileError("datasets.mnist()", came, expected, _NO_FOLDER) from error
    except ValueError as error:
        came = f"a file from {_SOURCE} with another checksum"
        expected = "the files as published"
        raise DataError("datasets.mnist()", came, expected, _NO_FOLDER) from error


def _labelled(images_path: Path, labels_path: Path) -> Labelled:
    """Return the images as rows from 0 to 1, and their labels, after checking both."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    where, advice = "datasets.mnist(folder)", "Fetch the files again"
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        came = f"{images.shape} of {images.dtype} in {images_path.name}"
        raise DataError(where, came, "images, (m, 28, 28) of uint8", advice)
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        came = f"{labels.shape} of {labels.dtype} in {labels_path.name}"
        raise DataError(where, came, f"one label per image, ({len(images)},) of uint8", advice)
    if labels.max() > 9:
        came = f"a label {labels.max()} in {labels_path.name}"
        raise DataError(where, came, "labels from 0 to 9", advice)
    return np.divide(images.reshape(-1, 784), np.float32(255)), labels.astype(np.int64)
