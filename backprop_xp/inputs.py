"""The door: what a caller hands in, checked and turned into what the equations take.

Only shapes, dtypes and devices are checked here, so that a call can be traced by ``jax.jit``; the
values are the business of `values`.
"""

import sys
from typing import Any, Literal, TypeAlias

import array_api_compat
import numpy as np

from backprop_xp.backend import (
    Array,
    Namespace,
    astype,
    broadcasts_to,
    context,
    device_of,
    dtype_name,
    is_floating,
    library_name,
    namespace,
    to_host,
)
from backprop_xp.errors import DeviceError, DTypeError, ShapeError

__all__ = [
    "check_dense",
    "check_real",
    "check_shape_of_inputs",
    "check_shape_of_weights",
    "check_theta",
    "check_unmasked",
    "columns",
    "columns_of_targets",
    "is_sparse",
    "kind_of_targets",
    "like_theta",
    "one_hot",
    "real_host_array",
    "same_place",
    "shape_text",
    "weights_row",
]


def shape_text(*axes: object) -> str:
    """Return a shape as it is written, of numbers and names.

    Examples
    --------
    >>> shape_text(5, "m", 3)
    '(5, m, 3)'
    """
    return f"({', '.join(map(str, axes))})"


def check_theta(theta: Any, count: int, where: str) -> Namespace:
    """Return the namespace of θ after checking that it is a float array (..., P).

    Raises
    ------
    DTypeError, ShapeError
    """
    if not array_api_compat.is_array_api_obj(theta):
        raise DTypeError(
            f"{where}(theta)", type(theta).__name__, "an array", "Make one with net.init()"
        )
    check_unmasked(theta, f"{where}(theta)")
    check_dense(theta, f"{where}(theta)")
    if not is_floating(theta):
        raise DTypeError(
            f"{where}(theta)", f"dtype {theta.dtype}", "a float dtype", "Use net.init()"
        )
    if theta.ndim < 1 or theta.shape[-1] != count or 0 in theta.shape:
        raise ShapeError(
            f"{where}(theta)",
            f"shape {tuple(theta.shape)}",
            f"(..., {count}), {count} parameters for these sizes",
            "Make theta with net.init() of the same network",
        )
    return namespace(theta)


def like_theta(x: Any, theta: Array, where: str) -> Array:
    """Return `x` in θ's dtype after checking that it lives where θ lives.

    Raises
    ------
    DTypeError
        `x` is complex, an object or text.
    DeviceError
        `x` belongs to another library or device.
    """
    x = same_place(x, theta, where)
    if x.dtype != theta.dtype:
        check_real(x, where)
    return astype(x, theta.dtype)


def same_place(x: Any, theta: Array, where: str, name: str = "theta") -> Any:
    """Return `x` after checking that it belongs to the library and device of θ, or of `name`.

    Lists and the like are welcome where θ is a NumPy array.

    Raises
    ------
    DTypeError
        `x` is masked or sparse, or a list of no real numbers.
    DeviceError
    """
    xp = namespace(theta)
    check_unmasked(x, where)
    check_dense(x, where)
    if not array_api_compat.is_array_api_obj(x) and array_api_compat.is_numpy_namespace(xp):
        x = real_host_array(x, where)
    if not array_api_compat.is_array_api_obj(x) or namespace(x) is not xp:
        raise DeviceError(
            where,
            f"{type(x).__module__}.{type(x).__name__}".removeprefix("builtins."),
            f"an array of {library_name(xp)}, as {name} is",
            "Arrays of two libraries do not mix: move one of them, or pass device= to train",
        )
    # JAX says nothing of the device of an array that it traces, and refuses mixtures itself
    if not array_api_compat.is_jax_namespace(xp) and device_of(x) != device_of(theta):
        raise DeviceError(
            where,
            f"an array on {device_of(x)}",
            f"one on {device_of(theta)}, as {name} is",
            "Move one of them, or pass device= to train",
        )
    return x


def real_host_array(x: Any, where: str) -> np.ndarray[Any, Any]:
    """Return a list, a data frame, an array or the like as a NumPy array of real numbers.

    Raises
    ------
    DTypeError, ShapeError
    """
    check_dense(x, where)
    try:
        array = to_host(x) if array_api_compat.is_array_api_obj(x) else np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            where, "rows of different lengths", "rows of one length", str(error)
        ) from error
    check_real(array, where)
    return array


def is_sparse(x: Any) -> bool:
    """Tell whether `x` is a sparse matrix or array of SciPy, of any format."""
    scipy_sparse = sys.modules.get("scipy.sparse")  # whoever has one has imported it
    return scipy_sparse is not None and bool(scipy_sparse.issparse(x))


def check_dense(x: Any, where: str) -> None:
    """Refuse sparse matrices of SciPy, and tensors of PyTorch that are sparse or of another layout.

    Raises
    ------
    DTypeError
    """
    if is_sparse(x):
        advice = "Pass x.toarray(); train and predict read the rows of x.tocsr() too"
        raise DTypeError(where, f"a sparse matrix of format {x.format}", "an array", advice)
    if array_api_compat.is_torch_array(x) and str(x.layout) != "torch.strided":
        advice = "Pass x.to_dense()"
        raise DTypeError(where, f"a tensor of layout {x.layout}", "a dense one", advice)


def check_unmasked(x: Any, where: str) -> None:
    """Refuse NumPy's masked arrays, whose masks the equations would not see.

    Raises
    ------
    DTypeError
    """
    if isinstance(x, np.ma.MaskedArray):
        advice = "Fill or leave out what is masked, with x.filled for one"
        raise DTypeError(where, "a masked array", "an array without a mask", advice)


_REAL = {"bool", "float16", "float32", "float64"} | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def check_real(x: Any, where: str) -> None:
    """Refuse arrays that do not hold booleans, integers or floats of 16, 32 or 64 bits.

    Raises
    ------
    DTypeError
    """
    check_unmasked(x, where)
    if dtype_name(x.dtype) not in _REAL:
        advice = "Convert it with astype, to float32 for one"
        if getattr(x.dtype, "kind", "") in "OUST":
            number = "Number the classes with numpy.unique(Y, return_inverse=True)[1]"
            advice = f"{number}, and convert inputs with astype"
        raise DTypeError(where, f"dtype {x.dtype}", "real numbers of up to 64 bits", advice)


def columns(X: Any, theta: Array, n_in: int, where: str) -> Array:
    """Return a^0 = Xᵀ, (..., n_in, m), in θ's dtype, for X (m, n_in) or one X per network.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
    """
    rows = like_theta(X, theta, where)
    check_shape_of_inputs(rows, tuple(theta.shape[:-1]), n_in, where)
    return rows.mT


def check_shape_of_inputs(X: Any, lead: tuple[int, ...], n_in: int, where: str) -> None:
    """Refuse X unless it is (m, n_in) or has the stack's axes in front.

    Raises
    ------
    ShapeError
    """
    shape = tuple(X.shape)
    if len(shape) < 2 or shape[-1] != n_in or not broadcasts_to(shape[:-2], lead):
        stacked = f" or {shape_text(*lead, 'm', n_in)}" if lead else ""
        raise ShapeError(
            where,
            f"shape {shape}",
            f"(m, {n_in}){stacked}, {n_in} inputs of layer 1",
            "Pass one row for each case and one column for each input",
        )


TargetKind: TypeAlias = Literal["targets", "column", "labels"]


def kind_of_targets(Y: Any, m: int, n_out: int, lead: tuple[int, ...], where: str) -> TargetKind:
    """Tell what Y holds.

    "targets", (m, n_out); "labels", integers (m,); "column", floats (m,) for one output unit; each
    of them with the stack's axes in front where the networks differ.

    Raises
    ------
    ShapeError
    """
    shape = tuple(Y.shape)
    integral = bool(namespace(Y).isdtype(Y.dtype, ("bool", "integral")))
    one_for_each_case = shape[-1:] == (m,) and broadcasts_to(shape[:-1], lead)
    if shape[-2:] == (m, n_out) and broadcasts_to(shape[:-2], lead):
        if integral and one_for_each_case and n_out > 1:
            came = f"integers {shape}, which could be labels or targets"
            advice = "Pass targets as floats, or labels as targets of 0 and 1"
            raise ShapeError(where, came, "one reading", advice)
        return "targets"
    if (integral or n_out == 1) and one_for_each_case:
        return "labels" if integral else "column"
    both = shape_text(*lead, "m"), shape_text(*lead, "m", n_out)
    stacked = f", or {both[0]} and {both[1]}" if lead else ""
    raise ShapeError(
        where,
        f"shape {shape} of dtype {Y.dtype}",
        f"class labels ({m},) of an integer dtype or targets ({m}, {n_out}){stacked}",
        "Labels held as floats are converted with Y.astype(int)",
    )


def columns_of_targets(Y: Any, theta: Array, m: int, n_out: int, where: str) -> Array:
    """Return the targets as columns, (..., n_out, m), in θ's dtype.

    Labels 0 … n_out − 1 become columns with one 1; with one output unit, Y (m,) is its target.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
    """
    Y = same_place(Y, theta, where)
    check_real(Y, where)
    kind = kind_of_targets(Y, m, n_out, tuple(theta.shape[:-1]), where)
    if kind == "targets":
        return astype(Y, theta.dtype).mT
    return one_hot(Y, theta, n_out)


def one_hot(labels: Array, like: Array, n_out: int) -> Array:
    """Return (..., n_out, m) in the dtype of `like`: 1 in the place of each label, 0 elsewhere.

    With one output unit the label itself is the target.
    """
    xp = namespace(like)
    rows = xp.expand_dims(labels, axis=-2)
    if n_out == 1:
        return astype(rows, like.dtype)
    with context(like):
        classes = xp.arange(n_out, dtype=xp.int32, device=device_of(like))
    return astype(xp.astype(rows, xp.int32) == xp.expand_dims(classes, axis=-1), like.dtype)


def weights_row(case_weights: Any, theta: Array, m: int, where: str) -> Array:
    """Return the weights of the cases as a row, (..., 1, m); 1/m each where none are given.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
    """
    xp = namespace(theta)
    row: Array
    if case_weights is None:
        with context(theta):
            row = xp.full((1, 1), 1 / m, dtype=theta.dtype, device=device_of(theta))
    else:
        w = like_theta(case_weights, theta, where)
        check_shape_of_weights(w, tuple(theta.shape[:-1]), m, where)
        row = xp.expand_dims(w, axis=-2)
    return row


def check_shape_of_weights(w: Any, lead: tuple[int, ...], m: int, where: str) -> None:
    """Refuse case weights unless they are (m,) or have the stack's axes in front.

    Raises
    ------
    ShapeError
    """
    shape = tuple(w.shape)
    if shape[-1:] != (m,) or not broadcasts_to(shape[:-1], lead):
        stacked = f" or {(*lead, m)}" if lead else ""
        raise ShapeError(
            where, f"shape {shape}", f"({m},){stacked}", "Pass one weight for each case"
        )
