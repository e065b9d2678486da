"""Arguments of a caller, checked and turned into the columns that the equations take.

Only shapes, dtypes and devices are checked here, so that ``jax.jit`` can trace a call. The values
are checked in `data_values`.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    astype,
    broadcasts_to,
    context,
    device_of,
    is_array,
    is_floating,
    namespace,
)
from backprop_xp.arrays.requirements import (
    check_dense,
    check_real,
    check_unmasked,
    same_place,
    shape_text,
)
from backprop_xp.errors import DTypeError, OptionError, ShapeError

__all__ = [
    "check_shape_of_inputs",
    "check_shape_of_weights",
    "check_theta",
    "check_weighs_cases",
    "columns",
    "columns_of_targets",
    "kind_of_targets",
    "like_theta",
    "one_hot",
    "weights_row",
]


def check_theta(theta: Any, count: int, where: str) -> Namespace:
    """Return the namespace of θ after checking that it is a float array (..., P).

    Raises
    ------
    DTypeError, ShapeError
    """
    if not is_array(theta):
        advice = "Make one with net.init()"
        if hasattr(theta, "theta"):  # as a run and a loaded model have it
            advice = "Pass its theta, such as run.theta"
        elif isinstance(theta, tuple | list) and all(hasattr(one, "W") for one in theta):
            advice = "Pass net.pack(layers)"
        raise DTypeError(f"{where}(theta)", type(theta).__name__, "an array", advice)
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
    """Return `x` in θ's dtype after checking that it is in θ's library and on its device.

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


def columns(X: Any, theta: Array, n_in: int, where: str) -> Array:
    """Return a^0 = Xᵀ, (..., n_in, m), in θ's dtype, for X (m, n_in) or one X per network.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
    """
    rows = like_theta(X, theta, where)
    check_shape_of_inputs(rows, tuple(theta.shape[:-1]), n_in, where)
    a_in: Array = rows.mT
    return a_in


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
    """Return the kind of Y: "targets", "labels" or "column".

    Targets are (m, n_out), labels are integers (m,), and a column is floats (m,), the targets of
    one output unit. Each may have the stack's axes in front.

    Raises
    ------
    ShapeError
        Y is of no kind, or integers of a shape that both labels and targets may have.
    """
    shape = tuple(Y.shape)
    integral = bool(namespace(Y).isdtype(Y.dtype, ("bool", "integral")))
    one_for_each_case = shape[-1:] == (m,) and broadcasts_to(shape[:-1], lead)
    if shape[-2:] == (m, n_out) and broadcasts_to(shape[:-2], lead):
        if integral and one_for_each_case and n_out > 1:
            came = f"integers {shape}, which could be labels or targets"
            advice = "Convert targets to floats, or labels to targets of 0.0 and 1.0"
            raise ShapeError(where, came, "labels or targets beyond doubt", advice)
        return "targets"
    if (integral or n_out == 1) and one_for_each_case:
        return "labels" if integral else "column"
    rows, advice = _row_count(shape, n_out), "Convert labels held as floats with Y.astype(int)"
    if rows != m:
        advice = f"X has {m} rows and Y has {rows}: pass one row of Y for each row of X"
    elif len(shape) > 1 and shape[-1] != n_out:
        advice = f"Y has {shape[-1]} columns, and the network has {n_out} outputs"
    of_labels, of_targets = shape_text(*lead, "m"), shape_text(*lead, "m", n_out)
    stacked = f", or {of_labels} and {of_targets}" if lead else ""
    raise ShapeError(
        where,
        f"shape {shape} of dtype {Y.dtype}",
        f"class labels ({m},) of an integer dtype or targets ({m}, {n_out}){stacked}",
        advice,
    )


def _row_count(shape: tuple[int, ...], n_out: int) -> int:
    """Return the cases in targets of this shape, in columns or as labels; 0 for a single number."""
    in_columns = len(shape) == 2 or (len(shape) > 2 and shape[-1] == n_out)
    return shape[-2] if in_columns else shape[-1] if shape else 0


def columns_of_targets(Y: Any, theta: Array, m: int, n_out: int, where: str) -> Array:
    """Return the targets y as columns, (..., n_out, m), in θ's dtype.

    Labels 0 … n_out − 1 become one-hot columns. With one output unit, Y (m,) holds its targets.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
    """
    Y = same_place(Y, theta, where)
    check_real(Y, where)
    kind = kind_of_targets(Y, m, n_out, tuple(theta.shape[:-1]), where)
    if kind == "targets":
        y: Array = astype(Y, theta.dtype).mT
        return y
    return one_hot(Y, theta, n_out)


def one_hot(labels: Array, like: Array, n_out: int) -> Array:
    """Return one-hot columns (..., n_out, m) for labels (..., m), in the dtype of `like`.

    Each column is 1 in the place of its label and 0 elsewhere. With one output unit the label
    itself is the target.
    """
    xp = namespace(like)
    rows = xp.expand_dims(labels, axis=-2)
    if n_out == 1:
        return astype(rows, like.dtype)
    with context(like):
        classes = xp.arange(n_out, dtype=xp.int32, device=device_of(like))
    return astype(xp.astype(rows, xp.int32) == xp.expand_dims(classes, axis=-1), like.dtype)


def weights_row(case_weights: Any, theta: Array, m: int, where: str) -> Array:
    """Return the weights w_c of the cases as a row, (..., 1, m); 1/m each unless given.

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
        check_weighs_cases(case_weights, where)
        w = like_theta(case_weights, theta, where)
        check_shape_of_weights(w, tuple(theta.shape[:-1]), m, where)
        row = xp.expand_dims(w, axis=-2)
    return row


def check_weighs_cases(case_weights: Any, where: str) -> None:
    """Refuse class weights in the place of case weights.

    Raises
    ------
    OptionError
    """
    if isinstance(case_weights, Mapping | str):
        expected = "an array of one weight for each case"
        advice = "Weights of classes are class_weights= of bp.train"
        raise OptionError(where, f"{case_weights!r:.100}", expected, advice)


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
