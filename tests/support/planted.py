"""Faults, planted into an optimiser or an activation, for the checks to find."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from recorder import DEFAULT
from surface import ITEMS, Item

import backprop_xp as bp
from backprop_xp.activations import Tanh
from backprop_xp.arrays.backend import context_of, device_of, namespace

# ---------------------------------------------------------------------------------------------
# functions of a namespace and an array, which return an array


def nothing(xp, x):
    return x


def a_value_is_read(xp, x):
    float(xp.sum(x * x))
    return x


def numpy_takes_it(xp, x):
    return x + 0 * float(np.asarray(x).size)


def a_value_decides(xp, x):
    return x if xp.all(x == x) else x * 0


def a_function_that_synchronises(xp, x):
    return xp.clip(x, -1e9, 1e9)


def a_shape_from_the_data(xp, x):
    xp.unique_values(x)
    return x


def a_mask_as_index(xp, x):
    x[x > 0]
    return x


def zeros_of_the_default_device_and_dtype(xp, x):
    return x + xp.zeros(x.shape)


def zeros_of_the_default_device(xp, x):
    return x + xp.zeros(x.shape, dtype=x.dtype)


def zeros_outside_of_the_context(xp, x):
    with context_of(xp, DEFAULT):  # as in a function that does not enter the context of its arrays
        return x + xp.zeros(x.shape, dtype=x.dtype, device=device_of(x))


def arithmetic_outside_of_the_context(xp, x):
    with context_of(xp, DEFAULT):
        return x + 0.0


def a_constant_of_64_bits(xp, x):
    return x * xp.full((1,), 1.0, dtype=xp.float64, device=device_of(x))


def an_index_of_64_bits(xp, x):
    return x + 0 * xp.astype(xp.argmax(x * 1), x.dtype)


def a_number_of_numpy(xp, x):
    return x * np.float64(1)


# ---------------------------------------------------------------------------------------------
# where they are planted


@dataclass(frozen=True)
class PlantedOptimizer:
    """Gradient descent with a fault at each step."""

    fault: Any

    def settings(self, _):
        return {"learning_rate": 0.1}

    def init(self, theta):
        return (namespace(theta).zeros_like(theta),)

    def update(self, theta, state, dE_dtheta, learning_rate):
        theta = self.fault(namespace(theta), theta)
        theta -= learning_rate * dE_dtheta
        return theta, state


@dataclass(frozen=True)
class PlantedActivation:
    """Tanh with a fault in each call."""

    fault: Any
    name = "planted"

    def __call__(self, z):
        return Tanh()(self.fault(namespace(z), z))

    def da_dz(self, z, a):
        return Tanh().da_dz(z, a)


def in_optimizer(fault) -> Item:
    item = ITEMS["one network"]
    return replace(item, settings={"optimizer": PlantedOptimizer(fault)})


def in_activation(fault) -> Item:
    return replace(ITEMS["one network"], net=bp.Network([3, 4, 3], PlantedActivation(fault)))
