"""Gradient checking: central differences of the cost against backpropagation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    ENABLE_X64,
    Array,
    HostArray,
    astype,
    context,
    device_of,
    dtype_name,
    from_host_like,
    is_array,
    namespace,
    to_host,
)
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.requirements import check_dense
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.network.backpropagation import forward_pass
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.network.parameters import layer_shapes

__all__ = ["GradientCheck", "check_gradient"]

_STACK_NUMBERS = 2_000_000  # parameters of all copies of θ in one stack, which bounds the memory


@dataclass(frozen=True)
class GradientCheck:
    """The result of a gradient check.

    Attributes
    ----------
    max_relative_error : float
        The largest |analytic − numeric| of a parameter, divided by the largest component of the
        gradient in the same W or b. An error that the rounding of E explains is within the
        tolerance.
    tolerance : float
        The largest relative error that passes.
    checked : int
        The number of parameters that were nudged, P at most.
    worst : str
        The place of the largest error, such as ``"W of layer 2"``.
    kink : str
        The kink that the difference quotient of the largest error straddles; empty where there is
        none, or the check passed.

    Examples
    --------
    >>> check = GradientCheck(3e-10, tolerance=1e-7, checked=26, worst="b of layer 1")
    >>> check.passed
    True
    """

    max_relative_error: float
    tolerance: float
    checked: int
    worst: str
    kink: str = ""

    @property
    def passed(self) -> bool:
        """Whether the largest relative error is within the tolerance.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> bp.check_gradient(net, net.init(seed=0), X, Y).passed
        True
        """
        return self.max_relative_error <= self.tolerance

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        at_a_kink = (
            f"; its difference quotient straddles a kink, so it is no derivative: {self.kink}. "
            "Try another theta or a smaller h"
        )
        return (
            f"gradient check {verdict}: largest relative error {self.max_relative_error:.2g} "
            f"in {self.worst}, {self.checked} parameters, tolerance {self.tolerance:g}"
            f"{at_a_kink if self.kink else ''}"
        )


@checks_keywords
def check_gradient(
    net: Network,
    theta: Array,
    X: Any,
    Y: Any,
    case_weights: Any = None,
    *,
    h: float = 1e-5,
    tolerance: float = 1e-7,
    sample: int | Sequence[int] | None = 2000,
) -> GradientCheck:
    """Compare ∂E/∂θ_i of backpropagation with (E(θ + h e_i) − E(θ − h e_i)) / 2h.

    Each nudged θ is a network of a stack, evaluated in float64. An activation or a loss may have
    kinks: relu, leaky_relu, elu and absolute_error at 0, huber at ±Δ. (Those of huber, and of elu
    with α = 1, are in the slope.) Where a nudge takes a case across a kink, the difference quotient
    is wrong although the gradient is right. The check then fails, and its text names the kink: try
    another θ or a smaller `h`.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
        Floats of any width are converted to float64.
    X, Y, case_weights
        As `Network.cost` takes them.
    h : float
        The size of a nudge, above 0.
    tolerance : float
        The largest relative error that passes, above 0. An error of 1e-7 is good; above 1e-2 the
        gradient is wrong.
    sample : int, sequence of int, or None
        The number of parameters that are nudged, ≥ 1, the same ones in each call; or their places
        in θ, from 0 to P − 1. None nudges all P.

    Returns
    -------
    GradientCheck

    Raises
    ------
    DTypeError
        The device has no float64, or an argument is sparse.
    OptionError
        `h`, `tolerance` or `sample` is out of range.
    ShapeError, DeviceError
        As `Network.cost`.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([3, 4, 2], hidden="tanh")
    >>> theta, X = net.init(seed=1), np.eye(3)
    >>> check_gradient(net, theta, X, np.array([0, 1, 0])).passed
    True
    """
    check_network(net, "check_gradient", "the network, then theta, then X and Y")
    for name, number in (("h", h), ("tolerance", tolerance)):
        where = f"check_gradient({name})"
        if finite_number(number, where) <= 0:
            raise OptionError(where, repr(number), "a number > 0", "Leave it out")
    places = _chosen(net.parameter_count, sample)
    given = {"theta": theta, "X": X, "Y": Y, "case_weights": case_weights}
    theta, X, Y, case_weights = (_float64(x, name) for name, x in given.items())
    E, dE_dtheta = net.gradient(theta, X, Y, case_weights)
    analytic = to_host(dE_dtheta)
    numeric = _central_differences(net, theta, X, Y, case_weights, places, h)
    # rounding E changes the quotient by this much, which is no error of the gradient
    rounding = 2 * np.finfo(np.float64).eps * float(np.abs(to_host(E)).max()) / h
    error, worst, at = 0.0, "no parameter", (0,)
    for name, start, stop in _parts(net.sizes):
        here = (places >= start) & (places < stop)
        part = analytic[..., start:stop]
        found = np.abs(analytic[..., places[here]] - numeric[..., here])
        scale = max(np.abs(part).max(), rounding / tolerance, np.finfo(np.float64).tiny)
        finite = np.isfinite(found).all() and np.isfinite(part).all()
        relative = float((found / scale).max(initial=0.0)) if finite else np.inf
        if relative > error:
            error, worst = relative, name
            *network, column = np.unravel_index(np.argmax(found), found.shape)
            at = (*network, places[here][column])
    kink = ""
    if error > tolerance:
        nudge = np.zeros(tuple(theta.shape))
        nudge[at] = h
        kink = _straddled(net, theta, from_host_like(nudge, theta, "float64"), X, Y)
    return GradientCheck(error, tolerance, len(places), worst, kink)


def _float64(x: Any, argument: str) -> Any:
    """Return a float array in float64, anything else as it is."""
    check_dense(x, f"check_gradient({argument})")
    name = dtype_name(x.dtype) if is_array(x) else ""
    if not name.startswith(("float", "bfloat")) or name == "float64":
        return x
    xp, device = namespace(x), device_of(x)
    if "float64" not in xp.__array_namespace_info__().dtypes(device=device):
        raise DTypeError(
            "check_gradient",
            f"a device without float64, {device}",
            "float64, because the differences are tiny",
            f"On JAX call {ENABLE_X64} first",
        )
    with context(x):
        return astype(x, xp.float64)


def _chosen(count: int, sample: int | Sequence[int] | None) -> HostArray:
    """Return the places in θ that are nudged, in rising order.

    Raises
    ------
    OptionError
        `sample` is below 1, or a place is not in θ.
    """
    where = "check_gradient(sample)"
    if isinstance(sample, Sequence | np.ndarray) and not isinstance(sample, str):
        places = [check_count(place, where, least=0) for place in sample]
        if not places or max(places) >= count:
            came = f"place {max(places)}" if places else "no places"
            expected = f"places in theta, 0 to {count - 1}"
            raise OptionError(where, came, expected, "Pass a number of places, or None for all")
        return np.unique(places)
    if sample is None or check_count(sample, where, least=1) >= count:
        return np.arange(count)
    return np.sort(generator(0, "parameters").choice(count, size=sample, replace=False))


def _central_differences(
    net: Network,
    theta: Array,
    X: Any,
    Y: Any,
    case_weights: Any,
    places: HostArray,
    h: float,
) -> HostArray:
    """Return (E(θ + h e_i) − E(θ − h e_i)) / 2h, (..., len(places)), stack by stack."""
    lead, count, found = tuple(theta.shape[:-1]), net.parameter_count, []
    per_stack = max(1, _STACK_NUMBERS // (int(np.prod(lead)) * count))
    for start in range(0, len(places), per_stack):
        chunk = places[start : start + per_stack]
        nudges = np.zeros((len(chunk), *(1,) * len(lead), count))
        nudges[np.arange(len(chunk)), ..., chunk] = h
        nudge = from_host_like(nudges, theta, "float64")
        with context(theta):
            above = net.cost(theta + nudge, X, Y, case_weights)
            below = net.cost(theta - nudge, X, Y, case_weights)
            found.append(to_host((above - below) / (2 * h)))
    return np.moveaxis(np.concatenate(found), 0, -1)


def _straddled(net: Network, theta: Array, nudge: Array, X: Any, Y: Any) -> str:
    """Return the kink that lies between θ − nudge and θ + nudge for some case; "" for none."""
    values = []
    with context(theta):
        a_in, y, _ = net.in_columns(theta, X, Y, None, "check_gradient")
        for nudged in (theta - nudge, theta + nudge):
            layers = net.layers(nudged, net.existing(nudged))
            z, a = forward_pass(layers, net.activations, a_in)
            values.append([to_host(one) for one in (*z, a[-1] - y)])
    of_layers = [(one, f"z of layer {k}") for k, one in enumerate(net.activations, start=1)]
    parts = [*of_layers, (net.loss, "a - y")]
    for (part, quantity), below, above in zip(parts, *values, strict=True):
        for kink in getattr(part, "kinks", ()):
            across = (below != above) & (np.sign(below - kink) * np.sign(above - kink) <= 0)
            if across.any():
                *_, unit, case = np.argwhere(across)[0]
                place = f"unit {unit}, case {case} (counted from 0)"
                return f"{quantity}, {place}, passes {kink:g}, a kink of {part.name}"
    return ""


def _parts(sizes: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """Return the name of each W and b, and its first place and its end in θ."""
    parts, start = [], 0
    for number, (n_out, n_in) in enumerate(layer_shapes(sizes), start=1):
        for name, length in (
            (f"W of layer {number}", n_out * n_in),
            (f"b of layer {number}", n_out),
        ):
            parts.append((name, start, start + length))
            start += length
    return parts
