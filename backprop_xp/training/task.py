"""The door of training: everything that came in is checked and moved before any work."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    context_of,
    device_of,
    dtype_name,
    is_floating,
    namespace,
    to_host,
)
from backprop_xp.arrays.cuda_streaming import Mover, Rows, fits, moved_by, mover
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.memory_errors import memory_errors
from backprop_xp.arrays.rows import INTO_MEMORY, check_source, is_source, read_rows
from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.network import columns, data_values
from backprop_xp.network.network import Network, stack_shape
from backprop_xp.training.data.cases import Cases, FileCases, of_mean_one
from backprop_xp.training.data.class_weights import weights_by_class

__all__ = ["Task", "prepare"]

_FROM_A_FILE = "Pass X as np.load(path, mmap_mode='r'), of which some rows at a time are in memory"
_SMALLER = "Try fewer networks in the stack, or dtype='float32'"


@dataclass(frozen=True)
class Task:
    """What is to be trained, on its device.

    Attributes
    ----------
    net : Network
    theta : array (P,), or (K, P) for a stack of K networks
        Where to start, with 0 for the weights of removed connections.
    stack : tuple of int
        The leading axes that were asked for; their product is K.
    cases, validation : Cases or FileCases
    seed : int
    """

    net: Network
    theta: Array
    stack: tuple[int, ...]
    cases: Cases | FileCases
    validation: Cases | FileCases | None
    seed: int

    def in_axes(self, theta: Array) -> Array:
        """Return θ (*stack, P) from θ (K, P)."""
        shaped: Array = namespace(theta).reshape(theta, (*self.stack, theta.shape[-1]))
        return shaped


@dataclass(frozen=True)
class _Place:
    """Where training takes place, in which dtype, and with which leading axes."""

    xp: Namespace
    device: Any
    dtype: str
    lead: tuple[int, ...]

    def move(self, x: Any, dtype: str | None = None, by: Mover | None = None) -> Array:
        return moved_by(by, x, self.xp, self.device, dtype or self.dtype)

    def flat(self, x: Any, axes: int) -> Any:
        """Return x with the networks of all axes of the stack one after another, if at all."""
        lead, own = tuple(x.shape[: x.ndim - axes]), tuple(x.shape[x.ndim - axes :])
        if math.prod(lead) == 1:
            return x if not lead else namespace(x).reshape(x, own)
        if lead == self.lead and len(lead) == 1:
            return x
        xp = namespace(x)
        return xp.reshape(xp.broadcast_to(x, (*self.lead, *own)), (-1, *own))


def prepare(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any,
    validation: tuple[Any, Any] | None,
    case_weights: Any,
    seed: int,
    device: str | Device | None,
    dtype: Any,
    stack: int | Sequence[int],
    class_weights: Any = None,
) -> Task:
    """Return the task after checking every argument; see `training.train` for what they are.

    Raises
    ------
    BackpropError
    """
    if not isinstance(net, Network):
        raise DTypeError(
            "train(net)", type(net).__name__, "a Network", "Such as bp.Network([4, 3])"
        )
    check_count(seed, "train(seed)", least=0)
    chosen = None if device is None else select_device(device)
    X = X if is_source(X) else _array(X, "train(X)")
    like = _stand_in(X, "train(X)")
    place = _Place(
        namespace(like) if chosen is None else chosen.xp,
        device_of(like) if chosen is None else chosen.handle,
        _dtype(like, dtype),
        _lead(net, theta, stack),
    )
    follow = like if chosen is None else None
    with context_of(place.xp, place.device):
        cases = _cases(net, X, Y, case_weights, place, follow, "train", class_weights)
        others = None
        if validation is not None:
            X_others, Y_others = _pair(validation)
            others = _cases(net, X_others, Y_others, None, place, follow, "train(validation)")
        with memory_errors("train(theta)", "room for the parameters", _SMALLER):
            start = _theta(net, theta, seed, stack, place, follow)
            if place.lead:
                start = place.xp.reshape(start, (-1, net.parameter_count))
    return Task(net, start, place.lead, cases, others, seed)


def _array(x: Any, where: str) -> Any:
    """Return an array of real numbers: `x` itself, or a NumPy array made of a list or the like."""
    if is_source(x):
        x = np.array(x) if isinstance(x, np.ndarray) else _read(x, where)
    if not array_api_compat.is_array_api_obj(x):
        return requirements.real_host_array(x, where)
    requirements.check_dense(x, where)
    requirements.check_real(x, where)
    return x.detach() if array_api_compat.is_torch_array(x) else x


def _read(x: Any, where: str) -> np.ndarray[Any, Any]:
    check_source(x, where)
    return read_rows(x, 0, x.shape[0])


def _beside(x: Any, follow: Any, where: str) -> Any:
    """Return `x` as an array; where no device was named it must be where X is."""
    if follow is not None and not is_source(x):
        x = requirements.same_place(x, follow, where, "X")
    return _array(x, where)


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, Sequence) or len(validation) != 2:
        raise OptionError(
            "train(validation)", type(validation).__name__, "a pair (X, Y)", "Pass (X_val, Y_val)"
        )
    return validation[0], validation[1]


def _dtype(X: Any, dtype: Any) -> str:
    if dtype is None:
        return dtype_name(X.dtype) if is_floating(X) else "float32"
    return float_name(dtype, "train(dtype)")


def _lead(net: Network, theta: Any, stack: int | Sequence[int]) -> tuple[int, ...]:
    shape = stack_shape(stack)
    if theta is None:
        return shape
    columns.check_theta(theta, net.parameter_count, "train")
    lead = tuple(int(n) for n in theta.shape[:-1])
    if shape not in ((), lead):
        raise OptionError(
            "train(stack)",
            f"{shape}",
            f"{lead}, theta's leading axes",
            "Leave stack out with theta",
        )
    return lead


def _cases(
    net: Network,
    X: Any,
    Y: Any,
    case_weights: Any,
    place: _Place,
    follow: Any,
    where: str,
    class_weights: Any = None,
) -> Cases | FileCases:
    in_file, Y_given = is_source(X), Y
    X = X if in_file else _beside(X, follow, f"{where}(X)")
    if not in_file and X.ndim == 2 and not fits(X, place.xp, place.device, place.dtype):
        X, in_file = Rows(X), True
    Y = Y if in_file and is_source(Y) else _beside(Y, follow, f"{where}(Y)")
    X_like, Y_like = _stand_in(X, f"{where}(X)"), _stand_in(Y, f"{where}(Y)")
    data_values.check_not_empty(X_like, f"{where}(X)")
    columns.check_shape_of_inputs(X_like, place.lead, net.sizes[0], f"{where}(X)")
    m, n_out = X_like.shape[-2], net.sizes[-1]
    kind = columns.kind_of_targets(Y_like, m, n_out, place.lead, f"{where}(Y)")
    labelled = net.are_classes(kind)
    weights = _weights(case_weights, m, place, follow)
    if class_weights is not None:
        weights = _of_classes(class_weights, Y, n_out, labelled, weights, place)
    movers = [mover(place.xp, place.device) if in_file else None for _ in (X, Y)]

    def load(X: Any, Y: Any, weights: Any, numbers: Any = None) -> Cases:
        data_values.check_finite(X, f"{where}(X)", place.dtype, numbers)
        if not in_file or is_source(Y_given):
            _check_targets(net, Y, labelled, place, f"{where}(Y)", numbers)
        moved = place.move(Y, "int32" if labelled else None, movers[1])
        if not labelled and kind != "targets":
            moved = place.xp.expand_dims(moved, axis=-1)
        X, Y = place.flat(place.move(X, by=movers[0]), 2), place.flat(moved, 2 - labelled)
        return Cases(X, Y, n_out, labelled, weights)

    if not in_file:
        with memory_errors(f"{where}(X)", "room for all cases", _FROM_A_FILE):
            return load(X, Y, weights)
    if not is_source(Y):
        _check_targets(net, Y, labelled, place, f"{where}(Y)")
    if Y_like.ndim > 1 + (kind == "targets"):
        advice = f"Share the targets among the networks, or {INTO_MEMORY}"
        raise ShapeError(f"{where}(Y)", f"shape {tuple(Y_like.shape)}", f"({m}, ...)", advice)
    return FileCases(X, Y if is_source(Y) else to_host(Y), labelled, load, weights)


def _stand_in(x: Any, where: str) -> Any:
    """Return `x`, or for a source an array of its shape and dtype that takes no memory."""
    if not is_source(x):
        return x
    check_source(x, where)
    like = np.broadcast_to(np.zeros((), np.dtype(x.dtype)), tuple(x.shape))
    requirements.check_real(like, where)
    return like


def _check_targets(
    net: Network, Y: Any, labelled: bool, place: _Place, where: str, numbers: Any = None
) -> None:
    if labelled:
        data_values.check_labels(Y, net.sizes[-1], where, numbers)
    else:
        limits = getattr(net.loss, "target_range", None)
        data_values.check_finite(Y, where, place.dtype, numbers)
        data_values.check_range(Y, limits, net.loss.name, where, numbers)


def _weights(case_weights: Any, m: int, place: _Place, follow: Any) -> np.ndarray[Any, Any] | None:
    if case_weights is None:
        return None
    where = "train(case_weights)"
    weights = _beside(case_weights, follow, where)
    columns.check_shape_of_weights(weights, place.lead, m, where)
    data_values.check_case_weights(weights, where, place.dtype)
    host = of_mean_one(np.array(to_host(weights), dtype=np.float64))
    flat: np.ndarray[Any, Any] = place.flat(host, 1)
    return flat


def _of_classes(
    class_weights: Any,
    Y: Any,
    n_out: int,
    labelled: bool,
    weights: np.ndarray[Any, Any] | None,
    place: _Place,
) -> np.ndarray[Any, Any]:
    """Return the weights of the cases, (m,) or (K, m), those of their classes included."""
    if not labelled:
        expected, advice = "class labels (m,) of integers", "Pass case_weights instead"
        raise OptionError("train(class_weights)", "Y of targets", expected, advice)
    labels = read_rows(Y, 0, Y.shape[0]) if is_source(Y) else to_host(Y)
    data_values.check_labels(labels, n_out, "train(Y)")
    flat = place.flat(labels, 1)
    return of_mean_one(weights_by_class(class_weights, flat, max(n_out, 2), weights))


def _theta(
    net: Network, theta: Any, seed: int, stack: int | Sequence[int], place: _Place, follow: Any
) -> Array:
    if theta is None:
        return place.move(net.init(seed, dtype=place.dtype, stack=stack))
    theta = _beside(theta, follow, "train(theta)")
    data_values.check_finite(theta, "train(theta)", place.dtype)
    moved = place.move(theta)
    exists = net.existing(moved)
    return moved if exists is None else moved * exists
