"""The arrays of the user: the library and the device that results come back in.

With ``sklearn.set_config(array_api_dispatch=True)``, results belong to the library and lie on the
device of X. Without it scikit-learn makes NumPy arrays of all that comes, and all results are NumPy
arrays.
"""

from contextlib import AbstractContextManager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context_of,
    copied,
    device_of,
    dtype_name,
    from_host,
    is_on_cpu,
    library_name,
    namespace,
    to_host,
)
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.moves import move
from backprop_xp.arrays.requirements import check_dense, check_real
from backprop_xp.errors import DeviceError, DTypeError

__all__ = [
    "brought",
    "by_rows",
    "check_arrays",
    "check_place",
    "current_device",
    "dispatches",
    "float_dtypes",
    "is_elsewhere",
    "known_dtype",
    "on_host",
    "picked",
    "place_of",
    "r_squared",
    "with_host_arrays",
]

_DISPATCH = (
    "call sklearn.set_config(array_api_dispatch=True), with SCIPY_ARRAY_API=1 in the environment"
)


def dispatches() -> bool:
    """Tell whether scikit-learn takes arrays of other libraries than NumPy as they are."""
    from sklearn import get_config

    return bool(get_config()["array_api_dispatch"])


def is_elsewhere(x: Any) -> bool:
    """Tell whether `x` is an array of another library than NumPy.

    Examples
    --------
    >>> is_elsewhere(np.zeros(2)), is_elsewhere([0.0])
    (False, False)
    """
    is_array = bool(array_api_compat.is_array_api_obj(x))
    return is_array and not array_api_compat.is_numpy_array(x)


def place_of(X: Any) -> Device:
    """Return the device that results for X come back on: of X's own library, or NumPy's.

    Examples
    --------
    >>> place_of([[0.0, 1.0]]).name
    'cpu'
    """
    if not is_elsewhere(X):
        return select_device("cpu")
    xp, handle = namespace(X), device_of(X)
    return Device(f"{library_name(xp)}:{handle}", "the device of X", xp, handle)


def current_device(X: Any) -> AbstractContextManager[Any]:
    """Return the context in which new arrays are created on the device of X."""
    place = place_of(X if dispatches() else None)
    return context_of(place.xp, place.handle)


def brought(x: Any, place: Device, dtype: str | None = None) -> Any:
    """Return the array `x` in a library and on a device; `x` itself where it is there.

    Examples
    --------
    >>> brought(np.arange(2), place_of([0.0]), "float32")
    array([0., 1.], dtype=float32)
    """
    return move(x, place.xp, place.handle, dtype or dtype_name(x.dtype))


def by_rows(x: Array) -> Any:
    """Return a copy of an array in its own library, in C order where that library has orders."""
    return copied(x) if is_elsewhere(x) else np.array(x, order="C")


def picked(x: Any, rows: HostArray) -> Any:
    """Return some rows of an array of any library, or of a sparse matrix, by their numbers."""
    if not is_elsewhere(x):
        return x[rows]
    xp, device = namespace(x), device_of(x)
    with context_of(xp, device):
        return xp.take(x, from_host(rows, xp, device, "int32"), axis=0)


def on_host(x: Any) -> Any:
    """Return an array of any library as a NumPy array; any other object unchanged."""
    return to_host(x) if is_elsewhere(x) and dispatches() else x


def float_dtypes(X: Any) -> tuple[Any, ...]:
    """Return the float dtypes that X may have: float64 and float32, where its device has them."""
    if not (is_elsewhere(X) and dispatches()):
        return np.float64, np.float32
    xp = namespace(X)
    known = xp.__array_namespace_info__().dtypes(device=device_of(X))
    return tuple(known[name] for name in ("float64", "float32") if name in known)


def known_dtype(theta: Any, X: Any) -> str:
    """Return the name of θ's dtype, or "float32" where the device of X has no float64.

    Examples
    --------
    >>> known_dtype(np.zeros(2), [[0.0]])
    'float64'
    """
    name, place = dtype_name(theta.dtype), place_of(X)
    known = place.xp.__array_namespace_info__().dtypes(device=place.handle)
    return "float32" if name == "float64" and name not in known else name


def check_arrays(where: str, **data: Any) -> None:
    """Refuse arrays that scikit-learn cannot read, before it tries.

    Parameters
    ----------
    where : str
        The method that errors name, such as "fit".
    **data
        Arrays, or other objects, by the names of the arguments.

    Raises
    ------
    DTypeError
        The numbers are of a dtype that NumPy does not have, such as bfloat16, or not real; or X has
        dates, which scikit-learn's check turns into numbers of 10^14 and more.
    DeviceError
        An array lies on a GPU, and scikit-learn would make a NumPy array of it.
    """
    for name, x in data.items():
        dtypes = getattr(x, "dtypes", [getattr(x, "dtype", None)]) if name == "X" else []
        dates = [one for one in dtypes if _is_of_time(one)]
        if dates:
            advice = "Make numbers of the dates, such as the days since a date"
            raise DTypeError(f"{where}(X)", f"dtype {dates[0]}", "real numbers", advice)
        if not is_elsewhere(x):
            continue
        check_dense(x, f"{where}({name})")
        check_real(x, f"{where}({name})")
        if not is_on_cpu(x) and not dispatches():
            came = f"an array of {library_name(namespace(x))} on {device_of(x)}"
            advice = f"Move the array to the host, or {_DISPATCH}"
            raise DeviceError(f"{where}({name})", came, "an array of the host", advice)


def _is_of_time(dtype: Any) -> bool:
    """Tell whether a dtype of NumPy, pandas or Polars is one of dates, times or durations."""
    polars = getattr(dtype, "is_temporal", None)
    return bool(polars()) if polars else getattr(dtype, "kind", "") in ("m", "M")


def check_place(X: Any, fitted: Any, call: str) -> None:
    """Refuse X where it is not where `fitted`, a fitted array of another library than NumPy, is.

    scikit-learn's own estimators refuse it too. Arrays of NumPy, as they are after a fit on the
    host and in a pickle, serve X of any library.

    Parameters
    ----------
    X, fitted : array
    call : str
        The method that the error names, such as "MLPClassifier.predict()".

    Raises
    ------
    DeviceError
        X is of another library, or on another device.
    """
    if not (dispatches() and is_elsewhere(fitted)):
        return
    came, expected = place_of(X), place_of(fitted)
    if came.xp is expected.xp and came.handle == expected.handle:
        return
    raise DeviceError(
        call,
        f"X on {came.name}",
        f"X on {expected.name}: inputs must use the same namespace and the same device as in fit",
        "Move X there; or set mlp.theta_ to a NumPy array, which serves X of any library",
    )


def r_squared(y: Any, predicted: Array, w: Any) -> float:
    """Return R² = 1 − Σ w (y − p)² / Σ w (y − ȳ)², the mean over the outputs.

    scikit-learn's `r2_score` masks arrays, which some libraries do not, and a GPU would wait. The
    sums are computed where the predictions are; the host divides them.

    Parameters
    ----------
    y, predicted : array (m,) or (m, n_out)
    w : array (m,) or None
        The weights of the cases.

    Examples
    --------
    >>> r_squared([1.0, 2.0], np.array([1.0, 1.5]), None)
    0.5
    """
    place, dtype = place_of(predicted), dtype_name(predicted.dtype)
    xp, m = place.xp, predicted.shape[0]
    w = np.ones(m) if w is None else w
    with context_of(place.xp, place.handle):
        y, w = (brought(x if is_elsewhere(x) else np.asarray(x), place, dtype) for x in (y, w))
        y, p = (xp.reshape(x, (m, -1)) for x in (y, predicted))
        w, above = xp.reshape(w, (m, 1)), y - y[:1, :]  # a constant number is 0 without rounding
        off, spread = y - p, above - xp.sum(w * above, axis=0) / xp.sum(w)
        sums = [to_host(xp.sum(w * x * x, axis=0)) for x in (off, spread)]
    errors, spreads = sums
    constant = spreads == 0
    shares = errors / np.where(constant, 1, spreads)
    return float(1 - np.where(constant, errors != 0, shares).mean())


def with_host_arrays(x: Any) -> Any:
    """Return `x` with NumPy arrays in the place of arrays of other libraries.

    Lists, tuples, dicts and data classes are searched. Without such arrays `x` itself is returned.

    Examples
    --------
    >>> given = {"coefs_": [np.zeros(2)]}
    >>> with_host_arrays(given) is given
    True
    """
    if is_elsewhere(x):
        return to_host(x)
    if type(x) is dict:
        found = {key: with_host_arrays(one) for key, one in x.items()}
        return found if any(found[key] is not one for key, one in x.items()) else x
    if type(x) in (list, tuple):
        parts = type(x)(map(with_host_arrays, x))
        return parts if any(one is not old for one, old in zip(parts, x, strict=True)) else x
    if is_dataclass(x) and not isinstance(x, type):
        held = {one.name: getattr(x, one.name) for one in fields(x) if one.init}
        moved = {name: with_host_arrays(one) for name, one in held.items()}
        changed = {name: one for name, one in moved.items() if one is not held[name]}
        return replace(x, **changed) if changed else x
    return x
