"""Targets of several units: labels that do not exclude each other, and regression of k numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs

import backprop_xp as bp

_rng = np.random.default_rng(2)
M = 12
X = _rng.standard_normal((M, 3))


def on_pytorch(net, theta, loss_of, targets, output=lambda z: z):
    """Return E and ∂E/∂θ of the mean over the cases by PyTorch's automatic derivative."""
    torch = needs("torch")
    flat, a, at = torch.tensor(theta, requires_grad=True), torch.tensor(X), 0
    for number, (n_out, n_in) in enumerate(zip(net.sizes[1:], net.sizes, strict=False)):
        W = flat[at : at + n_out * n_in].reshape(n_out, n_in)
        b = flat[at + n_out * n_in : at + n_out * n_in + n_out]
        at += n_out * (n_in + 1)
        a = torch.nn.functional.linear(torch.tanh(a) if number else a, W, b)
    E = loss_of(torch.nn)(output(a), torch.tensor(targets)) / M
    E.backward()
    return E.item(), flat.grad.numpy()


@given(k=st.integers(1, 6), hidden=st.integers(1, 4), seed=st.integers(0, 100))
def test_the_squared_error_of_k_outputs_has_the_gradient_of_their_sum(k, hidden, seed):
    # ½ Σ over the outputs, not their mean: nothing is divided by k. Sums in other orders round by
    # some dozen of 1e-16
    rng = np.random.default_rng(seed)
    net = bp.Network([3, hidden, k], "tanh", "identity", "squared_error")
    theta, Y = rng.standard_normal(net.parameter_count), rng.standard_normal((M, k))
    half = lambda nn: lambda a, y: 0.5 * nn.MSELoss(reduction="sum")(a, y)  # noqa: E731
    E, dE_dtheta = on_pytorch(net, theta, half, Y)
    found, gradient = net.gradient(theta, X, Y)
    np.testing.assert_allclose(found, E, rtol=1e-12)
    np.testing.assert_allclose(gradient, dE_dtheta, rtol=1e-10, atol=1e-13)


@given(k=st.integers(1, 5), seed=st.integers(0, 100))
def test_labels_that_do_not_exclude_each_other_have_a_unit_each(k, seed):
    rng = np.random.default_rng(seed)
    net = bp.Network([3, 4, k], "tanh", "sigmoid", "binary_cross_entropy")
    theta, Y = rng.standard_normal(net.parameter_count), rng.integers(0, 2, (M, k)) * 1.0
    E, dE_dtheta = on_pytorch(net, theta, lambda nn: nn.BCEWithLogitsLoss(reduction="sum"), Y)
    found, gradient = net.gradient(theta, X, Y)
    np.testing.assert_allclose(found, E, rtol=1e-12)
    np.testing.assert_allclose(gradient, dE_dtheta, rtol=1e-10, atol=1e-13)
    # each unit as if it were alone: its part of the cost, whatever the others' targets are
    alone = [net.cost(theta, X, np.where(np.arange(k) == one, Y, 0.0)) for one in range(k)]
    none = net.cost(theta, X, Y * 0)
    np.testing.assert_allclose(found - none, sum(alone) - k * none, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("k", [2, 5])
def test_training_on_several_labels_records_costs_and_no_accuracy(xp, k):
    # which class is right has no meaning where a case may have several, or none
    net = bp.Network([3, 8, k], "tanh", "sigmoid", "binary_cross_entropy")
    Y = (X @ np.arange(3 * k).reshape(3, k) % 2 > 1).astype("float64")
    data = xp.array(X), xp.array(Y)
    run = bp.train(net, *data, validation=data, optimizer=bp.Adam(0.05), epochs=20, batch_size=4)
    assert set(run.history) == {"cost", "validation_cost"}
    assert run.history["cost"][-1] < run.history["cost"][0]


def test_several_labels_may_have_weights_of_cases():
    net = bp.Network([3, 2], output="sigmoid", loss="binary_cross_entropy")
    Y, w = _rng.integers(0, 2, (M, 2)) * 1.0, np.arange(M) % 3.0
    kept = w > 0
    theta = net.init(seed=1, dtype="float64")
    settings = {"epochs": 3, "batch_size": None, "optimizer": bp.SGD(0.5)}
    found = bp.train(net, X, Y, theta, case_weights=w, **settings)
    repeated = np.repeat(np.arange(M), w.astype(int))
    expected = bp.train(net, X[repeated], Y[repeated], theta, **settings)
    assert kept.sum() < M
    # a case of weight 2 is the case twice: sums in another order, 1e-16 a step
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-12)
