"""Optimisers: how a step uses the gradient, on the whole flat vector θ at once.

An optimiser is a frozen description with three methods: ``settings(step)``, its numbers at that
step by name; ``init(theta)``, its state, a tuple of arrays like θ; and
``update(theta, state, dE_dtheta, **settings)``, which returns the next θ and state. It consumes the
arrays that it is given: fresh memory as long as θ would cost more than the arithmetic.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import array_api_compat
import numpy as np

from backprop_xp.backend import (
    Array,
    broadcasts_to,
    device_of,
    dtype_name,
    from_host,
    namespace,
    to_host,
)
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.schedules import Setting, value_at

__all__ = ["SGD", "Optimizer", "Settings", "State"]

State: TypeAlias = tuple[Array, ...]


class Optimizer(Protocol):
    """What training asks of an optimiser, built in or a user's own."""

    def settings(self, step: int) -> dict[str, Any]:
        """Return the numbers that `update` takes at `step`, the number of updates made before."""

    def init(self, theta: Array) -> State:
        """Return the state before the first update, a tuple of arrays (..., P)."""

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and state; θ, state and gradient are consumed."""


def _on_host(setting: Any) -> np.ndarray[Any, Any]:
    """Return a number, a list or an array of any library as a new NumPy array of float64."""
    host = to_host(setting) if array_api_compat.is_array_api_obj(setting) else setting
    return np.array(host, dtype=np.float64)


def _check_range(where: str, setting: Setting, upper: float, expected: str) -> None:
    """Refuse a number, or an array with one, outside 0 … upper; schedules are not called."""
    if callable(setting):
        return
    try:
        values = _on_host(setting)
        good = bool(np.all((values >= 0) & (values < upper)))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise OptionError(where, repr(setting), expected, "Pass a number, an array or a schedule")


def _check_learning_rate(setting: Setting) -> None:
    _check_range("SGD(learning_rate)", setting, np.inf, "finite numbers >= 0")


def _check_momentum(setting: Setting) -> None:
    _check_range("SGD(momentum)", setting, 1, "numbers >= 0 and < 1")


class Settings:
    """The numbers of each step in turn, as arrays like θ; moved only when they change.

    Parameters
    ----------
    optimizer : Optimizer
    l2 : number, array or schedule
    theta : array (..., P)

    Raises
    ------
    OptionError, ShapeError
        A number is out of range, or an array does not fit θ's leading axes.
    """

    def __init__(self, optimizer: Optimizer, l2: Setting, theta: Array) -> None:
        if isinstance(optimizer, type) or not hasattr(optimizer, "update"):
            expected = "an object with settings, init and update"
            raise OptionError("train(optimizer)", repr(optimizer), expected, "Pass bp.SGD(0.1)")
        _check_range("train(l2)", l2, np.inf, "finite numbers >= 0")
        self._optimizer = optimizer
        self._l2 = l2 if callable(l2) or np.any(_on_host(l2)) else None
        self._theta = theta
        self._step = 0
        self._moved: dict[str, tuple[Any, Array]] = {}
        self._move({**optimizer.settings(0), "l2": value_at(self._l2, 0)})

    def next(self) -> tuple[Array | None, dict[str, Array]]:
        """Return l2 (None for 0) and the optimiser's settings at the next step."""
        settings = self._move(self._optimizer.settings(self._step))
        step, self._step = self._step, self._step + 1
        if self._l2 is None:
            return None, settings
        l2 = value_at(self._l2, step)
        if callable(self._l2):
            _check_range("train(l2)", l2, np.inf, "finite numbers >= 0")
        return self._move({"l2": l2})["l2"], settings

    def _move(self, settings: dict[str, Any]) -> dict[str, Array]:
        for name, value in settings.items():
            if name == "l2" and value is None:
                continue
            if name not in self._moved or self._moved[name][0] is not value:
                self._moved[name] = value, self._like_theta(name, self._checked(name, value))
        return {name: self._moved[name][1] for name in settings if name in self._moved}

    def _checked(self, name: str, value: Any) -> np.ndarray[Any, Any]:
        dtype = dtype_name(self._theta.dtype)
        try:
            host = _on_host(value)
            good = bool(np.all(np.abs(host) <= np.finfo(dtype).max))
        except (TypeError, ValueError):
            good = False
        if not good:
            expected = f"finite numbers within the range of {dtype}"
            raise OptionError(name, repr(value), expected, "Such as 0.1")
        return host

    def _like_theta(self, name: str, host: np.ndarray[Any, Any]) -> Array:
        theta = self._theta
        expected = (*theta.shape[:-1], 1)
        if not broadcasts_to(host.shape, expected):
            raise ShapeError(
                name,
                f"an array of shape {host.shape}",
                f"one that broadcasts to {expected}, θ's leading axes and 1",
                "Add a last axis, such as rates[:, None]",
            )
        return from_host(host, namespace(theta), device_of(theta), dtype_name(theta.dtype))


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: Δθ(t) = α Δθ(t−1) − ε ∂E/∂θ, θ ← θ + Δθ(t).

    This is the rule of 1986. With a constant ε it equals the form v ← α v + ∂E/∂θ, θ ← θ − ε v;
    where a schedule changes ε, the form used here leaves the momentum gathered so far as it is.

    Parameters
    ----------
    learning_rate : number, array or schedule
        ε ≥ 0. An array holds one for each network of a stack and broadcasts against θ's leading
        axes and a last axis of 1, such as (K, 1).
    momentum : number, array or schedule
        0 ≤ α < 1.
    nesterov : bool
        θ ← θ + α Δθ(t) − ε ∂E/∂θ in place of θ ← θ + Δθ(t).

    Raises
    ------
    OptionError
        A number is out of range.

    References
    ----------
    Rumelhart, Hinton, Williams, Nature 323 (1986), equation 9.
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
    learning", ICML (2013), for Nesterov's momentum in this form.

    Examples
    --------
    >>> import numpy as np
    >>> sgd, theta = SGD(learning_rate=0.5, momentum=0.5), np.array([1.0])
    >>> state = sgd.init(theta)
    >>> for step in range(2):  # E = ½ θ², ∂E/∂θ = θ
    ...     theta, state = sgd.update(theta, state, theta.copy(), **sgd.settings(step))
    >>> theta  # 1 − 0.5 = 0.5, then 0.5 + (0.5·(−0.5) − 0.5·0.5) = 0
    array([0.])
    """

    learning_rate: Setting = 0.1
    momentum: Setting = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check_learning_rate(self.learning_rate)
        _check_momentum(self.momentum)

    @cached_property
    def _plain(self) -> bool:
        return not callable(self.momentum) and not np.any(_on_host(self.momentum))

    def settings(self, step: int) -> dict[str, Any]:
        """Return the learning rate and the momentum at `step`."""
        settings = {"learning_rate": value_at(self.learning_rate, step)}
        if callable(self.learning_rate):
            _check_learning_rate(settings["learning_rate"])
        if not self._plain:
            settings["momentum"] = value_at(self.momentum, step)
        if callable(self.momentum):
            _check_momentum(settings["momentum"])
        return settings

    def init(self, theta: Array) -> State:
        """Return (Δθ,) = (0,), or () where there is no momentum."""
        return () if self._plain else (namespace(theta).zeros_like(theta),)

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **settings: Array
    ) -> tuple[Array, State]:
        """Return the next θ and (Δθ,); `theta`, `state` and `dE_dtheta` are consumed."""
        step = dE_dtheta
        step *= settings["learning_rate"]
        if self._plain:
            theta -= step
            return theta, state
        (velocity,) = state
        velocity *= settings["momentum"]
        velocity -= step
        theta += settings["momentum"] * velocity - step if self.nesterov else velocity
        return theta, (velocity,)
