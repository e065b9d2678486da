"""The values of data, checked once before training: finite, in range, labels that exist."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import context, is_on_cpu, namespace, to_host
from backprop_xp.arrays.native import sum_of_squares
from backprop_xp.errors import DataError

__all__ = ["check_case_weights", "check_finite", "check_labels", "check_not_empty", "check_range"]


def check_not_empty(X: Any, where: str) -> None:
    """Refuse data without a single case.

    Raises
    ------
    DataError
    """
    if 0 in X.shape:
        raise DataError(where, f"shape {tuple(X.shape)}", "at least one case", "Pass some rows")


def _row(place: int, numbers: Any) -> int:
    """Return the number of the row at `place`: `numbers` (m,) has it for rows read from a file."""
    return place if numbers is None else int(numbers[place])


def check_finite(x: Any, where: str, dtype: str, numbers: Any = None) -> None:
    """Refuse NaN, infinity and numbers that overflow `dtype`.

    The error names the first bad number.

    On a CPU a small Σ x² shows in one pass that all numbers are finite. Elsewhere the device
    computes a minimum and a maximum, and the host reads these two numbers. `numbers` (m,) are the
    row numbers that the error names: for rows of a file, their places in the file.

    Raises
    ------
    DataError
    """
    xp = namespace(x)
    if xp.isdtype(x.dtype, "bool"):
        return
    largest = float(np.finfo(dtype).max)
    if sum_of_squares(x) < largest:  # then each |x| is, too
        return
    with context(x):
        low, high = float(xp.min(x)), float(xp.max(x))
    if -largest <= low and high <= largest:  # NaN fails both
        return
    host = to_host(x)
    bad = ~(np.abs(host.astype(np.float64)) <= largest)
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    axes = min(x.ndim, 2)
    place = f"row {_row(first[-axes], numbers)}" + (f", column {first[-1]}" if axes == 2 else "")
    if len(first) > axes:
        place = f"network {first[:-axes]}, {place}"
    raise DataError(
        where,
        f"{host[first]} at {place} (counted from 0)",
        f"finite numbers within the range of {dtype}",
        "Remove or replace it"
        if not np.isfinite(host[first])
        else "Scale the data, or pass dtype='float64'",
    )


def check_range(
    Y: Any, limits: tuple[float, float] | None, loss: str, where: str, numbers: Any = None
) -> None:
    """Refuse targets outside the limits of a loss, beyond which its cost has no lower bound.

    Raises
    ------
    DataError
    """
    if limits is None or namespace(Y).isdtype(Y.dtype, "bool"):
        return
    low, high = limits
    host = to_host(Y)
    bad = (host < low) | (host > high)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = first if numbers is None else (_row(first[0], numbers), *first[1:])
        raise DataError(
            where,
            f"target {host[first]} at {place} (counted from 0)",
            f"targets from {low:g} to {high:g}, for the loss {loss}",
            "Scale them, or use squared_error",
        )


def check_labels(Y: Any, n_out: int, where: str, numbers: Any = None) -> None:
    """Refuse class labels outside 0 … n_out − 1 (0 and 1 for one output unit).

    Raises
    ------
    DataError
    """
    classes = max(n_out, 2)
    xp = namespace(Y)
    if xp.isdtype(Y.dtype, "bool"):
        return
    if is_on_cpu(Y):  # PyTorch has no minimum of unsigned integers beyond 8 bits
        Y, xp = to_host(Y), np
    with context(Y):
        low, high = int(xp.min(Y)), int(xp.max(Y))
    if low >= 0 and high < classes:
        return
    host = to_host(Y)
    first = tuple(int(i) for i in np.argwhere((host < 0) | (host >= classes))[0])
    raise DataError(
        where,
        f"label {host[first]} at row {_row(first[-1], numbers)} (counted from 0)",
        f"labels from 0 to {classes - 1}, for {n_out} output units",
        "Renumber the labels from 0, or give the network one output unit for each class",
    )


def check_case_weights(
    w: Any, where: str, dtype: str, total: Callable[[Any], Any] | None = None
) -> None:
    """Refuse case weights that are negative, not finite, or zero throughout.

    Where the cases are those of one rank, `total` adds numbers up over all ranks.

    Raises
    ------
    DataError
    """
    check_finite(w, where, dtype)
    host = to_host(w)
    if (host < 0).any():
        came = f"a weight of {host.min()}"
        raise DataError(where, came, "weights >= 0", "Leave cases out with weight 0")
    largest = host.max(axis=-1)
    if ((largest if total is None else total(largest)) == 0).any():
        expected = "at least one above 0 for each network"
        raise DataError(where, "weights that are all 0", expected, "Pass None for 1/m each")
