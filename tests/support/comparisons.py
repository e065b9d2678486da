"""Runs that must be the same."""

import numpy as np


def same(run, other):
    """Check that two runs have the same θ and the same history, to the bit."""
    np.testing.assert_array_equal(run.theta, other.theta)
    assert run.history.keys() == other.history.keys()
    for name, of in run.history.items():
        np.testing.assert_array_equal(of, other.history[name])
