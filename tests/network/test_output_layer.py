"""Output activations with losses: the general form, and the canonical pairs against it."""

import itertools
import math

import numpy as np
import pytest

from backprop_xp.activations import ACTIVATIONS, Exp, Identity, LeakyReLU, Sigmoid, Softmax
from backprop_xp.losses import LOSSES, BinaryCrossEntropy, CrossEntropy, Poisson, SquaredError
from backprop_xp.network.output_layer import (
    CANONICAL_PAIRS,
    ExpPoisson,
    IdentitySquaredError,
    Output,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
    output_of,
)

PAIRS = {
    ("softmax", "cross_entropy"): SoftmaxCrossEntropy,
    ("sigmoid", "binary_cross_entropy"): SigmoidBinaryCrossEntropy,
    ("exp", "poisson"): ExpPoisson,
    ("identity", "squared_error"): IdentitySquaredError,
}
BOTH = ["float32", "float64"]

# Tests that run on every library share two shapes: JAX compiles each function for each shape.
# Two networks, three output units, four cases; targets inside every domain, of no particular sum
Z = np.random.default_rng(1).normal(size=(2, 3, 4))
Y = np.random.default_rng(2).uniform(size=(2, 3, 4))
WEIGHTS = np.array([[[0.5, 0.0, 2.0, 1.0]], [[1.0, 3.0, 0.25, 0.0]]])


def skip_without(xp, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")


def pairs():
    return pytest.mark.parametrize("pair", CANONICAL_PAIRS, ids=lambda pair: type(pair).__name__)


def test_the_four_pairs_are_found_and_no_others():
    assert len(CANONICAL_PAIRS) == len(PAIRS)
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        output = output_of(ACTIVATIONS[activation](), LOSSES[loss]())
        assert type(output) is PAIRS.get((activation, loss), Output)
        assert output.activation == ACTIVATIONS[activation]()
        assert output.loss == LOSSES[loss]()


def test_an_own_activation_or_loss_makes_no_pair():
    class Mine(Sigmoid):
        """A sigmoid that another class might have changed."""

    class Steep(BinaryCrossEntropy):
        """Likewise."""

    for activation, loss in (
        (Mine(), BinaryCrossEntropy()),
        (Sigmoid(), Steep()),
        (LeakyReLU(1.0), SquaredError()),  # the identity by its values, not by its type
    ):
        assert type(output_of(activation, loss)) is Output


@pairs()
def test_a_pair_equals_the_general_form(pair, xp64):
    general = Output(pair.activation, pair.loss)
    z, y, w = map(xp64.array, (Z, Y, WEIGHTS))
    a = pair.activation(z)
    E_c, delta = pair.cost(z, y), pair.error(z, a, y, w)
    assert tuple(E_c.shape) == (2, 4)
    assert tuple(delta.shape) == (2, 3, 4)
    # |z| < 3 keeps a away from 0 and 1: a few ε, times 1/a in the general form
    np.testing.assert_allclose(xp64.host(E_c), xp64.host(general.cost(z, y)), rtol=0, atol=2e-14)
    expected = xp64.host(general.error(z, a, y, w))
    np.testing.assert_allclose(xp64.host(delta), expected, rtol=0, atol=2e-14)
    assert not xp64.host(delta)[0, :, 1].any()  # the case of weight 0


@pairs()
def test_the_error_is_the_central_difference_of_the_cost(pair):
    nudges = np.eye(Z.size).reshape(Z.size, *Z.shape)

    def cost(step):
        return (WEIGHTS[..., 0, :] * pair.cost(Z + step * nudges, Y)).sum(axis=(-2, -1))

    h = 1e-3
    first, second = cost(h) - cost(-h), cost(2 * h) - cost(-2 * h)
    numeric = ((8 * first - second) / (12 * h)).reshape(Z.shape)
    delta = pair.error(Z, pair.activation(Z), Y, WEIGHTS)
    # truncation: h⁴/30 · 3 e^z < 1e-12; rounding: 1.5 ε E / h with E below 40
    np.testing.assert_allclose(delta, numeric, rtol=0, atol=5e-11)


@pairs()
def test_arguments_dtype_and_device_are_kept(pair, xp):
    z, y, w = map(xp.array, (Z, Y, WEIGHTS))
    a = pair.activation(z)
    before = [xp.host(x).copy() for x in (z, a, y, w)]
    results = pair.cost(z, y), pair.error(z, a, y, w)
    for x, old in zip((z, a, y, w), before, strict=True):
        np.testing.assert_array_equal(xp.host(x), old)
    for result in results:
        assert result.dtype == z.dtype
        assert result.device == z.device


# at z = ±1e4, for each pair: z, y, E_c, δ for w = 1
EXTREMES = {
    # wrong by 2e4 nats; right; wrong; even
    SoftmaxCrossEntropy: (
        [[1e4, 1e4, -1e4, 1e4], [-1e4, -1e4, 1e4, 1e4], [-1e4, -1e4, -1e4, -1e4]],
        [[0, 1, 1, 0.5], [1, 0, 0, 0.5], [0, 0, 0, 0]],
        [2e4, 0, 2e4, math.log(2)],
        [[1, 0, -1, 0], [-1, 0, 1, 0], [0, 0, 0, 0]],
    ),
    # a unit wrong; one wrong, one half wrong; all right, twice
    SigmoidBinaryCrossEntropy: (
        [[1e4, -1e4, 1e4, -1e4], [1e4, 1e4, -1e4, -1e4], [-1e4, 1e4, -1e4, 1e4]],
        [[0, 1, 1, 0], [1, 0.5, 0, 0], [0, 1, 0, 1]],
        [1e4, 1.5e4, 0, 0],
        [[1, -1, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]],
    ),
    # e^−1e4 − y z = 1e4 y; e^1e4 is beyond every float
    ExpPoisson: (
        [[-1e4, -1e4, 1e4, -1e4], [-1e4, -1e4, -1e4, 1e4], [-1e4, -1e4, -1e4, -1e4]],
        [[0, 3, 3, 1], [0, 1, 1, 0], [0, 0, 1, 2]],
        [0, 4e4, math.inf, math.inf],
        [[0, -3, math.inf, -1], [0, -1, -1, math.inf], [0, 0, -1, -2]],
    ),
    # ½ (1e4 − 1e4)², ½ (−1e4 − 1e4)² = 2e8
    IdentitySquaredError: (
        [[1e4, -1e4, 1e4, -1e4], [-1e4, -1e4, 1e4, 1e4], [1e4, 1e4, 1e4, 1e4]],
        [[1e4, 1e4, 1e4, 1e4], [-1e4, -1e4, 1e4, -1e4], [1e4, 1e4, 1e4, 1e4]],
        [0, 2e8, 0, 4e8],
        [[0, -2e4, 0, -2e4], [0, 0, 0, 2e4], [0, 0, 0, 0]],
    ),
}


@pytest.mark.parametrize("dtype", BOTH)
@pairs()
def test_a_pair_is_stable_at_extreme_weighted_inputs(pair, xp, dtype):
    skip_without(xp, dtype)
    z, y, E, expected = EXTREMES[type(pair)]
    z, y = (xp.array(np.array(x, dtype=float), dtype) for x in (z, y))
    w = xp.array(np.ones((1, 4)), dtype)
    E_c, delta = pair.cost(z, y), pair.error(z, pair.activation(z), y, w)
    # whole numbers and exponentials that are 0, 1 or infinite: exact, but for the rounding of ln 2
    np.testing.assert_allclose(xp.host(E_c), E, rtol=np.finfo(dtype).eps)
    np.testing.assert_array_equal(xp.host(delta), expected)


def test_a_small_cost_keeps_its_digits_in_float32(xp):
    """1 − a and ln a would be 0 here; ln(1 + e^−20) = 2.061153620314381e-9."""
    z = xp.array([[20.0, -20.0, 20.0, -20.0]] * 3, "float32")
    y = xp.array([[1.0, 0.0, 1.0, 0.0]] * 3, "float32")
    E_c = SigmoidBinaryCrossEntropy().cost(z, y)
    # e^−20 within a few units in the last place of a float32, three times
    np.testing.assert_allclose(xp.host(E_c), [3 * 2.061153620314381e-9] * 4, rtol=1e-6)


def test_targets_that_do_not_sum_to_1(xp64):
    """With softmax a and cross-entropy δ_d = a_d Σ_k y_k − y_d: the targets weigh the case."""
    # a = 1/8, 2/8, 5/8; Σ y = 4; E = ln 8 + 3 ln 4 + 0 = 9 ln 2
    z, y = np.log([[1.0], [2.0], [5.0]]), np.array([[1.0], [3.0], [0.0]])
    z, y, w = (
        xp64.array(z.repeat(4, axis=1)),
        xp64.array(y.repeat(4, axis=1)),
        xp64.array([[2.0] * 4]),
    )
    # 2 (4/8 − 1), 2 (8/8 − 3), 2 (20/8 − 0)
    error = np.repeat([[-1.0], [-4.0], [5.0]], 4, axis=1)
    for pair in (SoftmaxCrossEntropy(), Output(Softmax(), CrossEntropy())):
        # a few roundings
        E_c = xp64.host(pair.cost(z, y))
        np.testing.assert_allclose(E_c, [9 * math.log(2)] * 4, rtol=2e-15)
        delta = pair.error(z, pair.activation(z), y, w)
        np.testing.assert_allclose(xp64.host(delta), error, rtol=4e-15)


def test_a_target_of_0_sums_to_nothing():
    """A case whose targets are all 0, such as padding, has no cost and no error."""
    pair, zeros = SoftmaxCrossEntropy(), np.zeros((3, 1))
    z = np.array([[1.0], [-2.0], [0.5]])
    assert pair.cost(z, zeros).item() == 0
    assert not pair.error(z, pair.activation(z), zeros, np.ones((1, 1))).any()


def test_the_general_form_by_hand(xp):
    # sigmoid with squared error at z = 0: a = ½, E = ½ (½ − 1)² = 1/8, δ = w (a − y) a (1 − a)
    general = Output(Sigmoid(), SquaredError())
    z, y = xp.array(np.zeros((3, 4))), xp.array([[1.0, 0.0, 1.0, 0.0]] * 3)
    w = xp.array([[1.0, 4.0, 0.0, 2.0]])
    np.testing.assert_array_equal(xp.host(general.cost(z, y)), [0.375] * 4)  # exact: powers of ½
    delta = general.error(z, general.activation(z), y, w)
    np.testing.assert_array_equal(xp.host(delta), [[-0.125, 0.5, 0, 0.25]] * 3)


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        (activation, loss)
        for activation in (Sigmoid(), ACTIVATIONS["softplus"](), Softmax())
        for loss in (CrossEntropy(), Poisson(), BinaryCrossEntropy())
        if not isinstance(loss, BinaryCrossEntropy) or activation != ACTIVATIONS["softplus"]()
    ],
    ids=lambda part: part.name,
)
def test_the_general_form_gives_no_nan_where_an_output_has_rounded_to_0(activation, loss, dtype):
    """Large counts and case weights, up to 1e4 together, make no 0 · ∞ of slope 0 and pole."""
    z = np.array([[-1e4, 1e4, 0.0], [1e4, -1e4, -1e4]], dtype=dtype)
    general = Output(activation, loss)
    for size, weight in ((1, 1), (1, 100), (100, 100)):
        if size > 1 and isinstance(loss, BinaryCrossEntropy):
            continue
        y = np.array([[size, 0, size], [size, 0, size]], dtype=dtype)
        w = np.full((1, 3), weight, dtype=dtype)
        assert np.isfinite(general.cost(z, y)).all()
        assert np.isfinite(general.error(z, activation(z), y, w)).all()


def test_equal_outputs_hash_alike():
    assert Output(Exp(), Poisson()) == Output(Exp(), Poisson())
    assert hash(ExpPoisson()) == hash(ExpPoisson())
    assert Output(Identity(), SquaredError()) != IdentitySquaredError()
