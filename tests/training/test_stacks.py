"""Stacks of networks, weights of 0 and removed connections in training."""

import numpy as np
import pytest
from training_cases import CLASSES, CLOSE, LABELS, TARGETS, WITHOUT_JAX, M, X, Y, train_plainly

import backprop_xp as bp

# ---------------------------------------------------------------------------------------------
# stacks


@pytest.mark.parametrize(
    ("stack", "lead"),
    [((), ()), (1, (1,)), (3, (3,)), ((2, 2), (2, 2)), ([2], (2,)), (np.int8(2), (2,))],
)
def test_stacks(stack, lead):
    run = bp.train(TARGETS, X, Y, stack=stack, epochs=1, seed=5, optimizer=bp.SGD(0))
    assert run.theta.shape == (*lead, TARGETS.parameter_count)
    np.testing.assert_array_equal(run.theta, TARGETS.init(5, dtype="float64", stack=stack))
    flat = run.theta.reshape(-1, TARGETS.parameter_count)
    assert len({tuple(theta) for theta in flat}) == len(flat)


def test_a_theta_brings_its_own_leading_axes():
    theta = TARGETS.init(stack=(2, 3), dtype="float64")
    for stack in ((), (2, 3), [2, 3]):
        assert bp.train(TARGETS, X, Y, theta, stack=stack, epochs=1).theta.shape == theta.shape


@WITHOUT_JAX
def test_rates_momenta_and_l2_of_each_network(xp):
    rates, momenta, l2s = (np.array(x)[:, None] for x in ([0.1, 0.3], [0.0, 0.9], [0.0, 0.2]))
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        TARGETS,
        xp.array(X),
        xp.array(Y),
        stack=2,
        optimizer=bp.SGD(rates, momentum=momenta),
        l2=l2s,
        epochs=2,
        batch_size=4,
    )
    theta = TARGETS.init(stack=2, dtype=dtype).astype("float64")
    for k in range(2):
        numbers = {"rate": rates[k, 0], "momentum": momenta[k, 0], "l2": l2s[k, 0]}
        alone, costs = train_plainly(TARGETS, X, Y, theta[k], epochs=2, batch_size=4, **numbers)
        np.testing.assert_allclose(xp.host(run.theta)[k], alone, **CLOSE[dtype])
        np.testing.assert_allclose([of[k] for of in run.history["cost"]], costs, **CLOSE[dtype])


@WITHOUT_JAX
def test_folds_as_weights(xp):
    # network k leaves out fold k: weights 0 and 1 do what leaving out the rows does
    folds = np.arange(M) % 5
    weights = (folds != np.arange(5)[:, None]).astype("float64")
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        stack=5,
        case_weights=xp.array(weights),
        epochs=3,
        batch_size=None,
    )
    theta = CLASSES.init(stack=5, dtype=dtype)
    for k in range(5):
        rows = folds != k
        alone = bp.train(
            CLASSES, X[rows], LABELS[rows], theta[k].astype("float64"), epochs=3, batch_size=None
        )
        np.testing.assert_allclose(xp.host(run.theta)[k], alone.theta, **CLOSE[dtype])
        for name, of in run.history.items():
            np.testing.assert_allclose(
                [entry[k] for entry in of], alone.history[name], rtol=1e-4, err_msg=name
            )


# ---------------------------------------------------------------------------------------------
# weights of zero

SOME = np.array([1, 0, 0, 0, 2, 0, 0, 0, 0, 0.5])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_batch_without_weight_has_the_gradient_0(momentum, nesterov, l2):
    theta = CLASSES.init(seed=1, dtype="float64")
    expected, costs = train_plainly(
        CLASSES,
        X,
        LABELS,
        theta,
        epochs=3,
        batch_size=2,
        rate=0.1,
        momentum=momentum,
        nesterov=nesterov,
        l2=l2,
        weights=SOME,
    )
    run = bp.train(
        CLASSES,
        X,
        LABELS,
        theta,
        optimizer=bp.SGD(0.1, momentum=momentum, nesterov=nesterov),
        epochs=3,
        batch_size=2,
        case_weights=SOME,
        l2=l2,
    )
    np.testing.assert_allclose(run.theta, expected, **CLOSE["float64"])
    np.testing.assert_allclose(run.history["cost"], costs, **CLOSE["float64"])


def test_what_is_in_cases_without_weight_does_not_matter():
    wild = np.where(SOME[:, None] == 0, 1e50, X)
    runs = [
        bp.train(TARGETS, x, Y, case_weights=SOME, epochs=2, batch_size=1, l2=0.1)
        for x in (X, wild)
    ]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    assert runs[0].history == runs[1].history


def test_a_batch_without_weight_for_some_networks(xp):
    weights = np.stack([SOME, SOME[::-1], np.ones(M)])
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        CLASSES,
        xp.array(X),
        xp.array(LABELS),
        stack=3,
        optimizer=bp.SGD(0.1, momentum=0.9),
        case_weights=xp.array(weights),
        l2=0.1,
        epochs=2,
        batch_size=2,
    )
    theta = CLASSES.init(stack=3, dtype=dtype).astype("float64")
    for k in range(3):
        numbers = {"rate": 0.1, "momentum": 0.9, "l2": 0.1, "weights": weights[k]}
        alone, costs = train_plainly(
            CLASSES, X, LABELS, theta[k], epochs=2, batch_size=2, **numbers
        )
        np.testing.assert_allclose(xp.host(run.theta)[k], alone, **CLOSE[dtype])
        np.testing.assert_allclose([of[k] for of in run.history["cost"]], costs, **CLOSE[dtype])


# ---------------------------------------------------------------------------------------------
# removed connections

MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
SPARSE = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", connections=[MASK, None])


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize(
    ("optimizer", "l2"),
    [
        (bp.SGD(0.1), 0.0),
        (bp.SGD(0.1, momentum=0.9), 0.1),
        (bp.SGD(0.1, momentum=0.9, nesterov=True), 0.1),
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_removed_connections_stay_exactly_0(stack, optimizer, l2, given):
    full = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
    theta = full.init(stack=stack, dtype="float64") if given else None
    run = bp.train(
        SPARSE, X, Y, theta, optimizer=optimizer, l2=l2, stack=stack, epochs=3, batch_size=4
    )
    W, _ = SPARSE.unpack(run.theta)[0]
    assert np.all(W[..., MASK == 0] == 0)
    assert np.all(W[..., MASK == 1] != 0)


@WITHOUT_JAX
def test_what_a_given_theta_holds_for_removed_connections_does_not_matter(xp):
    full = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
    theta = full.init(dtype=xp.float_dtypes[-1])
    layers = full.unpack(theta)
    clean = full.pack([(layers[0].W * MASK, layers[0].b), layers[1]]).astype(theta.dtype)
    data = xp.array(X), xp.array(Y)
    runs = [bp.train(SPARSE, *data, xp.array(x), l2=0.1, epochs=1) for x in (theta, clean)]
    np.testing.assert_array_equal(*(xp.host(run.theta) for run in runs))
    assert runs[0].history == runs[1].history


def test_data_of_the_last_axis_of_a_stack_serve_all_of_the_first():
    rng = np.random.default_rng(0)
    net, own = bp.Network([3, 4, 2], "tanh"), rng.standard_normal((3, 10, 3))
    labels, weights = rng.integers(0, 2, (3, 10)), rng.uniform(0.5, 2, (3, 10))
    chosen = {"stack": (2, 3), "epochs": 2, "batch_size": 4}
    found = bp.train(net, own, labels, case_weights=weights, **chosen)
    whole = [np.broadcast_to(x, (2, *x.shape)) for x in (own, labels, weights)]
    expected = bp.train(net, *whole[:2], case_weights=whole[2], **chosen)
    # the mean of the weights is summed in another order
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-10, atol=1e-14)
