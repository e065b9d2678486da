"""The inverse of the normal distribution function beside the standard library's."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp.preprocessing.normal_quantile import normal_quantile

INSIDE = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(p=INSIDE)
def test_it_is_the_inverse_of_the_standard_library(p):
    expected = NormalDist().inv_cdf(p)
    assert normal_quantile(p) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_both_ends_the_middle_and_nan():
    found = normal_quantile([0.0, 1.0, 0.5, np.nan, 5e-324])
    np.testing.assert_array_equal(found[:4], [-np.inf, np.inf, 0, np.nan])
    assert -39 < found[4] < -38


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shapes(shape):
    assert normal_quantile(np.full(shape, 0.3)).shape == shape
