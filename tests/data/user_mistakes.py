"""Mistakes of users: type checkers shall find one in each line that is marked, and no other."""

import numpy as np
from numpy.typing import NDArray

import backprop_xp as bp

Floats = NDArray[np.float64]


class NoDerivative:
    name = "no_derivative"

    def __call__(self, z: Floats) -> Floats:
        return z


class NoName:
    def __call__(self, a: Floats, y: Floats) -> Floats:
        return (a - y)[..., 0, :]

    def dE_da(self, a: Floats, y: Floats) -> Floats:
        return a - y


class TextAsActivation:
    name = "text"

    def __call__(self, z: Floats) -> str:
        return f"{z}"

    def da_dz(self, z: Floats, a: Floats) -> Floats:
        return z


class NoUpdate:
    def settings(self, step: int) -> dict[str, float]:
        return {}

    def init(self, theta: Floats) -> tuple[()]:
        return ()


class NoState:
    def settings(self, step: int) -> dict[str, float]:
        return {}

    def init(self, theta: Floats) -> tuple[()]:
        return ()

    def update(self, theta: Floats, state: tuple[()], dE_dtheta: Floats) -> Floats:
        return theta - dE_dtheta


def of_one_size(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    return np.zeros((n, n)), np.zeros((n, 1))


X, Y = bp.datasets.xor()
net = bp.Network([2, 3, 1])
theta = net.init()
net.forward("theta", X)  # refused
net.cost([0.0, 1.0], X, Y)  # refused
net.gradient(None, X, Y)  # refused
net.unpack("theta")  # refused
bp.predict(net, "theta", X)  # refused
bp.predict(theta, net, X)  # refused
bp.trace(net, "theta", X, Y)  # refused
bp.save("model.safetensors", theta, net)  # refused
bp.Network([2, 3, 1], NoDerivative())  # refused
bp.Network([2, 3, 1], TextAsActivation())  # refused
bp.Network([2, 3, 1], bp.activations.Tanh)  # refused
bp.Network([2, 3, 1], loss=NoName())  # refused
bp.Network([2, 3, 1], loss=bp.activations.Tanh())  # refused
bp.train(net, X, Y, optimizer=NoUpdate())  # refused
bp.train(net, X, Y, optimizer=NoState())  # refused
bp.train(net, X, Y, optimizer=0.1)  # refused
bp.train(net, X, Y, epoch=3)  # refused
bp.train(net, X, Y, batch_size="all")  # refused
net.init(initializer=of_one_size)  # refused
of_numpy: Floats = net.init(device="torch:cpu")  # refused
text: str = bp.train(net, X, Y).theta  # refused
