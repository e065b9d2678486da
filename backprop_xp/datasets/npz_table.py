"""The features and the target in an NPZ file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import targets_in
from backprop_xp.datasets.dataset import Targets
from backprop_xp.datasets.npz_file import read_array
from backprop_xp.datasets.packed_cells import CELLS_AT_ONCE, PackedCells
from backprop_xp.errors import DataError, OptionError

__all__ = ["npz_features", "npz_targets"]


def npz_features(file: Path, wanted: tuple[str, ...]) -> NDArray[np.floating[Any]]:
    """Return the array X of an NPZ file, with as many columns as there are names.

    Raises
    ------
    DataError
        X is no array of finite numbers (m, n_in), or has another number of columns.
    """
    X = read_array(file, "X", "x")
    if X.ndim != 2 or X.size == 0 or X.dtype.kind not in "biuf":
        came, expected = f"X {X.shape} of {X.dtype}", "numbers (m, n_in), not empty"
        raise DataError(file.name, came, expected, "Save a row for each case, X.reshape(m, -1)")
    if wanted and X.shape[1] != len(wanted):
        came, advice = f"{X.shape[1]} columns of X", "Check that it is the right file"
        raise DataError(file.name, came, f"{len(wanted)}, as in training", advice)
    return _floats(file, "X", X)


def npz_targets(
    file: Path, target: str | int | None, known: tuple[str, ...] | None, m: int
) -> tuple[Targets, tuple[str, ...] | None]:
    """Return labels and the names of the classes, or numbers and None, from an NPZ file.

    Parameters
    ----------
    file : path
    target : str, int or None
        The name of the target's array; None for Y.
    known : tuple of str or None
        The classes of a trained model.
    m : int
        The number of rows of X.

    Raises
    ------
    OptionError
        The target is no name.
    DataError
        The array is missing, has other rows than X, or holds no labels or finite numbers.
    """
    if target is not None and not isinstance(target, str):
        advice = "Name an array, or leave target out for Y"
        raise OptionError("read_file(target)", repr(target), "the name of an array", advice)
    names = ("Y", "y") if target is None else (target,)
    Y = read_array(file, *names)
    if Y.ndim and len(Y) != m:
        came, expected = f"{m} rows of X and {len(Y)} of Y", "as many of Y as of X"
        raise DataError(file.name, came, expected, "Save them again")
    if Y.ndim == 1 and Y.dtype.kind in "biuU":
        values = Y.astype(np.uint8) if Y.dtype.kind == "b" else Y
        different = np.unique(values)
        rows = np.searchsorted(different, values)
        cells = PackedCells()
        for start in range(0, len(different), CELLS_AT_ONCE):
            part = different[start : start + CELLS_AT_ONCE].tolist()
            cells.append([str(value).strip() for value in part])
        return targets_in(cells, known, lambda row: f"{file.name}, {names[0]}[{row}]", rows)
    if Y.ndim not in (1, 2) or Y.size == 0 or Y.dtype.kind == "U" or known:
        came = f"{names[0]} {Y.shape} of {Y.dtype}"
        expected = "class labels (m,)" if known else "labels (m,) or numbers (m, n_out)"
        raise DataError(
            file.name, came, expected, "Save a label, or a row of numbers, for each case"
        )
    return _floats(file, names[0], Y.reshape(len(Y), -1)), None


def _floats(file: Path, name: str, values: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Return finite numbers as float16, float32 or float64."""
    if values.dtype.kind != "f":
        return values.astype(np.result_type(values, np.float32))  # exact up to 53 bits
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0].tolist()
        where, came = f"{file.name}, {name}[{row}, {column}]", str(values[row, column])
        raise DataError(where, came, "a finite number", "Fill it in or delete the row")
    return values.astype(np.float64) if values.dtype.itemsize > 8 else values
