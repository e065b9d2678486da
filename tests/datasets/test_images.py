"""Images: the digits of scikit-learn."""

import re
import sys

import numpy as np
import pytest

from backprop_xp import datasets
from backprop_xp.arrays.advice import install_command
from backprop_xp.errors import MissingExtraError


def test_digits():
    pytest.importorskip("sklearn")
    X, Y = datasets.digits()
    assert X.shape == (1797, 64)
    assert (X.dtype, Y.dtype) == (np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    assert set(Y.tolist()) == set(range(10))


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("sklearn"))):
        datasets.digits()
