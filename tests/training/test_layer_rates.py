"""`layer_rates`: a factor of the learning rate for each layer, beside a plain loop by layers."""

import numpy as np
import pytest
from needs import needs
from training_cases import CLOSE, TARGETS, WITHOUT_JAX, M, X, Y

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator
from backprop_xp.network.parameters import Layer
from backprop_xp.optimizers.cache_pieces import PIECE

RATES = (0.25, 2.0)
OPTIMIZERS = {
    "sgd": bp.SGD(0.1, momentum=0.9),
    "nesterov": bp.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": bp.RMSprop(0.01, momentum=0.5),
    "adagrad": bp.Adagrad(0.05),
    "adam": bp.Adam(0.02),
    "adamw": bp.AdamW(0.02, weight_decay=0.3),
    "nadam": bp.NAdam(0.02),
    "falling": bp.SGD(bp.schedules.Step(0.2, 2)),
}


def by_layers(net, X, Y, theta, optimizer, rates, *, epochs, batch_size, seed=0):
    """Train one network by a loop; each W and each b has an optimiser's update of its own."""
    layers, states, step = [list(layer) for layer in net.unpack(theta)], {}, 0
    for epoch in range(epochs):
        order = generator(seed, "order", epoch).permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            packed = net.pack([Layer(*one) for one in layers])
            _, gradient = net.gradient(packed, X[rows], Y[rows])
            for at_layer, (layer, of_layer) in enumerate(
                zip(layers, net.unpack(gradient), strict=True)
            ):
                for part in (0, 1):
                    numbers = dict(optimizer.settings(step))
                    numbers["learning_rate"] = numbers["learning_rate"] * rates[at_layer]
                    if part and "weight_decay" in numbers:
                        numbers["weight_decay"] = 0.0
                    at = layer[part].reshape(-1).copy()
                    state = states.get((at_layer, part)) or optimizer.init(at)
                    numbers = {name: np.asarray(x) for name, x in numbers.items()}
                    at, state = optimizer.update(
                        at, state, of_layer[part].reshape(-1).copy(), **numbers
                    )
                    states[at_layer, part] = state
                    layer[part] = at.reshape(layer[part].shape)
            step += 1
    return np.concatenate([part.reshape(-1) for layer in layers for part in layer])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_a_loop_with_an_update_for_each_layer(name):
    theta = TARGETS.init(3, dtype="float64", stack=2)
    options = {"epochs": 3, "batch_size": 4}
    run = bp.train(TARGETS, X, Y, theta, optimizer=OPTIMIZERS[name], layer_rates=RATES, **options)
    for k in range(2):
        alone = by_layers(TARGETS, X, Y, theta[k], OPTIMIZERS[name], RATES, **options)
        np.testing.assert_allclose(run.theta[k], alone, **CLOSE["float64"])
        single = bp.train(
            TARGETS, X, Y, theta[k], optimizer=OPTIMIZERS[name], layer_rates=RATES, **options
        )
        np.testing.assert_allclose(single.theta, alone, **CLOSE["float64"])


@WITHOUT_JAX
def test_every_library(xp):
    dtype = xp.float_dtypes[-1]
    theta = TARGETS.init(3, dtype=dtype)
    options = {"optimizer": bp.AdamW(0.02), "layer_rates": RATES, "epochs": 2, "batch_size": 4}
    run = bp.train(TARGETS, xp.array(X), xp.array(Y), xp.array(theta), dtype=dtype, **options)
    expected = bp.train(TARGETS, X, Y, theta.astype("float64"), **options)
    np.testing.assert_allclose(xp.host(run.theta), expected.theta, **CLOSE[dtype])


def test_jax_and_compiled_steps_agree():
    options = {"optimizer": bp.Adam(0.02), "layer_rates": RATES, "epochs": 2, "batch_size": 4}
    plain = bp.train(TARGETS, X, Y, stack=2, dtype="float32", **options)
    needs("jax")
    other = bp.train(TARGETS, X, Y, stack=2, dtype="float32", device="jax:cpu", **options)
    np.testing.assert_allclose(np.asarray(other.theta), plain.theta, **CLOSE["float32"])
    needs("numba")
    device = bp.select_device("cpu", compiled=True)
    other = bp.train(TARGETS, X, Y, stack=2, dtype="float32", device=device, **options)
    np.testing.assert_allclose(other.theta, plain.theta, **CLOSE["float32"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_layer_of_0_keeps_its_bits_and_layers_of_1_change_nothing(name):
    options = {"optimizer": OPTIMIZERS[name], "epochs": 2, "batch_size": 4, "seed": 1}
    start = TARGETS.init(1, dtype="float64")
    frozen = bp.train(TARGETS, X, Y, start, layer_rates=[0, 1], **options)
    (W, b), (W2, _) = TARGETS.unpack(frozen.theta)
    before = TARGETS.unpack(start)
    np.testing.assert_array_equal(W, before[0].W)
    np.testing.assert_array_equal(b, before[0].b)
    assert not np.array_equal(W2, before[1].W)
    ones = bp.train(TARGETS, X, Y, start, layer_rates=(1, 1), **options)
    np.testing.assert_array_equal(ones.theta, bp.train(TARGETS, X, Y, start, **options).theta)


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam", "nadam"])
def test_a_network_of_several_pieces(name):
    net = bp.Network([400, 100, 2], "tanh", "identity", "squared_error")
    assert net.parameter_count > PIECE
    inputs = np.random.default_rng(0).standard_normal((M, 400))
    theta, options = net.init(3, dtype="float64"), {"epochs": 1, "batch_size": 4}
    one = OPTIMIZERS[name]
    run = bp.train(net, inputs, Y, theta, optimizer=one, layer_rates=RATES, **options)
    alone = by_layers(net, inputs, Y, theta, one, RATES, **options)
    np.testing.assert_allclose(run.theta, alone, rtol=1e-9, atol=1e-11)


def test_an_optimizer_of_a_users_own_gets_a_rate_for_each_parameter():
    class Descent:
        def settings(self, _):
            return {"learning_rate": 0.1}

        def init(self, _):
            return ()

        def update(self, theta, state, dE_dtheta, learning_rate):
            return theta - learning_rate * dE_dtheta, state

    options = {"layer_rates": RATES, "epochs": 2, "batch_size": 4}
    own = bp.train(TARGETS, X, Y, optimizer=Descent(), **options)
    mine = bp.train(TARGETS, X, Y, optimizer=bp.SGD(0.1), **options)
    np.testing.assert_allclose(own.theta, mine.theta, **CLOSE["float64"])


def test_a_run_resumes_with_its_rates_alone(tmp_path):
    options = {"optimizer": bp.Adam(0.02), "batch_size": 4, "layer_rates": RATES}
    whole = bp.train(TARGETS, X, Y, epochs=4, **options)
    kept = bp.Checkpoint(tmp_path)
    bp.train(TARGETS, X, Y, epochs=2, callbacks=[kept], **options)
    run = bp.train(TARGETS, X, Y, epochs=4, resume=tmp_path, **options)
    np.testing.assert_array_equal(run.theta, whole.theta)
    with pytest.raises(bp.OptionError, match=r"layer_rates=None"):
        bp.train(TARGETS, X, Y, epochs=4, resume=tmp_path, **{**options, "layer_rates": None})
