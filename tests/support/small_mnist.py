"""A small stand-in for MNIST: the digits of scikit-learn in 28 × 28 pixels."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.datasets import Dataset, Split

TRAINING, TEST = 1200, 297


def small_mnist(folder=None):
    """Return 1,500 images to train on, the last 300 of them to hold out, and 297 for the test."""
    pytest.importorskip("sklearn", reason="scikit-learn, which bundles the digits, is missing")
    X, Y = bp.datasets.digits()
    larger = X.reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2)
    X = np.pad(larger, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    return Split(Dataset(X[:1500], Y[:1500]), Dataset(X[1500:], Y[1500:]))
