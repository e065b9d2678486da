"""Arrays of every library: their namespace, device and dtype, and the way to the host and back."""

import warnings

import array_api_compat.numpy
import numpy as np
import pytest

from backprop_xp.arrays import backend
from backprop_xp.arrays.backend import (
    astype,
    broadcasts_to,
    compiled,
    context,
    context_of,
    copied,
    device_of,
    dtype_name,
    from_host,
    from_host_like,
    ignore_overflow,
    is_floating,
    namespace,
    to_host,
)
from backprop_xp.arrays.moves import move
from backprop_xp.errors import DTypeError

HOST = np.array([[1.5, -2.0, 3.0], [0.25, 0.0, 7.0]])
DTYPES = ["float32", "float64", "int32", "int8", "uint8", "bool"]


@pytest.fixture
def own_dtypes(xp):
    return [name for name in DTYPES if name != "float64" or xp.float64]


def test_namespace_and_device_of_every_library(xp):
    x = xp.array(HOST)
    assert namespace(x) is xp.xp
    assert namespace(x) is xp.xp  # from the table, at the second call
    assert device_of(x) == xp.device


def test_numpys_scalars_are_arrays_without_axes():
    assert namespace(np.float64(3)) is array_api_compat.numpy


@pytest.mark.parametrize("x", [[1.0, 2.0], 3.0, None, "text", object(), np.ndarray, np.float32])
def test_what_is_no_array_has_no_namespace(x):
    with pytest.raises(TypeError):
        namespace(x)
    assert type(x) not in backend._NAMESPACES


def test_dtype_names(xp, own_dtypes):
    for name in own_dtypes:
        x = xp.array(HOST, name)
        assert dtype_name(x.dtype) == dtype_name(getattr(xp.xp, name)) == dtype_name(name) == name


@pytest.mark.parametrize(
    ("shape", "target", "fits"),
    [
        ((), (), True),
        ((), (2, 3), True),
        ((3,), (2, 3), True),
        ((2, 1), (2, 3), True),
        ((1, 1), (2, 3), True),
        ((2,), (2, 3), False),
        ((3, 3), (2, 3), False),
        ((2, 3), (3,), False),  # it broadcasts, but to something larger
        ((1, 3), (3,), False),
        ((2, 1), (2,), False),
        ((0, 1), (2, 3), False),
    ],
)
def test_broadcasting_that_enlarges_nothing(shape, target, fits):
    assert broadcasts_to(shape, target) is fits


def test_is_floating(xp):
    assert is_floating(xp.array(HOST, "float32"))
    assert not is_floating(xp.array(HOST, "int32"))
    assert not is_floating(xp.array(HOST, "bool"))
    assert not is_floating(np.array([1j]))


def test_from_host_and_back_for_every_dtype(xp, own_dtypes):
    for name in own_dtypes:
        expected = np.abs(HOST).astype(name)  # a negative number has no meaning in uint8
        x = from_host(np.abs(HOST), xp.xp, xp.device, name)
        assert (dtype_name(x.dtype), tuple(x.shape), device_of(x)) == (name, (2, 3), xp.device)
        back = to_host(x)
        assert type(back) is np.ndarray
        assert back.dtype == expected.dtype
        np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize(
    "host",
    [HOST.T, HOST[:, ::-2], HOST[0, 0], np.zeros((0, 3)), np.broadcast_to(HOST, (2, 2, 3))],
    ids=["transposed", "reversed", "scalar", "empty", "broadcast"],
)
def test_from_host_takes_every_layout(xp, host):
    x = from_host(host, xp.xp, xp.device, "float32")
    assert tuple(x.shape) == np.shape(host)
    np.testing.assert_array_equal(to_host(x), np.asarray(host, dtype="float32"))


def test_from_host_copies(xp):
    for dtype in ("float32", xp.float_dtypes[-1]):
        host = HOST.astype(dtype)
        x = from_host(host, xp.xp, xp.device, dtype)
        host[0, 0] = 99
        assert to_host(x)[0, 0] == 1.5


def test_from_host_like_follows_library_device_and_dtype(xp):
    theta = from_host(np.zeros(3), xp.xp, xp.device, "float32")
    for dtype, name in ((None, "float32"), ("int32", "int32")):
        x = from_host_like(np.arange(2.0), theta, dtype)
        assert (namespace(x), device_of(x)) == (namespace(theta), device_of(theta))
        assert dtype_name(x.dtype) == name
        np.testing.assert_array_equal(to_host(x), [0, 1])


def test_from_host_reads_read_only_memory(xp):
    host = HOST.copy()
    host.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PyTorch warns where it shares memory that is read-only
        x = from_host(host, xp.xp, xp.device, "float32")
    np.testing.assert_array_equal(to_host(x), HOST)


@pytest.mark.parametrize("xp", ["strict-no_float64", "strict-no_x64"], indirect=True)
def test_a_device_without_float64_says_so(xp):
    with pytest.raises(DTypeError, match=r"got float64; expected one of float32\."):
        from_host(HOST, xp.xp, xp.device, "float64")


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_jax_without_64_bits_says_so(xp):
    enable_x64 = getattr(__import__("jax"), "enable_x64", None)
    if enable_x64 is None:
        pytest.skip("this version of JAX cannot switch float64 off in a context")
    with enable_x64(False):
        with pytest.raises(DTypeError, match=r'got float64.*dtype="float32".*jax_enable_x64'):
            from_host(HOST, xp.xp, xp.device, "float64")
        assert from_host(HOST, xp.xp, xp.device, "float32").dtype == "float32"


def test_a_dtype_that_no_library_has(xp):
    with pytest.raises(DTypeError, match="got float128"):
        from_host(HOST, xp.xp, xp.device, "float128")


@pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
def test_half_precision_where_the_library_has_it(xp):
    # beyond the standard, so no library lists it
    x = from_host(HOST, xp.xp, xp.device, "float16")
    assert dtype_name(x.dtype) == "float16"
    np.testing.assert_array_equal(to_host(x), HOST.astype("float16"))


@pytest.mark.parametrize("xp", ["strict"], indirect=True)
def test_half_precision_where_the_library_has_none(xp):
    with pytest.raises(DTypeError, match="got float16"):
        from_host(HOST, xp.xp, xp.device, "float16")


def test_astype_and_copied(xp):
    x = xp.array(HOST, "float32")
    assert astype(x, x.dtype) is x
    assert dtype_name(astype(x, xp.xp.int32).dtype) == "int32"
    again = copied(x)
    assert again is not x
    assert (device_of(again), again.dtype) == (device_of(x), x.dtype)
    again *= 2  # what a loop may do to its own copy; on JAX it makes another array
    np.testing.assert_array_equal(to_host(x), HOST)


def test_move_to_the_same_place_is_no_move(xp):
    x = xp.array(HOST, "float32")
    assert move(x, xp.xp, xp.device, "float32") is x
    changed = move(x, xp.xp, xp.device, "int32")
    assert (dtype_name(changed.dtype), device_of(changed)) == ("int32", xp.device)


def test_move_there_and_back(xp):
    for dtype in xp.float_dtypes:
        there = move(HOST, xp.xp, xp.device, dtype)
        assert (namespace(there), device_of(there)) == (xp.xp, xp.device)
        back = move(there, array_api_compat.numpy, "cpu", "float64")
        assert isinstance(back, np.ndarray)
        np.testing.assert_array_equal(back, HOST)


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
def test_move_between_devices_of_one_library(xp):
    other = xp.xp.Device("device2")
    moved = move(xp.array(HOST), xp.xp, other, "float32")
    assert device_of(moved) == other
    np.testing.assert_array_equal(to_host(moved), HOST)


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_a_tensor_that_requires_its_gradient_can_be_read(xp):
    x = xp.array(HOST).requires_grad_()
    np.testing.assert_array_equal(to_host(x), HOST)


def test_contexts_can_be_entered_where_they_do_nothing(xp):
    x = xp.array(HOST)
    with context(x), context_of(xp.xp, xp.device):
        made = xp.xp.zeros((2,), dtype=xp.xp.float32, device=xp.device)
    assert device_of(made) == device_of(x)


def test_compiled_changes_nothing_but_on_jax(xp):
    def double(x):
        return 2 * x

    made = compiled(double, xp.xp)
    assert (made is double) == (xp.name != "jax")
    np.testing.assert_array_equal(to_host(made(xp.array(HOST))), 2 * HOST)


def test_ignore_overflow_is_for_numpys_warning_alone():
    with ignore_overflow:
        assert np.exp(np.array([1000.0]))[0] == np.inf
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.exp(np.array([1000.0]))
