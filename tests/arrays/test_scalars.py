"""Counts and names of dtypes, as they come from a user."""

import numpy as np
import pytest

from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.errors import DTypeError, OptionError


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
