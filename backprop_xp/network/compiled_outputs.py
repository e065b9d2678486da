"""The outputs of a network on NumPy, compiled by numba where BACKPROP_XP_COMPILED asks for it."""

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.devices import select_device
from backprop_xp.execution.plain_loop import Steps
from backprop_xp.execution.steps import compiled_over_batches
from backprop_xp.network import backpropagation
from backprop_xp.network.network import Network

__all__ = ["compiled_outputs"]

MOST_AT_A_TIME: Final = 4  # networks, of which a thread keeps the working memory


def compiled_outputs(net: Network, theta: Any) -> Callable[[HostArray], HostArray] | None:
    """Return the function from inputs (..., m, n_in) to outputs in rows, (..., m, n_out).

    None where outputs are not compiled: no variable asks for it, θ is no array of NumPy in float32
    or float64, or the network has an activation of a user's own.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    """
    if type(theta) is not np.ndarray or theta.dtype.name not in ("float32", "float64"):
        return None
    own = all(type(one) in ACTIVATIONS.values() for one in net.activations)
    if theta.ndim > 2 or not own or not select_device("cpu").compiled:
        return None
    steps = _steps(net, threading.get_ident())
    parameters = np.ascontiguousarray(theta)

    def outputs(X: HostArray) -> HostArray:
        of_batches: Any = steps((parameters,), [()], None, X[None, ...])[1]
        a_out: HostArray = of_batches[0][0]
        return a_out

    return outputs


@lru_cache(maxsize=MOST_AT_A_TIME)
def _steps(net: Network, thread: int) -> Steps:  # noqa: ARG001  each thread has memory of its own
    def make_step(theta: HostArray) -> Callable[..., Any]:  # noqa: ARG001  as steps are made
        def step(carry: Any, _: Any, X: Any) -> Any:
            return carry, (_outputs(net, carry[0], X),)

        return step

    def plainly(carry: Any, _: Any, __: None, X: HostArray) -> Any:
        return carry, (_outputs(net, carry[0], X[0])[None, ...],)

    return compiled_over_batches(make_step, plainly, {}, by_cases=True, what="prediction")


def _outputs(net: Network, theta: Any, X: Any) -> Any:
    layers = net.layers(theta, net.existing(theta))
    return backpropagation.outputs(layers, net.activations, X.mT).mT
