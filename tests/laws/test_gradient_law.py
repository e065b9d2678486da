"""The gradient law: ∂E/∂θ is the derivative of E, by differences and by automatic derivatives."""

import numpy as np
import pytest
from gradient_oracle import NAMES, PAIRS, PLAIN, Functions, cases, draw_case, losses_of
from hypothesis import given, settings

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.losses import LOSSES

# ---------------------------------------------------------------------------------------------
# the same functions by other formulas, on rows


def functions_of(library):
    """Return the functions that PyTorch or JAX has itself."""
    if library.name == "jax":
        import jax

        functions = {name: getattr(jax.nn, name, None) for name in NAMES}
        functions |= {"exp": jax.numpy.exp}
        return Functions(functions, losses_of(jax.numpy), library.array)
    import torch
    from torch.nn import functional

    functions = {name: getattr(functional, name, None) for name in NAMES}
    functions |= {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu": torch.nn.GELU(approximate="tanh"),
        "identity": torch.nn.Identity(),
        "exp": torch.exp,
        "softmax": torch.nn.Softmax(dim=-1),
    }
    losses = {
        "squared_error": lambda a, y: functional.mse_loss(a, y, reduction="none") / 2,
        "cross_entropy": lambda a, y: -torch.xlogy(y, a),
        "binary_cross_entropy": lambda a, y: functional.binary_cross_entropy(
            a, y, reduction="none"
        ),
        "poisson": lambda a, y: functional.poisson_nll_loss(
            a, y, log_input=False, eps=0, reduction="none"
        ),
        "absolute_error": lambda a, y: functional.l1_loss(a, y, reduction="none"),
        "huber": lambda a, y: functional.huber_loss(a, y, reduction="none"),
    }
    by_case = {name: lambda a, y, f=f: f(a, y).sum(-1) for name, f in losses.items()}
    return Functions(functions, by_case, library.array)


def test_every_name_has_its_plain_form_here():
    assert sorted(PLAIN.activations) == sorted(ACTIVATIONS)
    assert sorted(PLAIN.losses) == sorted(LOSSES)
    assert {loss for _, loss in PAIRS} == set(LOSSES)


def numeric_gradient(case, theta, X, Y, w, h=2e-4):
    """Return ∂E/∂θ of the plain cost by differences of order 4, all nudges in one array."""

    def E(step):
        return case.cost(theta + step * np.eye(theta.size), X, Y, w, PLAIN)

    return (8 * (E(h) - E(-h)) - (E(2 * h) - E(-2 * h))) / (12 * h)


def check_gradient_law(case):
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.targets, case.w)
    stack = case.theta.shape[:-1]
    for network, arguments in zip(np.ndindex(stack), case.alone(), strict=True):
        plain = case.cost(*arguments, PLAIN)
        # two ways to the same sums; the canonical pairs round less
        assert float(E[network]) == pytest.approx(plain, rel=1e-11, abs=1e-12)
        numeric = numeric_gradient(case, *arguments)
        # truncation h⁴/30 E⁽⁵⁾ = 5e-17 E⁽⁵⁾; rounding a few times 1.5 ε |E| / h = 2e-12 |E|
        scale = max(np.abs(numeric).max(), 1e-4 * abs(plain))
        assert np.abs(dE_dtheta[network] - numeric).max() <= 1e-7 * scale
    # the law as users check it, with differences of order 2 and their tolerance of 1e-7
    check = bp.check_gradient(case.net, case.theta, case.X, case.targets, case.w, sample=None)
    assert check.passed, str(check)


# ---------------------------------------------------------------------------------------------
# 1. the gradient law


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_gradient_law_for_every_combination(output, loss):
    """Each activation below each output activation with each loss, in mixtures of two layers."""
    rng = np.random.default_rng(sum(map(ord, output + loss)))
    for place, first in enumerate(NAMES):
        second = NAMES[(place + 1 + len(output)) % len(NAMES)]
        case = draw_case(rng, [2, 3, 2, 2], [first, second], output, loss)
        try:
            check_gradient_law(case)
        except AssertionError as error:
            error.add_note(f"hidden layers {first}, {second}")
            raise


@given(case=cases())
@settings(max_examples=200)
def test_gradient_law(case):
    check_gradient_law(case)


def automatic(costs, xp, theta):
    """Return E and ∂E/∂θ of each function in `costs` by the means of PyTorch or JAX."""
    if xp.name == "torch":
        results = []
        for cost in costs:
            leaf = theta.clone().requires_grad_()
            E = cost(leaf)
            E.backward()
            results.append((E.item(), leaf.grad))
        return results
    import jax

    traced = jax.jit(lambda theta: [jax.value_and_grad(cost)(theta) for cost in costs]).lower(theta)
    compile_fast = {"xla_backend_optimization_level": 0}
    return traced.compile(compiler_options=compile_fast)(theta)


def check_automatic_derivatives(case, xp, functions):
    theta, X, Y, w = (xp.array(x) for x in next(case.alone()))
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.targets, case.w)
    costs = [
        lambda theta: case.cost(theta, X, Y, w, functions),  # by functions of the library alone
        lambda theta: case.net.cost(theta, X, Y, w),  # ours, differentiated by theirs
    ]
    for theirs, derivative in automatic(costs, xp, theta):
        # two ways to the same sums, exact but for rounding; 1/a and 1/(1 − a) magnify that of a
        assert float(theirs) == pytest.approx(float(E), rel=1e-11, abs=1e-12)
        host = xp.host(derivative)
        scale = max(np.abs(host).max(), 1e-3 * abs(float(E)))
        assert np.abs(dE_dtheta - host).max() <= 1e-11 * scale


@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_automatic_derivative_of_torch(xp, output, loss):
    rng = np.random.default_rng(sum(map(ord, loss + output)))
    functions = functions_of(xp)
    for place in range(4):  # four of the activations in each of two layers, others for each pair
        hidden = [NAMES[(place * step + len(loss)) % len(NAMES)] for step in (3, 5)]
        case = draw_case(rng, [2, 3, 2, 2], hidden, output, loss, own={"w"}, removed={1})
        try:
            check_automatic_derivatives(case, xp, functions)
        except AssertionError as error:
            error.add_note(f"hidden layers {hidden}")
            raise


@pytest.mark.parametrize("place", range(len(NAMES)))
@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_automatic_derivative_of_jax(xp, place):
    """Every hidden activation and every loss, with ten of the output activations."""
    output, loss = PAIRS[(5 * place + 19) % len(PAIRS)]
    rng = np.random.default_rng(place)
    case = draw_case(rng, [2, 3, 2], [NAMES[place]], output, loss, own={"w"}, removed={1})
    check_automatic_derivatives(case, xp, functions_of(xp))
