"""Metrics: accuracies are to grow, costs to fall."""

import numpy as np

from backprop_xp.callbacks.metrics import is_better


def test_accuracies_are_to_grow():
    assert is_better(0.9, 0.8, "validation_accuracy")
    assert is_better(0.8, 0.9, "validation_cost")
    assert not is_better(0.9, 0.8, "accuracy", 0.2)
    np.testing.assert_array_equal(is_better([1, 2], [2, 1], "cost"), [True, False])


def test_nan_improves_on_nothing():
    nan = np.nan
    for name in ("cost", "accuracy"):
        np.testing.assert_array_equal(
            is_better([nan, nan, 1, np.inf], [nan, 1, nan, nan], name), [False, False, True, True]
        )
