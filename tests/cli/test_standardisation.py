"""Standardised data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp.cli.standardisation import scaling_of_inputs, scaling_of_targets
from backprop_xp.errors import DataError
from backprop_xp.preprocessing.step import applied

scales = st.sampled_from([1e-300, 1e-6, 1.0, 1e6, 1e300])


@given(scale=scales, shift=st.floats(-100, 100), seed=st.integers(0, 99))
def test_columns_have_mean_0_and_variance_1(scale, shift, seed):
    x = scale * (np.random.default_rng(seed).normal(size=(50, 3)) + shift)
    for scaling in (scaling_of_inputs(x), scaling_of_targets(x)):
        scaled = applied(scaling, x)
        # means of 100 spreads cost two digits of the sixteen
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)


def test_constant_columns():
    x = np.full((10, 1), 0.1)
    assert (applied(scaling_of_inputs(x), x) == 0).all()
    assert applied(scaling_of_inputs(x), x + 1) == pytest.approx(0, abs=0)
    np.testing.assert_allclose(applied(scaling_of_targets(x), x + 1), 1, rtol=1e-15)
    assert (applied(scaling_of_inputs(np.zeros((10, 1))), x) == 0).all()


def test_a_spread_that_float64_cannot_resolve_is_refused():
    x = 1e12 + np.arange(2.0)[:, None]
    with pytest.raises(DataError, match=r"column 'second'.*around 1e\+12"):
        scaling_of_inputs(x, ("second",))
    with pytest.raises(DataError, match="target 1"):
        scaling_of_targets(x)
