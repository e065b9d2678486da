"""Adam, AdamW and NAdam: by hand, by their papers, and beside PyTorch's."""

import numpy as np
import pytest
from descents import beside_pytorch, steps
from hypothesis import given
from hypothesis import strategies as st
from training_steps import numbers_of

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.adam import Adam, AdamW, NAdam
from backprop_xp.schedules import Piecewise

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
    state, numbers = adam.init(theta), numbers_of(adam, theta)
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
        numbers = numbers_of(adam, theta).next().optimizer
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
def test_batches_without_weight_are_steps_of_adam_with_the_penalty_alone(xp, l2):
    # of four cases in batches of one, the second alone counts: w̄ = ½, so that it weighs 4
    order = bp.arrays.random_streams.generator(0, "order", 0).permutation(4)
    weights = np.zeros(4)
    weights[order[1]] = 2.0
    X, Y = np.array([[1.0], [2.0], [-1.0], [3.0]]), np.array([[1.0], [0.0], [2.0], [-1.0]])
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    start, adam = np.array([0.5, -0.25]), Adam(0.25, 0.5, 0.75, 0.125)
    run = bp.train(
        net,
        xp.array(X),
        xp.array(Y),
        xp.array(start),
        optimizer=adam,
        case_weights=xp.array(weights),
        l2=l2,
        epochs=1,
        batch_size=1,
    )
    theta, state = start.copy(), adam.init(start)
    for step, case in enumerate(order):
        w = np.array([weights[case] / 0.5])
        gradient = net.gradient(theta, X[case : case + 1], Y[case : case + 1], w)[1]
        gradient += l2 * theta * [1, 0]
        theta, state = adam.update(theta, state, gradient, **adam.settings(step))
    # the same operations; a compiler may put another loop around them: a rounding or two
    np.testing.assert_allclose(xp.host(run.theta), theta, rtol=1e-14 if xp.float64 else 1e-5)


# ---------------------------------------------------------------------------------------------
# AdamW and NAdam


def test_a_step_of_adamw_by_hand(xp):
    # (1 − 0.5·0.25)·8 = 7, −7 and 0; then ± the rate of 0.5; exact but for ε₀ = 1e-30 beside |g|
    found = steps(xp, AdamW(0.5, 0.5, 0.75, 1e-30, 0.25), [8.0, -8.0, 0.0], [[3.0, 3.0, -0.5]])
    np.testing.assert_allclose(found, [[6.5, -7.5, 0.5]], rtol=1e-6)


def test_adamw_decays_before_the_step_and_beside_it(xp):
    # without decay it is Adam, to the bit; with it, Adam from what is left of θ
    gradients = [[3.0, -1.0], [0.5, 2.0]]
    for dtype in xp.float_dtypes:
        plain = steps(xp, AdamW(0.5, weight_decay=0.0), [1.0, 2.0], gradients, dtype)
        np.testing.assert_array_equal(plain, steps(xp, Adam(0.5), [1.0, 2.0], gradients, dtype))
        decayed = steps(xp, AdamW(0.5, weight_decay=1.0), [2.0, 4.0], gradients[:1], dtype)
        np.testing.assert_array_equal(decayed[0], plain[0])


def nadam_by_the_paper(theta, gradients, rate, beta1, beta2, epsilon, psi):
    """Return θ after each step, with every sum and product written out."""
    m, v, product, found = 0, 0, 1, []
    for t, g in enumerate(gradients, start=1):
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (k * psi)) for k in (t, t + 1))
        product *= mu
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        ahead = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        theta = theta - rate * ahead / (np.sqrt(v / (1 - beta2**t)) + epsilon)
        found.append(theta)
    return found


def test_nadam_is_algorithm_8(xp):
    gradients, numbers = [3.0, -1.0, 0.5, 2.0], (0.5, 0.75, 0.875, 0.25, 2.0)
    expected = nadam_by_the_paper(1.0, gradients, *numbers)
    for dtype in xp.float_dtypes:
        found = steps(xp, NAdam(*numbers), [1.0], [[g] for g in gradients], dtype)
        np.testing.assert_allclose(np.array(found)[:, 0], expected, **NEAR[dtype])


def test_a_schedule_of_nadam_adds_up(xp):
    # 0.96^(t ψ) is a product: ψ of 1, then 3, is after two steps what 2 is
    gradients = [[0.0], [3.0]]
    found = steps(xp, NAdam(0.5, momentum_decay=lambda step: [2.0, 2.0][step]), [1.0], gradients)
    expected = steps(xp, NAdam(0.5, momentum_decay=2.0), [1.0], gradients)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("rate", "betas", "epsilon", "last"),
    [
        (0.01, (0.9, 0.999), 1e-8, 0.01),
        (0.05, (0.5, 0.9), 1e-3, 0.5),
        (0.02, (0.99, 0.99), 1e-6, 0.0),
        (0.01, (0.0, 0.9), 1.0, 2.0),
    ],
)
@pytest.mark.parametrize("name", ["AdamW", "NAdam"])
def test_they_equal_pytorchs_for_200_steps(name, rate, betas, epsilon, last, request):
    # as for Adam: some 10 roundings of 1e-16 a step, in another order, of numbers of size 1
    torch = pytest.importorskip("torch", reason="torch is not installed")
    default = torch.get_default_dtype()
    request.addfinalizer(lambda: torch.set_default_dtype(default))
    torch.set_default_dtype(torch.float64)  # in which its NAdam keeps Mₜ, whatever the parameters
    own = {"AdamW": AdamW, "NAdam": NAdam}[name](rate, *betas, epsilon, last)
    named = {"weight_decay" if name == "AdamW" else "momentum_decay": last}

    def peer(parameters):
        return getattr(torch.optim, name)(parameters, lr=rate, betas=betas, eps=epsilon, **named)

    for found, expected in beside_pytorch(own, peer):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_defaults_are_pytorchs():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for own in (Adam(), AdamW(), NAdam()):
        peer = getattr(torch.optim, type(own).__name__)([torch.zeros(1)]).defaults
        assert own.learning_rate == peer["lr"]
        assert (own.beta1, own.beta2) == peer["betas"]
        assert own.epsilon == peer["eps"]
    assert AdamW().weight_decay == torch.optim.AdamW([torch.zeros(1)]).defaults["weight_decay"]
    assert NAdam().momentum_decay == torch.optim.NAdam([torch.zeros(1)]).defaults["momentum_decay"]


def test_in_training_adamw_decays_weights_and_no_biases(xp):
    # PyTorch with the weights in one group and the biases in another: the same, to rounding
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not xp.float64:
        pytest.skip(f"{xp.name} has no float64")
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    net = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")
    start = rng.standard_normal(net.parameter_count)
    adamw = AdamW(0.05, weight_decay=0.5)
    given = map(xp.array, (X, Y, start))
    run = bp.train(net, *given, optimizer=adamw, batch_size=None, epochs=20)

    layers = [[torch.nn.Parameter(torch.tensor(x)) for x in of] for of in net.unpack(start.copy())]
    groups = [{"params": [W for W, _ in layers]}, {"params": [b for _, b in layers]}]
    groups[1]["weight_decay"] = 0.0
    peer = torch.optim.AdamW(groups, lr=0.05, weight_decay=0.5)
    (W1, b1), (W2, b2) = layers
    for _ in range(20):
        peer.zero_grad()
        a = W2 @ torch.tanh(W1 @ torch.tensor(X.T) + b1) + b2
        (0.5 * ((a - torch.tensor(Y.T)) ** 2).sum() / 8).backward()
        peer.step()
    expected = net.pack([[x.detach().numpy() for x in of] for of in layers])
    np.testing.assert_allclose(xp.host(run.theta), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("scheduled", [False, True])
def test_the_networks_of_a_stack_have_decays_of_their_own(scheduled, monkeypatch):
    # in one group and in groups of one network; each is a training alone, to rounding
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 3)), rng.integers(0, 2, 8)
    net, decays = bp.Network([3, 4, 2], "tanh"), np.array([0.0, 0.5, 2.0])
    start = net.init(seed=1, dtype="float64", stack=3)

    def trained(theta, decay):
        given = (lambda step: decay / (1 + step)) if scheduled else decay
        adamw = AdamW(0.05, weight_decay=given)
        return bp.train(net, X, Y, theta, optimizer=adamw, batch_size=4, epochs=3).theta

    alone = [trained(start[k], decays[k]) for k in range(3)]
    np.testing.assert_allclose(trained(start, decays), alone, rtol=1e-10, atol=1e-12)
    monkeypatch.setattr("backprop_xp.training.step.stack_groups.CPU_BYTES", 1)
    np.testing.assert_allclose(trained(start, decays), alone, rtol=1e-10, atol=1e-12)


def test_a_decay_for_biases_too():
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    adamw, X = AdamW(0.5, weight_decay=0.5), np.zeros((2, 1))
    given = {"optimizer": adamw, "batch_size": None, "epochs": 1}
    start = np.array([4.0, 4.0])  # without inputs the weight's gradient is 0, and Adam stands still
    weights = bp.train(net, X, X + 4, start, **given).theta
    np.testing.assert_array_equal(weights, [3, 4])  # 4 − 0.5·0.5·4
    both = bp.train(net, X, X + 4, start, decay_biases=True, **given).theta
    np.testing.assert_array_equal(both, [3, 3])


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, "some", None, [0.1, -0.1]])
@pytest.mark.parametrize(("kind", "name"), [(AdamW, "weight_decay"), (NAdam, "momentum_decay")])
def test_decays_out_of_range(kind, name, bad):
    with pytest.raises(OptionError, match=rf"{kind.__name__}\({name}\): got .*finite numbers >= 0"):
        kind(**{name: bad})
