"""CuPy without a GPU: it has what the library asks for, and its arrays go where they should.

The arrays are CuPy's own, over memory of the host: what looks at them works, and no kernel runs.
"""

import importlib

import numpy as np
import pytest
from checks import on_recorder
from cupy_contract import PATH, all_asked, asked, check, text, versions
from needs import needs
from planted import in_optimizer
from recorder import Call, ContractError
from surface import CLASSES, ITEMS

import backprop_xp as bp
from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import (
    astype,
    context,
    context_of,
    device_of,
    dtype_name,
    is_floating,
    is_on_cpu,
    item_bytes,
    library_name,
    namespace,
)
from backprop_xp.arrays.moves import move
from backprop_xp.arrays.native import writes_products, zero_for
from backprop_xp.arrays.rows import is_source
from backprop_xp.errors import DeviceError, DTypeError
from backprop_xp.network import columns, parameters
from backprop_xp.training.step import stack_groups

cupy = needs("cupy")
XP = importlib.import_module("array_api_compat.cupy")

# ---------------------------------------------------------------------------------------------
# what is asked for


@pytest.mark.parametrize("name", ITEMS)
def test_cupy_has_what_is_asked_for(name):
    check(asked(name))


def test_cupy_has_it_for_float64_too():
    def wide(kind):
        return kind.replace("float32", "float64")

    check(
        Call(kind, name, tuple(map(wide, args)), tuple((key, wide(x)) for key, x in named))
        for kind, name, args, named in all_asked()
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda xp, x: x + xp.spacing(x), "has no spacing"),
        (lambda xp, x: x + 0 * xp.sum(x, initial=0.0), "unexpected keyword argument 'initial'"),
        (lambda xp, x: xp.maximum(x, -1e9, where=True), "does not fit <ufunc 'cupy_maximum'>"),
    ],
    ids=["name", "keyword", "keyword of a ufunc"],
)
def test_a_planted_call_that_only_numpy_takes_is_seen(fault, message):
    calls = on_recorder(in_optimizer(fault))  # NumPy takes it
    with pytest.raises(ContractError, match=message):
        check(calls)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("function", "no_such_function", ("float32",)), "has no no_such_function"),
        (Call("constant", "float12"), "has no float12"),
        (Call("method", "numpy", ("float32",)), "has no numpy"),
        (Call("operator", "imatmul", ("float32", "float32")), "has no __imatmul__"),
        (Call("function", "exp", ("float32", "float32")), "of 1 inputs"),
        (Call("function", "take", ("float32",)), "missing a required argument"),
        (Call("function", "matmul", ("float32",) * 2, (("mode", "str"),)), "unexpected keyword"),
        (Call("function", "exp", ("object",)), "no loop"),
    ],
    ids=lambda x: x.name if isinstance(x, Call) else "",
)
def test_what_cupy_lacks_is_seen(call, message):
    with pytest.raises(ContractError, match=message):
        check([call])


def test_the_list_is_that_of_today():
    # of another version of CuPy the last column may differ: then the others are compared
    written, today = PATH.read_text(encoding="utf-8"), text(all_asked())
    if versions() not in written:
        written, today = (
            [line.rpartition(" | ")[0] for line in one.splitlines() if line.startswith("| `")]
            for one in (written, today)
        )
    assert written == today, "run python tests/support/cupy_contract.py"


# ---------------------------------------------------------------------------------------------
# arrays of CuPy


def array_of(host, device=0):
    """Return an array of CuPy whose numbers lie in the memory of the NumPy array `host`."""
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, device)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(host.shape, host.dtype, memptr=pointer)


@pytest.fixture
def host():
    return np.arange(3 * 4 * 5, dtype="float32").reshape(3, 4, 5)


@pytest.mark.parametrize("number", [0, 1])
def test_where_an_array_belongs(host, number):
    x = array_of(host, number)
    device = cupy.cuda.Device(number)
    assert namespace(x) is XP
    assert library_name(namespace(x)) == "cupy"
    assert device_of(x) == device != cupy.cuda.Device(1 - number)
    assert context(x) == device
    assert context_of(XP, device) is device
    assert not is_on_cpu(x)
    assert writes_products(XP)
    assert zero_for(x) == 0.0
    assert not is_source(x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "bool"])
def test_dtypes(dtype):
    x = array_of(np.zeros((2, 3), dtype))
    assert dtype_name(x.dtype) == dtype_name(getattr(XP, dtype)) == dtype
    assert is_floating(x) == dtype.startswith("float")
    assert item_bytes(x) == np.dtype(dtype).itemsize
    assert astype(x, getattr(XP, dtype)) is x
    assert move(x, XP, cupy.cuda.Device(0), dtype) is x


def places_of(x, base):
    """Return where the elements lie, in bytes after the base's."""
    assert x.data.mem is base.data.mem
    steps = np.indices(x.shape).reshape(x.ndim, -1).T @ np.array(x.strides, dtype=int)
    return steps.reshape(x.shape) + x.data.ptr - base.data.ptr


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.mT,
        lambda x: x[1, ...],
        lambda x: x[..., 1:3, :],
        lambda x: x[..., :1],
        lambda x: x[(0,) * (x.ndim - 2) + (slice(0, 1),)],
        lambda x: namespace(x).reshape(x[0, ...], (2, 10)),
        lambda x: namespace(x).moveaxis(x, 1, 0),
        lambda x: namespace(x).expand_dims(x, axis=-1),
        lambda x: namespace(x).broadcast_to(x, (2, 3, 4, 5)),
        lambda x: namespace(x).unstack(x)[2],
    ],
    ids=[
        "mT",
        "at",
        "rows",
        "column",
        "row",
        "reshape",
        "moveaxis",
        "expand",
        "broadcast",
        "unstack",
    ],
)
def test_views_share_memory_and_lie_where_those_of_numpy_lie(host, view):
    base = array_of(host)
    numbers = host.ravel()  # each is its place
    places = places_of(view(base), base) // host.itemsize
    np.testing.assert_array_equal(numbers[places], view(host))


@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
def test_layers_are_views_of_theta(stack):
    P = CLASSES.parameter_count
    host = np.arange(np.prod(stack, dtype=int) * P, dtype="float64").reshape(*stack, P)
    theta = array_of(host)
    layers = parameters.unpack(CLASSES.sizes, theta)
    for layer, expected in zip(layers, parameters.unpack(CLASSES.sizes, host), strict=True):
        for part, known in zip(layer, expected, strict=True):
            assert part.shape == known.shape
            assert device_of(part) == cupy.cuda.Device(0)
            np.testing.assert_array_equal(places_of(part, theta) // host.itemsize, known)


def test_what_is_refused_at_the_door():
    theta = array_of(CLASSES.init(seed=0))
    X = np.zeros((2, 3), "float32")
    assert columns.check_theta(theta, CLASSES.parameter_count, "test") is XP
    assert requirements.same_place(array_of(X), theta, "test") is not None
    for elsewhere in (array_of(X, device=1), X, [[0.0]]):
        with pytest.raises(DeviceError):
            requirements.same_place(elsewhere, theta, "test")
    with pytest.raises(DTypeError):
        move(X, XP, cupy.cuda.Device(0), "float128")
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(theta)


def test_a_group_of_networks_is_one_for_a_gpu():
    theta = array_of(np.zeros((256, 2410), "float32"))
    assert len(stack_groups.groups_of(theta, (64, 32, 10), 32)) == 1
    assert bp.Network([64, 32, 10]).parameter_count == theta.shape[-1]
