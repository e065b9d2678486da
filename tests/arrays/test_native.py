"""What every step calls straight from the library is what the standard says."""

import math

import numpy as np
import pytest

from backprop_xp.activations import ReLU
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.arrays.native import (
    MOST_ZEROS,
    astype,
    constant,
    largest,
    product,
    rows,
    step,
    total,
    writes_products,
    zero_for,
)

_rng = np.random.default_rng(0)
IN_PLACE = pytest.mark.parametrize(
    "xp", ["numpy", "torch", pytest.param("cupy", marks=pytest.mark.gpu)], indirect=True
)


def integers(*shape):
    """Return whole numbers below 8: sums of their products are exact, so the tolerance is 0."""
    return _rng.integers(-8, 8, shape).astype("float64")


def test_which_libraries_write_products(xp):
    expected = xp.name.partition("-")[0] in ("numpy", "torch", "cupy")
    assert writes_products(xp.xp) == expected


def test_a_product_without_out(xp):
    A, B = integers(2, 3, 4), integers(4, 5)
    for dtype in xp.float_dtypes:
        found = product(xp.array(A, dtype), xp.array(B, dtype))
        assert (dtype_name(found.dtype), device_of(found)) == (dtype, xp.device)
        np.testing.assert_array_equal(xp.host(found), A @ B)


SHAPES = {
    "2-D": ((3, 4), (4, 5)),
    "stack and 2-D": ((2, 3, 4), (4, 5)),
    "2-D and stack": ((3, 4), (2, 4, 5)),
    "stacks": ((2, 3, 4), (2, 4, 5)),
    "stacks of two axes": ((2, 6, 3, 4), (2, 6, 4, 5)),
    "stacks that broadcast": ((2, 1, 3, 4), (6, 4, 5)),
    "a stack of one": ((1, 3, 4), (4, 5)),
    "a column": ((2, 3, 4), (4, 1)),
    "one case": ((3, 1), (1, 5)),
    "one number": ((1, 1), (1, 1)),
    "no cases": ((3, 0), (0, 5)),
}


@IN_PLACE
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_into_out(xp, shapes, transposed, flat, dtype):
    A, B = (integers(*shape) for shape in shapes)
    if transposed:  # as a batch is: its columns lie in memory as rows
        a, b = (xp.array(np.array(x.mT, order="C"), dtype).mT for x in (A, B))
    else:
        a, b = (xp.array(x, dtype) for x in (A, B))
    expected = A @ B
    *lead, n_out, n_in = expected.shape
    if flat:  # a part of one vector for each network, as gradients lie in ∂E/∂θ
        around = xp.array(np.full((*lead, n_out * n_in + 5), np.nan), dtype) * 1
        out = xp.xp.reshape(around[..., 2:-3], expected.shape)
    else:
        around = out = xp.array(np.full(expected.shape, np.nan), dtype) * 1
    found = product(a, b, out)
    np.testing.assert_array_equal(xp.host(out), expected)
    np.testing.assert_array_equal(xp.host(found), expected)
    assert found is out
    assert dtype_name(found.dtype) == dtype
    if flat:  # into the vector, and nothing beside it
        values = xp.host(around)
        np.testing.assert_array_equal(values[..., 2:-3].reshape(expected.shape), expected)
        assert np.isnan(values[..., [0, 1, -3, -2, -1]]).all()
    for now, then in ((a, A), (b, B)):
        np.testing.assert_array_equal(xp.host(now), then)


@IN_PLACE
def test_a_product_into_columns(xp):
    # an out whose rows are not next to each other, nor its columns
    A, B = integers(3, 4), integers(4, 5)
    around = xp.array(np.full((10, 6), np.nan)) * 1
    out = around[::2, ::2].mT
    product(xp.array(A), xp.array(B), out)
    np.testing.assert_array_equal(xp.host(around)[::2, ::2].T, A @ B)
    assert np.isnan(xp.host(around)[1::2]).all()
    assert np.isnan(xp.host(around)[:, 1::2]).all()


@pytest.mark.parametrize(
    "shape", [(4, 5), (3, 4, 5), (2, 3, 4, 5), (1, 1), (4, 1), (40, 4, 5), (5, 7, 4, 3), (8, 1, 2)]
)
@pytest.mark.parametrize("axis", [-1, -2, 0])
def test_sums_and_maxima_are_those_of_the_standard(xp, shape, axis):
    # the same function beneath, or numbers whose sums are exact: not a bit differs
    for dtype in xp.float_dtypes:
        x = integers(*shape) / 8
        given = xp.array(x, dtype)
        pairs = [
            (total(given, axis), xp.xp.sum(given, axis=axis, keepdims=True), x.sum),
            (largest(given, axis), xp.xp.max(given, axis=axis, keepdims=True), x.max),
        ]
        for found, standard, on_host in pairs:
            assert (dtype_name(found.dtype), device_of(found)) == (dtype, xp.device)
            assert namespace(found) is namespace(given)
            assert found.shape == standard.shape
            np.testing.assert_array_equal(xp.host(found), xp.host(standard))
            np.testing.assert_array_equal(xp.host(found), on_host(axis=axis, keepdims=True))
        np.testing.assert_array_equal(xp.host(given), x)


def test_sums_and_maxima_of_views(xp):
    x = integers(3, 4, 5)
    for view, on_host in (
        (xp.array(x).mT, x.mT),
        (xp.array(x)[:, 1:3, :], x[:, 1:3, :]),
        (xp.array(x)[1, ...], x[1]),
    ):
        for axis in (-1, -2):
            np.testing.assert_array_equal(
                xp.host(total(view, axis)), on_host.sum(axis=axis, keepdims=True)
            )
            np.testing.assert_array_equal(
                xp.host(largest(view, axis)), on_host.max(axis=axis, keepdims=True)
            )


def test_nan_and_infinities_in_sums_and_maxima(xp):
    x = xp.array([[1.0, math.nan, 2.0], [1.0, math.inf, -1.0], [-math.inf, -math.inf, -math.inf]])
    np.testing.assert_array_equal(xp.host(largest(x, -1)), [[math.nan], [math.inf], [-math.inf]])
    np.testing.assert_array_equal(xp.host(total(x, -1)), [[math.nan], [math.inf], [-math.inf]])
    columns = xp.xp.broadcast_to(xp.xp.expand_dims(x, axis=0).mT, (30, 3, 3))
    expected = [[[math.nan, math.inf, -math.inf]]] * 30
    np.testing.assert_array_equal(xp.host(largest(columns, -2)), expected)
    np.testing.assert_array_equal(xp.host(total(columns, -2)), expected)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_rows(xp, lead):
    x = integers(*lead, 5, 4)
    found = rows(xp.array(x, "float32"), xp.array([4, 0, 4], "int32"))
    np.testing.assert_array_equal(xp.host(found), x[..., [4, 0, 4], :])
    assert (dtype_name(found.dtype), device_of(found)) == ("float32", xp.device)
    assert rows(xp.array(x, "float32"), xp.array([], "int32")).shape == (*lead, 0, 4)


def test_another_dtype(xp):
    x = xp.array([[1.5, -2.0, 0.0]])
    named = {name: getattr(xp.xp, name) for name in (*xp.float_dtypes, "int32", "bool")}
    for given in (x, xp.array([[1, 0, -3]]), x > 0):
        for name, dtype in named.items():
            found = astype(given, dtype)
            assert (dtype_name(found.dtype), device_of(found)) == (name, xp.device)
            np.testing.assert_array_equal(xp.host(found), xp.host(xp.xp.astype(given, dtype)))
    np.testing.assert_array_equal(xp.host(astype(x > 0, named["float32"])), [[1, 0, 0]])


# ---------------------------------------------------------------------------------------------
# zeros


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 5), (3, 2, 5), (2, 0), (2, 1)])
def test_zeros_on_numpy_are_read_only_and_of_the_right_dtype(dtype, shape):
    zeros = zero_for(np.ones(shape, dtype))
    assert (zeros.shape, zeros.dtype) == (shape[-2:], dtype)
    assert np.all(zeros == 0)
    assert not np.signbit(zeros).any()
    assert not zeros.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        zeros += 1
    assert zero_for(np.ones(shape, dtype)) is zeros
    assert np.maximum(np.ones(shape, dtype), zeros).dtype == dtype


def test_zeros_of_many_lengths_are_the_right_ones():
    for m in (*range(1, 40), *range(1, 40)):  # more than are kept
        for dtype in (np.float32, np.float64):
            zeros = zero_for(np.ones((2, m), dtype))
            assert (zeros.shape, zeros.dtype) == ((2, m), dtype)


def test_many_zeros_are_not_kept_for_a_large_array():
    zeros = zero_for(np.ones((1 + MOST_ZEROS // 512, 512), np.float32))
    assert zeros.shape == (512,)


def test_sums_of_stacked_columns_on_numpy_hold_infinities_and_nothing():
    x = np.array([[[1.0, math.inf, math.inf], [2.0, 1.0, -math.inf]]])
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        np.testing.assert_array_equal(total(x, -2), [[[3.0, math.inf, math.nan]]])
    np.testing.assert_array_equal(total(x[:, :0], -2), [[[0.0, 0.0, 0.0]]])


@pytest.mark.parametrize("xp", ["strict", "jax"], indirect=True)
def test_zero_is_a_number_elsewhere(xp):
    assert zero_for(xp.array([[1.0]])) == 0
    assert isinstance(zero_for(xp.array([[1.0]])), float)


@pytest.mark.parametrize("xp", ["numpy", "torch"], indirect=True)
def test_numbers_without_axes_are_made_once(xp):
    z = xp.array([[1.0]], "float32")
    one = constant(1.0, z)
    assert (one.dtype, tuple(one.shape), float(one)) == (z.dtype, (), 1.0)
    assert constant(1.0, z) is one
    assert constant(1.0, xp.array([[1.0]], "float64")).dtype != one.dtype


def test_numbers_made_without_derivatives_do_not_forbid_them():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with torch.inference_mode():
        constant(0.123, torch.ones(1))
    x = torch.ones(1, requires_grad=True)
    (constant(0.123, torch.ones(1)) * x * x).backward()
    assert x.grad == pytest.approx(0.246)


def test_a_step(xp):
    z = [[math.nan, -0.0, 0.0], [math.inf, -math.inf, -1e-30], [1e-30, 2.0, -2.0]]
    for dtype in xp.float_dtypes:
        given = xp.array(z, dtype)
        found = step(given)
        np.testing.assert_array_equal(xp.host(found), [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
        assert (dtype_name(found.dtype), device_of(found)) == (dtype, xp.device)
        np.testing.assert_array_equal(xp.host(given), np.array(z, dtype))


def test_a_step_does_not_stop_derivatives():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    z = torch.tensor([-1.0, 3.0], requires_grad=True)
    (slope,) = torch.autograd.grad((step(z) * z * z).sum(), z)
    assert slope.tolist() == [0, 6]
    assert torch.func.vmap(step)(z.detach()).tolist() == [0, 1]


def test_what_goes_through_relu(xp):
    z = [[math.nan, -0.0, 0.0], [math.inf, -math.inf, -1e-30], [1e-30, 2.0, -2.0]]
    for dtype in xp.float_dtypes:
        given = xp.array(z, dtype)
        a = ReLU()(given)
        expected = [[math.nan, 0, 0], [math.inf, 0, 0], [np.array(1e-30, dtype), 2, 0]]
        np.testing.assert_array_equal(xp.host(a), np.array(expected, dtype))
        assert dtype_name(a.dtype) == dtype
        slopes = xp.host(ReLU().da_dz(given, a))
        np.testing.assert_array_equal(slopes, [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
        assert slopes.dtype == dtype
