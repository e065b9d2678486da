"""The network's inputs for rows as the user has them: read, and preprocessed, a block at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import Array, HostArray, is_array, to_host
from backprop_xp.arrays.requirements import is_sparse, shape_text
from backprop_xp.arrays.rows import is_source, rows_of
from backprop_xp.errors import DataError, ShapeError
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.data_values import check_finite
from backprop_xp.preprocessing.composition import steps_in
from backprop_xp.preprocessing.inputs import used_columns
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import (
    WHERE,
    Table,
    columns_of_frame,
    is_frame,
    without_na,
)

__all__ = ["InputRows", "check_columns", "is_real", "whole_table"]


class InputRows:
    """The network's inputs for the rows of X, which are read and preprocessed a block at a time.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    """

    dtype = np.dtype(np.float64)

    def __init__(self, X: Any, meaning: Meaning, n: int, n_in: int, dtype: str) -> None:
        self._step, self._finite = meaning.preprocessing, dtype
        self._names = meaning.feature_names
        if self._step is not None and is_sparse(X):
            _check_for_sparse(self._step)
        if self._names and is_frame(X):
            columns = _named_columns(X, self._names, self._step)
            self._read: Any = lambda start, stop: [column[start:stop] for column in columns]
            m = len(columns[0])
        else:
            blocks = _whole(X)
            check_columns(blocks.shape, n)
            self._read = lambda start, stop: [blocks.read(start, stop)]
            m = blocks.shape[0]
        self.shape = (m, n_in)

    def table(self, rows: slice = slice(None)) -> Table:
        """Return rows before they are preprocessed, with zeros in columns that no step looks at."""
        start, stop, _ = rows.indices(self.shape[0])
        parts = self._read(start, stop)
        blocks = tuple(part if part.ndim == 2 else part[:, None] for part in parts)
        return Table(blocks, self._names, start)

    def __getitem__(self, rows: slice) -> HostArray:
        start, stop, _ = rows.indices(self.shape[0])
        table = self.table(rows)
        if self._step is None:
            x = table.numbers()
        else:  # a step may clip a number, so that no infinity is seen after it
            table.refuse_infinite(used_columns(self._step), WHERE)
            x = self._step.apply(table).numbers()
        if x.size:
            check_finite(x, WHERE, self._finite, np.arange(start, stop))
        return x


def _named_columns(X: Any, names: Sequence[str], step: Step | None) -> list[HostArray]:
    """Return the columns of a frame by name, with zeros for columns that the step leaves out."""
    used = range(len(names)) if step is None else used_columns(step)
    found = columns_of_frame(X, [names[j] for j in used])
    columns = [np.broadcast_to(np.zeros(()), (len(X),))] * len(names)
    for j, column in zip(used, found, strict=True):
        columns[j] = column
    return columns


class _Blocks(NamedTuple):
    shape: tuple[int, ...]
    read: Any


def _whole(X: Any) -> _Blocks:
    """Return the shape of X without names, and a function that reads rows of it on the host."""
    if is_sparse(X) and X.format != "csr":
        X = X.tocsr()
    if not is_source(X) and not (is_array(X) and is_real(X)):
        x = _of_objects(X)
        return _Blocks(x.shape, lambda start, stop: x[start:stop])
    rows = rows_of(X, WHERE)
    return _Blocks(tuple(rows.like.shape), lambda start, stop: to_host(rows.read(start, stop)))


def _of_objects(X: Any) -> HostArray:
    """Return a list, a frame or an array of texts as an array of numbers or of objects."""
    if is_frame(X):
        names = [str(name) for name in X.columns]
        if len(set(names)) == len(names):
            table = Table.of(columns_of_frame(X, names))
            return table.numbers() if table.is_numeric else _objects(table.columns())
    x = np.asarray(X)
    texts = x.dtype.kind == "U" and not hasattr(X, "dtype")
    return np.asarray(X, dtype=object) if texts else without_na(x)


def _objects(columns: Sequence[HostArray]) -> HostArray:
    x = np.empty((len(columns[0]), len(columns)), dtype=object)
    for j, column in enumerate(columns):
        x[:, j] = column
    return x


def is_real(X: Array) -> bool:
    """Tell whether an array holds real numbers; arrays of other libraries than NumPy do."""
    return not isinstance(X, np.ndarray) or X.dtype.kind in "biuf"


def check_columns(shape: tuple[int, ...], n: int) -> None:
    """Refuse rows with another number of columns than n."""
    if len(shape) < 2 or shape[-1] != n:
        advice = "Pass one row for each case, with the columns of training"
        raise ShapeError(WHERE, f"shape {tuple(shape)}", shape_text("m", n), advice)


def _check_for_sparse(step: Step) -> None:
    """Refuse steps that treat the zeros of a sparse matrix in a way of their own."""
    if any(isinstance(one, QuantileMapping) for one in steps_in(step)):
        advice = "Pass X.toarray(), if the pipeline was fitted on a dense X"
        raise DataError(WHERE, "a sparse matrix", "a dense X for quantiles", advice)


def whole_table(X: Any, names: tuple[str, ...] = ()) -> Table:
    """Return all rows of X as a table on the host, as `InputRows` reads them.

    Parameters
    ----------
    X : array, list or data frame (m, n)
    names : tuple of str
        The names of the columns of a frame; empty where the columns are counted.

    Examples
    --------
    >>> whole_table([[1, 2.5]]).columns()
    [array([1.]), array([2.5])]
    """
    if names and is_frame(X):
        return Table.of(columns_of_frame(X, names), names)
    blocks = _whole(X)
    return Table((blocks.read(0, blocks.shape[0]),), names)
