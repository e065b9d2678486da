"""The rows of X, which is an array, a list, a data frame, a file or a sparse matrix.

`rows_of` finds out once what X is, and returns `ArrayRows` or `FileRows`. Both have an array `like`
of X's shape and dtype, and a method `read` that returns some rows.

A *source* is an X that is not read into memory as a whole: a NumPy memmap, a data set of h5py or
zarr, a sparse matrix of SciPy in CSR format, or any object with a shape, a dtype and slices of
rows. It may be larger than memory.
"""

import operator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import HostArray, detached, is_array
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
    "rows_at",
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
        Zeros of the shape and dtype of the source. They take no memory.
    """

    source: Any
    like: HostArray

    in_file: ClassVar[bool] = True

    def read(self, start: int, stop: int) -> HostArray:
        """Return rows start:stop as a new array in memory (`read_rows`)."""
        return read_rows(self.source, start, stop)


Rows: TypeAlias = ArrayRows | FileRows


def rows_of(x: Any, where: str) -> Rows:
    """Return the rows of `x`, after a check that it holds real numbers.

    Parameters
    ----------
    x : array, list, data frame or source
    where : str
        The argument that errors name.

    Raises
    ------
    DTypeError, ShapeError, DataError
        `x` does not hold real numbers, is masked, is sparse in another format than CSR, or is a
        source of another shape than (m, n) or (m,).

    Examples
    --------
    >>> rows = rows_of([[1, 2], [3, 4]], "train(X)")
    >>> rows.like.shape, rows.read(1, 2), rows.in_file
    ((2, 2), array([[3, 4]]), False)
    """
    if is_source(x):
        check_source(x, where)
        like = np.broadcast_to(np.zeros((), np.dtype(x.dtype)), tuple(x.shape))
        check_real(like[:0], where)
        return FileRows(x, like)
    if not is_array(x):
        return ArrayRows(real_host_array(x, where))
    check_dense(x, where)
    check_real(x, where)
    return ArrayRows(detached(x))


def is_source(x: Any) -> bool:
    """Tell whether `x` is a source, whose rows are read a block at a time.

    Sources are memmaps and their views, sparse matrices in CSR format, and other objects with
    `shape`, `dtype` and `__getitem__`. Arrays of an array library are not sources, nor are objects
    with a method `to_numpy` or `toarray`, such as data frames. `np.asarray` of a memmap is not a
    source either.
    """
    if isinstance(x, np.ndarray):
        return pages_of(x) is not None
    if is_sparse(x):
        return bool(x.format == "csr")
    in_memory = hasattr(x, "to_numpy") or hasattr(x, "toarray")
    if in_memory or is_array(x):
        return False
    try:
        np.dtype(x.dtype)
    except (AttributeError, TypeError):
        return False
    return hasattr(x, "shape") and hasattr(x, "__getitem__")


def check_source(x: Any, where: str) -> None:
    """Refuse a source whose first axis is not the cases, such as a stack (K, m, n).

    The index arrays of a sparse matrix are checked too, since SciPy does not check them.

    Raises
    ------
    ShapeError
        The shape is not (m, n) or (m,).
    DataError
        The arrays of a sparse matrix contradict each other.
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
    """Refuse a matrix in CSR format whose arrays contradict each other; `x` is not changed.

    Raises
    ------
    DataError
        An index is out of range, or the arrays have lengths that do not agree.
    """
    check_unmasked(x.data, where)
    try:
        same = type(x)((x.data, x.indices, x.indptr), x.shape)
        same[:0].check_format()  # refuses a dtype that SciPy does not have
        same.check_format(full_check=True)
    except (AttributeError, TypeError, ValueError) as error:
        came, expected = f"a damaged CSR matrix ({error})", "indptr, indices and data that agree"
        raise DataError(where, came, expected, "Build the matrix again") from error


def in_memory(x: Any, where: str) -> Any:
    """Return `x`; a source is read into memory as a whole.

    Raises
    ------
    ShapeError, DataError
        As `check_source` and `read_rows`.
    """
    if not is_source(x):
        return x
    if isinstance(x, np.ndarray):
        return np.array(x)
    check_source(x, where)
    return read_rows(x, 0, x.shape[0])


def chunk_rows(x: Any) -> int | None:
    """Return the number of rows in a chunk of the file of `x`; None for a file without chunks."""
    chunks = getattr(x, "chunks", None)
    first = chunks[0] if isinstance(chunks, tuple) and chunks else None
    return first if isinstance(first, int) and first > 0 else None


def read_rows(x: Any, start: int, stop: int) -> HostArray:
    """Return rows start:stop of a source as a new ndarray (stop − start, …) of the source's dtype.

    The pages of a memmap do not stay in memory after the read, except in mode "c", where the pages
    hold the caller's changes. Rows of a transposed memmap lie all over the file, so that reads are
    slow.

    Raises
    ------
    ShapeError, DataError
        The source returns rows of another shape or dtype than its own, or masked rows, or has
        become too short. Errors of the source itself pass through.
    """
    start, stop, _ = slice(start, stop).indices(x.shape[0])
    rows = np.empty((max(stop - start, 0), *x.shape[1:]), np.dtype(x.dtype))
    if rows.size:
        fill_rows(rows, x, start, stop)
    return rows


def rows_at(x: Any, numbers: HostArray) -> HostArray:
    """Return the rows of a source with these numbers (n,) as a new ndarray (n, …).

    Runs of neighbouring rows are read together, in the order of the file. Rows of a sparse matrix
    are picked at once.

    Raises
    ------
    ShapeError, DataError
        As `read_rows`.

    Examples
    --------
    >>> import scipy.sparse
    >>> rows_at(scipy.sparse.eye_array(3, format="csr"), np.array([2, 0]))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    out = np.empty((len(numbers), *x.shape[1:]), np.dtype(x.dtype))
    if is_sparse(x):
        out[...] = _checked(x[numbers], out, f"rows of {type(x).__name__}")
        return out
    places = np.argsort(numbers)
    in_order = np.asarray(numbers)[places]
    starts = np.flatnonzero(np.diff(in_order, prepend=-2) != 1)
    for first, last in zip(starts, [*starts[1:], len(in_order)], strict=True):
        run = read_rows(x, int(in_order[first]), int(in_order[last - 1]) + 1)
        out[places[first:last]] = run
    return out


def fill_rows(out: HostArray, x: Any, start: int, stop: int) -> None:
    """Write rows start:stop of a source into `out`; it raises the errors of `read_rows`."""
    rows = _checked(x[start:stop], out, f"rows {start}:{stop} of {type(x).__name__}")
    if pages_of(rows) is None:
        out[...] = rows
    else:
        copy_rows(out, rows)


def _checked(given: Any, out: HostArray, where: str) -> HostArray:
    """Return rows of a source after a check of shape and dtype; a memmap stays a memmap."""
    if np.ma.is_masked(given):
        raise DataError(where, "masked values", "numbers", "Fill them in before training")
    rows: HostArray = given.toarray() if is_sparse(given) else np.asanyarray(given)
    advice = "Give the source the shape and dtype of its slices"
    if rows.shape != out.shape:
        raise ShapeError(where, f"shape {rows.shape}", f"{out.shape}, as its shape says", advice)
    if rows.dtype.newbyteorder("=") != out.dtype.newbyteorder("="):
        raise DataError(where, f"dtype {rows.dtype}", f"{out.dtype}, as its dtype says", advice)
    return rows
