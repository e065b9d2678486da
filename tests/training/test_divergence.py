"""Training that diverges: where it is noticed, and the last good θ that the error hands over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_cases import BITS, LINEAR, WITHOUT_JAX, X

import backprop_xp as bp
from backprop_xp.arrays.backend import namespace, to_host
from backprop_xp.arrays.random_streams import generator
from backprop_xp.errors import (
    DivergenceError,
)


def diverged(*args, **settings):
    with pytest.raises(DivergenceError) as caught:
        bp.train(*args, **settings)
    error = caught.value
    assert f"epoch {error.epoch}, batch {error.batch} (counted from 0)" in error.parts[0]
    assert np.isfinite(to_host(error.theta)).all()
    assert all(np.isfinite(value).all() for of in error.history.values() for value in of)
    assert {len(of) for of in error.history.values()} <= {error.epoch}
    return error


def test_a_validation_cost_that_is_not_finite_ends_the_run_with_an_even_history():
    # θ is well on the case that it is trained on; (1e200)² is beyond float64 on the other one
    data, others = (np.ones((1, 1)), np.zeros((1, 1))), (np.full((1, 1), 1e200), np.zeros((1, 1)))
    error = diverged(LINEAR, *data, validation=others, optimizer=bp.SGD(0.1), seed=1, epochs=2)
    assert (error.epoch, error.batch) == (0, 0)


def test_divergence_at_the_first_batch(xp):
    # ½ (1e30)² = 5e59 is beyond float32, ½ (1e200)² beyond float64
    dtype = xp.float_dtypes[-1]
    large = 1e30 if dtype == "float32" else 1e200
    theta = xp.array([large, 0.0])
    error = diverged(
        LINEAR, xp.array([[1.0], [1.0]]), xp.array([[0.0], [0.0]]), theta, batch_size=1
    )
    assert (error.epoch, error.batch, error.history) == (0, 0, {})
    np.testing.assert_array_equal(xp.host(error.theta), xp.host(theta))
    assert namespace(error.theta) is xp.xp


@WITHOUT_JAX
def test_divergence_at_a_later_batch(xp):
    # a step of −1e300 · g (1e30 in float32), so that the next batch's cost overflows
    rate = 1e30 if xp.float_dtypes[-1] == "float32" else 1e200
    theta = xp.array([1.0, 0.0])
    data = xp.array([[1.0]] * 3), xp.array([[0.0]] * 3)
    error = diverged(LINEAR, *data, theta, optimizer=bp.SGD(rate), batch_size=1)
    assert (error.epoch, error.batch, error.history) == (0, 1, {})
    np.testing.assert_array_equal(xp.host(error.theta), [1, 0])


def test_divergence_at_a_later_epoch_keeps_the_last_theta_with_a_finite_cost():
    # b stays 0 where x = 1e60 makes its gradient small beside W's: each full step multiplies W by
    # 1 − ε x² = −1e120 with ε = 1, and the cost ½ (W x)², 5e119 at first, by 1e240 and overflows
    # at epoch 1: the last θ with a finite cost is the first
    error = diverged(
        LINEAR,
        np.array([[1e60]]),
        np.array([[0.0]]),
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(1),
        batch_size=None,
    )
    assert (error.epoch, error.batch) == (1, 0)
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert error.history == {"cost": [pytest.approx(5e119)]}


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_slow_divergence(batch_size):
    # θ grows by some powers of ten each step: the costs of several epochs are finite
    data = np.full((4, 1), 1e10), np.zeros((4, 1))
    error = diverged(
        LINEAR, *data, np.array([1.0, 0.0]), optimizer=bp.SGD(1), epochs=50, batch_size=batch_size
    )
    assert 0 < error.epoch < 50
    assert np.isfinite(LINEAR.cost(error.theta, *data))
    assert len(error.history["cost"]) == error.epoch
    runs = [
        bp.train(
            LINEAR,
            *data,
            np.array([1.0, 0.0]),
            optimizer=bp.SGD(1),
            epochs=n,
            batch_size=batch_size,
        )
        for n in range(error.epoch)
    ]
    assert any(np.array_equal(run.theta, error.theta) for run in runs)  # an edge of two epochs


@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.parametrize("epochs", [1, 2])
def test_divergence_in_the_very_last_update(batch_size, epochs):
    # the costs are all finite, but ε · g = 1e308 · 100 is not
    data = np.full((2, 1), 1e-3), np.full((2, 1), 1e5)
    rates = [0.0] * (2 * epochs if batch_size else epochs)
    rates[-1] = 1e308
    error = diverged(
        LINEAR,
        *data,
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(lambda step: rates[step]),
        epochs=epochs,
        batch_size=batch_size,
    )
    assert (error.epoch, error.batch) == (epochs - 1, 1 if batch_size else 0)
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert len(error.history.get("cost", [])) == epochs - 1


@WITHOUT_JAX
def test_divergence_of_one_network_of_a_stack(xp):
    rate = 1e30 if xp.float_dtypes[-1] == "float32" else 1e200
    rates = np.array([[0.1], [rate], [0.1]])
    theta = xp.array(LINEAR.init(stack=3) + 1)
    data = xp.array([[1.0]] * 3), xp.array([[0.0]] * 3)
    error = diverged(LINEAR, *data, theta, optimizer=bp.SGD(rates), batch_size=1)
    assert (error.epoch, error.batch) == (0, 1)
    np.testing.assert_array_equal(xp.host(error.theta), xp.host(theta))


def test_divergence_found_after_batches_without_weight():
    # the first batches of epoch 1 have no weight, so that the first cost of epoch 1 is not finite
    # though its first batch is not to blame: its start is no good θ
    weights = np.array([1.0, 0, 0, 0])
    order = generator(0, "order", 1).permutation(4)
    assert list(order).index(0) > 0
    data = np.ones((4, 1)), np.zeros((4, 1))
    error = diverged(
        LINEAR,
        *data,
        np.array([1.0, 0.0]),
        optimizer=bp.SGD(1e200),
        case_weights=weights,
        batch_size=1,
    )
    np.testing.assert_array_equal(error.theta, [1, 0])
    assert np.isfinite(LINEAR.cost(error.theta, *data, weights))


def test_divergence_of_a_network_that_waits_for_its_batches():
    # as above in a stack: network 1 has all batches and is well throughout
    weights = np.array([[1.0, 0, 0, 0], [1.0, 1, 1, 1]])
    data = np.ones((4, 1)), np.zeros((4, 1))
    error = diverged(
        LINEAR,
        *data,
        np.array([[1.0, 0.0]] * 2),
        optimizer=bp.SGD(np.array([[1e200], [0.1]])),
        case_weights=weights,
        batch_size=1,
    )
    costs = LINEAR.cost(error.theta, *data, weights)
    assert np.isfinite(costs).all()


def test_an_infinite_theta_is_no_good_theta_though_its_cost_is_finite():
    # W¹ becomes infinite in the first step, the sigmoid makes 0 or 1 of it and hides it; δ¹ is 0
    # from there on, and every cost is finite
    net = bp.Network([1, 1, 1], "sigmoid", "identity", "squared_error")
    data = np.array([[1e200]]), np.array([[1.0]])
    theta = np.array([1e-200, 0.0, 1.0, 0.0])
    with pytest.raises(DivergenceError) as caught:
        bp.train(net, *data, theta, optimizer=bp.SGD(1e120), epochs=5, batch_size=None)
    assert np.isfinite(caught.value.theta).all()


@settings(max_examples=60)
@given(
    exponent=st.integers(0, 308),
    scale=st.integers(-100, 100),
    batch_size=st.sampled_from([1, 2, 3, None]),
    weights=st.lists(st.sampled_from([0.0, 1.0]), min_size=5, max_size=5).filter(any),
    momentum=st.sampled_from([0.0, 0.9]),
    hidden=st.sampled_from(["sigmoid", "relu", "identity"]),
)
def test_training_ends_with_finite_parameters_or_says_so(
    exponent, scale, batch_size, weights, momentum, hidden
):
    net = bp.Network([3, 2, 2], hidden, "softmax", "cross_entropy")
    theta = net.init(seed=1, dtype="float64")
    try:
        run = bp.train(
            net,
            X[:5] * 10.0**scale,
            BITS[:5],
            theta,
            optimizer=bp.SGD(10.0**exponent, momentum=momentum),
            epochs=4,
            batch_size=batch_size,
            case_weights=weights,
        )
    except DivergenceError as error:
        run = error
    assert np.isfinite(run.theta).all()
    assert all(np.isfinite(value) for of in run.history.values() for value in of)


def test_the_last_good_theta_is_not_the_callers_array():
    start = np.array([1e200, 0.0])
    error = diverged(LINEAR, np.ones((2, 1)), np.zeros((2, 1)), start, batch_size=1)
    np.testing.assert_array_equal(error.theta, start)
    assert not np.shares_memory(error.theta, start)
