import numpy as np
import pytest

from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.network.network import layer_sizes, stack_shape


@pytest.mark.parametrize("count", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_counts_are_python_integers_after_the_check(count):
    checked = check_count(count, "f(n)", least=3)
    assert (checked, type(checked)) == (3, int)


@pytest.mark.parametrize("count", [2, -1, 3.0, np.float32(3), "3", None, True, [3], 3j])
def test_other_counts_are_refused(count):
    with pytest.raises(OptionError, match=r"f\(n\): got .*; expected integers >= 3"):
        check_count(count, "f(n)", least=3)


@pytest.mark.parametrize("yes", [True, False])
def test_truth_values_are_no_counts(yes):
    with pytest.raises(OptionError, match=f"got {yes}"):
        check_count(yes, "f(n)", least=0)


@pytest.mark.parametrize(
    "sizes", [[4, 3, 2], (4, 3, 2), np.array([4, 3, 2]), iter([4, 3, 2]), range(4, 1, -1)]
)
def test_layer_sizes(sizes):
    checked = layer_sizes(sizes)
    assert checked == (4, 3, 2)
    assert {type(n) for n in checked} == {int}


@pytest.mark.parametrize(
    "sizes",
    ["432", b"432", 4, None, [], [4], [4, 0], [4, -2], [4, 3.0], [4, "3"], [4, True], [[4, 3]]],
)
def test_other_layer_sizes_are_refused(sizes):
    with pytest.raises(OptionError, match=r"^Network\(sizes\): got"):
        layer_sizes(sizes)


@pytest.mark.parametrize(
    ("stack", "axes"),
    [((), ()), ([], ()), (3, (3,)), (np.int64(3), (3,)), ((2, 3), (2, 3)), ([1], (1,))],
)
def test_stack_shapes(stack, axes):
    assert stack_shape(stack) == axes


@pytest.mark.parametrize("stack", [0, -1, (2, 0), 1.5, "2", None, True, (2, (3,)), {2}])
def test_other_stack_shapes_are_refused(stack):
    with pytest.raises(OptionError, match=r"^stack: got"):
        stack_shape(stack)


def test_float_names_of_every_library(xp):
    for name in xp.float_dtypes:
        assert float_name(name, "f(dtype)") == name
        assert float_name(getattr(xp.xp, name), "f(dtype)") == name
        assert float_name(xp.array([1.0], name).dtype, "f(dtype)") == name


def test_float16_is_a_float():
    assert float_name(np.float16, "f(dtype)") == float_name("float16", "f(dtype)") == "float16"


@pytest.mark.parametrize(
    "dtype", ["int32", np.int64, bool, int, "complex64", np.longdouble, "bfloat16", "no", 3]
)
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(DTypeError, match=r"^f\(dtype\): got .* expected float16, float32 or"):
        float_name(dtype, "f(dtype)")
