import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp import datasets
from backprop_xp.errors import MissingExtraError, OptionError


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
    with pytest.raises(MissingExtraError, match=r"pip install 'backprop-xp\[sklearn\]'"):
        datasets.digits()


def test_family_trees():
    X, Y = datasets.family_trees()
    assert (X.shape, Y.shape) == ((104, 36), (104, 24))


def test_read_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,x\nno,1\nyes,2\n")
    X, Y, feature_names, class_names = datasets.read_file(path, target="y")
    assert (X.tolist(), Y.tolist()) == ([[1], [2]], [0, 1])
    assert (feature_names, class_names) == (("x",), ("no", "yes"))


@pytest.mark.parametrize("name", ["family_trees", "symmetry", "xor"])
def test_names_that_a_command_line_may_take(name):
    assert isinstance(datasets.NAMES[name](), datasets.Dataset)


def test_names():
    assert set(datasets.NAMES) == {"digits", "mnist", "xor", "symmetry", "family_trees"}


def test_importing_the_module_loads_nothing_heavy():
    code = (
        "import sys, backprop_xp.datasets;"
        "print(sorted({'sklearn', 'pooch', 'pandas', 'requests', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
