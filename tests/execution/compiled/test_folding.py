"""Plain gradient descent folded into its products: what is folded, what is not, and the numbers."""

import numpy as np
import pytest
from compiled_cache import cache, compiler  # noqa: F401  fixtures
from compiled_steps import BATCHES, assert_same, batches_for, both, steps_of
from needs import every
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution.compiled import blas, folding, program
from backprop_xp.execution.recordings import record
from backprop_xp.execution.steps import over_batches
from backprop_xp.execution.tape import leaves, mapped
from backprop_xp.execution.unread import like

NET = bp.Network([3, 4, 5, 2], "tanh")
PLAIN = bp.SGD(0.1)
OWN_RATES = bp.SGD(np.array([0.1, 0.2, 0.3]))


def text_of(step, carry, numbers, *batch, gathers=False):
    """Return the text into which a step is compiled, without compiling it."""
    given = (mapped(like, x) for x in (carry, numbers, batch))
    return program.compilable(record(step, *given, runs_here=False), gathers=gathers).text


def products_folded(net, optimizer, *, stack=(), own=False, dtype="float32", **regularisation):
    theta, X, batches = batches_for(net, stack, own, True, dtype, regularisation)
    numbers = numbers_of(optimizer, theta, **regularisation).block(1)[0]
    shape = (*X.shape[:-2], batches[0].shape[1], X.shape[-1])
    batch = [np.empty(shape, dtype), *(x[0] for x in batches[1:])]
    step = step_for(net, optimizer, theta)
    return text_of(step, (theta, optimizer.init(theta)), numbers, *batch).count("call_gemm_i")


# the line that imports both has two
IMPORTED = 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case",
    [{}, {"stack": (3,)}, {"stack": (3,), "own": True}, {"stack": (1,)}],
    ids=["one", "stack", "own data", "stack of one"],
)
def test_each_matrix_of_plain_gradient_descent_is_folded(case, dtype):
    assert products_folded(NET, PLAIN, dtype=dtype, **case) == IMPORTED + 3


def test_rates_of_each_network_are_folded():
    assert products_folded(NET, OWN_RATES, stack=(3,)) == IMPORTED + 3


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (bp.SGD(0.1, 0.9), {}),
        (bp.Adam(0.1), {}),
        (PLAIN, {"l2": 0.1}),
        (PLAIN, {"l1": 0.1}),
        (PLAIN, {"shrinkage": 0.1}),
        (PLAIN, {"clip_norm": 0.1}),
        (PLAIN, {"clip_value": 0.1}),
    ],
)
def test_a_gradient_that_is_used_otherwise_stays(optimizer, options):
    assert products_folded(NET, optimizer, **options) == IMPORTED


def test_a_gradient_that_is_masked_stays():
    mask = np.ones((4, 3))
    mask[1, 2] = 0
    net = bp.Network([3, 4, 2], connections=[mask, None])
    assert products_folded(net, PLAIN) == IMPORTED


def test_a_row_of_weights_is_updated_as_before():
    """A layer of one unit, and inputs of one number, are no matrices for BLAS."""
    assert products_folded(bp.Network([1, 4, 1], "tanh"), PLAIN) == IMPORTED


SHAPES = [
    ((), {}),
    pytest.param((3,), {}, marks=every),
    pytest.param((3,), {"own": True}, marks=every),
    pytest.param((), {"source": False, "m": 1}, marks=every),
    pytest.param((), {"m": 300}, marks=every),
]


@pytest.mark.parametrize(("stack", "options"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=every)])
def test_the_numbers_are_those_of_the_recorded_step_to_rounding(stack, options, dtype):
    assert_same(both(NET, PLAIN, stack=stack, dtype=dtype, **options), rounding=64)


@every
def test_rates_of_each_network():
    assert_same(both(NET, OWN_RATES, stack=(3,)), rounding=64)


@pytest.mark.parametrize("stack", [pytest.param((), marks=every), (2,)])
def test_a_step_is_theta_minus_rate_times_the_gradient(stack):
    """θ after one step, from `net.gradient`, which knows of no folding."""
    theta, X, (rows, y, w) = batches_for(NET, stack, False, True, "float64", {})
    steps = steps_of(lambda theta: step_for(NET, PLAIN, theta))
    numbers = numbers_of(PLAIN, theta).block(1)
    batch = rows[:1], y[:1], w[:1]
    (found, _), _ = steps((theta.copy(), ()), numbers, X, *batch)
    _, gradient = NET.gradient(theta, X[rows[0]], y[0].mT, case_weights=w[0, 0])
    np.testing.assert_allclose(found, theta - 0.1 * gradient, rtol=1e-14, atol=1e-15)


def test_two_runs_are_equal_to_the_bit():
    one, other = (both(NET, PLAIN, stack=(3,))[1] for _ in range(2))
    assert all(
        a is b is None or a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )


@every
def test_without_a_blas_that_adds_the_step_is_the_recorded_one_to_the_bit(monkeypatch):
    monkeypatch.setattr(folding, "gemm_of", lambda _: None)
    assert_same(both(NET, PLAIN, stack=(3,)))


# ---------------------------------------------------------------------------------------------
# steps by hand: whatever happens to the gradient, the numbers are those of the recorded step

A, B, THETA = (np.arange(1.0, n + 1) for n in (6, 6, 13))


def plain(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


def reads_the_gradient(theta, rate, a, b, gradient):
    plain(theta, rate, a, b, gradient)
    return gradient * 1.0


def multiplies_the_gradient(theta, rate, a, b, gradient):
    plain(theta, rate, a, b, gradient)
    return gradient[:9].reshape(3, 3) @ gradient[:9].reshape(3, 3)


def returns_the_gradient(theta, rate, a, b, gradient):
    plain(theta, rate, a, b, gradient)
    return gradient


def climbs(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta += rate * gradient


def has_a_rate_for_each_number(theta, rate, a, b, gradient):
    rates = rate * np.arange(1.0, 14)
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rates * gradient


def updates_a_part(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    part = theta[4:]
    part -= rate * gradient[:9]


def reads_theta_at_once(theta, rate, a, b, gradient):
    plain(theta, rate, a, b, gradient)
    return theta * 2.0


def changes_an_input_between(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    a *= 2.0
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


def writes_a_part_again(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3))
    np.matmul(b.T[:2], b[:, :2], out=gradient[5:9].reshape(2, 2))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


def multiplies_theta_itself(theta, rate, a, b, gradient):
    np.matmul(theta[:9].reshape(3, 3), theta[:9].reshape(3, 3).T, out=gradient[:9].reshape(3, 3))
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


def turned(theta, rate, a, b, gradient):
    np.matmul(b.T, a.T, out=gradient[:9].reshape(3, 3))
    np.matmul(a[::2], b[:, ::2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


def by_columns(theta, rate, a, b, gradient):
    np.matmul(a, b, out=gradient[:9].reshape(3, 3).T)
    np.matmul(a[:2], b[:, :2], out=gradient[9:].reshape(2, 2))
    theta -= rate * gradient


FOLDED = {
    plain: 2,
    reads_the_gradient: 0,
    multiplies_the_gradient: 0,
    returns_the_gradient: 0,
    climbs: 0,
    has_a_rate_for_each_number: 0,
    updates_a_part: 1,
    reads_theta_at_once: 0,
    changes_an_input_between: 1,
    writes_a_part_again: 0,
    multiplies_theta_itself: 1,
    turned: 1,
    by_columns: 1,
}


def by_hand(change):
    def step(theta, rate, a, b):
        a, b = a * 1.0, b * 1.0
        gradient = np.empty_like(theta)
        out = change(theta, rate, a.reshape(3, 2), b.reshape(2, 3), gradient)
        return theta, (out,)

    return step


@pytest.mark.parametrize("change", FOLDED, ids=lambda one: one.__name__)
def test_products_that_are_folded(change):
    text = text_of(by_hand(change), THETA, np.array(0.25), A, B)
    assert text.count("call_gemm_i") - IMPORTED == FOLDED[change]


@every
@pytest.mark.parametrize("change", FOLDED, ids=lambda one: one.__name__)
def test_steps_by_hand(change):
    step, found = by_hand(change), []
    for steps in (over_batches(lambda *_: step, np, pure=True), steps_of(lambda _: step)):
        batches = np.stack([A] * BATCHES), np.stack([B] * BATCHES)
        found.append(leaves(steps(THETA.copy(), [np.array(0.25)] * BATCHES, None, *batches)))
    assert_same(found, rounding=8)


def test_one_gradient_for_two_networks():
    def step(theta, rate, a, b):
        gradient = np.empty_like(theta[0])
        np.matmul(a.reshape(3, 2), b.reshape(2, 3), out=gradient[:9].reshape(3, 3))
        np.matmul(a[:4].reshape(2, 2), b[:4].reshape(2, 2), out=gradient[9:].reshape(2, 2))
        theta -= rate * gradient
        return theta, (None,)

    both_thetas = np.stack([THETA, -THETA])
    assert text_of(step, both_thetas, np.array(0.25), A, B).count("call_gemm_i") == IMPORTED


# ---------------------------------------------------------------------------------------------
# the address of gemm


def test_numpys_blas_is_found():
    for dtype in ("float32", "float64"):
        found = blas.gemm_of(dtype)
        assert found is not None
        assert found.integers in ("i4", "i8")
    assert blas.gemm_of("float16") is None


def test_a_function_that_computes_something_else_is_refused():
    found = blas.gemm_of("float32")
    assert blas._computes(found, "float32")
    assert not blas._computes(found, "float64")


def test_lengths_of_32_bits():
    """SciPy's own OpenBLAS counts in 32 bits where NumPy's counts in 64."""
    pytest.importorskip("scipy.linalg.blas")
    from threadpoolctl import ThreadpoolController

    found = [
        blas._found(one.dynlib, "d")
        for one in ThreadpoolController().select(internal_api="openblas").lib_controllers
    ]
    narrow = [one for one in found if one is not None and one.integers == "i4"]
    if not narrow:
        pytest.skip("no OpenBLAS that counts in 32 bits is loaded")
    assert blas._computes(narrow[0], "float64")
