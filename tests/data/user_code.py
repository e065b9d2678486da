"""Code as users write it, with the types of NumPy: type checkers shall find nothing in it."""

import tempfile
from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import backprop_xp as bp
from backprop_xp.losses import over_units

Floats = NDArray[np.float64]


class Cube:
    name = "cube"

    def __call__(self, z: Floats) -> Floats:
        return z * z * z

    def da_dz(self, z: Floats, a: Floats) -> Floats:
        return 3 * z * z


class Centred:
    name = "centred"

    def __call__(self, weighted: Floats) -> Floats:
        centred: Floats = weighted - weighted.mean(axis=-2, keepdims=True)
        return centred

    def vjp(self, dE_da: Floats, a: Floats) -> Floats:
        delta: Floats = dE_da - dE_da.mean(axis=-2, keepdims=True)
        return delta


class Swish:
    name = "swish"

    def __call__(self, z: Floats) -> Floats:
        return z * bp.activations.Sigmoid()(z)

    def da_dz(self, z: Floats, a: Floats) -> Floats:
        s = bp.activations.Sigmoid()(z)
        return s + a * (1 - s)


class FourthPower:
    name = "fourth_power"

    def __call__(self, a: Floats, y: Floats) -> Floats:
        return over_units((a - y) ** 4) / 4

    def dE_da(self, a: Floats, y: Floats) -> Floats:
        return (a - y) ** 3


class SignDescent:
    def settings(self, step: int) -> dict[str, float]:
        return {"learning_rate": 0.01 / (1 + step / 100)}

    def init(self, theta: Floats) -> tuple[()]:
        return ()

    def update(
        self, theta: Floats, state: tuple[()], dE_dtheta: Floats, learning_rate: float
    ) -> tuple[Floats, tuple[()]]:
        return theta - learning_rate * np.sign(dE_dtheta), state


class Momentum:
    def settings(self, step: int) -> Mapping[str, Any]:
        return {}

    def init(self, theta: Floats) -> tuple[Floats]:
        return (np.zeros_like(theta),)

    def update(
        self, theta: Floats, state: tuple[Floats], dE_dtheta: Floats, **settings: Any
    ) -> tuple[Floats, tuple[Floats]]:
        velocity = 0.9 * state[0] - 0.1 * dE_dtheta
        return theta + velocity, (velocity,)


class Norms:
    """A callback that names no type of the library but `Progress`."""

    def __init__(self) -> None:
        self.thetas: list[Floats] = []

    def on_epoch_end(self, progress: bp.Progress) -> None:
        theta: Floats = progress.theta
        self.thetas.append(theta)
        progress.history.setdefault("norm", []).append(float(np.linalg.norm(theta)))
        if progress.epoch == 2:
            progress.stop("two epochs are enough")


class Printed(bp.Callback):
    """A callback with the methods of the library where it has none of its own."""

    def on_train_end(self, progress: bp.Progress) -> None:
        print(f"{progress.epoch} of {progress.epochs} epochs")


def rate(step: int) -> float:
    return 0.5 / (1 + step)


def rates(step: int) -> Floats:
    return np.array([0.1, 0.5]) / (1 + step)


def tenth(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Floats, Floats]:
    return np.full((n_out, n_in), 0.1), np.zeros((n_out, 1))


def problem() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    X, Y = bp.datasets.xor()
    inputs: NDArray[np.float32] = X
    targets: NDArray[np.float32] = Y
    return inputs.astype(np.float64), targets.astype(np.float64)


def parameters(net: bp.Network) -> None:
    theta: NDArray[np.float64] = net.init(seed=1, dtype="float64")
    assert_type(net.init(), NDArray[Any])
    assert_type(net.init(0, "he", "cpu", stack=3), NDArray[Any])
    assert_type(net.init(device="torch:cpu" if len(net.sizes) > 9 else "auto"), bp.Array)
    for layer in net.unpack(theta):
        print(layer.W.shape, layer.b.shape)
    W, b = net.unpack(theta)[0]
    assert_type((W, b), tuple[NDArray[np.float64], NDArray[np.float64]])
    assert_type(net.pack(net.unpack(theta)), NDArray[np.float64])
    first: bp.Layer = net.unpack(theta)[0]
    print(first.W.shape, net.init(initializer=tenth).shape)


def outputs(net: bp.Network, theta: NDArray[np.float64]) -> None:
    X, Y = problem()
    a_out: NDArray[np.float64] = net.forward(theta, X)
    E, dE_dtheta = net.gradient(theta, X, Y)
    assert_type(dE_dtheta, NDArray[np.float64])
    assert_type(net.cost(theta, X.tolist(), Y.tolist()), NDArray[np.float64])
    assert_type(bp.predict(net, theta, X), NDArray[np.float64])
    thetas: NDArray[np.float64] = net.init(dtype="float64", stack=3)
    mean, spread = bp.ensemble(net, thetas, X)
    assert_type(spread, NDArray[np.float64])
    found: bp.Trace = bp.trace(net, theta, X, Y)
    delta: NDArray[np.float64] = bp.trace(net, theta, X, Y).layers[0].delta
    W, b = net.unpack(theta)[0]
    z: NDArray[np.float64] = bp.equations.weighted_input(W, X.T, b)
    print(a_out[0, 0] + mean[0, 0], float(E), spread, z.shape, found, delta)
    print(bp.check_gradient(net, theta, X, Y).passed)


def training(net: bp.Network) -> NDArray[np.float64]:
    X, Y = problem()
    norms = Norms()
    schedule: bp.schedules.Schedule = rate
    bp.train(net, X, Y, optimizer=bp.SGD(schedule, momentum=0.5), epochs=1)
    run = bp.train(net, X, Y, optimizer=SignDescent(), epochs=5, callbacks=[norms, Printed()])
    assert_type(run, bp.Run[NDArray[Any]])
    bp.train(net, X, Y, run.theta, optimizer=Momentum(), validation=(X, Y), progress=False)
    assert_type(bp.train(net, [[0.0, 1.0]], [[1.0]], epochs=1).theta, NDArray[Any])
    assert_type(bp.train(net, X, Y, device="cpu", epochs=1).theta, NDArray[Any])
    assert_type(bp.train(net, X, Y, device=bp.select_device("cpu"), epochs=1).theta, bp.Array)
    several = bp.train(net, X, Y, stack=2, epochs=1, optimizer=bp.SGD(rates))
    assert_type(several[0].theta, NDArray[Any])
    theta: NDArray[np.float64] = several.best("cost").theta
    theta += run.theta
    return theta


def summary(run: bp.Run) -> str:
    return f"{run.theta.shape} {run.history['cost'][-1]} {run.stopped}"


def saved(net: bp.Network, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    with tempfile.TemporaryDirectory() as folder:
        bp.save(f"{folder}/model.safetensors", net, theta)
        again, loaded = bp.load(
            f"{folder}/model.safetensors", own={"cube": Cube(), "fourth_power": FourthPower()}
        )
    assert_type(loaded, NDArray[Any])
    assert again.sizes == net.sizes
    result: NDArray[np.float64] = loaded
    return result


def any_library(theta: bp.Array, activation: bp.Activation, loss: bp.Loss) -> bp.Array:
    net = bp.Network([2, 3, 1], activation, "identity", loss)
    assert_type(net.forward(theta, problem()[0]), bp.Array)
    _, dE_dtheta = net.gradient(theta, *problem())
    after: bp.Array = theta - 0.1 * dE_dtheta
    return after


def on_torch(torch: Any, net: bp.Network) -> Any:  # as a checker sees a library without types
    theta = torch.zeros(net.parameter_count, dtype=torch.float64)
    run = bp.train(net, torch.zeros(4, 2), torch.zeros(4, 1), theta, epochs=1)
    return net.forward(run.theta.detach(), torch.zeros(4, 2)).numpy()


def ordered() -> NDArray[np.float64]:
    y = bp.ordinal_targets([0, 2, 1], classes=3)
    assert_type(y, NDArray[Any])
    return bp.ordinal_probabilities(np.array([[0.75, 0.5]]))


def main() -> None:
    activations: list[bp.Activation | str] = [Swish(), Centred(), "tanh"]
    for activation in activations:
        net = bp.Network([2, 3, 1], activation, "identity", FourthPower())
        print(summary(bp.train(net, *problem(), epochs=1)))
    own: bp.Activation = Cube()
    net = bp.Network([2, 3, 1], [own], bp.activations.Sigmoid(), FourthPower())
    parameters(net)
    theta = training(net)
    outputs(net, theta)
    print(saved(net, theta) - theta, any_library(theta, own, FourthPower()), ordered())


if __name__ == "__main__":
    main()
