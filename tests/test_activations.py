"""Activations: values, derivatives, extremes; tests over ACTIVATIONS cover whatever is added."""

import math

import numpy as np
import pytest
from user_parts import Cube

import backprop_xp as bp
from backprop_xp import activations
from backprop_xp.activations import (
    ACTIVATIONS,
    ELU,
    LeakyReLU,
    Sigmoid,
    Softmax,
    find_activation,
)
from backprop_xp.errors import OptionError, ShapeError

NAMES = list(ACTIVATIONS)
BOTH = ["float32", "float64"]

# Tests that run on every library share the shape (3, 4): JAX compiles each function for each shape.
# No z within the step of a difference of 0, where relu and its kin have a kink.
Z = np.array([[-3.0, -1.5, -0.25, 0.4], [2.5, 0.75, -0.6, -2.0], [0.1, 1.25, -0.9, 3.0]])
DE_DA = np.array([[1.0, -0.5, 2.0, 0.3], [0.7, -1.1, 0.4, 1.6], [-0.2, 0.9, 1.3, -0.8]])


def skip_without(xp, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")


def by_central_differences(activation, z, dE_da, h=1e-4):
    """Return ∂E/∂z for E = Σ ∂E/∂a ⊙ a on NumPy, by nudging one z at a time, all in one stack."""
    nudges = np.eye(z.size).reshape(z.size, *z.shape)

    def cost(step):
        return (activation(z + step * nudges) * dE_da).sum(axis=(-2, -1))

    first, second = cost(h) - cost(-h), cost(2 * h) - cost(-2 * h)
    return ((8 * first - second) / (12 * h)).reshape(z.shape)


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_the_central_difference(xp64, name):
    activation = ACTIVATIONS[name]()
    z, dE_da = xp64.array(Z), xp64.array(DE_DA)
    delta = activations.error(activation, dE_da, z, activation(z))
    numeric = by_central_differences(activation, Z, DE_DA)
    # the formula of order 4 leaves h⁴/30 σ⁽⁵⁾ = 3e-18 σ⁽⁵⁾; the difference of two costs of up to
    # E = 50 (exp) rounds to 1.5 ε E / h = 2e-10, E = 5 of all others to 2e-11
    np.testing.assert_allclose(xp64.host(delta), numeric, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "constructor", [lambda: LeakyReLU(0.2), lambda: ELU(0.5), lambda: ELU(2.0)]
)
def test_derivative_with_parameters_of_its_own(xp64, constructor):
    activation = constructor()
    z, dE_da = xp64.array(Z), xp64.array(DE_DA)
    delta = activations.error(activation, dE_da, z, activation(z))
    numeric = by_central_differences(activation, Z, DE_DA)
    np.testing.assert_allclose(xp64.host(delta), numeric, rtol=0, atol=1e-9)  # as above


@pytest.mark.parametrize("constructor", [LeakyReLU, ELU])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, "0.1", None, True])
def test_a_parameter_that_is_no_finite_number_is_refused(constructor, wrong):
    with pytest.raises(
        OptionError, match=rf"^{constructor.__name__}\(\w+\): got .*; expected a finite number"
    ):
        constructor(wrong)


def test_parameters_of_their_own_by_hand():
    z = np.array([[-2.0, 3.0]])
    np.testing.assert_array_equal(LeakyReLU(0.25)(z), [[-0.5, 3]])
    np.testing.assert_array_equal(LeakyReLU(0.25).da_dz(z, z), [[0.25, 1]])
    # 2 (e^−2 − 1) = −1.7293294335267746 and its slope 2 e^−2 = 0.2706705664732254
    np.testing.assert_allclose(ELU(2.0)(z), [[-1.7293294335267746, 3]], rtol=4e-16)
    np.testing.assert_allclose(ELU(2.0).da_dz(z, z), [[0.2706705664732254, 1]], rtol=4e-16)


# a and ∂a/∂z at z = −1, 0, 2, from the formulas with 17 digits
BY_HAND = {
    "sigmoid": (
        [0.26894142136999512, 0.5, 0.88079707797788244],
        [0.19661193324148185, 0.25, 0.10499358540350652],
    ),
    "tanh": (
        [-0.76159415595576489, 0, 0.96402758007581688],
        [0.41997434161402607, 1, 0.070650824853164466],
    ),
    "relu": ([0, 0, 2], [0, 0, 1]),
    "leaky_relu": ([-0.01, 0, 2], [0.01, 0.01, 1]),
    "elu": ([-0.63212055882855768, 0, 2], [0.36787944117144232, 1, 1]),
    "gelu": (
        [-0.1588080093917233, 0, 1.954597694087775],
        [-0.082964083845782555, 0.5, 1.0860992566236184],
    ),
    "silu": (
        [-0.26894142136999512, 0, 1.7615941559557649],
        [0.072329488128513268, 0.5, 1.0907842487848955],
    ),
    "softplus": (
        [0.31326168751822283, 0.69314718055994531, 2.1269280110429725],
        [0.26894142136999512, 0.5, 0.88079707797788244],
    ),
    "identity": ([-1, 0, 2], [1, 1, 1]),
    "exp": (
        [0.36787944117144232, 1, 7.3890560989306502],
        [0.36787944117144232, 1, 7.3890560989306502],
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_and_slopes_by_hand(xp, name):
    activation = ACTIVATIONS[name]()
    z = xp.array(np.resize([-1.0, 0.0, 2.0], (4, 3)).T)
    a = activation(z)
    slope = activation.da_dz(z, a)
    # a handful of roundings, of exp and tanh to within a few units in the last place
    tolerance = {"rtol": 4e-15, "atol": 4e-16} if xp.float64 else {"rtol": 2e-6, "atol": 1e-7}
    values, slopes = (np.resize(numbers, (4, 3)).T for numbers in BY_HAND[name])
    np.testing.assert_allclose(xp.host(a), values, **tolerance)
    np.testing.assert_allclose(xp.host(slope), slopes, **tolerance)


def test_softmax_by_hand(xp):
    # e^0 : e^(ln 2) : e^(ln 5) = 1 : 2 : 5, and equal shares
    z = xp.array(np.log([[1.0, 7.0, 2.0, 1.0], [2.0, 7.0, 5.0, 1.0], [5.0, 7.0, 1.0, 2.0]]))
    expected = [
        [1 / 8, 1 / 3, 1 / 4, 1 / 4],
        [1 / 4, 1 / 3, 5 / 8, 1 / 4],
        [5 / 8, 1 / 3, 1 / 8, 1 / 2],
    ]
    # the logarithms are rounded by up to ε, and so are their exponentials: a few ε
    np.testing.assert_allclose(xp.host(Softmax()(z)), expected, rtol=4e-15 if xp.float64 else 2e-6)


def test_logarithms_are_finite_where_a_rounds_to_0(xp):
    # ln σ(z) = −ln(1 + e^(−z)), from decimals; z where float32 and float64 round σ(−z) to 0, too
    z = [-1000.0, -150.0, -20.0, -12.0, 0.0, 12.0, 20.0]
    expected = [
        *(-1000.0, -150.0, -20.000000002061153620, -12.000006144193477733),
        *(-0.69314718055994530942, -6.144193477732805434579e-6, -2.061153620314380703e-9),
    ]
    tolerance = 4e-15 if xp.float64 else 2e-6
    found = xp.host(Sigmoid().log(xp.array([z])))
    np.testing.assert_allclose(found, [expected], rtol=tolerance)
    # Softmax of z and 0 is σ(z) and σ(−z); only of the larger one does z − ln Σ e^z lose digits
    found = xp.host(Softmax().log(xp.array([z, [0.0] * len(z)])))
    np.testing.assert_allclose(found[0], expected, rtol=tolerance, atol=tolerance / 10)
    three = xp.host(Softmax().log(xp.array([[0.0], [-150.0], [0.0]])))
    halves = np.array([[0.0], [-150.0], [0.0]]) - np.log(2)
    np.testing.assert_allclose(three, halves, rtol=tolerance)


@pytest.mark.parametrize("method", ["__call__", "log", "vjp"])
def test_softmax_of_an_array_without_an_axis_of_units(xp, method):
    for shape in ((3,), ()):
        z = xp.array(np.ones(shape))
        given = (z, z) if method == "vjp" else (z,)
        with pytest.raises(
            ShapeError, match=r"got shape \(3?,?\); expected \(\.\.\., n, m\)"
        ) as of:
            getattr(Softmax(), method)(*given)
        assert "over the units of a layer" in str(of.value)
        assert "z[:, None]" in str(of.value)


def test_softmax_vjp_is_the_full_jacobian(xp64):
    """δ_d = Σ_k ∂E/∂a_k a_k ([k = d] − a_d), for each network and each case on its own."""
    rng = np.random.default_rng(3)
    z, dE_da = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    a = Softmax()(xp64.array(z))
    delta = xp64.host(Softmax().vjp(xp64.array(dE_da), a))
    for network in range(2):
        for case in range(4):
            e = np.exp(z[network, :, case])
            p = e / e.sum()
            jacobian = np.array(
                [[p[k] * ((k == d) - p[d]) for d in range(3)] for k in range(3)]
            )  # [k, d] = ∂a_k/∂z_d
            expected = jacobian.T @ dE_da[network, :, case]
            # three products of numbers near 1
            np.testing.assert_allclose(delta[network, :, case], expected, rtol=0, atol=2e-15)


def test_softmax_columns_sum_to_1_and_ignore_a_shift(xp):
    z = xp.array(Z)
    a = xp.host(Softmax()(z))
    tolerance = 4e-16 if xp.float64 else 3e-7  # a rounding for each of the three units
    np.testing.assert_allclose(a.sum(axis=0), 1, rtol=tolerance)
    shifted = xp.host(Softmax()(z + 64.0))
    # z + 64 rounds z to ε · 64 = 1.4e-14 (8e-6 in float32), and so log a
    np.testing.assert_allclose(shifted, a, rtol=6e-14 if xp.float64 else 3e-5)


def torch_functions():
    from torch import nn, special
    from torch.nn import functional

    return {
        "sigmoid": special.expit,
        "tanh": nn.Tanh(),
        "relu": functional.relu,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": nn.GELU(approximate="tanh"),
        "silu": functional.silu,
        "softplus": functional.softplus,
        "identity": nn.Identity(),
        "exp": special.exp2,  # of z / ln 2, below
        "softmax": nn.Softmax(dim=-2),
    }


def jax_functions():
    from jax import nn, numpy

    return {
        "sigmoid": nn.sigmoid,
        "tanh": nn.tanh,
        "relu": nn.relu,
        "leaky_relu": nn.leaky_relu,
        "elu": nn.elu,
        "gelu": nn.gelu,
        "silu": nn.silu,
        "softplus": nn.softplus,
        "identity": nn.identity,
        "exp": lambda z: 1 / numpy.exp(-z),
        "softmax": lambda z: nn.softmax(z, axis=-2),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("xp", ["torch", "jax"], indirect=True)
def test_values_and_derivatives_of_torch_and_jax(xp, name):
    known = torch_functions() if xp.name == "torch" else jax_functions()
    if name not in known:
        pytest.skip(f"{xp.name} has no function of its own that this test knows as {name}")
    activation, function, z, dE_da = ACTIVATIONS[name](), known[name], xp.array(Z), xp.array(DE_DA)
    if xp.name == "torch":
        scale = 1 / math.log(2) if name == "exp" else 1.0
        leaf = z.clone().requires_grad_()
        theirs = function(scale * leaf)
        (theirs * dE_da).sum().backward()
        theirs, derivative = theirs.detach(), leaf.grad
    else:
        import jax

        theirs, pull_back = jax.vjp(function, z)
        (derivative,) = pull_back(dE_da)
    a = activation(z)
    # the same functions by other formulas: a few ε; 1 − a² of tanh(3) and σ(−3) lose two digits
    np.testing.assert_allclose(xp.host(a), xp.host(theirs), rtol=1e-14, atol=1e-15)
    delta = activations.error(activation, dE_da, z, a)
    np.testing.assert_allclose(xp.host(delta), xp.host(derivative), rtol=2e-14, atol=2e-15)


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", NAMES)
def test_extremes_give_no_nan_and_no_warning(xp, name, dtype):
    """Warnings are errors in this suite. e^z alone may be infinite, and is its own slope."""
    skip_without(xp, dtype)
    activation = ACTIVATIONS[name]()
    for size in (1e4, 1e30):
        signs = [[-1, 1, -1, 1], [1, -1, -1, 1], [1, -1, -1, 1]]
        z = xp.array(size * np.array(signs), dtype)
        a = activation(z)
        delta = activations.error(activation, xp.array(np.full((3, 4), 0.5), dtype), z, a)
        for x in (a, delta):
            host = xp.host(x)
            assert host.dtype == dtype
            assert tuple(host.shape) == (3, 4)
            assert not np.isnan(host).any()
            assert np.isfinite(host).all() or name == "exp"


def limits(s):
    """Return a and ∂a/∂z at −s and at +s, for s = 1e4 and beyond."""
    return {
        "sigmoid": ([0, 1], [0, 0]),
        "tanh": ([-1, 1], [0, 0]),
        "relu": ([0, s], [0, 1]),
        "leaky_relu": ([-0.01 * s, s], [0.01, 1]),
        "elu": ([-1, s], [0, 1]),
        "gelu": ([0, s], [0, 1]),
        "silu": ([0, s], [0, 1]),
        "softplus": ([0, s], [0, 1]),
        "identity": ([-s, s], [1, 1]),
        "exp": ([0, math.inf], [0, math.inf]),
    }


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", limits(1e4))
def test_limits(xp, name, dtype):
    skip_without(xp, dtype)
    activation = ACTIVATIONS[name]()
    for size in (1e4, 1e30):
        z = xp.array(np.resize([-size, size], (3, 4)), dtype)
        a = activation(z)
        values, slopes = (np.resize(numbers, (3, 4)) for numbers in limits(size)[name])
        rtol = 4 * np.finfo(dtype).eps  # 0.01 and 1e30 are rounded, and so is their product
        np.testing.assert_allclose(xp.host(a), values, rtol=rtol, atol=0)
        np.testing.assert_allclose(xp.host(activation.da_dz(z, a)), slopes, rtol=rtol, atol=0)


@pytest.mark.parametrize("dtype", BOTH)
def test_limits_of_softmax(xp, dtype):
    skip_without(xp, dtype)
    for size in (1e4, 1e30):
        signs = np.array([[-1, 1, 1, 1], [1, -1, -1, 1], [-1, -1, 1, -1]])
        a = Softmax()(xp.array(size * signs, dtype))
        expected = [[0, 1, 0.5, 0.5], [1, 0, 0, 0.5], [0, 0, 0.5, 0]]
        np.testing.assert_array_equal(xp.host(a), expected)
        dE_da = np.repeat([[1.0], [3.0], [5.0]], 4, axis=-1)
        delta = Softmax().vjp(xp.array(dE_da, dtype), a)
        # certain outputs no longer move; even ones by ½ (1 − 3), ½ (5 − 3) and ½ (1 − 2), ½ (3 − 2)
        expected = [[0, 0, -1, -0.5], [0, 0, 0, 0.5], [0, 0, 1, 0]]
        np.testing.assert_array_equal(xp.host(delta), expected)


@pytest.mark.parametrize("name", NAMES)
def test_leading_axes_are_networks_and_arguments_stay(xp, name):
    activation = ACTIVATIONS[name]()
    rng = np.random.default_rng(1)
    z_host, dE_da_host = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    z, dE_da = xp.array(z_host), xp.array(dE_da_host)
    before = xp.host(z).copy(), xp.host(dE_da).copy()
    a = activation(z)
    delta = activations.error(activation, dE_da, z, a)
    assert a.dtype == delta.dtype == z.dtype
    assert a.device == delta.device == z.device
    np.testing.assert_array_equal(xp.host(z), before[0])
    np.testing.assert_array_equal(xp.host(dE_da), before[1])
    one = xp.array(z_host[1])
    alone = activation(one)
    # elementwise, but a library may use other instructions for the rest of a vector
    atol = 1e-14 if xp.float64 else 1e-5
    np.testing.assert_allclose(xp.host(a)[1], xp.host(alone), rtol=0, atol=atol)
    np.testing.assert_allclose(
        xp.host(delta)[1],
        xp.host(activations.error(activation, xp.array(dE_da_host[1]), one, alone)),
        rtol=0,
        atol=atol,
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_bears_its_name_and_equals_its_like(name):
    activation = find_activation(name, "here")
    assert activation.name == name
    assert activation == ACTIVATIONS[name]()
    assert hash(activation) == hash(ACTIVATIONS[name]())
    assert all(activation != ACTIVATIONS[other]() for other in NAMES if other != name)
    assert find_activation(activation, "here") is activation


def test_activations_differ_by_their_parameters():
    assert LeakyReLU(0.1) != LeakyReLU(0.2)
    assert ELU(1.0) == ELU()


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("sigmod", "sigmoid"), ("ReLU", "relu"), ("soft_max", "softmax"), ("leakyrelu", "leaky_relu")],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, nearest):
    with pytest.raises(OptionError) as caught:
        find_activation(wrong, "Network(output)")
    message = str(caught.value)
    assert message.startswith(f"Network(output): got {wrong!r}; expected one of sigmoid, tanh, ")
    assert f"Did you mean {nearest!r}?" in message


def test_a_name_like_no_other_is_refused_with_the_list():
    with pytest.raises(
        OptionError, match=r"expected one of .*softmax\. Use one of the known names"
    ):
        find_activation("quux", "Network(hidden)")


class HalfSoftmax:
    """A user's own activation in which the units depend on each other."""

    name = "half_softmax"

    def __call__(self, z):
        return 0.5 * Softmax()(z)

    def vjp(self, dE_da, a):
        return 0.5 * Softmax().vjp(dE_da, 2 * a)


@pytest.mark.parametrize("own", [Cube(), HalfSoftmax()])
def test_a_users_own_activation(own, xp64):
    assert find_activation(own, "here") is own
    z, dE_da = xp64.array(Z), xp64.array(DE_DA)
    delta = activations.error(own, dE_da, z, own(z))
    numeric = by_central_differences(own, Z, DE_DA)
    np.testing.assert_allclose(xp64.host(delta), numeric, rtol=0, atol=1e-9)  # as above


@pytest.mark.parametrize("own", [Cube(), HalfSoftmax()])
def test_a_users_own_activation_in_a_network(own):
    rng = np.random.default_rng(0)
    for hidden, output in ((own, "identity"), ("tanh", own)):
        net = bp.Network([2, 3, 2], hidden=hidden, output=output, loss="squared_error")
        theta = rng.normal(size=net.parameter_count)
        check = bp.check_gradient(net, theta, rng.normal(size=(4, 2)), rng.normal(size=(4, 2)))
        assert check.passed, str(check)


@pytest.mark.parametrize(
    "wrong",
    [Cube, math.tanh, np.tanh, None, 3, ["tanh"], object()],
    ids=["a class", "a function", "a ufunc", "None", "a number", "a list", "an object"],
)
def test_what_is_no_activation_is_refused(wrong):
    with pytest.raises(OptionError, match=r"^here: got .*name and da_dz\(z, a\)"):
        find_activation(wrong, "here")
