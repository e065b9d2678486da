"""Each equation: by hand, by loops, by central differences, by an automatic derivative."""

import itertools

import numpy as np
import pytest

from backprop_xp import equations
from backprop_xp.errors import ShapeError

# A layer with 2 inputs, 3 units and 4 cases, in numbers that every float dtype holds exactly.
W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
A_PREV = np.array([[1.0, 0.0, 2.0, -1.0], [0.5, -2.0, 1.0, 3.0]])
B = np.array([[10.0], [20.0], [30.0]])
DELTA = np.array([[1.0, 0.0, -1.0, 2.0], [0.5, 1.0, 0.0, 0.0], [0.0, 2.0, 1.0, -1.0]])
SLOPE = np.array([[0.5, 1.0, 2.0, 0.25], [1.0, 0.0, 3.0, 4.0], [2.0, 2.0, 0.5, -1.0]])

ARGUMENTS = {
    "weighted_input": (W, A_PREV, B),
    "error": (DELTA, SLOPE),
    "input_gradient": (W, DELTA),
    "bias_gradient": (DELTA,),
    "weight_gradient": (DELTA, A_PREV),
}
BY_HAND = {
    # z_11 = 1·1 + 2·0.5 + 10 = 12, z_34 = 5·(−1) + 6·3 + 30 = 43
    "weighted_input": [[12, 6, 14, 15], [25, 12, 30, 29], [38, 18, 46, 43]],
    # products place by place
    "error": [[0.5, 0, -2, 0.5], [0.5, 0, 0, 0], [0, 4, 0.5, 1]],
    # the first case: 1·1 + 3·0.5 + 5·0 = 2.5 and 2·1 + 4·0.5 + 6·0 = 4
    "input_gradient": [[2.5, 13, 4, -3], [4, 16, 4, -2]],
    # 1 + 0 − 1 + 2, 0.5 + 1, 2 + 1 − 1
    "bias_gradient": [[2], [1.5], [2]],
    # the first row: 1·1 − 1·2 + 2·(−1) = −3 and 1·0.5 − 1·1 + 2·3 = 5.5
    "weight_gradient": [[-3, 5.5], [0.5, -1.75], [3, -6]],
}
NAMES = list(ARGUMENTS)


def test_every_equation_is_tested_here():
    assert sorted(equations.__all__) == sorted(NAMES)


def drawn(name, lead=()):
    rng = np.random.default_rng(7)
    return [rng.normal(size=(*lead, *argument.shape)) for argument in ARGUMENTS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_by_hand(xp, name):
    result = getattr(equations, name)(*map(xp.array, ARGUMENTS[name]))
    # exact: sums of a few products of small multiples of 1/4
    np.testing.assert_array_equal(xp.host(result), BY_HAND[name])


def test_by_loops_over_units_and_cases(xp64):
    """Every sum written out element by element, with no matrix and no transpose."""
    n_out, n_in, m = 3, 2, 4
    units, inputs, cases = range(n_out), range(n_in), range(m)
    w, a, b = drawn("weighted_input")
    delta = drawn("bias_gradient")[0]
    loops = {
        "weighted_input": [
            [sum(w[d, s] * a[s, c] for s in inputs) + b[d, 0] for c in cases] for d in units
        ],
        "input_gradient": [
            [sum(delta[d, c] * w[d, s] for d in units) for c in cases] for s in inputs
        ],
        "bias_gradient": [[sum(delta[d, c] for c in cases)] for d in units],
        "weight_gradient": [
            [sum(delta[d, c] * a[s, c] for c in cases) for s in inputs] for d in units
        ],
        "error": [[delta[d, c] * delta[d, c] for c in cases] for d in units],
    }
    arguments = {
        "weighted_input": (w, a, b),
        "input_gradient": (w, delta),
        "bias_gradient": (delta,),
        "weight_gradient": (delta, a),
        "error": (delta, delta),
    }
    for name, expected in loops.items():
        result = getattr(equations, name)(*map(xp64.array, arguments[name]))
        # sums of at most four products of numbers near 1, in another order: a few ε = 2.2e-16
        np.testing.assert_allclose(xp64.host(result), expected, rtol=0, atol=5e-15, err_msg=name)


def nudged(x, h):
    """Return (size, *x.shape): copies of x, each with another of its numbers raised by h."""
    return x + h * np.eye(x.size).reshape(x.size, *x.shape)


def central_difference(function, x, h=1e-3):
    """Return ∂E/∂x for a `function` that gives E for each of a stack of x.

    E is a polynomial of degree 2 (6 in the test of `error`, whose fifth derivative still counts
    for nothing at h = 1e-3 in the formula of order 4 below).
    """
    first = function(nudged(x, h)) - function(nudged(x, -h))
    second = function(nudged(x, 2 * h)) - function(nudged(x, -2 * h))
    return ((8 * first - second) / (12 * h)).reshape(x.shape)


def test_central_differences_of_a_layer(xp64):
    """With E = ½ Σ z² we have δ = z; the three gradients follow from the forward equation alone."""
    w, a, b = drawn("weighted_input")

    def cost(w, a, b):
        z = xp64.host(equations.weighted_input(*map(xp64.array, (w, a, b))))
        return 0.5 * (z * z).sum(axis=(-2, -1))

    ones = np.ones((6, 1, 1)), np.ones((8, 1, 1)), np.ones((3, 1, 1))  # one stack for all three
    numeric = {
        "weight_gradient": central_difference(lambda x: cost(x, a * ones[0], b * ones[0]), w),
        "input_gradient": central_difference(lambda x: cost(w * ones[1], x, b * ones[1]), a),
        "bias_gradient": central_difference(lambda x: cost(w * ones[2], a * ones[2], x), b),
    }
    w, a, b = map(xp64.array, (w, a, b))
    delta = equations.weighted_input(w, a, b)
    analytic = {
        "weight_gradient": equations.weight_gradient(delta, a),
        "input_gradient": equations.input_gradient(w, delta),
        "bias_gradient": equations.bias_gradient(delta),
    }
    for name, expected in numeric.items():
        # exact for a polynomial of degree 2 but for rounding: ε E / h = 2.2e-16 · 20 / 1e-3
        np.testing.assert_allclose(
            xp64.host(analytic[name]), expected, rtol=0, atol=1e-10, err_msg=name
        )


def test_central_differences_of_an_activation(xp64):
    """With a = z³ and E = ½ Σ a² we have ∂E/∂a = z³ and ∂a/∂z = 3z²."""
    z = drawn("error")[0]
    numeric = central_difference(lambda z: 0.5 * (z**6).sum(axis=(-2, -1)), z)
    delta = equations.error(xp64.array(z**3), xp64.array(3 * z**2))
    # truncation: h⁴/30 E⁽⁵⁾ = 3e-14 · 360 z < 1e-10; rounding: ε E / h < 1e-10
    np.testing.assert_allclose(xp64.host(delta), numeric, rtol=0, atol=1e-9)


@pytest.mark.parametrize("xp", ["torch", "jax"], indirect=True)
def test_automatic_derivative_of_a_layer(xp):
    """E = Σ cos(z) ⊙ G in the library's own functions, differentiated by the library itself."""
    w, a, b = map(xp.array, drawn("weighted_input"))
    g = xp.array(DELTA)
    if xp.name == "torch":
        import torch

        leaves = [x.clone().requires_grad_() for x in (w, a, b)]
        torch.sum(torch.cos(leaves[0] @ leaves[1] + leaves[2]) * g).backward()
        automatic = [x.grad for x in leaves]
    else:
        import jax

        def cost(w, a, b):
            return jax.numpy.sum(jax.numpy.cos(jax.numpy.matmul(w, a) + b) * g)

        automatic = jax.grad(cost, argnums=(0, 1, 2))(w, a, b)
    z = equations.weighted_input(w, a, b)
    delta = equations.error(g, -xp.xp.sin(z))
    by_equations = [
        equations.weight_gradient(delta, a),
        equations.input_gradient(w, delta),
        equations.bias_gradient(delta),
    ]
    for ours, theirs in zip(by_equations, automatic, strict=True):
        # the same sums of a few products in another order
        np.testing.assert_allclose(xp.host(ours), xp.host(theirs), rtol=0, atol=1e-14)


@pytest.mark.parametrize("lead", [(5,), (2, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_leading_axes_are_networks(xp, name, lead):
    function = getattr(equations, name)
    arguments = drawn(name, lead)
    together = xp.host(function(*map(xp.array, arguments)))
    for network in itertools.product(*map(range, lead)):
        alone = function(*(xp.array(argument[network]) for argument in arguments))
        # a library may sum the products of a stack in another order
        atol = 1e-14 if xp.float64 else 1e-5
        np.testing.assert_allclose(together[network], xp.host(alone), rtol=0, atol=atol)


def test_an_argument_may_be_shared_by_the_networks(xp64):
    w, _, b = drawn("weighted_input", (5,))
    shared = xp64.host(equations.weighted_input(xp64.array(w), xp64.array(A_PREV), xp64.array(b)))
    for network in range(5):
        expected = w[network] @ A_PREV + b[network]
        np.testing.assert_allclose(shared[network], expected, rtol=0, atol=1e-14)
    result = equations.weight_gradient(xp64.array(shared), xp64.array(A_PREV))
    assert tuple(result.shape) == (5, 3, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_dtype_device_and_arguments_are_kept(xp, name, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    arguments = [xp.array(x, dtype) for x in ARGUMENTS[name]]
    before = [xp.host(x).copy() for x in arguments]
    result = getattr(equations, name)(*arguments)
    assert result.dtype == arguments[0].dtype
    assert result.device == arguments[0].device
    for x, old in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(xp.host(x), old)


MISFITS = {
    "weighted_input": [
        [(3, 2), (3, 4), (3, 1)],  # a_prev has the units of this layer
        [(2, 3), (2, 4), (3, 1)],  # W is transposed
        [(3, 2), (2, 4), (3,)],  # b is no column
        [(3, 2), (2, 4), (1, 3)],
        [(3, 2), (2, 4), (3, 4)],  # a bias for each case
        [(3, 2), (2, 4), (1, 1)],  # would be spread over the units
        [(3, 2), (2,), (3, 1)],  # a case that is no column
        [(2,), (2, 4), (1,)],  # one unit whose W is no row
        [(2,), (2, 4), (1, 1)],
        [(), (4,), (1,)],
    ],
    "error": [
        [(3, 4), (4, 3)],
        [(3, 4), (3, 1)],
        [(3, 4), (4,)],
        [(3,), (3,)],
        [(), ()],
    ],
    "input_gradient": [[(3, 2), (2, 4)], [(3, 2), (3,)], [(3,), (3, 4)]],
    "bias_gradient": [[(3,)], [()]],
    "weight_gradient": [
        [(3, 4), (2, 5)],
        [(3, 4), (2, 1)],
        [(4,), (2, 4)],
        [(3, 4), (4,)],
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_do_not_fit_are_refused(xp, name):
    for shapes in MISFITS[name]:
        arguments = [xp.array(np.ones(shape)) for shape in shapes]
        with pytest.raises(ShapeError, match=f"^equations.{name}: got .*; expected ") as caught:
            getattr(equations, name)(*arguments)
        for shape in shapes:
            assert str(shape) in str(caught.value)
