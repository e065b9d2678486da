"""Adam with the epsilon of scikit-learn and Keras."""

import numpy as np
import pytest

from backprop_xp.optimizers.adam import Adam, AdamW
from backprop_xp.training.fingerprint import described


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("scheduled", [False, True])
def test_epsilon_hat_is_the_epsilon_of_scikit_learn(kind, scheduled):
    peers = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    numbers = {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.3}
    ours = dict(numbers)
    if scheduled:  # then the state holds m and v themselves
        ours["beta1"] = lambda _: 0.8
    no_decay = {"weight_decay": 0.0} if kind is AdamW else {}
    adam = kind(**ours, **no_decay, epsilon_hat=True)
    theirs = [np.array([1.0, -2.0, 0.5])]
    peer = peers.AdamOptimizer(theirs, *numbers.values())
    theta = theirs[0].copy()
    state = adam.init(theta)
    for step, g in enumerate(np.random.default_rng(0).standard_normal((30, 3))):
        peer.update_params(theirs, [g])
        theta, state = adam.update(theta, state, g.copy(), **adam.settings(step))
        np.testing.assert_allclose(theta, theirs[0], rtol=1e-12)
    assert not np.allclose(theta, steps_without_hat(kind, ours | no_decay), rtol=1e-3)


def steps_without_hat(kind, numbers):
    adam, theta = kind(**numbers), np.array([1.0, -2.0, 0.5])
    state = adam.init(theta)
    for step, g in enumerate(np.random.default_rng(0).standard_normal((30, 3))):
        theta, state = adam.update(theta, state, g.copy(), **adam.settings(step))
    return theta


def test_checkpoints_of_before_know_no_epsilon_hat():
    before = "Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08)"
    assert described(Adam()) == before
    assert described(Adam(epsilon_hat=True)) == f"{before[:-1]}, epsilon_hat=True)"
