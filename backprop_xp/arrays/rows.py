"""Rows of anything that holds cases: an array, a list, a file, a sparse matrix.

`rows_of` asks once what X is. Its answer has X's shape and dtype, as an array `like`, and reads
some rows at a time.

A *source* stays where it is: a NumPy memmap, a data set of h5py or zarr, a sparse matrix of SciPy
in CSR format, or any object with a shape, a dtype and rows that slices read. It may be larger than
memory.
"""

import operator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import HostArray, detached
from backprop_xp.arrays.memmaps import copy_rows, pages_of
from backprop_xp.arrays.requirements import (
    check_dense,
    check_real,
    check_unmasked,
    is_sparse,
    real_host_array,
)
from backprop_xp.errors import DataError, ShapeError

__all__ = [
    "INTO_MEMORY",
    "ArrayRows",
    "FileRows",
    "Rows",
    "check_source",
    "chunk_rows",
    "fill_rows",
    "in_memory",
    "is_source",
    "read_rows",
    "rows_of",
]


INTO_MEMORY = "read X into memory with np.array(X), a sparse one with X.toarray()"  # advice


@dataclass(frozen=True)
class ArrayRows:
    """The rows of an array in memory.

    Attributes
    ----------
    like : array (..., m, n), or (m,)
        The array itself.
    """

    like: Any

    in_file: ClassVar[bool] = False

    def read(self, start: int, stop: int) -> Any:
        """Return rows start:stop, a view where the library has views."""
        return self.like[start:stop] if self.like.ndim == 1 else self.like[..., start:stop, :]


@dataclass(frozen=True)
class FileRows:
    """The rows of a source.

    Attributes
    ----------
    source : source (m, n) or (m,)
    like : ndarray (m, n) or (m,)
        Zeros in the shape and dtype of the source, which take no memory.
    """

    source: Any
    like: HostArray

    in_file: ClassVar[bool] = True

    def read(self, start: int, stop: int) -> HostArray:
        """Return rows start:stop as a new array in memory, as `read_rows` does."""
        return read_rows(self.source, start, stop)


Rows: TypeAlias = ArrayRows | FileRows


def rows_of(x: Any, where: str) -> Rows:
    """Return the rows of `x`, which holds real numbers.

    Parameters
    ----------
    x : array, list, data frame or source
    where : str
        The argument, for errors.

    Raises
    ------
    DTypeError, ShapeError, DataError
        It holds no real numbers, is sparse or masked, or is a source of another shape than rows.

    Examples
    --------
    >>> rows = rows_of([[1, 2], [3, 4]], "train(X)")
    >>> rows.like.shape, rows.read(1, 2), rows.in_file
    ((2, 2), array([[3, 4]]), False)
    """
    if is_source(x):
        check_source(x, where)
        like = np.broadcast_to(np.zeros((), np.dtype(x.dtype)), tuple(x.shape))
        check_real(like, where)
        return FileRows(x, like)
    if not array_api_compat.is_array_api_obj(x):
        return ArrayRows(real_host_array(x, where))
    check_dense(x, where)
    check_real(x, where)
    return ArrayRows(detached(x))


def is_source(x: Any) -> bool:
    """Tell whether `x` is read by rows from elsewhere, rather than an array in memory.

    So are memmaps and their views (`np.asarray` of one counts as memory), sparse matrices in CSR
    format, and every object with `shape`, `dtype` and `__getitem__` that belongs to no library of
    arrays and has no method that makes it an array, as data frames have.
    """
    if isinstance(x, np.ndarray):
        return pages_of(x) is not None
    if is_sparse(x):
        return bool(x.format == "csr")
    in_memory = hasattr(x, "to_numpy") or hasattr(x, "toarray")
    if in_memory or array_api_compat.is_array_api_obj(x):
        return False
    try:
        np.dtype(x.dtype)
    except (AttributeError, TypeError):
        return False
    return hasattr(x, "shape") and hasattr(x, "__getitem__")


def check_source(x: Any, where: str) -> None:
    """Refuse a source unless its first axis is the cases: stacks (K, m, n) have to be in memory.

    Of a sparse matrix also the places of its numbers are checked, which SciPy takes on trust.

    Raises
    ------
    ShapeError, DataError
    """
    try:
        shape = tuple(x.shape)
        good = len(shape) in (1, 2) and all(operator.index(n) >= 0 for n in shape)
    except TypeError:
        shape, good = (f"{x.shape!r}",), False
    if not good:
        advice = f"Share one file among the networks, or {INTO_MEMORY}"
        raise ShapeError(where, f"a file of shape {shape}", "rows (m, n) or labels (m,)", advice)
    if is_sparse(x):
        _check_places(x, where)


def _check_places(x: Any, where: str) -> None:
    """Refuse a matrix in CSR format whose arrays do not fit together: none of it is changed.

    Raises
    ------
    DataError
    """
    check_unmasked(x.data, where)
    try:
        same = type(x)((x.data, x.indices, x.indptr), x.shape)
        same[:0].check_format()  # refuses a dtype that SciPy does not have
        same.check_format(full_check=True)
    except (AttributeError, TypeError, ValueError) as error:
        came, expected = f"a damaged CSR matrix ({error})", "indptr, indices and data that fit"
        raise DataError(where, came, expected, "Make the matrix anew") from error


def in_memory(x: Any, where: str) -> Any:
    """Return `x`, read into memory as a whole where it is a source.

    Raises
    ------
    ShapeError, DataError
    """
    if not is_source(x):
        return x
    if isinstance(x, np.ndarray):
        return np.array(x)
    check_source(x, where)
    return read_rows(x, 0, x.shape[0])


def chunk_rows(x: Any) -> int | None:
    """Return the number of rows that the file of `x` stores together, or None where it does not."""
    chunks = getattr(x, "chunks", None)
    first = chunks[0] if isinstance(chunks, tuple) and chunks else None
    return first if isinstance(first, int) and first > 0 else None


def read_rows(x: Any, start: int, stop: int) -> HostArray:
    """Return rows start:stop of a source as a new ndarray in memory, (stop − start, …), its dtype.

    What a memmap keeps in memory of its file does not grow, except in mode "c", whose pages hold
    the caller's changes. Rows of a transposed memmap lie all over the file: right, but slow.

    Raises
    ------
    ShapeError, DataError
        The source returns rows that are not of its shape and dtype, or masked, or has become too
        short. Errors of its own pass through.
    """
    start, stop, _ = slice(start, stop).indices(x.shape[0])
    rows = np.empty((max(stop - start, 0), *x.shape[1:]), np.dtype(x.dtype))
    if rows.size:
        fill_rows(rows, x, start, stop)
    return rows


def fill_rows(out: HostArray, x: Any, start: int, stop: int) -> None:
    """Write rows start:stop of a source into `out`, with the errors of `read_rows`."""
    rows = _checked(x[start:stop], out, f"rows {start}:{stop} of {type(x).__name__}")
    if pages_of(rows) is None:
        out[...] = rows
    else:
        copy_rows(out, rows)


def _checked(given: Any, out: HostArray, where: str) -> HostArray:
    """Return the rows that a source gave, a memmap as it is, after checking that they fit `out`."""
    if np.ma.is_masked(given):
        raise DataError(where, "masked values", "numbers", "Fill them in before training")
    rows: HostArray = given.toarray() if is_sparse(given) else np.asanyarray(given)
    advice = "Let its shape and dtype tell what its slices return"
    if rows.shape != out.shape:
        raise ShapeError(where, f"shape {rows.shape}", f"{out.shape}, as its shape says", advice)
    if rows.dtype.newbyteorder("=") != out.dtype.newbyteorder("="):
        raise DataError(where, f"dtype {rows.dtype}", f"{out.dtype}, as its dtype says", advice)
    return rows
