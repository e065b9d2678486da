"""One update: the gradient of a batch in memory that lasts, the penalty, the optimiser's step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_steps import central_differences, numbers_of, step_for

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.training.step.gradient import Gradient

MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
SPARSE = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", [MASK, None])
CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
P = TARGETS.parameter_count

# Two ways of computing the same gradient sum in other orders: some ten roundings of numbers of
# size 1, and a hundred after some steps. float64 rounds by 1e-16, float32 by 6e-8.
CLOSE = {"float64": {"rtol": 1e-12, "atol": 1e-14}, "float32": {"rtol": 1e-4, "atol": 1e-6}}
# JAX compiles each operation for each shape anew, which takes long, and nothing there is in place
WITHOUT_JAX = pytest.mark.parametrize(
    "xp",
    [
        "numpy",
        "strict-device1",
        "strict-no_x64",
        "torch",
        pytest.param("cupy", marks=pytest.mark.gpu),
    ],
    indirect=True,
)
IN_PLACE = pytest.mark.parametrize("xp", ["numpy", "torch"], indirect=True)


class Given:
    """Batches of every shape, on the host, from one stream of random numbers."""

    def __init__(self, net, seed=0):
        self.net, self.rng = net, np.random.default_rng(seed)

    def theta(self, stack=()):
        return self.rng.standard_normal((*stack, self.net.parameter_count)) * 0.5

    def batch(self, m, own_X=(), own_y=()):
        """Return X in rows, y in columns and w for m cases."""
        X = self.rng.standard_normal((*own_X, m, self.net.sizes[0]))
        y = self.rng.uniform(0.1, 0.9, (*own_y, self.net.sizes[-1], m))
        w = self.rng.uniform(0.5, 1.5, (1, m))
        return X, y / y.sum(axis=-2, keepdims=True), w / w.sum()


def expected_gradient(net, theta, X, y, w):
    """Return ∂E/∂θ by the public `gradient`, on NumPy, network by network."""
    lead = theta.shape[:-1]
    X, y = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (X, y))
    found = [net.gradient(theta[k], X[k], y[k].T, w[0])[1] for k in np.ndindex(lead)]
    return np.reshape(found, theta.shape)


class Seen:
    """Gradient descent with rate 1 that notes a copy of each gradient; θ is updated in place."""

    def __init__(self, rate=1.0):
        self.rate, self.gradients = rate, []

    def settings(self, step):  # noqa: ARG002
        return {"rate": self.rate}

    def init(self, theta):  # noqa: ARG002
        return ()

    def update(self, theta, state, dE_dtheta, *, rate):
        self.gradients.append(dE_dtheta * 1)
        theta -= rate * dE_dtheta
        return theta, state


def run(xp, net, optimizer, theta, batches, dtype=None, l2=0.0, labelled=False):
    """Take one step for each batch; return θ after each as NumPy arrays, the state and the outs."""
    theta = xp.array(theta, dtype) * 1  # memory of its own: a step consumes it
    step, settings = step_for(net, optimizer, theta, labelled), numbers_of(optimizer, theta, l2)
    carry, found, outs = (theta, optimizer.init(theta)), [], []
    for batch in batches:
        carry, out = step(carry, settings.next(), *(xp.array(x, dtype) for x in batch))
        found.append(np.array(xp.host(carry[0])))
        outs.append(out)
    return found, carry[1], outs


# ---------------------------------------------------------------------------------------------
# the gradient


@pytest.mark.parametrize("net", [TARGETS, SPARSE, CLASSES], ids=["targets", "masks", "classes"])
@pytest.mark.parametrize("stack", [(), (3,), (2, 3)])
def test_the_gradient_of_each_batch_is_that_of_the_network(xp, net, stack):
    if xp.name == "jax" and (net is TARGETS or stack != (3,)):
        pytest.skip("the other cases compile the same lines")
    given = Given(net)
    for dtype in xp.float_dtypes:
        theta, seen = given.theta(stack), Seen()
        batches = [given.batch(m) for m in (4, 4, 2)]
        after, _, outs = run(xp, net, seen, theta, batches, dtype)
        before = [theta, *after]
        for at, gradient, batch, (z_out, penalty) in zip(
            before, seen.gradients, batches, outs, strict=False
        ):
            gradient_there = expected_gradient(net, at.astype("float64"), *batch)
            np.testing.assert_allclose(xp.host(gradient), gradient_there, **CLOSE[dtype])
            assert penalty is None
            assert tuple(z_out.shape) == (*stack, net.sizes[-1], batch[0].shape[-2])
        for made in (gradient, z_out):
            assert (dtype_name(made.dtype), device_of(made)) == (dtype, xp.device)


@IN_PLACE
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    networks=st.integers(1, 6),
    own_X=st.booleans(),
    own_y=st.booleans(),
)
def test_batches_of_any_size_one_after_another(xp, sizes, networks, own_X, own_y):
    # among them batches with as many cases as there are networks
    given, seen = Given(TARGETS), Seen(0.1)
    theta, of_each = given.theta((networks,)), (networks,)
    batches = [given.batch(m, of_each * own_X, of_each * own_y) for m in sizes]
    after, _, _ = run(xp, TARGETS, seen, theta, batches)
    for at, gradient, batch in zip([theta, *after], seen.gradients, batches, strict=False):
        expected = expected_gradient(TARGETS, at, *batch)
        np.testing.assert_allclose(xp.host(gradient), expected, **CLOSE["float64"])


@pytest.mark.parametrize("networks", [1, 2, 3, 4])
def test_networks_with_cases_of_their_own_and_a_smaller_last_batch(networks):
    # batches of 4, 4 and 2. To rounding: stacked products may sum in another order
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((networks, 10, 3)), rng.standard_normal((networks, 10, 2))
    theta = TARGETS.init(seed=1, stack=networks, dtype="float64")
    stacked = bp.train(TARGETS, X, Y, theta, epochs=2, batch_size=4).theta
    for k in range(networks):
        alone = bp.train(TARGETS, X[k], Y[k], theta[k], epochs=2, batch_size=4).theta
        np.testing.assert_allclose(stacked[k], alone, **CLOSE["float64"])


@WITHOUT_JAX
def test_classes_and_targets_that_are_classes_have_one_gradient(xp):
    # Σ y is 1 exactly, so that a Σ y is a, and not a bit differs
    given = Given(CLASSES)
    (X, _, w), theta = given.batch(5), given.theta()
    y = np.eye(3)[[0, 2, 1, 1, 0]].T
    found = [run(xp, CLASSES, Seen(), theta, [(X, y, w)], labelled=of)[0] for of in (False, True)]
    np.testing.assert_array_equal(*found)


@IN_PLACE
def test_one_step_for_two_thetas_in_turn(xp):
    given = Given(TARGETS)
    of_host, batches = given.theta((2,)), [given.batch(4) for _ in range(4)]
    thetas, sgd = [xp.array(x) * 1 for x in of_host], bp.SGD(0.1)
    step, numbers = step_for(TARGETS, sgd, thetas[0]), numbers_of(sgd, thetas[0]).next()
    for number, batch in enumerate(batches):
        which = number % 2
        expected = of_host[which] - 0.1 * expected_gradient(TARGETS, of_host[which], *batch)
        (thetas[which], _), _ = step((thetas[which], ()), numbers, *map(xp.array, batch))
        of_host[which] = xp.host(thetas[which])
        np.testing.assert_allclose(of_host[which], expected, **CLOSE["float64"])


@IN_PLACE
def test_the_gradient_has_one_place_in_memory_and_the_layers_are_views_of_theta(xp):
    net, given, shares = TARGETS, Given(TARGETS), np.shares_memory
    theta = xp.array(given.theta()) * 1
    gradient, batch = Gradient(net, theta, labelled=False), given.batch(4)
    X, y, w = map(xp.array, batch)
    _, first = gradient(theta, net.activations, X.mT, y, w)
    layers = gradient._layers
    assert all(shares(xp.host(part), xp.host(theta)) for layer in layers for part in layer)
    theta -= 0.5
    _, second = gradient(theta, net.activations, X.mT, y, w)
    assert second is first
    assert gradient._layers is layers
    expected = expected_gradient(net, xp.host(theta), *batch)
    np.testing.assert_allclose(xp.host(second), expected, **CLOSE["float64"])

    moved = theta * 1
    gradient(moved, net.activations, X.mT, y, w)
    assert all(
        shares(xp.host(part), xp.host(moved)) for layer in gradient._layers for part in layer
    )
    gradient.forget()
    _, third = gradient(moved, net.activations, X.mT, y, w)
    assert third is not first
    assert not shares(xp.host(third), xp.host(first))
    np.testing.assert_array_equal(xp.host(third), xp.host(first))


# ---------------------------------------------------------------------------------------------
# optimisers of the user's own


class KeepsGradients:
    """θ ← θ − ε (g(t) + g(t−1) + g(t−2)); the state holds the gradients of two steps."""

    copies = False

    def settings(self, step):  # noqa: ARG002
        return {"rate": 0.1}

    def init(self, theta):
        return (theta * 0, theta * 0)

    def update(self, theta, state, dE_dtheta, *, rate):
        kept = dE_dtheta * 1 if self.copies else dE_dtheta
        theta -= rate * (dE_dtheta + state[0] + state[1])
        return theta, (kept, state[0])


class CopiesGradients(KeepsGradients):
    copies = True


class NotInPlace(KeepsGradients):
    """θ ← θ − ε g, in an array of its own at each step."""

    def init(self, theta):  # noqa: ARG002
        return ()

    def update(self, theta, state, dE_dtheta, *, rate):  # noqa: ARG002
        return theta - rate * dE_dtheta, ()


class InTheGradientsMemory(NotInPlace):
    """θ ← θ − ε g, in the memory of the gradient, which is the optimiser's to use."""

    def update(self, theta, state, dE_dtheta, *, rate):  # noqa: ARG002
        dE_dtheta *= -rate
        dE_dtheta += theta
        return dE_dtheta, ()


class Swaps(NotInPlace):
    """As above, and θ's memory is kept for the state."""

    def init(self, theta):
        return (theta * 0,)

    def update(self, theta, state, dE_dtheta, *, rate):  # noqa: ARG002
        dE_dtheta *= -rate
        dE_dtheta += theta
        return dE_dtheta, (theta,)


def peer_of(own):
    return CopiesGradients() if own is KeepsGradients else bp.SGD(0.1)


# the same operations, so that not a bit differs
MEMORY = pytest.mark.parametrize("own", [KeepsGradients, NotInPlace, InTheGradientsMemory, Swaps])


@WITHOUT_JAX
@pytest.mark.parametrize("net", [TARGETS, SPARSE], ids=["all", "masks"])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@MEMORY
def test_what_an_optimiser_does_with_memory_does_not_matter(xp, net, l2, own):
    given = Given(net)
    theta, batches = given.theta((2,)), [given.batch(m) for m in (4, 4, 4, 2)]
    found, state, _ = run(xp, net, own(), theta, batches, l2=l2)
    expected, states, _ = run(xp, net, peer_of(own), theta, batches, l2=l2)
    np.testing.assert_array_equal(found, expected)
    if own is KeepsGradients:
        for one, other in zip(state, states, strict=True):
            np.testing.assert_array_equal(xp.host(one), xp.host(other))


@MEMORY
@pytest.mark.parametrize("weights", [None, np.array([1.0, 0, 0, 0, 2, 0, 0, 0, 0, 0.5])])
def test_what_an_optimiser_does_with_memory_does_not_matter_in_training(own, weights):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((10, 3)), rng.standard_normal((10, 2))
    found, expected = (
        bp.train(TARGETS, X, Y, optimizer=one, epochs=3, batch_size=2, case_weights=weights)
        for one in (own(), peer_of(own))
    )
    np.testing.assert_array_equal(found.theta, expected.theta)
    assert found.history == expected.history


# ---------------------------------------------------------------------------------------------
# removed connections and the penalty


@WITHOUT_JAX
def test_removed_connections_have_no_gradient_and_carry_nothing(xp):
    given = Given(SPARSE)
    theta, batches = given.theta((2,)), [given.batch(4) for _ in range(3)]
    seen, other, gone = Seen(0.1), Seen(0.1), np.flatnonzero(MASK.reshape(-1) == 0)
    after, _, outs = run(xp, SPARSE, seen, theta, batches)
    wild = theta.copy()
    wild[:, gone] = 1e3
    after_wild, _, outs_wild = run(xp, SPARSE, other, wild, batches)
    for one, another in zip(seen.gradients, other.gradients, strict=True):
        assert np.all(xp.host(one)[:, gone] == 0)
        np.testing.assert_array_equal(xp.host(one), xp.host(another))
    for (z, _), (z_wild, _) in zip(outs, outs_wild, strict=True):
        np.testing.assert_array_equal(xp.host(z), xp.host(z_wild))
    np.testing.assert_array_equal(np.delete(after, gone, -1), np.delete(after_wild, gone, -1))
    assert np.all(np.delete(after[0], gone, -1) != np.delete(theta, gone, -1))


@pytest.mark.parametrize("l2", [0.5, np.array([[0.5], [0.25]])])
def test_the_penalty_by_hand(xp, l2):
    # one weight 2 and one bias 3 (and 4 and 5): ½ l2 Σ W² = ½·½·4 = 1 (and ½·l2·16 = 4 or 2). With
    # x = 0 and y = b the error is 0: the gradient is l2 W = 1 (and 2 or 1), 0 for the bias. Exact.
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    batch = np.zeros((1, 1)), np.array([[[3.0]], [[5.0]]]), np.ones((1, 1))
    after, _, ((_, penalty),) = run(xp, net, Seen(), [[2.0, 3.0], [4.0, 5.0]], [batch], l2=l2)
    each = np.ndim(l2) > 0
    np.testing.assert_array_equal(xp.host(penalty), [1, 2 if each else 4])
    np.testing.assert_array_equal(after[0], [[1, 3], [3 if each else 2, 5]])


@given(
    hidden=st.lists(st.integers(1, 4), max_size=2),
    networks=st.integers(1, 3),
    l2=st.floats(0, 2),
    dropping=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_step_is_the_gradient_of_its_cost(hidden, networks, l2, dropping, masked, seed):
    """Central differences of the cost, dropped units, penalty and masks included."""
    rng, sizes, m = np.random.default_rng(seed), [2, *hidden, 2], 3
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    masks = [rng.integers(0, 2, shape) if masked else np.ones(shape) for shape in shapes]
    net = bp.Network(sizes, "sigmoid", "identity", "squared_error", masks)
    theta, noise = rng.standard_normal((networks, net.parameter_count)), []
    X, y = rng.standard_normal((m, 2)), rng.standard_normal((2, m))
    w, p = rng.uniform(0, 1, (1, m)), rng.uniform(0, 0.9, (networks, 1))
    noise = [rng.uniform(size=(n, m)) for n in hidden]

    def cost(theta):
        a, penalty = X.T, 0.0
        for layer, (W, b) in enumerate(net.unpack(theta)):
            penalty = penalty + 0.5 * l2 * (W**2).sum(axis=(-2, -1))
            a = (W * masks[layer]) @ a + b
            if layer < len(hidden):
                a = 1 / (1 + np.exp(-a))
                a = a * (noise[layer] >= p[..., None]) / (1 - p[..., None]) if dropping else a
        return (0.5 * w * (a - y) ** 2).sum(axis=(-2, -1)) + penalty

    numeric = central_differences(cost, theta)
    sgd = bp.SGD(1.0)
    numbers = numbers_of(sgd, theta, l2, p if dropping else 0.0).next()
    step, batch = step_for(net, sgd, theta), (X, y, w, *(noise if dropping else ()))
    (after, _), _ = step((theta.copy(), ()), numbers, *batch)
    # h² σ‴/6 leaves 1e-10 of costs of size 100, their rounding 100 · 1e-16 / h = 1e-9; weights of
    # up to 3 · 10 (p = 0.9) magnify both some hundred times
    np.testing.assert_allclose(theta - after, numeric, rtol=1e-6, atol=1e-6)
