"""Initial parameters: their moments and range, and the same numbers everywhere."""

import math

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.initializers import INITIALIZERS, Nielsen, Scaled, Uniform, find_initializer

N_IN, N_OUT = 300, 200
DRAWS = N_IN * N_OUT
NAMES = list(INITIALIZERS)

# for each initializer: the variance of W, the distribution of W and b, the variance of b
MOMENTS = {
    "glorot": (2 / (N_IN + N_OUT), "uniform", 0),
    "glorot_normal": (2 / (N_IN + N_OUT), "normal", 0),
    "he": (2 / N_IN, "normal", 0),
    "he_uniform": (2 / N_IN, "uniform", 0),
    "lecun": (1 / N_IN, "normal", 0),
    "lecun_uniform": (1 / N_IN, "uniform", 0),
    "nielsen": (1 / N_IN, "normal", 1),
    "nielsen_large": (1, "normal", 1),
    "uniform": (0.3**2 / 3, "uniform", 0.3**2 / 3),
}
KURTOSIS = {"normal": 3.0, "uniform": 1.8}


def check_moments(x, variance, distribution):
    """Check a sample of a symmetric distribution with mean 0.

    The mean of n draws has the standard deviation σ/√n; the mean of their squares
    σ² √((κ − 1)/n) with the kurtosis κ. Five of them are exceeded with probability 6e-7, and the
    seed is fixed. The mean fourth power tells normal (κ = 3) from uniform (κ = 1.8).
    """
    n, kurtosis = x.size, KURTOSIS[distribution]
    assert abs(x.mean()) < 5 * math.sqrt(variance / n)
    assert abs((x * x).mean() - variance) < 5 * variance * math.sqrt((kurtosis - 1) / n)
    if n > 10_000:
        assert (x**4).mean() / variance**2 == pytest.approx(kurtosis, abs=0.3)
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        assert np.abs(x).max() <= limit
        # none of n draws in the outermost 20/n of the range: probability e^−20
        assert np.abs(x).max() > limit * (1 - 20 / n)


def test_every_initializer_is_tested_here():
    assert sorted(MOMENTS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_mean_variance_and_distribution(name):
    variance, distribution, variance_of_biases = MOMENTS[name]
    W, b = INITIALIZERS[name](np.random.default_rng(5), N_IN, N_OUT)
    assert W.shape == (N_OUT, N_IN)
    assert b.shape == (N_OUT, 1)
    assert W.dtype == b.dtype == "float64"
    check_moments(W, variance, distribution)
    if variance_of_biases == 0:
        assert not b.any()
    else:
        check_moments(b, variance_of_biases, distribution)


@pytest.mark.parametrize("name", NAMES)
def test_each_layer_of_a_network_has_its_own_numbers(name):
    net = bp.Network([N_IN, N_OUT, N_IN])
    first, second = net.unpack(net.init(seed=3, initializer=name, dtype="float64"))
    variance, distribution, _ = MOMENTS[name]
    check_moments(first.W, variance, distribution)
    correlation = np.corrcoef(first.W.ravel(), second.W.ravel())[0, 1]
    assert abs(correlation) < 5 / math.sqrt(DRAWS)  # that of independent draws deviates by 1/√n
    rows = np.corrcoef(first.W)[np.triu_indices(N_OUT, 1)]
    assert np.abs(rows).max() < 6 / math.sqrt(N_IN)  # 19,900 pairs of rows, each by 1/√n_in


def test_uniform_by_its_limit():
    W, b = Uniform(0.05)(np.random.default_rng(1), 50, 60)
    check_moments(W, 0.05**2 / 3, "uniform")
    assert np.abs(b).max() <= 0.05
    W, b = Uniform(0)(np.random.default_rng(1), 3, 2)
    assert not W.any()
    assert not b.any()


def test_scaled_by_its_gain():
    W, _ = Scaled(4.0, "mean", "normal")(np.random.default_rng(1), 100, 200)
    check_moments(W, 4 / 150, "normal")


def test_the_two_of_nielsen_differ_by_the_root_of_n_in():
    W, b = Nielsen()(np.random.default_rng(1), 16, 3)
    W_large, b_large = Nielsen(large=True)(np.random.default_rng(1), 16, 3)
    np.testing.assert_array_equal(4 * W, W_large)  # exact: a power of 2
    np.testing.assert_array_equal(b, b_large)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_library_gets_the_same_numbers(xp, name, dtype):
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    net = bp.Network([3, 4, 2])
    theta = net.init(
        seed=7,
        initializer=name,
        device=bp.Device(xp.name, "a test", xp.xp, xp.device),
        dtype=dtype,
        stack=(2, 2),
    )
    on_numpy = net.init(seed=7, initializer=name, dtype="float64", stack=(2, 2))
    assert theta.device == xp.device
    host = xp.host(theta)
    assert host.dtype == dtype
    np.testing.assert_array_equal(host, on_numpy.astype(dtype))  # exact: drawn once, rounded once


@pytest.mark.parametrize("name", NAMES)
def test_the_first_networks_of_a_stack_are_those_of_a_smaller_one(name):
    net = bp.Network([3, 4, 2])

    def init(stack):
        return net.init(seed=2, initializer=name, stack=stack)

    large = init(6)
    assert large.shape == (6, net.parameter_count)
    np.testing.assert_array_equal(large[0], init(()))
    np.testing.assert_array_equal(large[:1], init(1))
    np.testing.assert_array_equal(large[:4], init(4))
    np.testing.assert_array_equal(large.reshape(2, 3, -1), init((2, 3)))
    np.testing.assert_array_equal(large.reshape(2, 3, -1), init([2, 3]))
    assert len(np.unique(large[:, 0])) == 6  # networks differ


@pytest.mark.parametrize("name", NAMES)
def test_theta_is_what_the_initializer_draws_layer_by_layer(name):
    net = bp.Network([3, 4, 2])
    rng, draw = generator(7, "parameters"), INITIALIZERS[name]
    parts = [
        part.ravel() for n_in, n_out in [(3, 4), (4, 2)] * 2 for part in draw(rng, n_in, n_out)
    ]
    theta = net.init(seed=7, initializer=name, dtype="float64", stack=2)
    np.testing.assert_array_equal(theta.ravel(), np.concatenate(parts))  # no digit is lost


def test_seeds():
    net = bp.Network([3, 4, 2])
    np.testing.assert_array_equal(net.init(seed=4), net.init(seed=4))
    np.testing.assert_array_equal(net.init(), net.init(seed=0))
    np.testing.assert_array_equal(net.init(seed=np.int64(4)), net.init(seed=4))
    assert (net.init(seed=4) != net.init(seed=5))[:12].all()


def test_numbers_do_not_depend_on_removed_connections():
    mask = np.eye(4, 3)
    theta = bp.Network([3, 4, 2]).init(seed=1)
    masked = bp.Network([3, 4, 2], connections=[mask, None]).init(seed=1)
    np.testing.assert_array_equal(masked[:12], theta[:12] * mask.ravel())
    np.testing.assert_array_equal(masked[12:], theta[12:])


def constant(rng, n_in, n_out):
    """A user's own initializer."""
    return np.full((n_out, n_in), n_in), np.full((n_out, 1), -n_out)


def test_a_users_own_initializer():
    theta = bp.Network([2, 1, 3]).init(initializer=constant)
    assert theta.tolist() == [2, 2, -1, 1, 1, 1, -3, -3, -3]
    assert theta.dtype == "float32"
    assert find_initializer(constant) is constant


def test_an_initializer_that_returns_other_shapes_is_refused():
    with pytest.raises(ShapeError, match=r"layer 1: got W \(2, 3\), b \(3, 1\)"):
        bp.Network([2, 3, 1]).init(
            initializer=lambda _, n_in, n_out: (np.ones((n_in, n_out)), np.ones((n_out, 1)))
        )


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("glorott", "glorot"), ("He", "he"), ("lecun_normal", "lecun"), ("unifrom", "uniform")],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, nearest):
    with pytest.raises(OptionError) as caught:
        bp.Network([2, 1]).init(initializer=wrong)
    message = str(caught.value)
    assert message.startswith(f"init(initializer): got {wrong!r}; expected one of glorot, ")
    words = (
        f"Did you mean {nearest!r}?",
        f"Did you mean '{nearest}_",
        f"Its name here is {nearest!r}",
    )
    assert any(one in message for one in words)


@pytest.mark.parametrize(
    "wrong", [None, 3, Scaled, np.ones(3)], ids=["None", "3", "class", "array"]
)
def test_what_is_no_initializer_is_refused(wrong):
    with pytest.raises(OptionError, match=r"^init\(initializer\): got .*rng, n_in, n_out"):
        bp.Network([2, 1]).init(initializer=wrong)


@pytest.mark.parametrize(
    ("constructor", "options", "says"),
    [
        (Scaled, {"gain": 0}, "Scaled(gain): got 0; expected a finite number > 0"),
        (Scaled, {"gain": math.nan}, "Scaled(gain): got nan"),
        (Scaled, {"fan": "out"}, "Scaled(fan): got 'out'; expected in or mean"),
        (Scaled, {"distribution": "gauss"}, "Scaled(distribution): got 'gauss'"),
        (Uniform, {"limit": -0.1}, "Uniform(limit): got -0.1; expected a finite number >= 0"),
        (Uniform, {"limit": math.inf}, "Uniform(limit): got inf"),
    ],
)
def test_parameters_of_initializers_are_checked(constructor, options, says):
    with pytest.raises(OptionError) as caught:
        constructor(**options)
    assert says in str(caught.value)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "bool", np.int64, "bfloat16"])
def test_a_dtype_that_is_no_float_is_refused(dtype):
    with pytest.raises(DTypeError, match=r"^init\(dtype\): got .*; expected float16, float32 or"):
        bp.Network([2, 1]).init(dtype=dtype)


def test_a_dtype_that_the_device_lacks_is_refused(xp):
    if xp.float64:
        pytest.skip(f"{xp.name} has float64")
    device = bp.Device(xp.name, "a test", xp.xp, xp.device)
    with pytest.raises(DTypeError, match="got float64; expected one of float32"):
        bp.Network([2, 1]).init(device=device, dtype="float64")
