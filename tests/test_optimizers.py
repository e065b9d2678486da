import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.backend import device_of, dtype_name, namespace
from backprop_xp.errors import OptionError
from backprop_xp.optimizers import SGD, Adam
from backprop_xp.schedules import Constant, Piecewise
from backprop_xp.settings import Settings

# SGD: numbers with few binary digits, so that every step is exact and the tolerance is 0


def steps(xp, sgd, theta, gradients, dtype=None):
    """Return θ after each step, as NumPy arrays."""
    theta = xp.array(theta, dtype) * 1  # memory of its own: an update consumes it
    settings, state, found = Settings(sgd, theta), sgd.init(theta), []
    for gradient in gradients:
        numbers = settings.next().optimizer
        theta, state = sgd.update(theta, state, xp.array(gradient, dtype) * 1, **numbers)
        found.append(xp.host(theta).copy())
    return found


def test_plain_gradient_descent_by_hand(xp):
    # θ − ½ g: (1, 2) − ½ (4, −2) = (−1, 3), then (−1, 3) − ½ (1, 1) = (−1.5, 2.5)
    found = steps(xp, SGD(0.5), [1.0, 2.0], [[4.0, -2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(found, [[-1, 3], [-1.5, 2.5]])


def test_the_momentum_of_1986_by_hand(xp):
    # Δθ(t) = ½ Δθ(t−1) − ¼ g:  −1, then −½ − ½ = −1, then −½ + 1 = ½
    found = steps(xp, SGD(0.25, momentum=0.5), [2.0], [[4.0], [2.0], [-4.0]])
    np.testing.assert_array_equal(found, [[1], [0], [0.5]])


def test_nesterov_by_hand(xp):
    # Δθ as above: −1, −1, ½; θ moves by ½ Δθ(t) − ¼ g: −½ − 1, then −½ − ½, then ¼ + 1
    found = steps(xp, SGD(0.25, momentum=0.5, nesterov=True), [2.0], [[4.0], [2.0], [-4.0]])
    np.testing.assert_array_equal(found, [[0.5], [-0.5], [0.75]])


def test_nesterov_without_momentum_is_plain(xp):
    gradients = [[4.0, -2.0], [1.0, 1.0]]
    expected = steps(xp, SGD(0.5), [1.0, 2.0], gradients)
    np.testing.assert_array_equal(
        steps(xp, SGD(0.5, nesterov=True), [1.0, 2.0], gradients), expected
    )


def test_a_schedule_of_momentum_0_is_plain(xp):
    gradients = [[4.0, -2.0], [1.0, 1.0]]
    expected = steps(xp, SGD(0.5), [1.0, 2.0], gradients)
    for nesterov in (False, True):
        sgd = SGD(0.5, momentum=Constant(0.0), nesterov=nesterov)
        np.testing.assert_array_equal(steps(xp, sgd, [1.0, 2.0], gradients), expected)


def test_schedules_by_hand(xp):
    # Δθ: −½·4 = −2; the rate falls to ¼, the momentum rises to ½: −1 − 1 = −2, −1 − 1 = −2
    sgd = SGD(Piecewise([1], [0.5, 0.25]), momentum=lambda step: 0.0 if step == 0 else 0.5)
    np.testing.assert_array_equal(steps(xp, sgd, [6.0], [[4.0]] * 3), [[4], [2], [0]])


def test_a_change_of_the_rate_leaves_the_gathered_momentum_as_it_is(xp):
    # Δθ: −4, then with rate 0 still ½·(−4) = −2, −1: the form v ← α v + g would stand still
    sgd = SGD(Piecewise([1], [1.0, 0.0]), momentum=0.5)
    np.testing.assert_array_equal(steps(xp, sgd, [8.0], [[4.0]] * 3), [[4], [2], [1]])


def test_one_number_for_each_network_of_a_stack(xp):
    # plain steps: 1 − ½·2 and 1 − ¼·2; then with momenta 0 and ½: Δθ = −1, −½, and −1, −¾
    rates, momenta = np.array([[0.5], [0.25]]), np.array([[0.0], [0.5]])
    theta, gradients = np.ones((2, 3)), [np.full((2, 3), 2.0)] * 2
    found = steps(xp, SGD(rates, momentum=momenta), theta, gradients)
    np.testing.assert_array_equal(found[0], [[0, 0, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(found[1], [[-1, -1, -1], [-0.25, -0.25, -0.25]])


def test_the_state_is_like_theta(xp):
    theta = xp.array(np.ones((2, 3)), "float32")
    assert SGD(0.1).init(theta) == ()
    for sgd in (SGD(0.1, momentum=0.5), SGD(0.1, momentum=Constant(0.0))):
        (velocity,) = sgd.init(theta)
        assert (velocity.dtype, device_of(velocity)) == (theta.dtype, xp.device)
        np.testing.assert_array_equal(xp.host(velocity), np.zeros((2, 3)))
    np.testing.assert_array_equal(xp.host(theta), np.ones((2, 3)))


def test_the_numbers_themselves_are_never_changed():
    rates = np.array([[0.5], [0.25]])
    rates.flags.writeable = False
    sgd = SGD(rates, momentum=rates)
    found = bp.train(
        bp.Network([1, 1], output="identity", loss="squared_error"),
        np.ones((2, 1)),
        np.zeros((2, 1)),
        optimizer=sgd,
        l2=rates,
        stack=2,
        epochs=3,
    )
    assert found.theta.shape == (2, 2)
    np.testing.assert_array_equal(rates, [[0.5], [0.25]])


@pytest.mark.parametrize(
    "bad",
    [-0.1, np.nan, np.inf, "fast", None, [0.1, -0.1], np.array([[np.nan]]), 1j, [[1], [1, 2]]],
)
def test_a_learning_rate_out_of_range(bad):
    with pytest.raises(OptionError, match=r"SGD\(learning_rate\): got .*; expected finite numb"):
        SGD(bad)


@pytest.mark.parametrize("bad", [-0.1, 1, 1.0, 1.5, np.nan, "some", None, [0.1, 1.0]])
def test_a_momentum_out_of_range(bad):
    with pytest.raises(OptionError, match=r"SGD\(momentum\): got .*; expected numbers >= 0 and <"):
        SGD(0.1, momentum=bad)


def test_schedules_are_not_called_before_training():
    def never(step):
        raise AssertionError

    SGD(never, momentum=never)


def test_numbers_at_the_edge_of_their_range_are_welcome():
    assert SGD(0, momentum=0).settings(0) == {"learning_rate": 0}
    assert SGD(1e6, momentum=0.999).settings(5) == {"learning_rate": 1e6, "momentum": 0.999}


def test_it_can_be_a_key_and_be_compared():
    assert SGD(0.1, momentum=0.9) == SGD(0.1, momentum=0.9) != SGD(0.1)
    assert len({SGD(0.1), SGD(0.1), SGD(0.2)}) == 2


@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True), (0.5, True)]
)
def test_it_equals_pytorchs_for_200_steps(momentum, nesterov):
    # PyTorch gathers v ← α v + g and steps by −ε v, the same with a constant ε. Each of the 200
    # steps rounds a few times, about 2e-16 each, and the problem shrinks errors: 1e-12 is ample.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    A = A @ A.T / 6 + np.eye(6)
    start, b = rng.standard_normal(6), rng.standard_normal(6)

    peer = torch.nn.Parameter(torch.tensor(start))
    torch_sgd = torch.optim.SGD([peer], lr=0.05, momentum=momentum, nesterov=nesterov)
    sgd = SGD(0.05, momentum=momentum, nesterov=nesterov)
    theta, state = start.copy(), sgd.init(start)
    for step in range(200):
        theta, state = sgd.update(theta, state, A @ theta - b, **sgd.settings(step))
        peer.grad = torch.tensor(A) @ peer.detach() - torch.tensor(b)
        torch_sgd.step()
        np.testing.assert_allclose(theta, peer.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert np.abs(theta - start).max() > 0.1


@given(
    rate=st.floats(0, 2),
    momentum=st.floats(0, 0.99),
    nesterov=st.booleans(),
    gradients=st.lists(st.floats(-10, 10), min_size=1, max_size=10),
)
def test_a_stack_is_as_many_networks_alone(rate, momentum, nesterov, gradients):
    # the same operations on each number, so that not a bit differs
    sgd = SGD(rate, momentum=momentum, nesterov=nesterov)
    alone, stacked = np.ones(2), np.ones((3, 2))
    state, states = sgd.init(alone), sgd.init(stacked)
    for step, gradient in enumerate(gradients):
        g = np.array([gradient, 1.0])
        alone, state = sgd.update(alone, state, g.copy(), **sgd.settings(step))
        stacked, states = sgd.update(stacked, states, np.tile(g, (3, 1)), **sgd.settings(step))
    np.testing.assert_array_equal(stacked, np.tile(alone, (3, 1)))


# ---------------------------------------------------------------------------------------------
# Adam

# A step rounds some ten times; β₁ and β₂ are exact in binary. float32 rounds by 6e-8.
BY_HAND = {"float64": {"rtol": 4e-15}, "float32": {"rtol": 2e-6}}


def test_two_steps_of_adam_by_hand(xp):
    # β₁ = ½, β₂ = ¾, ε₀ = 1, rate 1; g = 3, then −1.
    # t = 1: m = 3/2, m̂ = 3; v = 9/4, v̂ = 9; θ = 1 − 3/(3 + 1) = ¼.
    # t = 2: m = ¾ − ½ = ¼, m̂ = (1/4)/(3/4) = 1/3; v = 27/16 + 1/4 = 31/16, v̂ = (31/16)/(7/16)
    # = 31/7, √ = 2.104417; θ = ¼ − 0.333333/3.104417 = ¼ − 0.1073738869813366.
    adam = Adam(1.0, beta1=0.5, beta2=0.75, epsilon=1.0)
    for dtype in xp.float_dtypes:
        found = steps(xp, adam, [1.0], [[3.0], [-1.0]], dtype)
        np.testing.assert_allclose(found, [[0.25], [0.1426261130186634]], **BY_HAND[dtype])


def test_the_state_of_adam_by_hand(xp):
    # m/(1 − β₁): 3, then ½·3 − 1 = ½; v/(1 − β₂): 9, then ¾·9 + 1 = 7.75; powers ¼ and 9/16: exact
    adam = Adam(1.0, beta1=0.5, beta2=0.75, epsilon=1.0)
    theta = xp.array([1.0]) * 1
    state, numbers = adam.init(theta), Settings(adam, theta)
    for gradient in ([3.0], [-1.0]):
        given = numbers.next().optimizer
        theta, state = adam.update(theta, state, xp.array(gradient) * 1, **given)
    for part, expected in zip(state, [0.5, 7.75, 0.25, 0.5625], strict=True):
        np.testing.assert_array_equal(xp.host(part), [expected])


def test_adam_without_memory_by_hand(xp):
    # β₁ = β₂ = 0: m̂ = g and v̂ = g², so that each step is rate · g/(|g| + 1), exact here
    found = steps(xp, Adam(1.0, 0.0, 0.0, 1.0), [1.0, 1.0], [[3.0, -1.0], [-7.0, 0.0]])
    np.testing.assert_array_equal(found, [[0.25, 1.5], [1.125, 1.5]])


def test_the_first_step_of_adam_is_the_rate(xp):
    # whatever the size of the gradient, as long as ε₀ = 1e-8 is small beside it: g/(g + 1e-8)
    found = steps(xp, Adam(0.25), [1.0, 1.0, 1.0], [[1e-3, -1e3, 1.0]])
    np.testing.assert_allclose(found, [[0.75, 1.25, 0.75]], rtol=1e-5)


def test_where_the_gradient_has_always_been_0_adam_stands_still(xp):
    for dtype in xp.float_dtypes:
        found = steps(xp, Adam(0.5), [1.5, 1.5], [[0.0, 1.0]] * 3, dtype)
        np.testing.assert_array_equal(np.array(found)[:, 0], [1.5] * 3)


def by_the_paper(theta, gradients, rate, beta1, beta2, epsilon):
    """Return θ after each step, line by line as in algorithm 1; numbers may change by the step."""
    at = [np.broadcast_to(x, len(gradients)) for x in (rate, beta1, beta2, epsilon)]
    m, v, power1, power2, found = 0, 0, 1, 1, []
    for g, a, b1, b2, e in zip(gradients, *at, strict=True):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        power1, power2 = power1 * b1, power2 * b2
        theta = theta - a * (m / (1 - power1)) / (np.sqrt(v / (1 - power2)) + e)
        found.append(theta)
    return found


# some ten roundings in each of at most 12 steps, none of which is made larger by those after it;
# 1 − βᵗ keeps 13 digits or more with β ≤ 0.999, and 3 fewer in float32
NEAR = {"float64": {"rtol": 1e-11, "atol": 1e-12}, "float32": {"rtol": 1e-3, "atol": 1e-4}}


@given(
    rate=st.floats(0, 2),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0, 0.999),
    epsilon=st.floats(1e-8, 10),
    gradients=st.lists(
        st.sampled_from([0.0, 1e-3, -2.0, 0.7, 30.0, -1e3]), min_size=1, max_size=12
    ),
)
def test_adam_is_algorithm_1(rate, beta1, beta2, epsilon, gradients):
    theta, adam = np.array([0.5]), Adam(rate, beta1, beta2, epsilon)
    expected = by_the_paper(0.5, gradients, rate, beta1, beta2, epsilon)
    state = adam.init(theta)
    for step, (gradient, then) in enumerate(zip(gradients, expected, strict=True)):
        theta, state = adam.update(theta, state, np.array([gradient]), **adam.settings(step))
        np.testing.assert_allclose(theta, [then], **NEAR["float64"])


def test_schedules_of_adam(xp):
    gradients = [3.0, -1.0, 0.5, 2.0]
    numbers = {
        "rate": [0.5, 0.25, 0.5, 0.125],
        "beta1": [0.5, 0.75, 0.75, 0.0],
        "beta2": [0.75, 0.5, 0.875, 0.875],
        "epsilon": [1.0, 0.5, 0.25, 0.25],
    }
    adam = Adam(*((lambda step, of=of: of[step]) for of in numbers.values()))
    expected = by_the_paper(1.0, gradients, **numbers)
    for dtype in xp.float_dtypes:
        found = steps(xp, adam, [1.0], [[g] for g in gradients], dtype)
        np.testing.assert_allclose(np.array(found)[:, 0], expected, **NEAR[dtype])


@pytest.mark.parametrize(
    ("rate", "betas", "epsilon"),
    [
        (0.01, (0.9, 0.999), 1e-8),
        (0.05, (0.5, 0.9), 1e-3),
        (0.01, (0.0, 0.99), 1e-8),
        (0.01, (0.9, 0.0), 1.0),
        (0.02, (0.99, 0.9999), 1e-6),
    ],
)
def test_adam_equals_pytorchs_for_200_steps(rate, betas, epsilon):
    # The two order their factors in another way: some 10 roundings of 1e-16 a step, and 1 − β₂ᵗ of
    # 1e-4 loses 4 digits in both. The noise keeps gradients away from 0, where m / √v would magnify
    # their rounding; θ and g are of size 1.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    A = A @ A.T / 6 + np.eye(6)
    start, *b = rng.standard_normal((201, 6))

    peer = torch.nn.Parameter(torch.tensor(start))
    torch_adam = torch.optim.Adam([peer], lr=rate, betas=betas, eps=epsilon)
    adam = Adam(rate, *betas, epsilon)
    theta, state = start.copy(), adam.init(start)
    for step in range(200):
        theta, state = adam.update(theta, state, A @ theta - b[step], **adam.settings(step))
        peer.grad = torch.tensor(A) @ peer.detach() - torch.tensor(b[step])
        torch_adam.step()
        np.testing.assert_allclose(theta, peer.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert np.abs(theta - start).max() > 0.1


def test_one_number_of_adam_for_each_network_of_a_stack(xp):
    # the same operations on each number, so that not a bit differs
    rng = np.random.default_rng(0)
    theta, *gradients = rng.standard_normal((6, 3, 4))
    numbers = {
        "learning_rate": [0.5, 0.01, 0.1],
        "beta1": [0.0, 0.9, 0.5],
        "beta2": [0.9, 0.99, 0.0],
        "epsilon": [1e-8, 1e-3, 1.0],
    }
    stacked = Adam(**{name: np.array(of)[:, None] for name, of in numbers.items()})
    found = np.array(steps(xp, stacked, theta, gradients))
    for k in range(3):
        alone = Adam(**{name: of[k] for name, of in numbers.items()})
        mine = steps(xp, alone, theta[k], [gradient[k] for gradient in gradients])
        np.testing.assert_array_equal(found[:, k], mine)


@given(
    rate=st.floats(0, 2),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0, 0.999)),
    epsilon=st.floats(1e-10, 1),
    gradients=st.lists(st.floats(-10, 10), min_size=1, max_size=6),
)
def test_a_stack_under_adam_is_as_many_networks_alone(rate, betas, epsilon, gradients):
    # bit for bit, as above
    adam = Adam(rate, *betas, epsilon)
    alone, stacked = np.ones(2), np.ones((2, 3, 2))
    state, states = adam.init(alone), adam.init(stacked)
    for step, gradient in enumerate(gradients):
        g = np.array([gradient, 1.0])
        alone, state = adam.update(alone, state, g.copy(), **adam.settings(step))
        stacked, states = adam.update(stacked, states, np.tile(g, (2, 3, 1)), **adam.settings(step))
    np.testing.assert_array_equal(stacked, np.broadcast_to(alone, (2, 3, 2)))


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_the_state_of_adam_is_like_theta(xp, lead):
    for dtype in xp.float_dtypes:
        adam, theta = Adam(0.1), xp.array(np.ones((*lead, 4)), dtype) * 1
        state = adam.init(theta)
        values = [(4, 0), (4, 0), (1, 1), (1, 1)]
        for part, (last, value) in zip(state, values, strict=True):
            assert (dtype_name(part.dtype), device_of(part)) == (dtype, xp.device)
            np.testing.assert_array_equal(xp.host(part), np.full((*lead, last), value))
        numbers = Settings(adam, theta).next().optimizer
        for _ in range(2):
            g = xp.array(np.ones((*lead, 4)), dtype) * 1
            theta, state = adam.update(theta, state, g, **numbers)
        for part, (last, _) in zip((theta, *state), [(4, 0), *values], strict=True):
            assert tuple(part.shape) == (*lead, last)
            assert (dtype_name(part.dtype), device_of(part)) == (dtype, xp.device)
            assert namespace(part) is namespace(g)


def test_the_arrays_of_a_state_have_memory_of_their_own():
    theta = np.ones((2, 3))
    arrays = [theta, *Adam(0.1).init(theta)]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])


def test_adam_works_in_place_where_arrays_can_be_changed():
    theta, adam = np.ones(3), Adam(0.1)
    state = adam.init(theta)
    after, states = adam.update(theta, state, np.ones(3), **adam.settings(0))
    assert after is theta
    assert all(now is then for now, then in zip(states, state, strict=True))


WRONG = {
    "learning_rate": ([-0.1, np.nan, np.inf, "fast", None, [0.1, -0.1], 1j], "finite numbers >= 0"),
    "beta1": ([-0.1, 1, 1.0, np.nan, "some", None, [0.1, 1.0]], "numbers >= 0 and < 1"),
    "beta2": ([-0.1, 1, 1.0, np.nan, "some", None, [0.1, 1.0]], "numbers >= 0 and < 1"),
    "epsilon": ([0, 0.0, -1e-8, np.nan, np.inf, "tiny", None, [1, 0]], "finite numbers > 0"),
}


@pytest.mark.parametrize(
    ("name", "bad"), [(name, bad) for name, (of, _) in WRONG.items() for bad in of]
)
def test_numbers_of_adam_out_of_range(name, bad):
    with pytest.raises(OptionError) as caught:
        Adam(**{name: bad})
    advice = "Pass a number, an array or a schedule"
    assert caught.value.parts == (f"Adam({name})", repr(bad), WRONG[name][1], advice)


@pytest.mark.parametrize("name", WRONG)
def test_schedules_of_adam_out_of_range(name):
    adam = Adam(**{name: lambda step: 0.5 if step == 0 else -1.0})
    assert adam.settings(0)[name] == 0.5
    with pytest.raises(OptionError, match=rf"Adam\({name}\): got -1.0; expected .*numbers >"):
        adam.settings(1)


def test_constant_numbers_of_adam_are_the_same_dict_at_each_step():
    adam = Adam(0.1)
    assert adam.settings(0) is adam.settings(1)
    assert adam.settings(7) == {
        "learning_rate": 0.1,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }
    scheduled = Adam(Piecewise([1], [0.1, 0.2]))
    assert [scheduled.settings(step)["learning_rate"] for step in range(3)] == [0.1, 0.2, 0.2]


def test_schedules_of_adam_are_not_called_before_training():
    def never(step):
        raise AssertionError

    Adam(never, never, never, never)


def test_adam_can_be_a_key_and_cannot_be_changed():
    assert Adam(0.1) == Adam(0.1, 0.9, 0.999, 1e-8) != Adam(0.1, 0.8)
    assert len({Adam(0.1), Adam(0.1), Adam(0.2)}) == 2
    with pytest.raises(AttributeError):
        Adam(0.1).beta1 = 0.5


def test_the_numbers_of_adam_themselves_are_never_changed():
    numbers = np.array([[0.5], [0.25]])
    numbers.flags.writeable = False
    adam = Adam(numbers, numbers, numbers, numbers)
    theta, gradient = np.ones((2, 3)), np.full((2, 3), 2.0)
    state = adam.init(theta)
    for step in range(3):
        theta, state = adam.update(theta, state, gradient.copy(), **adam.settings(step))
    np.testing.assert_array_equal(numbers, [[0.5], [0.25]])


def test_adam_learns_from_pictures_of_digits(xp):
    # five noisy copies of each of 10 patterns of 8 × 8 points: 10 epochs of 4 steps of 0.02 suffice
    rng = np.random.default_rng(0)
    X = (rng.uniform(size=(10, 64)) > 0.5).repeat(5, axis=0) + 0.2 * rng.standard_normal((50, 64))
    labels = np.arange(10).repeat(5)
    run = bp.train(
        bp.Network([64, 16, 10], "tanh"),
        xp.array(X, "float32"),
        xp.array(labels),
        optimizer=bp.Adam(0.02),
        epochs=10,
        batch_size=15,
    )
    costs = run.history["cost"]
    assert costs[0] > 1
    assert costs[-1] < 0.1
    assert run.history["accuracy"][-1] == 1


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_batch_without_weight_leaves_theta_and_the_state_of_adam_as_they_were(xp, l2):
    # of four cases in batches of one, the second alone counts, so that it makes the only step, with
    # the powers at t = 1: it equals a training on that case, with the schedule at the same number
    order = bp.randomness.generator(0, "order", 0).permutation(4)
    weights = np.zeros(4)
    weights[order[1]] = 2.0
    X, Y = np.array([[1.0], [2.0], [-1.0], [3.0]]), np.array([[1.0], [0.0], [2.0], [-1.0]])
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    start = np.array([0.5, -0.25])
    found, expected = (
        bp.train(
            net,
            xp.array(X[rows]),
            xp.array(Y[rows]),
            xp.array(start),
            optimizer=Adam(rate, 0.5, 0.75, 0.125),
            case_weights=xp.array(of),
            l2=l2,
            epochs=1,
            batch_size=1,
        )
        for rows, of, rate in (
            (slice(None), weights, lambda step: [0.5, 0.25, 0.5, 0.5][step]),
            (order[1:2], np.ones(1), 0.25),
        )
    )
    # the same operations; a compiler may put another loop around them: a rounding or two
    np.testing.assert_allclose(
        xp.host(found.theta), xp.host(expected.theta), rtol=1e-15 if xp.float64 else 1e-6
    )
    assert np.all(xp.host(found.theta) != start)
