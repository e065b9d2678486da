"""The calls that NumPy gets for an operation of a tape, against the operation: to the bit."""

import numpy as np
import pytest

from backprop_xp.execution.numpy_calls import MOST_SPREAD, calls_of
from backprop_xp.execution.tape import LINE, Instruction, Tape

_rng = np.random.default_rng(0)


def numbers(*shape, dtype="float32"):
    return _rng.normal(size=shape).astype(dtype)


def done(instruction):
    """Return what the calls write, and the functions that were called."""
    instruction.target[...] = np.nan if instruction.target.dtype.kind == "f" else 0
    calls = calls_of(instruction)
    for call in calls:
        call()
    return instruction.target, [call.func for call in calls]


WIDE = numbers(3, 8)
PRODUCTS = {  # of an operand that begins anywhere, and whether `dot` takes it
    "rows": (numbers(3, 4), numbers(4, 5), True),
    "a batch": (numbers(3, 4), numbers(5, 4).T, True),
    "both transposed": (numbers(4, 3).T, numbers(5, 4).T, True),
    "in double precision": (numbers(3, 4, dtype="f8"), numbers(4, 5, dtype="f8"), True),
    "with itself": (WIDE, WIDE.T, True),
    "a column of ones": (numbers(3, 4), np.ones((4, 1), "f4"), True),
    "one number": (numbers(1, 1), numbers(1, 1), False),
    "0 times infinity": (np.zeros((1, 1), "f4"), np.array([[np.inf, 1]], "f4"), False),
    "nothing": (numbers(3, 0), numbers(0, 5), True),
    "rows with gaps": (WIDE[:, 1:5], numbers(4, 5), False),
    "every second": (WIDE[:, ::2], numbers(4, 5), False),
    "a stack": (numbers(2, 3, 4), numbers(4, 5), False),
    "of two precisions": (numbers(3, 4), numbers(4, 5, dtype="f8"), False),
    "in half precision": (numbers(3, 4, dtype="f2"), numbers(4, 5, dtype="f2"), False),
    "whole numbers": (np.arange(6).reshape(2, 3), np.arange(3).reshape(3, 1), False),
}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(("a", "b", "by_dot"), PRODUCTS.values(), ids=PRODUCTS)
def test_products(a, b, by_dot):
    expected = np.matmul(a, b)
    found, (function,) = done(Instruction(np.matmul, (a, b), np.empty_like(expected)))
    np.testing.assert_array_equal(found, expected)
    assert (function is np.matmul) != by_dot


def test_a_product_into_a_part_of_a_vector():
    a, b, flat = numbers(3, 4), numbers(4, 5), numbers(40)
    before = flat.copy()
    found, (function,) = done(Instruction(np.matmul, (a, b), flat[3:18].reshape(3, 5)))
    np.testing.assert_array_equal(found, a @ b)
    np.testing.assert_array_equal(flat[:3], before[:3])
    np.testing.assert_array_equal(flat[18:], before[18:])
    assert function is not np.matmul
    gaps = np.zeros((3, 8), "f4")[:, :5]  # `dot` writes into no such target
    found, (function,) = done(Instruction(np.matmul, (a, b), gaps))
    np.testing.assert_array_equal(found, a @ b)
    assert function is np.matmul


@pytest.mark.parametrize("function", [np.add, np.subtract, np.divide, np.maximum, np.greater])
@pytest.mark.parametrize("shapes", [((3, 4), (3, 1)), ((1, 4), (3, 4)), ((3, 1), (1, 4))])
def test_a_column_or_row_with_a_matrix(function, shapes):
    x, y = (numbers(*shape) for shape in shapes)
    expected = function(x, y)
    found, functions = done(Instruction(function, (x, y), np.empty_like(expected)))
    np.testing.assert_array_equal(found, expected)
    assert functions == [*functions[:-1], function]
    assert len(functions) == 1 + sum(shape != (3, 4) for shape in shapes)


def test_a_column_is_looked_at_in_every_call():
    z, b = np.zeros((2, 3)), np.array([[1.0], [-0.0]])
    calls = calls_of(Instruction(np.add, (z, b), z))
    for _ in range(2):
        for call in calls:
            call()
        b *= 10
    np.testing.assert_array_equal(z, [[11, 11, 11], [0, 0, 0]])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (numbers(3, 4), numbers(3, 4)),
        (numbers(3, 4), np.float32(2)),
        (numbers(3, 4), 2.0),
        (numbers(3, 4), np.array(2, "f4")),
        (numbers(3, 4), np.array([[2]], "f4")),
        (numbers(2, MOST_SPREAD // 2 + 1), numbers(2, 1)),
    ],
)
def test_what_is_of_one_shape_or_large_is_one_call(x, y):
    found, functions = done(Instruction(np.multiply, (x, y), np.empty_like(x)))
    np.testing.assert_array_equal(found, x * y)
    assert functions == [np.multiply]


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("options", [{"keepdims": True}, {}, {"dtype": np.float64}, {"initial": 9}])
def test_reductions(axis, options):
    x = numbers(3, 4)
    expected = np.maximum.reduce(x, axis=axis, **options)
    instruction = Instruction(
        np.maximum, (x,), np.empty_like(expected), "reduce", {"axis": axis, **options}
    )
    np.testing.assert_array_equal(done(instruction)[0], expected)


def test_conversions_and_other_functions():
    x = np.array([0.0, 2.7, -1.0])
    for dtype in ("float32", "int32", "bool"):
        target = np.empty(3, dtype)
        found, _ = done(Instruction(np.copyto, (x,), target, "convert"))
        np.testing.assert_array_equal(found, x.astype(dtype))
    target = np.empty(3)
    (call,) = calls_of(Instruction(np.where, (x > 0, x, 5.0), target, "function"))
    call()
    np.testing.assert_array_equal(target, [5, 2.7, 5])


def test_what_comes_by_name_stays():
    x, y = numbers(3), numbers(3)
    where = np.array([True, False, True])
    found, (function,) = done(
        Instruction(np.add, (x, y), np.empty(3, "f4"), options={"where": where})
    )
    np.testing.assert_array_equal(found[where], (x + y)[where])
    assert np.isnan(found[1])
    assert function is np.add


@pytest.mark.parametrize(
    "like", [numbers(3, 5), numbers(5, 3).T, numbers(4, 6)[::2, ::-2], np.array(2.0), numbers(0, 3)]
)
def test_memory_begins_where_a_line_of_the_cache_does(like):
    tape = Tape()
    kept = [tape.memory(like) for _ in range(3)]
    kept += [x * 2 for x in kept]
    for x in kept:
        assert np.asarray(x).ctypes.data % LINE == 0
        assert (x.shape, x.dtype) == (like.shape, like.dtype)
    np.testing.assert_array_equal(np.asarray(kept[0]), like)
    np.testing.assert_array_equal(np.asarray(kept[-1]), like * 2)
    if like.ndim == 2 and like.size:
        by_columns = abs(like.strides[0]) < abs(like.strides[1])
        assert np.asarray(kept[0]).flags[("C" if not by_columns else "F") + "_CONTIGUOUS"]
