"""The small problems of the papers: each case of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp import datasets
from backprop_xp.errors import OptionError


def test_xor():
    X, Y = datasets.xor()
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert Y.tolist() == [[0], [1], [1], [0]]


@given(n=st.integers(1, 10))
def test_parity_and_symmetry_of_every_input(n):
    inputs = [[int(bit) for bit in f"{r:0{n}b}"] for r in range(2**n)]
    parity, symmetry = datasets.parity(n), datasets.symmetry(n)
    for data in (parity, symmetry):
        assert data.X.tolist() == inputs
        assert data.Y.shape == (2**n, 1)
        assert data.X.dtype == data.Y.dtype == np.float32
    assert parity.Y.ravel().tolist() == [sum(x) % 2 for x in inputs]
    assert symmetry.Y.ravel().tolist() == [x == x[::-1] for x in inputs]


def test_symmetry_of_the_paper():
    X, Y = datasets.symmetry()
    assert X.shape == (64, 6)
    assert Y.sum() == 8


def test_encoder():
    X, Y = datasets.encoder(8)
    np.testing.assert_array_equal(X, np.eye(8))
    np.testing.assert_array_equal(Y, np.eye(8))
    assert X.dtype == Y.dtype == np.float32
    assert not np.shares_memory(X, Y)


@pytest.mark.parametrize("make", [datasets.parity, datasets.symmetry, datasets.encoder])
@pytest.mark.parametrize("n", [0, -1, 2.0, "3", None, True, 10**9])
def test_sizes_that_cannot_be(make, n):
    with pytest.raises(OptionError, match=rf"{make.__name__}\(n\)"):
        make(n)


def test_family_trees():
    X, Y = datasets.family_trees()
    assert (X.shape, Y.shape) == ((104, 36), (104, 24))


@pytest.mark.parametrize("make", [datasets.parity, datasets.symmetry])
def test_the_most_bits(make):
    assert make(20).X.shape == (2**20, 20)
    with pytest.raises(OptionError, match=r"got 21; expected .*20"):
        make(21)


def test_the_most_codes():
    assert datasets.encoder(4096).X.shape == (4096, 4096)
    with pytest.raises(OptionError, match=r"got 4097; expected .*4096"):
        datasets.encoder(4097)
